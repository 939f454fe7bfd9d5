//! Ticks of an open loop for which no user was free.

use streamgauge_shared::report::ValidityState;
use streamgauge_shared::threshold::{Counter, Figures, Tags};

use super::{Doubt, Run};

/// The load was lower than asked for, and by whose doing.
pub(super) struct DroppedIterations {
    dropped: u64,
    /// Of them, those at which no user waited for a database or an arrival.
    by_writer: u64,
}

impl Doubt for DroppedIterations {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        let dropped = run.moment.counter(Counter::DroppedIterations, Tags::default());
        let by_writer = facts.loads.iter().map(|load| load.dropped_by_writer).sum();
        // A capacity search looks for the rate that is too much, and its probes say what was dropped.
        (dropped > 0 && facts.capacity.is_none()).then_some(Self { dropped, by_writer })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        let Self { dropped, by_writer } = self;
        format!(
            "{dropped} ticks found no free virtual user and were dropped, {by_writer} of them while no user waited for a database or an arrival: the load was lower than asked for"
        )
    }

    fn cause(&self) -> &'static str {
        if self.by_writer < self.dropped {
            "iterations take longer than max_vus allows at this rate: users wait for PostgreSQL, for arrivals or in pauses"
        } else {
            "the writer itself was too slow for this rate"
        }
    }

    fn next(&self) -> &'static str {
        if self.by_writer < self.dropped {
            "raise max_vus (and pre_allocated_vus), or lower the rate"
        } else {
            "give the writer a core of its own, run several writers, or lower the rate"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::reasons;
    use super::ValidityState::Degraded;

    #[test]
    fn one_dropped_tick_is_enough_and_the_sentence_says_whose_doing_it_was() {
        let found = reasons(|run| run.facts.loads[0].dropped = 1);
        assert_eq!((found[0].code.as_str(), found[0].grade), ("dropped_iterations", Degraded));
        assert!(found[0].next.contains("max_vus"), "{found:?}");
        let found = reasons(|run| {
            (run.facts.loads[0].dropped, run.facts.loads[0].dropped_by_writer) = (2, 2);
        });
        assert!(found[0].next.contains("core of its own"), "{found:?}");
    }
}
