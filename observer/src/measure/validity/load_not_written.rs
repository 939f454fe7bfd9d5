//! Load that was planned and that PostgreSQL did not take.

use streamgauge_shared::report::{ValidityState, WrittenLoad};

use super::load_share::{SHARE_MIN, of_all, part, without};
use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// The scenarios that wrote less. Never INVALID: the figures are right, of the load that there was; what was not
/// sent counts in every rate, so thresholds see it.
pub(super) struct LoadNotWritten {
    scenarios: Vec<WrittenLoad>,
    when: Spans,
}

impl Doubt for LoadNotWritten {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        // A capacity search looks for the rate that is too much, and its probes say what became of it.
        if run.moment.facts.capacity.is_some() {
            return None;
        }
        let less = |load: &WrittenLoad| without(load, load.missed_by_postgres) < SHARE_MIN;
        let scenarios: Vec<WrittenLoad> = of_all(run).filter(less).collect();
        let mut when = Spans::default();
        run.moment.facts.writers.iter().for_each(|writer| when.add_all(&writer.not_written));
        (!scenarios.is_empty()).then_some(Self { scenarios, when })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        let parts: Vec<String> =
            self.scenarios.iter().map(|load| part(load, load.missed_by_postgres)).collect();
        format!(
            "of the planned load was not written: {} (bound {:.0} %); latencies are of a lower load than asked for",
            parts.join(", "),
            (1.0 - SHARE_MIN) * 100.0
        )
    }

    fn cause(&self) -> &'static str {
        "PostgreSQL refused connections, hung or rejected statements, or every user was busy when a tick was due"
    }

    fn next(&self) -> &'static str {
        "look at pg_write_failed, failed_iterations and dropped_iterations, and at PostgreSQL's log; run again once it takes the load"
    }

    fn spans(&self) -> Spans {
        self.when
    }
}

#[cfg(test)]
mod tests {
    use super::super::load_share::tests::of_ticks;
    use super::super::tests::reasons;
    use super::*;

    #[test]
    fn load_that_postgresql_did_not_take_never_makes_a_run_invalid() {
        assert!(reasons(|run| run.facts.loads[0] = of_ticks(1_000, 990, 0)).is_empty());
        for written in [989, 400, 0] {
            let found = reasons(|run| run.facts.loads[0] = of_ticks(1_000, written, 0));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (found[0].code.as_str(), found[0].grade),
                ("load_not_written", ValidityState::Degraded)
            );
        }
        let found = reasons(|run| run.facts.loads[0] = of_ticks(600, 400, 0));
        assert!(found[0].seen.contains("200 of 600 ticks (33.33 %)"), "{found:?}");
    }

    #[test]
    fn a_load_that_is_not_over_is_not_judged() {
        let found = reasons(|run| {
            run.facts.loads[0] = of_ticks(600, 400, 0);
            run.facts.loads[0].load_ended = None;
        });
        assert!(found.is_empty(), "{found:?}");
    }
}
