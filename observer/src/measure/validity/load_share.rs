//! Which share of its planned load a scenario has written, and by whose doing the rest is missing.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::ledger::ScenarioLoad;
use streamgauge_shared::time::Nanos;

use super::Run;

/// Below this share of the load something is said.
pub(super) const SHARE_MIN: f64 = 0.99;

/// One scenario's load, in iterations or in seconds of users.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LoadShare {
    pub(super) scenario: String,
    pub(super) unit: &'static str,
    pub(super) planned: f64,
    /// Missing because the writer itself was too slow.
    pub(super) missed_by_writer: f64,
    /// Missing for any other reason: PostgreSQL refused, hung or did not commit, or every user was busy.
    pub(super) missed_by_others: f64,
}

impl LoadShare {
    /// Of each scenario whose load is over.
    pub(super) fn of_all(run: &Run<'_>) -> impl Iterator<Item = Self> {
        let scenarios = run.test.scenarios.iter().zip(&run.moment.facts.loads);
        let over = scenarios.filter(|(_, load)| load.load_ended.is_some());
        over.filter_map(|(scenario, load)| Self::of(&scenario.name, load, run.moment.facts.closed))
    }

    /// Absent where nothing was planned. Before the close, iterations under way may yet write.
    fn of(scenario: &str, load: &ScenarioLoad, closed: bool) -> Option<Self> {
        let scenario = scenario.to_owned();
        if load.iterations_due > 0 {
            let under_way = if closed { 0 } else { u64::from(load.active_users) };
            let missed = load.iterations_due.saturating_sub(load.iterations_written + under_way);
            let by_writer = load.dropped_by_writer.min(missed);
            return Some(Self {
                scenario,
                unit: "iterations",
                planned: as_f64(load.iterations_due),
                missed_by_writer: as_f64(by_writer),
                missed_by_others: as_f64(missed - by_writer),
            });
        }
        (load.user_time > Nanos::ZERO).then(|| Self {
            scenario,
            unit: "user seconds",
            planned: load.user_time.as_secs_f64(),
            missed_by_writer: 0.0,
            missed_by_others: load.user_time_without_session.as_secs_f64(),
        })
    }

    /// The share that is left once so much is missing.
    pub(super) fn without(&self, missed: f64) -> f64 {
        1.0 - missed / self.planned
    }

    /// `scenario 'x': 12.0 of 600 iterations (2.00 %)`.
    pub(super) fn part(&self, missed: f64) -> String {
        let Self { scenario, unit, planned, .. } = self;
        format!(
            "scenario '{scenario}': {missed:.0} of {planned:.0} {unit} ({:.2} %)",
            100.0 * missed / planned
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use streamgauge_shared::time::UnixNanos;

    use super::*;

    /// A load that is over, of so many ticks.
    pub(in crate::measure::validity) fn of_ticks(due: u64, written: u64, by_writer: u64) -> ScenarioLoad {
        ScenarioLoad {
            load_ended: Some(UnixNanos(1)),
            iterations_due: due,
            iterations_written: written,
            dropped_by_writer: by_writer,
            ..ScenarioLoad::default()
        }
    }

    #[test]
    fn what_is_missing_is_told_apart_and_what_is_under_way_is_not_missing() {
        let share = |load: &ScenarioLoad, closed| {
            let share = LoadShare::of("x", load, closed).expect("something was planned");
            (share.planned, share.missed_by_writer, share.missed_by_others)
        };
        let load = of_ticks(600, 400, 50);
        assert_eq!(share(&load, true), (600.0, 50.0, 150.0));
        let under_way = ScenarioLoad { active_users: 150, ..load };
        assert_eq!(share(&under_way, false), (600.0, 50.0, 0.0));
        assert_eq!(share(&under_way, true), (600.0, 50.0, 150.0));
        let users = ScenarioLoad {
            user_time: Nanos::from_secs(100),
            user_time_without_session: Nanos::from_secs(30),
            ..ScenarioLoad::default()
        };
        assert_eq!(share(&users, true), (100.0, 0.0, 30.0));
        assert_eq!(LoadShare::of("x", &ScenarioLoad::default(), true), None);
    }
}
