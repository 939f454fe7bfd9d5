//! Carries a capacity search: appends the load of one probe after the other, as the observer judges them.
//!
//! A probe is over when every user has finished what it was given; who has not by the end of the graceful stop is
//! cut. Only then may it be judged, and only then does the next one begin, with free users.

use std::sync::Arc;
use std::time::Duration;

use streamgauge_shared::account::Phase;
use streamgauge_shared::capacity::{self, Probe};
use streamgauge_shared::ledger::{ProbePlan, Record};
use streamgauge_shared::test_file::{CapacitySearch, Executor};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::schedule::{Segment, Segments};
use crate::user::{Context, Control, FreeUsers, LoadState};

/// From the decision to the probe's first tick: the pacer has to have heard of it.
const LEAD: Nanos = Nanos::from_millis(50);
/// How often the search looks whether the users have finished.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The search of a test.
pub(super) struct Search {
    context: Arc<Context>,
    spec: CapacitySearch,
    /// Index of its scenario.
    scenario: usize,
    control: Arc<Control>,
    free: FreeUsers,
    /// The load's beginning; segments are offsets from it.
    start: UnixNanos,
    append: crossbeam_channel::Sender<Segment>,
    probed: watch::Receiver<Option<(u32, Probe)>>,
}

/// How the users of a scenario are told and found free.
pub(super) type Reach = (Arc<Control>, FreeUsers);

impl Search {
    /// The search that a test is, and what the pacer takes its load from. `reach` leads to the users of a scenario.
    pub(super) fn of(
        context: &Arc<Context>,
        start: UnixNanos,
        probed: watch::Receiver<Option<(u32, Probe)>>,
        reach: impl FnOnce(usize) -> Reach,
    ) -> Option<(Self, Segments)> {
        let mut scenarios = context.test.scenarios.iter().enumerate();
        let (scenario, spec) = scenarios.find_map(|(index, scenario)| match &scenario.executor {
            Executor::CapacitySearch(spec) => Some((index, *spec)),
            _ => None,
        })?;
        let (append, segments) = Segments::new();
        let (control, free) = reach(scenario);
        let context = Arc::clone(context);
        Some((Self { context, spec, scenario, control, free, start, append, probed }, segments))
    }

    /// One probe after the other until the search is over. Its end, and being dropped, ends the load.
    pub(super) async fn carry(mut self) {
        let mut search = capacity::Search::new(&self.spec);
        // Ticks of all judged parts so far.
        let mut ticks = 0;
        while let Some(rate) = search.next() {
            let number = u32::try_from(search.done()).unwrap_or(u32::MAX);
            let begins = (self.context.clock.now() + LEAD).max(self.start);
            let from = begins + self.spec.settle;
            let until = from + self.spec.probe;
            self.context.counts[self.scenario].begins_at(from);
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
            ticks += rate.iterations_within(self.spec.probe);
            self.finish(until, ticks).await;
            // Behind the operations it speaks of: who is free has told the ledger all it did.
            self.context.ledger.record(Record::ProbeOver(number));
            let judged = self.probed.wait_for(|probed| probed.as_ref().is_some_and(|(of, _)| *of >= number));
            let Ok(Some((_, probe))) = judged.await.map(|probed| probed.clone()) else { return };
            let fate = probe.reason.as_deref().unwrap_or("holds");
            tracing::info!("probe {}: {:.2} iterations/s: {fate}", number + 1, probe.rate_per_s);
            search.judged(probe);
        }
    }

    /// Waits until every user is free after the end of a probe's load, so many ticks having been due. Those that are
    /// not free by the end of the graceful stop are cut.
    async fn finish(&self, until: UnixNanos, ticks: u64) {
        let cut_at = until + self.context.test.scenarios[self.scenario].graceful_stop;
        let mut is_cut = false;
        loop {
            let now = self.context.clock.now();
            if now < until {
                sleep((until - now).to_std()).await;
                continue;
            }
            if self.is_idle(ticks) {
                break;
            }
            if now >= cut_at && !is_cut {
                is_cut = true;
                self.control.tell_all(LoadState::Cut);
            }
            sleep(LOOK_EVERY).await;
        }
        if is_cut {
            self.control.tell_all(LoadState::Running);
        }
    }

    /// Whether so many ticks were released or dropped, and whoever took one is free again.
    fn is_idle(&self, ticks: u64) -> bool {
        let count = &self.context.counts[self.scenario];
        count.due() >= ticks && self.free.are_all(count)
    }
}
