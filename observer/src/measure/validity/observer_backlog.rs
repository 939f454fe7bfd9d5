//! Replies that waited for the matcher.

use streamgauge_shared::report::ValidityState;
use streamgauge_shared::time::Nanos;

use super::{Doubt, Run};
use crate::measure::facts::BACKLOG_DELAY_MAX;
use crate::measure::spans::Spans;

/// Observed times are read before the wait, so latencies are right; awaits are settled late.
pub(super) struct ObserverBacklog {
    longest: Nanos,
    when: Spans,
}

impl Doubt for ObserverBacklog {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let evidence = &run.moment.facts.evidence;
        let longest = evidence.backlog_delay_max;
        (longest > BACKLOG_DELAY_MAX).then_some(Self { longest, when: evidence.backlog })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!(
            "a reply waited {} for the matcher (bound {BACKLOG_DELAY_MAX}); observed times are read before, awaits were settled late",
            self.longest
        )
    }

    fn cause(&self) -> &'static str {
        "the observer has too little CPU for this rate"
    }

    fn next(&self) -> &'static str {
        "give it a core of its own, or lower the rate"
    }

    fn spans(&self) -> Spans {
        self.when
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::time::UnixNanos;

    use super::super::tests::reasons;
    use super::*;

    #[test]
    fn a_second_is_allowed_and_more_is_told_with_its_time() {
        let at = UnixNanos::from_millis;
        assert!(reasons(|run| run.facts.evidence.replied(at(500), at(1_500), None)).is_empty());
        let found = reasons(|run| run.facts.evidence.replied(at(500), at(1_600), None));
        assert_eq!((found[0].code.as_str(), found[0].grade), ("observer_backlog", ValidityState::Degraded));
        assert_eq!((found[0].spans[0].from_s, found[0].spans[0].until_s), (0.5, 1.6));
    }
}
