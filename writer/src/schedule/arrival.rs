//! A constant arrival rate: the n-th tick stands at `n · per / iterations`, rounded down to a nanosecond.
//!
//! The division is done anew for each tick, in 128 bits, so there is no drift and no rate that does not fit:
//! 3,000 a second is 333,333 ns, then 666,666 ns, then 1,000,000 ns exactly, where a truncated period would
//! have lost a nanosecond.

use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::Rate;
use streamgauge_shared::time::Nanos;

/// The offset of the n-th tick of a rate, the first being number 0.
#[must_use]
pub fn nth(rate: Rate, n: u64) -> Nanos {
    let per = u128::from(rate.per.0.unsigned_abs());
    // Below 2^64 · 2^63: fits.
    let offset = u128::from(n) * per / u128::from(rate.iterations);
    Nanos(i64::try_from(offset).unwrap_or(i64::MAX))
}

/// The ticks of one scenario: those of the warm-up, then those that count.
#[derive(Clone, Debug)]
pub struct Timetable {
    rate: Rate,
    /// Ticks of the warm-up, then of the run.
    counts: [u64; 2],
    /// When the run's first tick stands.
    run_at: Nanos,
    phase: Phase,
    n: u64,
}

impl Timetable {
    /// Ticks in `[0, warm_up)`, then afresh in `[warm_up + start_time, … + duration)`, the first of them at
    /// exactly its beginning.
    #[must_use]
    pub fn new(rate: Rate, warm_up: Nanos, start_time: Nanos, duration: Nanos) -> Self {
        let counts = [rate.iterations_within(warm_up), rate.iterations_within(duration)];
        let mut table = Self { rate, counts, run_at: warm_up + start_time, phase: Phase::WarmUp, n: 0 };
        table.settle();
        table
    }

    /// The next tick's offset from the start of the load; nothing after the last.
    #[must_use]
    pub fn peek(&self) -> Option<(Nanos, Phase)> {
        let offset = nth(self.rate, self.n);
        match self.phase {
            Phase::WarmUp => Some((offset, self.phase)),
            _ => (self.n < self.counts[1]).then(|| (self.run_at + offset, self.phase)),
        }
    }

    /// Goes on to the tick after the next.
    pub fn advance(&mut self) {
        self.n += 1;
        self.settle();
    }

    /// From the warm-up into the run once the former has no tick left.
    fn settle(&mut self) {
        if self.phase == Phase::WarmUp && self.n >= self.counts[0] {
            (self.phase, self.n) = (Phase::Run, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_that_do_not_divide_a_second_come_out_even_at_each_second() {
        for iterations in [3, 7, 11, 3_000, 9_999, 70_001] {
            let rate = Rate { iterations, per: Nanos::from_secs(1) };
            for second in [1, 60, 86_400] {
                assert_eq!(
                    nth(rate, iterations * second),
                    Nanos::from_secs(i64::try_from(second).expect("small"))
                );
            }
        }
        let rate = Rate { iterations: 3_000, per: Nanos::from_secs(1) };
        assert_eq!([1, 2, 3].map(|n| nth(rate, n).0), [333_333, 666_666, 1_000_000]);
    }

    proptest! {
        #[test]
        fn no_tick_drifts_from_its_exact_place(iterations in 1..5_000_000_u64, per_ms in 1..1_000_000_i64, n in 0..10_000_000_000_u64) {
            let rate = Rate { iterations, per: Nanos::from_millis(per_ms) };
            let exact = u128::from(n) * u128::try_from(rate.per.0).expect("positive");
            let floor = nth(rate, n).0;
            prop_assume!(floor < i64::MAX);
            let scaled = u128::try_from(floor).expect("not negative") * u128::from(iterations);
            prop_assert!(scaled <= exact && exact - scaled < u128::from(iterations), "less than 1 ns early, never late");
            prop_assert!(nth(rate, n + 1).0 >= floor);
        }

        #[test]
        fn a_timetable_has_exactly_the_planned_ticks(
            iterations in 1..3_000_u64, per_ms in 1..5_000_i64, warm_up in 0..1_000_i64, start in 0..1_000_i64, duration in 1..2_000_i64,
        ) {
            let rate = Rate { iterations, per: Nanos::from_millis(per_ms) };
            let (warm_up, start, duration) = (Nanos::from_millis(warm_up), Nanos::from_millis(start), Nanos::from_millis(duration));
            let mut table = Timetable::new(rate, warm_up, start, duration);
            let (mut counts, mut last) = ([0_u64; 2], Nanos::ZERO);
            while let Some((offset, phase)) = table.peek() {
                let run = phase == Phase::Run;
                prop_assert!(offset >= last);
                let end = if run { warm_up + start + duration } else { warm_up };
                prop_assert!(offset < end);
                if run && counts[1] == 0 {
                    prop_assert_eq!(offset, warm_up + start);
                }
                counts[usize::from(run)] += 1;
                last = offset;
                table.advance();
                if counts[0] + counts[1] > 100_000 { return Ok(()); }
            }
            prop_assert_eq!(counts, [rate.iterations_within(warm_up), rate.iterations_within(duration)]);
        }
    }
}
