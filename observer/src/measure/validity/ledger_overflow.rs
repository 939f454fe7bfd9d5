//! Records of the ledger that a writer's buffer could not hold.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};

/// There is one as soon as one record is lost.
pub(super) struct LedgerOverflow {
    records: u64,
}

impl Doubt for LedgerOverflow {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let records = run.moment.facts.writers.iter().map(|writer| writer.records_lost).sum();
        (records > 0).then_some(Self { records })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        format!("{} records did not fit into the writer's buffer", self.records)
    }

    fn cause(&self) -> &'static str {
        "the observer was away or too slow for longer than the buffer lasts"
    }

    fn next(&self) -> &'static str {
        "give the observer more CPU, or lower the rate"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::ValidityState::Invalid;

    #[test]
    fn one_lost_record_is_enough() {
        let found = graded(|run| run.facts.writers[0].records_lost = 1);
        assert_eq!(found, [("ledger_overflow".into(), Invalid)]);
    }
}
