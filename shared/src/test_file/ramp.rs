//! The stages of a ramp in time: when each begins and ends, and which load it plans at a moment.

use super::executor::{Executor, RampingArrivalRate, RampingVus, Stage};
use crate::account::as_f64;
use crate::time::Nanos;

/// One stage of a ramping executor, as its schedule runs it. Times are since the start of the executor's load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RampStage {
    /// Index into [`super::Test::stages`].
    pub name: u16,
    /// Its start.
    pub from: Nanos,
    /// Its end, which belongs to the next stage; equal to the start for a jump.
    pub to: Nanos,
    /// Users, or iterations per second, at its start.
    pub load_from: f64,
    /// And at its end.
    pub load_to: f64,
}

impl RampStage {
    /// The stage that a moment belongs to: the one that has begun and not ended. There is none before the first
    /// begins, and none from the end of the last one on, for no load is planned then.
    #[must_use]
    pub fn at(stages: &[Self], at: Nanos) -> Option<&Self> {
        stages.iter().find(|stage| stage.holds(at))
    }

    fn holds(&self, at: Nanos) -> bool {
        self.from <= at && at < self.to
    }

    /// The load that it plans at a moment between its start and its end.
    #[must_use]
    pub fn load_at(&self, at: Nanos) -> f64 {
        let length = (self.to - self.from).as_secs_f64();
        let share =
            if length > 0.0 { ((at - self.from).as_secs_f64() / length).clamp(0.0, 1.0) } else { 1.0 };
        self.load_from + share * (self.load_to - self.load_from)
    }

    /// The same stage, that much later.
    #[must_use]
    pub fn delayed(self, by: Nanos) -> Self {
        Self { from: self.from + by, to: self.to + by, ..self }
    }
}

impl Executor {
    /// The stages of a ramp, in their order and without a gap; empty for an executor without any.
    #[must_use]
    pub fn ramp(&self) -> Vec<RampStage> {
        match self {
            Self::RampingVus(load) => users(load).collect(),
            Self::RampingArrivalRate(load) => rates(load).collect(),
            _ => Vec::new(),
        }
    }

    /// The stage that a moment of its load belongs to, as an index into [`super::Test::stages`]: see
    /// [`RampStage::at`]. Nothing for an executor without stages. It is asked for each tick, so it allocates nothing.
    #[must_use]
    pub fn stage_at(&self, since_start: Nanos) -> Option<u16> {
        let stage = match self {
            // The judged part of a probe: the only stage of such a test.
            Self::CapacitySearch(_) => return Some(0),
            Self::RampingVus(load) => users(load).find(|stage| stage.holds(since_start)),
            Self::RampingArrivalRate(load) => rates(load).find(|stage| stage.holds(since_start)),
            _ => None,
        };
        stage.map(|stage| stage.name)
    }
}

fn users(load: &RampingVus) -> impl Iterator<Item = RampStage> {
    ramp(f64::from(load.start_vus), &load.stages, |target| f64::from(*target))
}

fn rates(load: &RampingArrivalRate) -> impl Iterator<Item = RampStage> {
    let per_s = |target: &u64| as_f64(*target) / load.per.as_secs_f64();
    ramp(per_s(&load.start), &load.stages, per_s)
}

fn ramp<T>(
    mut load: f64,
    planned: &[Stage<T>],
    target: impl Fn(&T) -> f64,
) -> impl Iterator<Item = RampStage> {
    let mut at = Nanos::ZERO;
    planned.iter().map(move |planned| {
        let (from, load_from) = (at, load);
        at = at + planned.duration;
        load = target(&planned.target);
        RampStage { name: planned.name, from, to: at, load_from, load_to: load }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 s from 0 to 10 users, a jump to 50, 20 s there.
    fn executor() -> Executor {
        let stage = |name, seconds, target| Stage { name, duration: Nanos::from_secs(seconds), target };
        let stages = vec![stage(3, 10, 10), stage(4, 0, 50), stage(5, 20, 50)];
        Executor::RampingVus(RampingVus { start_vus: 0, stages, graceful_ramp_down: Nanos::ZERO })
    }

    #[test]
    fn a_moment_belongs_to_the_stage_that_runs_and_to_none_before_and_from_the_end_on() {
        let seen = [-1, 0, 9_999, 10_000, 29_999, 30_000, 30_001, 99_000]
            .map(|millis| executor().stage_at(Nanos::from_millis(millis)));
        assert_eq!(seen, [None, Some(3), Some(3), Some(5), Some(5), None, None, None]);
    }

    #[test]
    fn the_planned_load_is_read_between_the_ends_of_a_stage() {
        let ramp = executor().ramp();
        let load = |seconds| {
            let at = Nanos::from_secs(seconds);
            RampStage::at(&ramp, at).map(|stage| stage.load_at(at))
        };
        assert_eq!([load(0), load(5), load(10), load(30)], [Some(0.0), Some(5.0), Some(50.0), None]);
        assert_eq!(ramp[0].delayed(Nanos::from_secs(7)).to, Nanos::from_secs(17));
    }
}
