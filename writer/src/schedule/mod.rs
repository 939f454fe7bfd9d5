//! When iterations start: from the number of a tick to its intended time, in exact arithmetic.
//!
//! Pure: the start of the load is an argument, and nothing here reads a clock or waits. Nothing is
//! accumulated either, so the last tick of a day is as exact as the first. What it does not do: decide
//! whether a tick finds a free user.

mod arrival;

use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::{Executor, Test};
use streamgauge_shared::time::UnixNanos;

pub use arrival::{Timetable, nth};

/// One iteration that is to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Index into the test's scenarios.
    pub scenario: usize,
    /// The part of the run it belongs to, and all its operations with it.
    pub phase: Phase,
    /// When it is to start.
    pub intended: UnixNanos,
}

/// The ticks of all scenarios, the earliest first; of equal ones the scenario that stands first in the file.
#[derive(Clone, Debug)]
pub struct Schedule {
    start: UnixNanos,
    timetables: Vec<Timetable>,
}

impl Schedule {
    /// The schedule of a test whose warm-up begins at `start`.
    #[must_use]
    pub fn new(test: &Test, start: UnixNanos) -> Self {
        let timetable = |scenario: &streamgauge_shared::test_file::Scenario| {
            let Executor::ConstantArrivalRate(arrivals) = &scenario.executor else {
                unreachable!("the file's reader takes no other executor yet")
            };
            Timetable::new(arrivals.rate, test.warm_up, scenario.start_time, arrivals.duration)
        };
        Self { start, timetables: test.scenarios.iter().map(timetable).collect() }
    }

    /// The schedule of given timetables, one for each scenario.
    #[must_use]
    pub fn of(timetables: Vec<Timetable>, start: UnixNanos) -> Self {
        Self { start, timetables }
    }
}

impl Iterator for Schedule {
    type Item = Tick;

    fn next(&mut self) -> Option<Tick> {
        let due =
            self.timetables.iter().enumerate().filter_map(|(index, table)| Some((table.peek()?, index)));
        // A linear scan: a test has a handful of scenarios.
        let ((offset, phase), scenario) = due.min_by_key(|((offset, _), _)| *offset)?;
        self.timetables[scenario].advance();
        Some(Tick { scenario, phase, intended: self.start + offset })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_shared::test_file::Rate;
    use streamgauge_shared::time::Nanos;

    use super::*;

    fn seconds(iterations: u64) -> Rate {
        Rate { iterations, per: Nanos::from_secs(1) }
    }

    #[test]
    fn ten_seconds_at_a_thousand_are_ten_thousand_ticks_on_the_millisecond() {
        let table = Timetable::new(seconds(1_000), Nanos::ZERO, Nanos::ZERO, Nanos::from_secs(10));
        let ticks: Vec<Tick> = Schedule::of(vec![table], UnixNanos(5)).collect();
        assert_eq!(ticks.len(), 10_000);
        for (n, tick) in (0..).zip(&ticks) {
            assert_eq!(tick.intended, UnixNanos(5) + Nanos::from_millis(n));
        }
    }

    #[test]
    fn the_run_starts_afresh_at_exactly_its_point() {
        // Seven a second: the warm-up's last tick does not stand a whole period before the run's first.
        let table =
            Timetable::new(seconds(7), Nanos::from_secs(1), Nanos::from_millis(250), Nanos::from_secs(1));
        let ticks: Vec<Tick> = Schedule::of(vec![table], UnixNanos(0)).collect();
        let (warm_up, run): (Vec<Tick>, Vec<Tick>) =
            ticks.iter().partition(|tick| tick.phase == Phase::WarmUp);
        assert_eq!((warm_up.len(), run.len()), (7, 7));
        assert_eq!(warm_up[6].intended, UnixNanos(857_142_857));
        assert_eq!(run[0].intended, UnixNanos(1_250_000_000));
    }

    proptest! {
        #[test]
        fn scenarios_are_merged_in_order_and_none_is_lost(
            rates in prop::collection::vec((1..400_u64, 0..3_000_i64, 1_000..3_000_i64), 1..4),
            warm_up in 0..2_000_i64,
        ) {
            let warm_up = Nanos::from_millis(warm_up);
            let mut expected = 0;
            let tables = rates.iter().map(|(rate, start, duration)| {
                let duration = Nanos::from_millis(*duration);
                expected += seconds(*rate).iterations_within(duration) + seconds(*rate).iterations_within(warm_up);
                Timetable::new(seconds(*rate), warm_up, Nanos::from_millis(*start), duration)
            });
            let tables: Vec<Timetable> = tables.collect();
            let ticks: Vec<Tick> = Schedule::of(tables, UnixNanos(0)).collect();
            prop_assert_eq!(ticks.len() as u64, expected);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].intended <= pair[1].intended));
        }
    }
}
