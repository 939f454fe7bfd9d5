//! The loads that are judged: of which share something is said, and how it is written down.

use streamgauge_shared::report::WrittenLoad;

use super::Run;
use crate::measure::load::written_of;

/// Below this share of the load something is said.
pub(super) const SHARE_MIN: f64 = 0.99;

/// The load of each scenario whose load is over.
pub(super) fn of_all(run: &Run<'_>) -> impl Iterator<Item = WrittenLoad> {
    let facts = run.moment.facts;
    let scenarios = run.test.scenarios.iter().zip(&facts.loads);
    let over = scenarios.filter(|(_, load)| facts.closed || load.load_ended.is_some());
    over.filter_map(|(scenario, load)| written_of(scenario, load, facts.closed))
}

/// The share of a load that is left once so much is missing.
pub(super) fn without(load: &WrittenLoad, missed: f64) -> f64 {
    1.0 - missed / load.planned
}

/// `scenario 'x': 12 of 600 ticks (2.00 %)`.
pub(super) fn part(load: &WrittenLoad, missed: f64) -> String {
    let WrittenLoad { scenario, unit, planned, .. } = load;
    let share = 100.0 * missed / planned;
    format!("scenario '{scenario}': {missed:.0} of {planned:.0} {} ({share:.2} %)", unit.words())
}

#[cfg(test)]
pub(super) mod tests {
    use streamgauge_shared::ledger::ScenarioLoad;
    use streamgauge_shared::time::UnixNanos;

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
}
