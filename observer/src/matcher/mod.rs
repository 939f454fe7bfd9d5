//! The matcher: decides what each event was and what became of each entry of the ledger.
//!
//! A pure state machine: no I/O, no locks, no clock; time is an argument. Entries and events come in any
//! order. Every entry has exactly one outcome and every event exactly one kind at any time, and both sums
//! close after every call; [`Matcher::assert_sums`] checks it.
//!
//! State is bounded by what is open, and no step costs more than O(log n), amortised: a store of open entries with a
//! window per writer (sequences are dense), the keys of what is in it, heaps of what waits, queues of what is kept though
//! it was given up, and early events. What may grow without end in a run that fails has a limit in [`Bounds`].

mod arrival;
mod cause;
mod cells;
mod comparison;
mod documents;
mod early;
mod entry;
mod figures;
mod forgotten;
mod kept;
mod keys;
mod leaving;
mod lookup;
mod made;
mod records;
mod sequences;
mod series;
mod store;
mod tally;
mod waits;
mod window;

pub use cause::Cause;
pub use cells::index as cell_index;
pub use comparison::{ColumnTally, Comparison};
pub use entry::Entry;
pub use forgotten::Forgotten;
pub use lookup::Found;
pub use series::{Place, Series, SeriesIndex};
pub use tally::{Checks, Slices, Tally};
pub use waits::Waiting;

use streamgauge_shared::account::{EventCount, Outcome, Phase, Undecodable};
use streamgauge_shared::ledger::NotSent;
use streamgauge_shared::marks::Marks;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Reading, Timeline};

use comparison::ColumnTallies;
use documents::Documents;
use early::Early;
use kept::{Kept, Kind};
use keys::Keys;
use store::{Id, Store, Ticket};
use tally::Tallies;
use waits::Waits;

/// Entries kept at most of each kind on which the pipeline has nothing more to do, in case something comes after all:
/// lost ones, those of unknown fate, superseded ones, and those that arrived and of which PostgreSQL's answer has not
/// come. None takes the place of another. Past it the oldest of its kind is forgotten: it stays in every count and in
/// the percentiles ([`Forgotten`]), its event would be a duplicate, and [`Limits`] has the number.
pub const KEPT_MAX: usize = 100_000;
/// Memory for stamped events of this run that wait for the record of their operation: one million of them and more. The
/// observer waits 40 s for a writer whose link is away, so this is enough up to 30,000 events a second. Past it an event
/// is let go: its row will be lost, and [`Limits::events_let_go`] says so.
pub const EARLY_BYTES_MAX: usize = 256 << 20;
/// Memory for deletes that no open operation explains, until the records of all writers have passed their time: about
/// 400,000 of them. Apart from the stamped events, so that foreign deletes take no place of theirs. Past it the oldest
/// is let go as foreign, and is in [`Limits::deletes_let_go`].
pub const EARLY_DELETES_BYTES_MAX: usize = 128 << 20;
/// Documents with keys of the sink's own that are remembered until they are removed: about 130 MB. Past it the oldest is
/// forgotten, and [`Limits::documents_forgotten`] says so: the delete of its row is not expected then.
pub const DOCUMENTS_MAX: usize = 1_000_000;
/// Matched deletes remembered, so that a replay of one is a duplicate and not foreign.
pub const DELETES_KEPT_MAX: usize = 100_000;

/// What the matcher tells as it goes; the recorder listens.
pub trait Sink {
    /// A latency of the measured phase is known since `at`, or known to lie between two bounds.
    fn latency(&mut self, place: Place, latency: Latency, reading: Reading, at: UnixNanos);
    /// An operation of the measured phase was intended for then; told after [`Self::sent`].
    fn intended(&mut self, _at: UnixNanos) {}
    /// An operation of the measured phase was opened.
    fn sent(&mut self, at: UnixNanos);
    /// It was sent then, and turns out to be none whose event could be known: it is no entry any more.
    fn not_expected(&mut self, _place: Place, _sent: UnixNanos) {}
    /// It was sent again; the first time does not count any more.
    fn sent_again(&mut self, before: UnixNanos, at: UnixNanos);
    /// An operation of the measured phase became runnable and was never sent. It has no other times, is in no latency,
    /// and nothing more is expected of it.
    fn not_sent(&mut self, _writer: u16, _place: Place, _operation: &NotSent) {}
    /// An operation of the measured phase arrived; the time is absent where it cannot be believed.
    fn arrived(&mut self, sent: UnixNanos, observed: Option<UnixNanos>);
    /// An operation of the measured phase arrived whose model names marks; whether its time can be believed.
    fn marked(&mut self, _place: Place, _timeline: &Timeline, _marks: &Marks, _measured: bool) {}
    /// An awaited operation arrived, or never will.
    fn settled(&mut self, writer: u16, sequence: u64, arrived: bool);
    /// One more event of an operation of the measured phase that had arrived.
    fn duplicate(&mut self, writer: u16, sequence: u64);
    /// An operation of the measured phase was given up. It may still arrive.
    fn lost(&mut self, _writer: u16, _sequence: u64, _entry: &Entry) {}
    /// Nothing more is expected of an operation of the measured phase.
    fn done(&mut self, writer: u16, sequence: u64, entry: &Entry);
}

/// The limits of what a matcher keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// See [`KEPT_MAX`].
    pub kept: usize,
    /// See [`EARLY_BYTES_MAX`].
    pub early_bytes: usize,
    /// See [`EARLY_DELETES_BYTES_MAX`].
    pub early_deletes_bytes: usize,
    /// See [`DELETES_KEPT_MAX`].
    pub deletes_kept: usize,
    /// See [`DOCUMENTS_MAX`].
    pub documents: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            kept: KEPT_MAX,
            early_bytes: EARLY_BYTES_MAX,
            early_deletes_bytes: EARLY_DELETES_BYTES_MAX,
            deletes_kept: DELETES_KEPT_MAX,
            documents: DOCUMENTS_MAX,
        }
    }
}

/// What passed a bound, and other things that should not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Lost entries, and entries of unknown fate, forgotten past [`Bounds::kept`].
    pub lost_forgotten: u64,
    /// Superseded entries forgotten past [`Bounds::kept`].
    pub superseded_forgotten: u64,
    /// Stamped events of this run let go past [`Bounds::early_bytes`]: they count as foreign, and their rows are not
    /// lost though they may be counted so.
    pub events_let_go: u64,
    /// Deletes let go past [`Bounds::early_deletes_bytes`], before it was known whether they are this run's.
    pub deletes_let_go: u64,
    /// Documents forgotten past [`Bounds::documents`] before they were removed.
    pub documents_forgotten: u64,
    /// Records and events that contradict what was known: an event of an operation that PostgreSQL is said to have
    /// refused, a second record of one that has left.
    pub contradictions: u64,
}

/// How much a matcher holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Open entries.
    pub entries: usize,
    /// Those of them that were given up.
    pub lost: usize,
    /// Events that wait for the record of their operation.
    pub early: u64,
    /// The memory of all of it: about.
    pub bytes: usize,
    /// Steps taken in queues so far, beside a fixed number of look-ups for each record and event.
    pub steps: u64,
}

/// The state machine.
pub struct Matcher {
    run: RunId,
    lost_after: Nanos,
    bounds: Bounds,
    tallies: Tallies,
    events: [EventCount; Phase::COUNT],
    store: Store,
    keys: Keys,
    documents: Documents,
    waits: Waits,
    kept: Kept,
    early: Early,
    recovered: u64,
    columns: ColumnTallies,
    undecodable: [u64; Undecodable::COUNT],
    limits: Limits,
    /// What the open entries point to, in bytes.
    heap_bytes: usize,
    /// By entity, whether no other run can have had one of its keys.
    unrepeated: Box<[bool]>,
    /// By entity, whether its documents have keys of the sink's own.
    learned: Box<[bool]>,
    /// The latest time that is known to have passed.
    latest: UnixNanos,
}

/// What an entry is kept by, before it changes.
struct Mark {
    id: Id,
    ticket: Ticket,
    kept: Option<Kind>,
    is_pending: bool,
}

impl Matcher {
    /// The matcher of a run with a number of writers.
    #[must_use]
    pub fn new(run: RunId, series: SeriesIndex, slices: Slices, writers: u16, lost_after: Nanos) -> Self {
        Self::bounded(run, series, slices, writers, lost_after, Bounds::default())
    }

    /// By entity, whether no other run can have had one of its keys; without it any may have.
    #[must_use]
    pub fn with_unrepeated(mut self, unrepeated: impl IntoIterator<Item = bool>) -> Self {
        self.unrepeated = unrepeated.into_iter().collect();
        self
    }

    /// By entity, whether its documents have keys of the sink's own, learned from events; without it none has.
    #[must_use]
    pub fn with_learned(mut self, learned: impl IntoIterator<Item = bool>) -> Self {
        self.learned = learned.into_iter().collect();
        self
    }

    /// The same with other limits.
    #[must_use]
    pub fn bounded(
        run: RunId,
        series: SeriesIndex,
        slices: Slices,
        writers: u16,
        lost_after: Nanos,
        bounds: Bounds,
    ) -> Self {
        Self {
            run,
            lost_after,
            bounds,
            tallies: Tallies::new(series, slices),
            events: Default::default(),
            store: Store::new(writers),
            keys: Keys::new(bounds.deletes_kept),
            documents: Documents::new(bounds.documents),
            waits: Waits::new(series.scenarios()),
            kept: Kept::new(bounds.kept),
            early: Early::default(),
            recovered: 0,
            columns: ColumnTallies::default(),
            undecodable: [0; Undecodable::COUNT],
            limits: Limits::default(),
            unrepeated: Box::default(),
            learned: Box::default(),
            heap_bytes: 0,
            latest: UnixNanos(i64::MIN),
        }
    }

    /// Before an entry changes: what it is kept by.
    fn mark(&self, id: Id) -> Option<Mark> {
        let (ticket, entry) = (self.store.ticket(id)?, self.store.get(id)?);
        Some(Mark { id, ticket, kept: Kind::of(entry), is_pending: entry.outcome == Outcome::Pending })
    }

    /// After an entry has changed: it is kept by what it is now.
    fn follow(&mut self, Mark { id, ticket, kept, is_pending }: Mark) {
        let Some(held) = self.store.held_mut(id) else { return };
        let now_kept = Kind::of(&held.entry);
        if is_pending && held.entry.outcome != Outcome::Pending {
            let was_overdue = std::mem::take(&mut held.overdue);
            if let Some(entry) = self.store.get(id) {
                self.waits.settled(entry, was_overdue, &self.store);
            }
        }
        self.kept.change(ticket, kept, now_kept, &self.store);
    }

    /// A pending entry was sent again, or has another deadline.
    fn reschedule(&mut self, id: Id) {
        let Some(ticket) = self.store.ticket(id) else { return };
        let Some(held) = self.store.held_mut(id) else { return };
        if held.entry.outcome == Outcome::Pending {
            let was_overdue = std::mem::take(&mut held.overdue);
            self.waits.moved(ticket, was_overdue, &self.store);
        }
    }

    /// Every record that a writer queued before this time is here. Resolves events that no entry explains.
    pub fn passed(&mut self, writer: u16, queued_at: UnixNanos) {
        if let Some(window) = self.store.window_mut(writer) {
            window.passed(queued_at);
        }
        self.let_go_passed();
    }

    /// A writer's times may be off by so much, from now on.
    pub fn clock_bound(&mut self, writer: u16, bound: Nanos) {
        if let Some(window) = self.store.window_mut(writer) {
            window.set_clock_bound(bound);
        }
    }

    /// A capacity search begins its next probe: slices count anew, and what was opened before is in none of them.
    pub fn begin_probe(&mut self) {
        self.store.iter_mut().for_each(|held| held.entry.stage = None);
        self.tallies.reset_slices();
    }
}

fn done((writer, sequence): Id, entry: &Entry, sink: &mut impl Sink) {
    if entry.phase == Phase::Run {
        sink.done(writer, sequence, entry);
    }
}

fn duplicate((writer, sequence): Id, phase: Phase, sink: &mut impl Sink) {
    if phase == Phase::Run {
        sink.duplicate(writer, sequence);
    }
}

#[cfg(test)]
mod tests;
