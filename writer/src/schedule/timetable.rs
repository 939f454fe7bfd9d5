//! The ticks of one open loop: those of the warm-up, then those that count.

use std::collections::VecDeque;

use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::{Arrivals, ConstantArrivalRate, RampingArrivalRate, Rate};
use streamgauge_shared::time::Nanos;

use super::arrival::nth;
use super::poisson::UnitSums;
use super::rate_line::RateLine;
use super::{Frame, Shard};

/// The ticks of one scenario, in order.
#[derive(Debug)]
pub struct Timetable {
    sections: VecDeque<Section>,
    next: Option<(Nanos, Phase)>,
    shard: Shard,
    /// How many ticks were drawn, other writers' included.
    drawn: u64,
}

/// The ticks of one phase.
#[derive(Debug)]
struct Section {
    begins: Nanos,
    phase: Phase,
    starts: Starts,
}

/// Offsets from the beginning of a part.
#[derive(Debug)]
enum Starts {
    /// The first at 0, as k6's constant-arrival-rate.
    Constant { rate: Rate, n: u64, count: u64 },
    /// The first when the area under the line reaches 1, as k6's ramping-arrival-rate.
    Ramp { line: RateLine, k: u64 },
    /// Where the area under the line reaches the sums.
    Poisson { line: RateLine, sums: Box<UnitSums> },
}

impl Timetable {
    /// Even ticks in `[0, warm_up)`, then afresh in `[warm_up + start_time, … + duration)`, the first of them at
    /// exactly its beginning.
    #[must_use]
    pub fn new(rate: Rate, warm_up: Nanos, start_time: Nanos, duration: Nanos) -> Self {
        let frame = Frame { warm_up, run_at: warm_up + start_time };
        let even = |length| Starts::Constant { rate, n: 0, count: rate.iterations_within(length) };
        Self::of(frame, Some(even(warm_up)), even(duration))
    }

    /// The ticks of a constant rate; `sums` gives those of a phase where they are random.
    pub(super) fn constant(
        load: &ConstantArrivalRate,
        frame: Frame,
        sums: impl Fn(Phase) -> UnitSums,
    ) -> Self {
        let part = |phase, length| starts(load.rate, length, load.arrivals, || sums(phase));
        Self::of(frame, Some(part(Phase::WarmUp, frame.warm_up)), part(Phase::Run, load.duration))
    }

    /// The ticks of a ramping rate; the warm-up is at the rate with which it starts.
    pub(super) fn ramping(load: &RampingArrivalRate, frame: Frame, sums: impl Fn(Phase) -> UnitSums) -> Self {
        let at_start = Rate { iterations: load.start, per: load.per };
        let warm_up =
            (load.start > 0).then(|| starts(at_start, frame.warm_up, load.arrivals, || sums(Phase::WarmUp)));
        let line = RateLine::ramping(load);
        let run = match load.arrivals {
            Arrivals::Even => Starts::Ramp { line, k: 1 },
            Arrivals::Poisson => Starts::Poisson { line, sums: Box::new(sums(Phase::Run)) },
        };
        Self::of(frame, warm_up, run)
    }

    fn of(frame: Frame, warm_up: Option<Starts>, run: Starts) -> Self {
        let warm_up = warm_up.map(|starts| Section { begins: Nanos::ZERO, phase: Phase::WarmUp, starts });
        let run = Section { begins: frame.run_at, phase: Phase::Run, starts: run };
        let sections = warm_up.into_iter().chain([run]).collect();
        let mut table = Self { sections, next: None, shard: Shard::WHOLE, drawn: 0 };
        table.advance();
        table
    }

    /// The part of a writer, of a table from which nothing was taken yet.
    #[must_use]
    pub(super) fn part(mut self, shard: Shard) -> Self {
        self.shard = shard;
        if !shard.has(0) {
            self.advance();
        }
        self
    }

    /// The next tick's offset from the start of the load; nothing after the last.
    #[must_use]
    pub fn peek(&self) -> Option<(Nanos, Phase)> {
        self.next
    }

    /// Goes on to the tick after the next.
    pub fn advance(&mut self) {
        loop {
            let n = self.drawn;
            self.next = self.draw();
            self.drawn += 1;
            if self.next.is_none() || self.shard.has(n) {
                return;
            }
        }
    }

    /// The next tick, whosever it is.
    fn draw(&mut self) -> Option<(Nanos, Phase)> {
        while let Some(part) = self.sections.front_mut() {
            if let Some(offset) = part.starts.next() {
                return Some((part.begins + offset, part.phase));
            }
            self.sections.pop_front();
        }
        None
    }
}

impl Starts {
    fn next(&mut self) -> Option<Nanos> {
        match self {
            Self::Constant { rate, n, count } => {
                let offset = (*n < *count).then(|| nth(*rate, *n));
                *n += 1;
                offset
            }
            Self::Ramp { line, k } => {
                let offset = line.reaches(line.area_of(*k, 0));
                *k += 1;
                offset
            }
            Self::Poisson { line, sums } => {
                let (whole, fraction) = sums.advance();
                // A first gap of nothing at all is a start at once.
                line.reaches(line.area_of(whole, fraction).max(1))
            }
        }
    }
}

fn starts(rate: Rate, length: Nanos, arrivals: Arrivals, sums: impl FnOnce() -> UnitSums) -> Starts {
    match arrivals {
        Arrivals::Even => Starts::Constant { rate, n: 0, count: rate.iterations_within(length) },
        Arrivals::Poisson => {
            Starts::Poisson { line: RateLine::constant(rate, length), sums: Box::new(sums()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_shared::test_file::Stage;

    use super::*;

    fn offsets(mut table: Timetable) -> Vec<(Nanos, Phase)> {
        std::iter::from_fn(|| {
            let next = table.peek();
            table.advance();
            next
        })
        .collect()
    }

    fn frame(warm_up: i64, run_at: i64) -> Frame {
        Frame { warm_up: Nanos::from_secs(warm_up), run_at: Nanos::from_secs(run_at) }
    }

    fn ramp(start: u64, to: u64, seconds: i64, arrivals: Arrivals) -> RampingArrivalRate {
        let stage = Stage { name: 0, duration: Nanos::from_secs(seconds), target: to };
        let per = Nanos::from_secs(1);
        RampingArrivalRate { per, start, stages: vec![stage], pre_allocated_vus: 1, max_vus: 1, arrivals }
    }

    #[test]
    fn the_warm_up_of_a_ramp_is_at_its_first_rate_and_of_none_if_that_is_zero() {
        let sums = |phase| UnitSums::new(1, 0, phase);
        let ticks = offsets(Timetable::ramping(&ramp(2, 4, 2, Arrivals::Even), frame(1, 3), sums));
        assert_eq!(ticks[..2], [(Nanos::ZERO, Phase::WarmUp), (Nanos::from_millis(500), Phase::WarmUp)]);
        // √(4 + 2) − 2 seconds after the run began.
        assert_eq!(ticks[2], (Nanos(3_449_489_742), Phase::Run));
        assert_eq!(ticks.len(), 2 + 6);
        let ticks = offsets(Timetable::ramping(&ramp(0, 4, 2, Arrivals::Even), frame(1, 1), sums));
        assert!(ticks.iter().all(|(_, phase)| *phase == Phase::Run));
    }

    #[test]
    fn random_starts_are_as_many_as_the_rate_says_and_thicken_on_a_ramp() {
        let sums = |phase| UnitSums::new(3, 0, phase);
        let load = ramp(0, 2_000, 20, Arrivals::Poisson);
        let ticks = offsets(Timetable::ramping(&load, frame(0, 0), sums));
        // 20,000 expected, standard deviation 141; a quarter of them in the first half.
        assert!((19_500..20_500).contains(&ticks.len()), "{}", ticks.len());
        let early = ticks.iter().filter(|(offset, _)| *offset < Nanos::from_secs(10)).count();
        assert!((4_700..5_300).contains(&early), "{early}");
        assert!(ticks.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        assert_eq!(ticks, offsets(Timetable::ramping(&load, frame(0, 0), sums)));
    }

    #[test]
    fn random_starts_at_a_constant_rate_do_not_come_evenly() {
        let rate = Rate { iterations: 100, per: Nanos::from_secs(1) };
        let (duration, arrivals) = (Nanos::from_secs(100), Arrivals::Poisson);
        let load = ConstantArrivalRate { rate, duration, pre_allocated_vus: 1, max_vus: 1, arrivals };
        let ticks = offsets(Timetable::constant(&load, frame(0, 0), |phase| UnitSums::new(5, 0, phase)));
        assert!((9_600..10_400).contains(&ticks.len()), "{}", ticks.len());
        // Of exponential gaps e^-1 are longer than the mean.
        let long = ticks.windows(2).filter(|pair| pair[1].0 - pair[0].0 > Nanos::from_millis(10)).count();
        assert!((3_480..3_880).contains(&long), "{long}");
    }

    proptest! {
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
