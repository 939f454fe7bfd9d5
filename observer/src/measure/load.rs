//! The measured load: when it began and ended, and how much of what was planned was written.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::ledger::ScenarioLoad;
use streamgauge_shared::report::{LoadUnit, WrittenLoad};
use streamgauge_shared::test_file::{Executor, Scenario, Test};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::counted::Recorder;
use super::facts::Facts;

/// The measured load of one scenario or of all: from the end of the warm-up to the last tick, or to the end of the
/// last planned user's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LoadSpan {
    /// When it began.
    pub(super) began: UnixNanos,
    /// When it ended, or now while it goes on.
    pub(super) until: UnixNanos,
    /// Whether it has ended.
    pub(super) is_over: bool,
}

impl LoadSpan {
    /// The span of the load of one scenario, or of all; nothing before it began.
    pub(super) fn of(scenario: Option<u16>, recorder: &Recorder, facts: &Facts) -> Option<Self> {
        let named = |index: usize| scenario.is_none_or(|named| usize::from(named) == index);
        let loads = facts.loads.iter().enumerate().filter(|(index, _)| named(*index)).map(|(_, load)| load);
        // A writer that could not tell any more leaves what its rows say.
        let began = loads.clone().filter_map(|load| load.load_began).min().or(recorder.first_sent())?;
        let last_known = loads.clone().filter_map(|load| load.load_ended).max();
        let all_ended = loads.clone().count() > 0 && loads.clone().all(|load| load.load_ended.is_some());
        let is_over = all_ended || facts.closed;
        let until = match (is_over, last_known) {
            (true, Some(ended)) => ended,
            (true, None) => recorder.last_sent().unwrap_or(began),
            (false, _) => facts.now,
        };
        Some(Self { began, until: until.max(began), is_over })
    }

    /// How long it lasted so far, seconds; nothing before that is anything.
    pub(super) fn seconds(self) -> Option<f64> {
        Some((self.until - self.began).as_secs_f64()).filter(|seconds| *seconds > 0.0)
    }
}

/// How much of the planned load was written, by scenario; without those of which nothing was due yet.
pub(super) fn written(test: &Test, facts: &Facts) -> Vec<WrittenLoad> {
    let scenarios = test.scenarios.iter().zip(&facts.loads);
    scenarios.filter_map(|(scenario, load)| written_of(scenario, load, facts.closed)).collect()
}

/// The same of one scenario. Before the close, iterations under way may yet write: they are not missing.
pub(super) fn written_of(scenario: &Scenario, load: &ScenarioLoad, closed: bool) -> Option<WrittenLoad> {
    let (unit, planned, written, under_way) = match &scenario.executor {
        Executor::ConstantVus(_) | Executor::RampingVus(_) => {
            let spent = (load.user_time - load.user_time_without_session).max(Nanos::ZERO);
            (LoadUnit::UserSeconds, load.user_time.as_secs_f64(), spent.as_secs_f64(), 0.0)
        }
        executor => {
            let is_count = executor.counted_iterations().is_some();
            let unit = if is_count { LoadUnit::Iterations } else { LoadUnit::Ticks };
            let under_way = if closed { 0.0 } else { f64::from(load.active_users) };
            (unit, as_f64(load.iterations_due), as_f64(load.iterations_written), under_way)
        }
    };
    let missed = (planned - written - under_way).max(0.0);
    let missed_by_writer = as_f64(load.dropped_by_writer).min(missed);
    (planned > 0.0).then(|| WrittenLoad {
        scenario: scenario.name.clone(),
        unit,
        planned,
        written,
        share: ((planned - missed) / planned).min(1.0),
        missed_by_postgres: missed - missed_by_writer,
        missed_by_writer,
    })
}
