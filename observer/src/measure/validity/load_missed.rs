//! Load that was planned and that the writer itself did not bring.

use streamgauge_shared::report::{ValidityState, WrittenLoad};

use super::load_share::{SHARE_MIN, of_all, part, without};
use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// Below this share of the load it was another test.
const SHARE_VOID: f64 = 0.9;

/// The scenarios of which something is missing through the writer.
pub(super) struct LoadMissed {
    scenarios: Vec<WrittenLoad>,
    when: Spans,
}

impl Doubt for LoadMissed {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let less = |load: &WrittenLoad| without(load, load.missed_by_writer) < SHARE_MIN;
        let scenarios: Vec<WrittenLoad> = of_all(run).filter(less).collect();
        let mut when = Spans::default();
        run.moment.facts.writers.iter().for_each(|writer| when.add_all(&writer.missed));
        (!scenarios.is_empty()).then_some(Self { scenarios, when })
    }

    fn grade(&self) -> ValidityState {
        let void = |load: &WrittenLoad| without(load, load.missed_by_writer) < SHARE_VOID;
        if self.scenarios.iter().any(void) { ValidityState::Invalid } else { ValidityState::Degraded }
    }

    fn seen(&self) -> String {
        let parts: Vec<String> =
            self.scenarios.iter().map(|load| part(load, load.missed_by_writer)).collect();
        format!(
            "the writer itself was too slow for the planned load, and this is missing: {} (bounds: {:.0} % DEGRADED, {:.0} % INVALID)",
            parts.join(", "),
            (1.0 - SHARE_MIN) * 100.0,
            (1.0 - SHARE_VOID) * 100.0
        )
    }

    fn cause(&self) -> &'static str {
        "the writer had too little CPU, waited for its ledger, or has too few virtual users of which none waited for a database"
    }

    fn next(&self) -> &'static str {
        "give the writer a core of its own, run several writers, or lower the rate"
    }

    fn spans(&self) -> Spans {
        self.when
    }
}

#[cfg(test)]
mod tests {
    use super::super::load_share::tests::of_ticks;
    use super::super::tests::graded;
    use super::ValidityState::{Degraded, Invalid};

    #[test]
    fn load_missed_through_the_writer_is_judged_by_its_share() {
        let of = |by_writer| {
            let found = graded(|run| run.facts.loads[0] = of_ticks(1_000, 1_000 - by_writer, by_writer));
            assert!(found.iter().all(|(code, _)| code == "load_missed"), "{found:?}");
            found.first().map(|(_, grade)| *grade)
        };
        let cases =
            [(0, None), (10, None), (11, Some(Degraded)), (100, Some(Degraded)), (101, Some(Invalid))];
        for (by_writer, expected) in cases {
            assert_eq!(of(by_writer), expected, "{by_writer}");
        }
    }
}
