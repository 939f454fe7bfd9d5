//! What the matcher's state adds up to, for snapshots.

use streamgauge_shared::account::{Account, EventCount, EventKind, Outcome, Phase, Undecodable};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::threshold::Tags;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::{ColumnTally, Entry, Limits, Matcher, Series, SeriesIndex, Tally, Window};

/// What is on its way in one scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Entries that have not arrived and are not given up.
    pub pending: u64,
    /// Those past their deadline.
    pub overdue: u64,
    /// When the oldest of them was sent.
    pub oldest_sent: Option<UnixNanos>,
}

impl Matcher {
    /// The series it counts by.
    #[must_use]
    pub fn series(&self) -> SeriesIndex {
        self.tallies.series()
    }

    /// One series' account in one phase.
    #[must_use]
    pub fn account(&self, series: Series, phase: Phase) -> &Account {
        self.tallies.account(series, phase)
    }

    /// Of a series' lost entries, the deletes of rows that never arrived.
    #[must_use]
    pub fn lost_no_row(&self, series: Series, phase: Phase) -> u64 {
        self.tallies.lost_no_row(series, phase)
    }

    /// One series' account and checks in the measured phase.
    #[must_use]
    pub fn tally(&self, series: Series) -> &Tally {
        self.tallies.of(series)
    }

    /// The same of a slice that a threshold declares, by its exact tags.
    #[must_use]
    pub fn slice(&self, tags: Tags) -> Option<&Tally> {
        self.tallies.slice(tags)
    }

    /// What became of an operation so far; absent if its entry has not come, or has left for good.
    #[must_use]
    pub fn outcome(&self, writer: u16, sequence: u64) -> Option<Outcome> {
        let entry = self.windows.get(usize::from(writer))?.get(sequence);
        entry.or_else(|| self.lost.get(&(writer, sequence))).map(|entry| entry.outcome)
    }

    /// All accounts of a phase together.
    #[must_use]
    pub fn total(&self, phase: Phase) -> Account {
        let mut total = Account::default();
        self.series().all().for_each(|series| total.add(self.account(series, phase)));
        total
    }

    /// Events of a phase. Those that belong to none are in the measured one's.
    #[must_use]
    pub fn events(&self, phase: Phase) -> &EventCount {
        &self.events[phase as usize]
    }

    /// Entries that the ledger did not hold and an event revealed.
    #[must_use]
    pub fn recovered(&self) -> u64 {
        self.recovered
    }

    /// Events that could not be read for this reason.
    #[must_use]
    pub fn undecodable(&self, reason: Undecodable) -> u64 {
        self.undecodable[reason as usize]
    }

    /// How often a column of an entity was compared in the measured phase, and why not.
    #[must_use]
    pub fn column(&self, entity: u16, column: u16) -> ColumnTally {
        self.columns.of(entity, column)
    }

    /// What passed a bound.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether nothing is on its way: no entry pending or of unknown fate, no event without its entry.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let waiting = |phase| {
            let total = self.total(phase);
            total.count(Outcome::Pending) + total.count(Outcome::Unknown)
        };
        self.early_count == 0 && Phase::ALL.into_iter().all(|phase| waiting(phase) == 0)
    }

    /// Sequences of a writer, of so many opened, whose entries never came.
    #[must_use]
    pub fn missing(&self, writer: u16, operations: u64) -> u64 {
        self.windows.get(usize::from(writer)).map_or(operations, |window| window.missing(operations))
    }

    /// What is on its way in the measured phase of one scenario.
    #[must_use]
    pub fn waiting(&self, scenario: u16, now: UnixNanos) -> Waiting {
        let mut waiting = Waiting::default();
        let pending = |entry: &&Entry| entry.outcome == Outcome::Pending && entry.phase == Phase::Run;
        for entry in self.windows.iter().flat_map(Window::entries).filter(pending) {
            if entry.series.scenario == scenario {
                waiting.pending += 1;
                waiting.overdue += u64::from(entry.deadline < now);
                let sent = entry.timeline.sent;
                waiting.oldest_sent = Some(waiting.oldest_sent.map_or(sent, |oldest| oldest.min(sent)));
            }
        }
        waiting
    }

    /// The age at `now` of each operation of the measured phase that has not arrived, by series: pending, lost
    /// and of unknown fate. Rejected and superseded ones are left out (design: percentiles over all operations).
    pub fn ages(&self, latency: Latency, now: UnixNanos, ages: &mut [SignedHistogram]) {
        let counts = |entry: &&Entry| {
            entry.phase == Phase::Run
                && matches!(entry.outcome, Outcome::Pending | Outcome::Lost | Outcome::Unknown)
        };
        for entry in self.open_entries().filter(counts) {
            if let Some(age) = entry.timeline.age(latency, now) {
                ages[entry.series.index].record(age.max(Nanos::ZERO));
            }
        }
    }

    /// The same for all that some tags name: of everything that has not arrived, or of what is pending only.
    #[must_use]
    pub fn ages_of(
        &self,
        latency: Latency,
        tags: Tags,
        pending_only: bool,
        now: UnixNanos,
    ) -> SignedHistogram {
        let mut ages = SignedHistogram::default();
        let counts = |entry: &&Entry| {
            let open = match entry.outcome {
                Outcome::Pending => true,
                Outcome::Lost | Outcome::Unknown => !pending_only,
                _ => false,
            };
            open && entry.phase == Phase::Run && entry.place().matches(tags)
        };
        let open = self.open_entries().filter(counts);
        open.filter_map(|entry| entry.timeline.age(latency, now))
            .for_each(|age| ages.record(age.max(Nanos::ZERO)));
        ages
    }

    /// What may still arrive is in a window or in the side table.
    fn open_entries(&self) -> impl Iterator<Item = &Entry> {
        self.windows.iter().flat_map(Window::entries).chain(self.lost.values())
    }

    /// Both sums, for each phase, at any time; at the close also that every arrival changed one entry.
    ///
    /// # Panics
    /// When a sum does not close: our own bug, and no figure could be trusted.
    pub fn assert_sums(&self, closed: bool) {
        self.tallies.assert_sums();
        for phase in Phase::ALL {
            let (account, events) = (self.total(phase), self.events(phase));
            assert!(events.closes(), "events are the sum of their kinds: {events:?}");
            assert_eq!(events.arrivals(), account.arrived(), "each arrival changed one entry of {phase}");
            assert!(
                !closed || events.count(EventKind::Early) == 0,
                "no event is early at the close of {phase}"
            );
            assert!(
                !closed || account.count(Outcome::Pending) == 0,
                "no entry is pending at the close of {phase}"
            );
        }
    }
}
