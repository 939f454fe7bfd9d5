//! How many iterations a second a scenario really does, over the last few seconds. Pure: time is an argument.

use std::collections::VecDeque;

use streamgauge_shared::account::as_f64;
use streamgauge_shared::ledger::ScenarioLoad;
use streamgauge_shared::time::{Nanos, UnixNanos};

/// What "now" is: long enough for a rate of one a second, short enough to follow a ramp.
const WINDOW: Nanos = Nanos::from_secs(3);
/// A rate over less than this says nothing.
const SPAN_MIN: Nanos = Nanos::from_secs(1);

/// The counts of one scenario over the last [`WINDOW`].
#[derive(Clone, Debug, Default)]
pub(super) struct RateMeter(VecDeque<(UnixNanos, u64)>);

impl RateMeter {
    /// Takes a reading: iterations whose first operation committed.
    pub(super) fn see(&mut self, now: UnixNanos, load: &ScenarioLoad) {
        if load.load_began.is_none() {
            return;
        }
        self.0.push_back((now, load.iterations_written));
        while self.0.len() > 2 && self.0.get(1).is_some_and(|(at, _)| now - *at >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// Iterations per second now; nothing before the measured load has lasted.
    pub(super) fn now(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (self.0.front()?, self.0.back()?);
        let span = *to - *from;
        (span >= SPAN_MIN).then(|| as_f64(after.saturating_sub(*before)) / span.as_secs_f64())
    }
}

/// Iterations per second over the whole load; nothing before it is over.
pub(super) fn of_load(load: &ScenarioLoad) -> Option<f64> {
    let span = load.load_ended? - load.load_began?;
    (span > Nanos::ZERO).then(|| as_f64(load.iterations_written) / span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> UnixNanos {
        UnixNanos::from_millis(ms)
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut meter = RateMeter::default();
        let load = |written| ScenarioLoad {
            load_began: Some(at(0)),
            iterations_written: written,
            ..ScenarioLoad::default()
        };
        meter.see(at(-500), &ScenarioLoad::default());
        assert_eq!(meter.now(), None, "the warm-up is not counted");
        meter.see(at(0), &load(0));
        meter.see(at(900), &load(9));
        assert_eq!(meter.now(), None, "too short to say");
        for tenth in 10..=100 {
            meter.see(at(tenth * 100), &load(u64::try_from(tenth).expect("positive")));
        }
        assert!(meter.now().is_some_and(|rate| (rate - 10.0).abs() < 1e-9), "{meter:?}");
        for tenth in 101..=140 {
            meter.see(at(tenth * 100), &load(100));
        }
        assert_eq!(meter.now(), Some(0.0), "four seconds later nothing of it is left");
        let over = ScenarioLoad { load_ended: Some(at(20_000)), ..load(100) };
        assert_eq!(of_load(&over), Some(5.0));
        assert_eq!(of_load(&load(100)), None);
    }
}
