//! When what happens: from a scenario's executor to the exact moments of its load.
//!
//! Pure but for the queue of [`segments`]: the start of the load is an argument, and nothing here reads a clock
//! or waits. Nothing is accumulated either, so the last tick of a day is as exact as the first. An open loop
//! gives ticks, a closed one the number of users that are to iterate. What is not decided here: whether a
//! tick finds a free user, and when a user of a closed loop is through with an iteration.

mod arrival;
#[cfg(test)]
mod equivalence;
mod lane;
mod poisson;
mod rate_line;
mod segments;
mod shard;
mod timetable;
mod user_plan;
mod user_time;

use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::{Nanos, UnixNanos};

pub use arrival::nth;
use lane::Lane;
pub use poisson::UnitSums;
pub use rate_line::RateLine;
pub use segments::{SEGMENTS_MAX, Segment, Segments};
pub use shard::Shard;
pub use timetable::Timetable;
pub use user_plan::UserPlan;
pub use user_time::UserTime;

/// One iteration that is to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Index into the test's scenarios.
    pub scenario: usize,
    /// The part of the run it belongs to, and all its operations with it.
    pub phase: Phase,
    /// The stage of its scenario that it belongs to, as an index into the test's stages; only in the run.
    pub stage: Option<u16>,
    /// When it is to start.
    pub intended: UnixNanos,
}

/// What is due at a moment in one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Index into the test's scenarios.
    pub scenario: usize,
    /// When.
    pub at: UnixNanos,
    /// What.
    pub occurrence: Occurrence,
}

/// Something that happens in a scenario's load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// An iteration of an open loop is to start.
    Start(Phase, Option<u16>),
    /// So many users are to iterate from now on: those with the numbers up to it. Others finish what they do.
    Planned(u32),
    /// Users whom the plan left behind had their time to finish: those above one number, up to another.
    Cut {
        /// The highest number that is not cut.
        above: u32,
        /// The highest number that is.
        up_to: u32,
    },
    /// No iteration starts any more; who is in one has the graceful stop.
    End,
    /// The graceful stop is over.
    CutAll,
}

/// What is known of the next moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due<T> {
    /// It is this.
    At(T),
    /// Nothing yet; ask again.
    Unknown,
    /// There is none.
    Never,
}

/// Where the phases of a scenario lie, as offsets from the start of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The length of the warm-up, which begins with the load.
    pub warm_up: Nanos,
    /// When the scenario's run begins.
    pub run_at: Nanos,
}

/// The events of all scenarios, the earliest first; of equal ones the scenario that stands first in the file.
#[derive(Debug)]
pub struct Schedule {
    start: UnixNanos,
    lanes: Vec<Lane>,
}

impl Schedule {
    /// One writer's part of the schedule of a test whose warm-up begins at `start`; `seed` gives what is random in
    /// it, `segments` are those of its capacity search, which is not shared.
    #[must_use]
    pub fn new(
        test: &Test,
        shard: Shard,
        seed: u64,
        start: UnixNanos,
        mut segments: Option<Segments>,
    ) -> Self {
        let scenarios = test.scenarios.iter().enumerate();
        let lanes = scenarios
            .map(|(index, scenario)| {
                let frame = Frame { warm_up: test.warm_up, run_at: test.warm_up + scenario.start_time };
                Lane::new(scenario, shard, frame, |phase| UnitSums::new(seed, index, phase), &mut segments)
            })
            .collect();
        Self { start, lanes }
    }

    /// Nothing but the ticks of given timetables, one for each scenario.
    #[must_use]
    pub fn of(timetables: Vec<Timetable>, start: UnixNanos) -> Self {
        Self { start, lanes: timetables.into_iter().map(Lane::of_ticks).collect() }
    }

    /// When the next event is due.
    pub fn peek(&mut self) -> Due<UnixNanos> {
        match self.first() {
            (Some((offset, _)), _) => Due::At(self.start + offset),
            (None, true) => Due::Unknown,
            (None, false) => Due::Never,
        }
    }

    /// Whether something may yet be appended, before what is known to be next as well.
    pub fn is_open(&mut self) -> bool {
        self.first().1
    }

    /// The earliest event that is known, with its lane; whether there are lanes of which nothing is known.
    fn first(&mut self) -> (Option<(Nanos, usize)>, bool) {
        let (mut first, mut open) = (None, false);
        // A linear scan: a test has a handful of scenarios.
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            match lane.peek() {
                Due::At(offset) if first.is_none_or(|(earliest, _)| offset < earliest) => {
                    first = Some((offset, index));
                }
                Due::Unknown => open = true,
                Due::At(_) | Due::Never => {}
            }
        }
        (first, open)
    }
}

/// Ends where nothing is known yet, too; the pacer asks [`Schedule::peek`] first.
impl Iterator for Schedule {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let (offset, scenario) = self.first().0?;
        let occurrence = self.lanes[scenario].take()?;
        Some(Event { scenario, at: self.start + offset, occurrence })
    }
}

impl Event {
    /// The tick, if it is one.
    #[must_use]
    pub fn tick(&self) -> Option<Tick> {
        let Occurrence::Start(phase, stage) = self.occurrence else { return None };
        Some(Tick { scenario: self.scenario, phase, stage, intended: self.at })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_shared::test_file::{
        Arrivals, ConstantVus, Executor, Iterations, RampingArrivalRate, RampingVus, Rate, Scenario, Stage,
    };

    use super::*;
    use crate::test_source::tests::shop;

    fn seconds(iterations: u64) -> Rate {
        Rate { iterations, per: Nanos::from_secs(1) }
    }

    fn ticks(schedule: Schedule) -> Vec<Tick> {
        schedule.filter_map(|event| event.tick()).collect()
    }

    #[test]
    fn ten_seconds_at_a_thousand_are_ten_thousand_ticks_on_the_millisecond() {
        let table = Timetable::new(seconds(1_000), Nanos::ZERO, Nanos::ZERO, Nanos::from_secs(10));
        let ticks = ticks(Schedule::of(vec![table], UnixNanos(5)));
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
        let ticks = ticks(Schedule::of(vec![table], UnixNanos(0)));
        let (warm_up, run): (Vec<Tick>, Vec<Tick>) =
            ticks.iter().partition(|tick| tick.phase == Phase::WarmUp);
        assert_eq!((warm_up.len(), run.len()), (7, 7));
        assert_eq!(warm_up[6].intended, UnixNanos(857_142_857));
        assert_eq!(run[0].intended, UnixNanos(1_250_000_000));
    }

    #[test]
    fn scenarios_run_side_by_side_and_each_has_its_end_and_its_graceful_stop() {
        let mut test = shop();
        test.warm_up = Nanos::from_secs(1);
        let mut second = test.scenarios[0].clone();
        let ms = Nanos::from_millis;
        test.scenarios[0].executor = Executor::ConstantVus(ConstantVus { vus: 3, duration: ms(2_000) });
        test.scenarios[0].graceful_stop = ms(500);
        let load = Iterations { vus: 2, iterations: 5, max_duration: ms(1_000) };
        second.executor = Executor::SharedIterations(load);
        (second.start_time, second.graceful_stop) = (ms(250), Nanos::ZERO);
        test.scenarios.push(second);
        let events: Vec<_> = Schedule::new(&test, Shard::WHOLE, 1, UnixNanos(0), None)
            .map(|event| (event.at.0 / 1_000_000, event.scenario, event.occurrence))
            .collect();
        assert_eq!(
            events,
            [
                (0, 0, Occurrence::Planned(3)),
                (0, 1, Occurrence::Planned(2)),
                (1_000, 1, Occurrence::Planned(0)),
                (1_250, 1, Occurrence::Planned(2)),
                (2_250, 1, Occurrence::End),
                (2_250, 1, Occurrence::CutAll),
                (3_000, 0, Occurrence::End),
                (3_500, 0, Occurrence::CutAll),
            ]
        );
    }

    /// A ramp of users up and down again, a rate that ramps, and random arrivals, side by side.
    fn three_scenarios() -> Test {
        let mut test = shop();
        test.warm_up = Nanos::from_secs(1);
        let users = |seconds, target| Stage { name: 0, duration: Nanos::from_secs(seconds), target };
        let rates = |seconds, target| Stage { name: 0, duration: Nanos::from_secs(seconds), target };
        let ramp = |arrivals, stages| RampingArrivalRate {
            per: Nanos::from_secs(1),
            start: 7,
            stages,
            pre_allocated_vus: 10,
            max_vus: 20,
            arrivals,
        };
        let executors = [
            Executor::RampingVus(RampingVus {
                start_vus: 2,
                stages: vec![users(3, 23), users(0, 9), users(2, 9), users(3, 0)],
                graceful_ramp_down: Nanos::from_millis(700),
            }),
            Executor::RampingArrivalRate(ramp(Arrivals::Even, vec![rates(5, 60), rates(5, 0)])),
            Executor::RampingArrivalRate(ramp(Arrivals::Poisson, vec![rates(5, 60), rates(5, 0)])),
        ];
        let first = test.scenarios[0].clone();
        test.scenarios = executors.map(|executor| Scenario { executor, ..first.clone() }).into();
        test
    }

    #[test]
    fn the_parts_of_several_writers_are_the_load_of_one() {
        let test = three_scenarios();
        let whole: Vec<Event> = Schedule::new(&test, Shard::WHOLE, 9, UnixNanos(0), None).collect();
        for count in [1, 2, 3, 7] {
            let parts: Vec<Vec<Event>> = (0..count)
                .map(|index| Shard::new(index, count).expect("below"))
                .map(|shard| Schedule::new(&test, shard, 9, UnixNanos(0), None).collect())
                .collect();
            // Ticks: together the same ones.
            let ticks = |events: &[Event]| events.iter().filter_map(Event::tick).collect::<Vec<Tick>>();
            let mut together: Vec<Tick> = parts.iter().flat_map(|part| ticks(part)).collect();
            together.sort_by_key(|tick| (tick.intended, tick.scenario));
            assert_eq!(together, ticks(&whole), "{count} writers");
            // Users: at each moment the plans add up, and whoever is cut is cut once.
            let plan = |events: &[Event], until: UnixNanos| {
                let plans = events.iter().take_while(|event| event.at <= until);
                let planned = plans.filter_map(|event| match event.occurrence {
                    Occurrence::Planned(users) => Some(users),
                    _ => None,
                });
                planned.last().unwrap_or(0)
            };
            let cut = |events: &[Event]| -> u32 {
                let cuts = events.iter().map(|event| match event.occurrence {
                    Occurrence::Cut { above, up_to } => up_to - above,
                    _ => 0,
                });
                cuts.sum()
            };
            for event in &whole {
                let sum: u32 = parts.iter().map(|part| plan(part, event.at)).sum();
                assert_eq!(sum, plan(&whole, event.at), "{count} writers at {:?}", event.at);
            }
            assert_eq!(parts.iter().map(|part| cut(part)).sum::<u32>(), cut(&whole));
            let ends = |events: &[Event]| {
                events.iter().filter(|event| event.occurrence == Occurrence::CutAll).count()
            };
            assert!(parts.iter().all(|part| ends(part) == 3), "every part has every scenario's end");
        }
    }

    #[test]
    fn ticks_of_the_run_know_their_stage() {
        let mut test = shop();
        test.warm_up = Nanos::from_secs(1);
        let stage = |name, seconds, target| Stage { name, duration: Nanos::from_secs(seconds), target };
        test.scenarios[0].executor = Executor::RampingArrivalRate(RampingArrivalRate {
            per: Nanos::from_secs(1),
            start: 1,
            stages: vec![stage(4, 2, 1), stage(5, 0, 2), stage(6, 1, 2)],
            pre_allocated_vus: 1,
            max_vus: 1,
            arrivals: Arrivals::Even,
        });
        let ticks: Vec<_> = ticks(Schedule::new(&test, Shard::WHOLE, 1, UnixNanos(0), None))
            .iter()
            .map(|tick| (tick.intended.0 / 1_000_000, tick.stage))
            .collect();
        assert_eq!(
            ticks,
            [(0, None), (2_000, Some(4)), (3_000, Some(6)), (3_500, Some(6)), (4_000, Some(6))]
        );
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
            let ticks = ticks(Schedule::of(tables, UnixNanos(0)));
            prop_assert_eq!(ticks.len() as u64, expected);
            prop_assert!(ticks.windows(2).all(|pair| pair[0].intended <= pair[1].intended));
        }
    }
}
