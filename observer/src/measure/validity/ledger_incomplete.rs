//! The ledger does not hold everything that was sent, or contradicts what was seen.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};

/// Any of them is enough: a sum of the account, a share or a percentile may be wrong by as much.
pub(super) struct LedgerIncomplete {
    /// Events of operations that the ledger does not hold.
    recovered: u64,
    /// Operations of a writer that has ended whose record, or PostgreSQL's answer to it, never came.
    missing: u64,
    /// Events of operations that PostgreSQL is said to have refused.
    contradictions: u64,
}

impl Doubt for LedgerIncomplete {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let found = Self {
            recovered: run.moment.matcher.recovered(),
            missing: run.moment.facts.missing_entries,
            contradictions: run.moment.matcher.limits().contradictions,
        };
        (found.recovered + found.missing + found.contradictions > 0).then_some(found)
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        let Self { recovered, missing, contradictions } = self;
        format!(
            "{recovered} events had no entry, {missing} entries or answers to them never came, {contradictions} events contradict PostgreSQL's answer"
        )
    }

    fn cause(&self) -> &'static str {
        "the writer was killed, or its connection to the observer was lost with records unsent"
    }

    fn next(&self) -> &'static str {
        "run again, and end the writer with one Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::ValidityState::Invalid;

    #[test]
    fn one_entry_that_never_came_is_enough() {
        let found = graded(|run| run.facts.missing_entries = 1);
        assert_eq!(found, [("ledger_incomplete".into(), Invalid)]);
    }
}
