//! A change stream that lost its history.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// What happened meanwhile was never seen.
pub(super) struct StreamGap {
    times: u64,
    away: Spans,
}

impl Doubt for StreamGap {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        let times = facts.evidence.stream_gaps;
        (times > 0).then(|| Self { times, away: facts.evidence.stream_away(facts.now) })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        format!(
            "the change stream lost its history {} times; what happened meanwhile was never seen",
            self.times
        )
    }

    fn cause(&self) -> &'static str {
        "the oplog rolled past the resume token while the observer was away"
    }

    fn next(&self) -> &'static str {
        "enlarge the oplog, or find out why the observer was away so long"
    }

    fn spans(&self) -> Spans {
        self.away
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::ValidityState::Invalid;

    #[test]
    fn one_gap_is_enough() {
        assert_eq!(graded(|run| run.facts.evidence.stream_gaps = 1), [("stream_gap".into(), Invalid)]);
    }
}
