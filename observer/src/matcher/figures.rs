//! What the matcher's state adds up to, for snapshots.

use streamgauge_shared::account::{Account, EventCount, EventKind, Outcome, Phase, Undecodable};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::threshold::Tags;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::forgotten::counts_in_percentiles;
use super::kept::Kind;
use super::window::Window;
use super::{
    Cause, ColumnTally, Entry, Forgotten, Holding, Limits, Matcher, Series, SeriesIndex, Tally, Waiting,
};

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

    /// Entries of a series with a cause beside their outcome.
    #[must_use]
    pub fn cause(&self, series: Series, phase: Phase, cause: Cause) -> u64 {
        self.tallies.cause(series, phase, cause)
    }

    /// The causes of a phase with their counts, of those that any entry has.
    #[must_use]
    pub fn causes(&self, phase: Phase) -> Vec<(Cause, u64)> {
        let count = |cause| self.series().all().map(|series| self.cause(series, phase, cause)).sum::<u64>();
        Cause::ALL.into_iter().map(|cause| (cause, count(cause))).filter(|(_, count)| *count > 0).collect()
    }

    /// What is known of a series' entries that were forgotten in the measured phase; absent while none was.
    #[must_use]
    pub fn forgotten(&self, series: Series) -> Option<&Forgotten> {
        self.tallies.forgotten(series)
    }

    /// The same of a slice that a threshold declares, by its exact tags.
    #[must_use]
    pub fn forgotten_of_slice(&self, tags: Tags) -> Option<&Forgotten> {
        self.tallies.forgotten_of_slice(tags)
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

    /// Tallies of some tags in cells of this width, from one index to before another: see [`cell_index`].
    ///
    /// [`cell_index`]: super::cell_index
    pub fn cells(&self, tags: Tags, width: Nanos, from: i64, to: i64) -> impl Iterator<Item = (i64, &Tally)> {
        self.tallies.cells(tags, width, from, to)
    }

    /// Up to here every writer's records are here.
    #[must_use]
    pub fn complete_until(&self) -> UnixNanos {
        self.store.windows().iter().map(Window::watermark).min().unwrap_or(UnixNanos(i64::MAX))
    }

    /// What became of an operation so far; absent if its entry has not come, or has left for good.
    #[must_use]
    pub fn outcome(&self, writer: u16, sequence: u64) -> Option<Outcome> {
        self.store.get((writer, sequence)).map(|entry| entry.outcome)
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
        self.early.count() == 0 && self.tallies.open_entries() == 0
    }

    /// Sequences of a writer, of so many opened, whose entries never came.
    #[must_use]
    pub fn missing(&self, writer: u16, operations: u64) -> u64 {
        self.store.window(writer).map_or(operations, |window| window.missing(operations))
    }

    /// Entries of a writer whose fate in PostgreSQL no record has told: once the writer's load has ended and all its
    /// records are here, that many are missing from the ledger.
    #[must_use]
    pub fn unclosed(&self, writer: u16) -> u64 {
        self.store.window(writer).map_or(0, Window::unclosed)
    }

    /// How much is held right now.
    #[must_use]
    pub fn holding(&self) -> Holding {
        Holding {
            entries: self.store.len(),
            lost: self.kept.count(Kind::Lost),
            early: self.early.count(),
            bytes: self.store.bytes()
                + self.heap_bytes
                + self.keys.bytes()
                + self.documents.bytes()
                + self.waits.bytes()
                + self.kept.bytes()
                + self.early.bytes(),
            steps: self.waits.steps() + self.kept.steps() + self.documents.steps(),
        }
    }

    /// What is on its way in the measured phase of one scenario, as of the last [`Self::advance`].
    #[must_use]
    pub fn waiting(&self, scenario: u16) -> Waiting {
        self.waits.waiting(scenario)
    }

    /// The age at `now` of each operation of the measured phase that has not arrived, by series: pending, lost
    /// and of unknown fate. Rejected and superseded ones are left out (design: percentiles over all operations).
    /// Those that were forgotten are in it at the age at which they were.
    pub fn ages(&self, latency: Latency, now: UnixNanos, ages: &mut [SignedHistogram]) {
        for entry in self.unarrived() {
            if let Some(age) = entry.timeline.age(latency, now) {
                ages[entry.series.index].record(age.max(Nanos::ZERO));
            }
        }
        for series in self.series().all() {
            if let Some(forgotten) = self.forgotten(series) {
                ages[series.index].merge(forgotten.ages(latency));
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
            (!pending_only || entry.outcome == Outcome::Pending) && entry.place().matches(tags)
        };
        let open = self.unarrived().filter(counts);
        open.filter_map(|entry| entry.timeline.age(latency, now))
            .for_each(|age| ages.record(age.max(Nanos::ZERO)));
        if pending_only {
            return ages;
        }
        if tags.is_slice() {
            self.forgotten_of_slice(tags)
                .into_iter()
                .for_each(|forgotten| ages.merge(forgotten.ages(latency)));
        } else {
            let series = self.series().all().filter(|series| series.matches(tags));
            let forgotten = series.filter_map(|series| self.forgotten(series));
            forgotten.for_each(|forgotten| ages.merge(forgotten.ages(latency)));
        }
        ages
    }

    /// Open entries of the measured phase that have not arrived and count in percentiles.
    fn unarrived(&self) -> impl Iterator<Item = &Entry> {
        let open = self.store.iter().map(|held| &held.entry);
        open.filter(|entry| entry.phase == Phase::Run && counts_in_percentiles(entry))
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
