//! Carries a capacity search: appends the load of one probe after the other, as the observer judges them.

use std::sync::Arc;

use streamgauge_shared::account::Phase;
use streamgauge_shared::capacity::{self, Probe};
use streamgauge_shared::ledger::{ProbePlan, Record};
use streamgauge_shared::test_file::CapacitySearch;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::watch;

use crate::schedule::{Segment, Segments};
use crate::user::Context;

/// From the decision to the probe's first tick: the pacer has to have heard of it.
const LEAD: Nanos = Nanos::from_millis(50);

/// The search of a test.
pub(super) struct Search {
    context: Arc<Context>,
    spec: CapacitySearch,
    /// The load's beginning; segments are offsets from it.
    start: UnixNanos,
    append: crossbeam_channel::Sender<Segment>,
    probed: watch::Receiver<Option<(u32, Probe)>>,
}

impl Search {
    /// The search that a test is, and what the pacer takes its load from.
    pub(super) fn of(
        context: &Arc<Context>,
        start: UnixNanos,
        probed: watch::Receiver<Option<(u32, Probe)>>,
    ) -> Option<(Self, Segments)> {
        let spec = *context.test.capacity_search()?;
        let (append, segments) = Segments::new();
        Some((Self { context: Arc::clone(context), spec, start, append, probed }, segments))
    }

    /// One probe after the other until the search is over. Its end, and being dropped, ends the load.
    pub(super) async fn carry(mut self) {
        let mut search = capacity::Search::new(&self.spec);
        while let Some(rate) = search.next() {
            let number = u32::try_from(search.done()).unwrap_or(u32::MAX);
            let begins = (self.context.clock.now() + LEAD).max(self.start);
            let from = begins + self.spec.settle;
            let until = from + self.spec.probe;
            // Ahead of the operations it speaks of.
            let plan = ProbePlan { number, rate_per_s: rate.per_second(), from, until };
            self.context.ledger.record(Record::Probe(plan));
            let settle = (begins, self.spec.settle, Phase::WarmUp);
            for (at, length, phase) in [settle, (from, self.spec.probe, Phase::Run)] {
                let segment = Segment { begins: at - self.start, rate, length, phase };
                if self.append.try_send(segment).is_err() {
                    // The pacer is gone: an order has ended the load.
                    return;
                }
            }
            let judged = self.probed.wait_for(|probed| probed.as_ref().is_some_and(|(of, _)| *of >= number));
            let Ok(Some((_, probe))) = judged.await.map(|probed| probed.clone()) else { return };
            let fate = probe.reason.as_deref().unwrap_or("holds");
            tracing::info!("probe {}: {:.2} iterations/s: {fate}", number + 1, probe.rate_per_s);
            search.judged(probe);
        }
    }
}
