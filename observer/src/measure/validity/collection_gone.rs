//! Collections of the run that were dropped or renamed while it went on.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// Rows in them vanished without an event that explains it.
pub(super) struct CollectionGone {
    times: u64,
    at: Spans,
}

impl Doubt for CollectionGone {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let evidence = &run.moment.facts.evidence;
        let times = evidence.collections_gone;
        (times > 0).then_some(Self { times, at: evidence.collections_gone_at })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!("collections of the run were dropped or renamed {} times", self.times)
    }

    fn cause(&self) -> &'static str {
        "a sink that recreates its collections, or another user"
    }

    fn next(&self) -> &'static str {
        "leave the run's collections alone while it goes on"
    }

    fn spans(&self) -> Spans {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::ValidityState::Degraded;

    #[test]
    fn one_collection_is_enough() {
        let found = graded(|run| run.facts.evidence.collections_gone = 1);
        assert_eq!(found, [("collection_gone".into(), Degraded)]);
    }
}
