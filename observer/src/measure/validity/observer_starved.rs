//! An observer without a CPU, or that did not run at all.

use streamgauge_shared::report::ValidityState;
use streamgauge_shared::time::Nanos;

use super::unmeasured_events::UnmeasuredEvents;
use super::{Doubt, Run};
use crate::measure::spans::Spans;
use crate::measure::starvation::Starved;

/// Run-queue delay in one second that can explain an event which waited for the observer: as long as an event
/// may wait.
const WAIT_EXPLAINED: Nanos = crate::stream::WAIT_MAX;

/// How it fared.
pub(super) struct ObserverStarved {
    seen: String,
    when: Spans,
}

impl Doubt for ObserverStarved {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        let mut observer = facts.observer_starved;
        observer.longest_pause = observer.longest_pause.max(facts.evidence.read_wait_max);
        observer.spans.add_all(&facts.evidence.not_read);
        // Events waited for the observer so that figures are open, and the kernel says that it waited for a CPU.
        let explained = || {
            let waited = facts.evidence.stream_resumed == 0
                && observer.worst_second > WAIT_EXPLAINED
                && UnmeasuredEvents::find(run).into_iter().next().is_some();
            waited.then(|| {
                format!(
                    "was ready to run and had no CPU for {} of {}, worst second {}, while events waited for it",
                    observer.waited.unwrap_or_default(),
                    observer.watched,
                    observer.worst_second
                )
            })
        };
        let seen = observer.trouble().or_else(explained)?;
        Some(Self { seen, when: observer.spans })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!("the observer {}", self.seen)
    }

    fn cause(&self) -> &'static str {
        Starved::CAUSE
    }

    fn next(&self) -> &'static str {
        "give the observer a core of its own; events that may have waited for it longer than 10 ms are unmeasured"
    }

    fn spans(&self) -> Spans {
        self.when
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reasons;
    use super::*;
    use crate::measure::starvation::tests::of_one_minute;

    #[test]
    fn an_observer_without_a_cpu_is_named_past_either_bound() {
        let found = reasons(|run| run.facts.observer_starved = of_one_minute(100, 900));
        assert_eq!(found[0].code, "observer_starved");
        assert!(found[0].seen.contains("900"), "{found:?}");
        assert!(reasons(|run| run.facts.observer_starved = of_one_minute(3_000, 290)).is_empty());
        assert_eq!(reasons(|run| run.facts.observer_starved = of_one_minute(3_000, 310)).len(), 1);
    }

    #[test]
    fn an_observer_that_was_stopped_is_seen_by_its_reader() {
        let found = reasons(|run| run.facts.evidence.read_wait_max = Nanos::from_secs(3));
        assert_eq!((found[0].code.as_str(), found[0].grade), ("observer_starved", ValidityState::Degraded));
    }
}
