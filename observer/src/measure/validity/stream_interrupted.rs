//! A change stream that broke and was resumed.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// Nothing is missing, and what came meanwhile has no time that can be believed.
pub(super) struct StreamInterrupted {
    times: u64,
    away: Spans,
}

impl Doubt for StreamInterrupted {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        let times = facts.evidence.stream_resumed;
        (times > 0).then(|| Self { times, away: facts.evidence.stream_away(facts.now) })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!(
            "the change stream broke and was resumed {} times; nothing is missing, and events from before each resumption are unmeasured",
            self.times
        )
    }

    fn cause(&self) -> &'static str {
        "mongod was restarted or elected anew, its cursor was killed, or the network broke"
    }

    fn next(&self) -> &'static str {
        "look at the observer's log for the error; run again if the pipeline was to be measured without it"
    }

    fn spans(&self) -> Spans {
        self.away
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::time::UnixNanos;

    use super::super::tests::reasons;
    use super::*;

    #[test]
    fn a_resumed_stream_is_told_with_the_time_for_which_it_was_away() {
        let at = UnixNanos::from_millis;
        let found = reasons(|run| {
            run.facts.evidence.stream_error(at(500));
            run.facts.evidence.stream_error(at(700));
            run.facts.evidence.stream_resumed(at(1_500));
        });
        assert_eq!((found[0].code.as_str(), found[0].grade), ("stream_interrupted", ValidityState::Degraded));
        assert_eq!((found[0].spans[0].from_s, found[0].spans[0].until_s), (0.5, 1.5));
    }
}
