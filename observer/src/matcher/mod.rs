//! The matcher: decides what each event was and what became of each entry of the ledger.
//!
//! A pure state machine: no I/O, no locks, no clock; time is an argument. Entries and events come in any
//! order. Every entry has exactly one outcome and every event exactly one kind at any time, and both sums
//! close after every call; [`Matcher::assert_sums`] checks it.
//!
//! State is bounded by what is open: a sliding window per writer (sequences are dense), the keys of what is
//! in it, and three side tables with named limits ([`LOST_KEPT_MAX`], [`EARLY_MAX`], [`DELETES_KEPT_MAX`]).

mod comparison;
mod early;
mod entry;
mod figures;
mod keys;
mod lookup;
mod series;
mod tally;
mod window;

pub use comparison::{ColumnTally, Comparison};
pub use entry::Entry;
pub use lookup::Found;
pub use series::{Place, Series, SeriesIndex};
pub use tally::{Checks, Slices, Tally};

use std::collections::{HashMap, VecDeque};

use streamgauge_shared::account::{EventCount, EventKind, Operation, Outcome, Phase, Undecodable};
use streamgauge_shared::ledger::{Awaited, Closed, NotSent, Opened, Written};
use streamgauge_shared::marks::Marks;
use streamgauge_shared::stamp::{RunId, Stamp};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Timeline};

use crate::stream::{Change, Event};
use comparison::ColumnTallies;
use keys::Keys;
use tally::Tallies;
use window::Window;

/// Entries given up that are remembered in case they arrive after all. Past it the oldest is forgotten:
/// its event would then count as a duplicate; the number forgotten is in [`Limits::lost_forgotten`].
pub const LOST_KEPT_MAX: usize = 100_000;
/// Events held because their entry is not here yet. Past it the oldest is let go as foreign, and the
/// number is in [`Limits::early_let_go`].
pub const EARLY_MAX: usize = 100_000;
/// Matched deletes remembered, so that a replay of one is a duplicate and not foreign.
pub const DELETES_KEPT_MAX: usize = 100_000;

/// What the matcher tells as it goes; the recorder listens.
pub trait Sink {
    /// A latency of the measured phase is known since `at`, or is known to be unmeasurable.
    fn latency(&mut self, place: Place, latency: Latency, value: Option<Nanos>, at: UnixNanos);
    /// An operation of the measured phase was opened.
    fn sent(&mut self, at: UnixNanos);
    /// It was sent again; the first time does not count any more.
    fn sent_again(&mut self, before: UnixNanos, at: UnixNanos);
    /// An operation of the measured phase arrived; the time is absent where it cannot be believed.
    fn arrived(&mut self, sent: UnixNanos, observed: Option<UnixNanos>);
    /// An operation of the measured phase arrived whose model names marks; whether its time can be believed.
    fn marked(&mut self, _place: Place, _timeline: &Timeline, _marks: &Marks, _measured: bool) {}
    /// An awaited operation arrived, or never will.
    fn settled(&mut self, writer: u16, sequence: u64, arrived: bool);
    /// One more event of an operation of the measured phase that had arrived.
    fn duplicate(&mut self, writer: u16, sequence: u64);
    /// Nothing more is expected of an operation of the measured phase.
    fn done(&mut self, writer: u16, sequence: u64, entry: &Entry);
}

/// What passed a bound, and other things that should not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// See [`LOST_KEPT_MAX`].
    pub lost_forgotten: u64,
    /// See [`EARLY_MAX`].
    pub early_let_go: u64,
    /// Events of operations that PostgreSQL is said to have refused.
    pub contradictions: u64,
}

/// The state machine.
pub struct Matcher {
    run: RunId,
    lost_after: Nanos,
    tallies: Tallies,
    events: [EventCount; Phase::COUNT],
    windows: Vec<Window>,
    keys: Keys,
    /// Given up or superseded, and no longer in the window.
    lost: HashMap<(u16, u64), Entry>,
    lost_order: VecDeque<(u16, u64)>,
    early: HashMap<(u16, u64), Vec<Event>>,
    early_deletes: VecDeque<Event>,
    early_count: usize,
    recovered: u64,
    columns: ColumnTallies,
    undecodable: [u64; Undecodable::COUNT],
    limits: Limits,
}

impl Matcher {
    /// The matcher of a run with a number of writers.
    #[must_use]
    pub fn new(run: RunId, series: SeriesIndex, slices: Slices, writers: u16, lost_after: Nanos) -> Self {
        Self {
            run,
            lost_after,
            tallies: Tallies::new(series, slices),
            events: Default::default(),
            windows: (0..writers).map(|_| Window::default()).collect(),
            keys: Keys::default(),
            lost: HashMap::new(),
            lost_order: VecDeque::new(),
            early: HashMap::new(),
            early_deletes: VecDeque::new(),
            early_count: 0,
            recovered: 0,
            columns: ColumnTallies::default(),
            undecodable: [0; Undecodable::COUNT],
            limits: Limits::default(),
        }
    }

    /// An operation is about to be sent. A second record of one sequence is a retry: it brings a fresh `sent`.
    pub fn opened(&mut self, writer: u16, opened: Opened, sink: &mut impl Sink) {
        let sequence = opened.sequence;
        let Some(window) = self.windows.get_mut(usize::from(writer)) else { return };
        window.passed(opened.sent);
        let knows = window.knows(sequence);
        if let Some(entry) = window.get_mut(sequence).or_else(|| self.lost.get_mut(&(writer, sequence))) {
            if entry.phase == Phase::Run && !entry.arrived() {
                sink.sent_again(entry.timeline.sent, opened.sent);
            }
            entry.resend(&opened);
            // The event of this attempt may have been waiting for its record.
            self.replay_early(writer, sequence, sink);
            return;
        }
        if knows != window::Knows::Nothing {
            // It was given up, so long ago that it is forgotten, or never came while its successors grew old.
            self.limits.contradictions += 1;
            return;
        }
        let series = self.tallies.series().at(opened.scenario, opened.entity, opened.operation);
        let entry = Entry::new(series, opened);
        if entry.phase == Phase::Run {
            sink.sent(entry.timeline.sent);
        }
        self.tallies.open(&entry);
        self.keys.opened(series.entity, &entry.key, (writer, sequence));
        let (is_delete, key) = (series.operation == Operation::Delete, entry.key.clone());
        window.insert(sequence, entry);
        if is_delete {
            self.adopt_early_deletes(series.entity, &key, (writer, sequence));
        } else {
            self.replay_early(writer, sequence, sink);
        }
    }

    /// An operation became runnable and was never sent: it is an entry all the same, rejected from the start.
    pub fn not_sent(&mut self, writer: u16, operation: NotSent, sink: &mut impl Sink) {
        let NotSent { sequence, phase, scenario, entity, operation, key, group, stage, intended, .. } =
            operation;
        let opened = Opened {
            sequence,
            phase,
            scenario,
            entity,
            operation,
            key,
            group,
            stage,
            content: Vec::new(),
            check: Vec::new(),
            intended,
            connection_wait: Nanos::ZERO,
            sent: intended,
            stamped: intended,
            deadline: intended,
        };
        self.opened(writer, opened, sink);
        self.closed(writer, Closed { sequence, written: Written::Rejected }, sink);
    }

    /// The fate of a statement is known.
    pub fn closed(&mut self, writer: u16, closed: Closed, sink: &mut impl Sink) {
        let Some(window) = self.windows.get_mut(usize::from(writer)) else { return };
        if let Written::Committed(at) = closed.written {
            window.passed(at);
        }
        let given_up = self.lost.get_mut(&(writer, closed.sequence));
        let Some(entry) = window.get_mut(closed.sequence).or(given_up) else { return };
        if entry.written.is_some() {
            return;
        }
        entry.written = Some(closed.written);
        let is_delete = entry.series.operation == Operation::Delete;
        self.tallies.closed(entry);
        let (place, run) = (entry.place(), entry.phase == Phase::Run);
        if run {
            for latency in [Latency::ScheduleLag, Latency::ConnectionWait] {
                sink.latency(place, latency, entry.timeline.latency(latency), entry.timeline.sent);
            }
        }
        match closed.written {
            Written::Committed(at) => {
                entry.timeline.committed = Some(at);
                if run {
                    let duration = entry.timeline.latency(Latency::PgWriteDuration);
                    sink.latency(place, Latency::PgWriteDuration, duration, at);
                    if let Some(observed) = entry.timeline.observed {
                        let value =
                            entry.measured.then(|| entry.timeline.latency(Latency::CdcPropagation)).flatten();
                        sink.latency(place, Latency::CdcPropagation, value, observed.max(at));
                    }
                }
            }
            Written::Rejected | Written::Unknown => {
                let outcome =
                    if closed.written == Written::Rejected { Outcome::Rejected } else { Outcome::Unknown };
                let was = entry.outcome;
                if was.may_become(outcome) {
                    self.tallies.change(entry, outcome);
                    // Whoever waited for one given up or superseded has been told.
                    if outcome == Outcome::Rejected && was == Outcome::Pending && entry.awaited {
                        sink.settled(writer, closed.sequence, false);
                    }
                } else if closed.written == Written::Rejected {
                    self.limits.contradictions += 1;
                }
                if entry.expired
                    && outcome == Outcome::Rejected
                    && let Some(entry) = self.forget_lost((writer, closed.sequence))
                {
                    done((writer, closed.sequence), &entry, sink);
                }
            }
        }
        if is_delete {
            // What was held for it is its event now, or another's.
            self.replay_early(writer, closed.sequence, sink);
        }
        self.retire(writer, sink);
    }

    /// A user waits for an operation: it is due by then, and the user is told when it is settled.
    pub fn awaited(&mut self, writer: u16, awaited: Awaited, sink: &mut impl Sink) {
        let Some(window) = self.windows.get_mut(usize::from(writer)) else { return };
        let given_up = self.lost.get_mut(&(writer, awaited.sequence));
        match window.get_mut(awaited.sequence).or(given_up) {
            Some(entry) if !entry.arrived() => {
                // Also of one superseded or given up, which may arrive after all.
                entry.deadline = awaited.deadline;
                entry.awaited = matches!(entry.outcome, Outcome::Pending | Outcome::Unknown);
                if !entry.awaited {
                    sink.settled(writer, awaited.sequence, false);
                }
            }
            // What has left for good had arrived, or was refused, and then nobody waits for it.
            _ => sink.settled(writer, awaited.sequence, true),
        }
    }

    /// Every record that a writer queued before this time is here. Resolves events that no entry explains.
    pub fn passed(&mut self, writer: u16, queued_at: UnixNanos) {
        if let Some(window) = self.windows.get_mut(usize::from(writer)) {
            window.passed(queued_at);
        }
        self.let_go_passed();
    }

    /// A writer's times may be off by so much, from now on.
    pub fn clock_bound(&mut self, writer: u16, bound: Nanos) {
        if let Some(window) = self.windows.get_mut(usize::from(writer)) {
            window.set_clock_bound(bound);
        }
    }

    /// A capacity search begins its next probe: slices count anew, and what was opened before is in none of them.
    pub fn begin_probe(&mut self) {
        let open = self.windows.iter_mut().flat_map(Window::entries_mut);
        open.chain(self.lost.values_mut()).for_each(|entry| entry.stage = None);
        self.tallies.reset_slices();
    }

    /// An event was read.
    pub fn event(&mut self, event: Event, sink: &mut impl Sink) {
        match &event.change {
            Change::Stamped { stamp, .. } if stamp.run == self.run => self.stamped(*stamp, event, sink),
            Change::Deleted { entity, key } => {
                let open = |key: &String| self.keys.open_delete(*entity, key, &self.windows, &self.lost);
                match key.readings().iter().find_map(open) {
                    Some((id, true)) => self.arrive(id, &event, sink),
                    // It carries no stamp: only PostgreSQL's answer says that it is of this attempt, or of this delete.
                    Some((id, false)) => self.hold(id, event),
                    None => self.unmatched_delete(event, sink),
                }
            }
            Change::Stamped { .. } | Change::Unstamped => {
                self.events[Phase::Run as usize].see(EventKind::Foreign)
            }
            Change::Undecodable(reason) => {
                self.events[Phase::Run as usize].see(EventKind::Undecodable);
                self.undecodable[*reason as usize] += 1;
            }
        }
    }

    fn stamped(&mut self, stamp: Stamp, event: Event, sink: &mut impl Sink) {
        let id = (stamp.writer, stamp.sequence);
        let known = self.windows.get(usize::from(stamp.writer)).map(|window| window.knows(stamp.sequence));
        match known {
            Some(_) if self.is_of_attempt_to_come(id, stamp) => self.hold(id, event),
            Some(window::Knows::Open) => self.arrive(id, &event, sink),
            Some(window::Knows::Retired(phase)) if !self.lost.contains_key(&id) => {
                self.events[phase as usize].see(EventKind::Duplicate);
                duplicate(id, phase, sink);
            }
            Some(window::Knows::Retired(_)) => self.arrive(id, &event, sink),
            Some(window::Knows::Nothing | window::Knows::TooFarAhead) | None => {
                self.hold(id, event);
            }
        }
    }

    /// Whether an event is of an attempt whose record is not here yet: the entry still has the `sent` of the one
    /// before, and its latency would be too long.
    fn is_of_attempt_to_come(&self, (writer, sequence): (u16, u64), stamp: Stamp) -> bool {
        let entry =
            self.windows[usize::from(writer)].get(sequence).or_else(|| self.lost.get(&(writer, sequence)));
        entry.is_some_and(|entry| !entry.arrived() && stamp.sent > entry.stamped)
    }

    /// An event of a known entry: its first arrival, or one more.
    fn arrive(&mut self, id: (u16, u64), event: &Event, sink: &mut impl Sink) {
        let (writer, sequence) = id;
        let Some(entry) =
            self.windows[usize::from(writer)].get_mut(sequence).or_else(|| self.lost.get_mut(&id))
        else {
            return;
        };
        let events = &mut self.events[entry.phase as usize];
        if entry.arrived() {
            events.see(EventKind::Duplicate);
            duplicate(id, entry.phase, sink);
            return;
        }
        let overtaken = self.keys.arrived(entry.series.entity, &entry.key, id);
        let kind = if overtaken.is_none() { EventKind::OutOfOrder } else { EventKind::First };
        events.see(kind);
        self.limits.contradictions += u64::from(entry.outcome == Outcome::Rejected);
        let outcome = if event.observed <= entry.deadline { Outcome::Delivered } else { Outcome::Late };
        let (entity, run) = (entry.series.entity, entry.phase == Phase::Run);
        entry.arrive(event, kind, |column, result| {
            if run {
                self.columns.count(entity, column, result);
            }
        });
        self.tallies.change(entry, outcome);
        self.tallies.compared(entry);
        if entry.phase == Phase::Run {
            report_arrival(entry, event, sink);
        }
        if entry.awaited {
            sink.settled(writer, sequence, true);
        }
        if entry.series.operation == Operation::Delete {
            self.keys.remember_delete(entry.series.entity, &entry.key, entry.phase, id);
        }
        if let Some(entry) = self.forget_lost(id) {
            done(id, &entry, sink);
        }
        for earlier in overtaken.unwrap_or_default() {
            self.supersede(earlier, sink);
        }
        self.retire(writer, sink);
    }

    /// A later operation on its key arrived and this one has not.
    fn supersede(&mut self, id: (u16, u64), sink: &mut impl Sink) {
        let Some(entry) = self.windows[usize::from(id.0)].get_mut(id.1) else { return };
        if entry.outcome == Outcome::Pending {
            self.tallies.change(entry, Outcome::Superseded);
            if entry.awaited {
                sink.settled(id.0, id.1, false);
            }
        }
    }

    /// Time passes: what has not arrived for too long is given up.
    pub fn advance(&mut self, now: UnixNanos, sink: &mut impl Sink) {
        let given_up_before = now - self.lost_after;
        for writer in 0..self.windows.len() {
            let writer = u16::try_from(writer).expect("writers are numbered with 16 bits");
            let ids: Vec<u64> = self.windows[usize::from(writer)].sent_before(given_up_before).collect();
            ids.into_iter().for_each(|sequence| self.give_up((writer, sequence), sink));
            self.windows[usize::from(writer)].expire(given_up_before);
            self.retire(writer, sink);
        }
    }

    fn give_up(&mut self, id: (u16, u64), sink: &mut impl Sink) {
        let Some(entry) = self.windows[usize::from(id.0)].get(id.1) else { return };
        if entry.outcome != Outcome::Pending {
            return;
        }
        // A row that is not there cannot be deleted: the delete shares the fate of what came before it.
        let no_row = entry.series.operation == Operation::Delete
            && self.keys.create_has_not_arrived(
                entry.series.entity,
                &entry.key,
                id,
                &self.windows,
                &self.lost,
            );
        let entry = self.windows[usize::from(id.0)].get_mut(id.1).expect("looked up above");
        self.tallies.change(entry, Outcome::Lost);
        if no_row {
            self.tallies.no_row(entry);
        }
        if entry.awaited {
            sink.settled(id.0, id.1, false);
        }
    }

    /// The end of the drain: whatever is pending is lost, whatever is early is recovered or foreign.
    pub fn close(&mut self, sink: &mut impl Sink) {
        // First: what arrives now supersedes what came before it on its key.
        self.close_early(sink);
        for writer in 0..self.windows.len() {
            let writer = u16::try_from(writer).expect("writers are numbered with 16 bits");
            let ids: Vec<u64> = self.windows[usize::from(writer)].sequences().collect();
            ids.into_iter().for_each(|sequence| self.give_up((writer, sequence), sink));
        }
        for (writer, window) in (0..).zip(&self.windows) {
            window.numbered().for_each(|(sequence, entry)| done((writer, sequence), entry, sink));
        }
        self.lost.iter().for_each(|(id, entry)| done(*id, entry, sink));
    }

    /// Moves what is settled out of the window; what may still arrive goes to the side table.
    fn retire(&mut self, writer: u16, sink: &mut impl Sink) {
        while let Some((sequence, entry)) = self.windows[usize::from(writer)].retire_front() {
            let id = (writer, sequence);
            if entry.arrived() || entry.outcome == Outcome::Rejected {
                done(id, &entry, sink);
                self.keys.retired(entry.series.entity, &entry.key, id);
                continue;
            }
            self.lost.insert(id, entry);
            self.lost_order.push_back(id);
            // Ids of entries that arrived after all are still in the order; they are passed over.
            while self.lost.len() > LOST_KEPT_MAX || self.lost_order.len() > 2 * LOST_KEPT_MAX {
                let oldest = self.lost_order.pop_front().expect("all that are kept are in the order");
                if let Some(entry) = self.forget_lost(oldest) {
                    self.limits.lost_forgotten += 1;
                    done(oldest, &entry, sink);
                }
            }
        }
    }

    fn forget_lost(&mut self, id: (u16, u64)) -> Option<Entry> {
        let entry = self.lost.remove(&id)?;
        self.keys.retired(entry.series.entity, &entry.key, id);
        Some(entry)
    }
}

fn done((writer, sequence): (u16, u64), entry: &Entry, sink: &mut impl Sink) {
    if entry.phase == Phase::Run {
        sink.done(writer, sequence, entry);
    }
}

fn duplicate((writer, sequence): (u16, u64), phase: Phase, sink: &mut impl Sink) {
    if phase == Phase::Run {
        sink.duplicate(writer, sequence);
    }
}

/// The latencies of an arrival; none of them is honest when its time is not.
fn report_arrival(entry: &Entry, event: &Event, sink: &mut impl Sink) {
    let (timeline, place, at) = (&entry.timeline, entry.place(), event.observed);
    let value = |latency| if event.measured { timeline.latency(latency) } else { None };
    for latency in [Latency::CdcE2eLatency, Latency::CdcE2eLatencyIntended] {
        sink.latency(place, latency, value(latency), at);
    }
    if timeline.committed.is_some() {
        sink.latency(place, Latency::CdcPropagation, value(Latency::CdcPropagation), at);
    }
    if timeline.wall.is_some() {
        sink.latency(place, Latency::MongoVisibility, value(Latency::MongoVisibility), at);
    }
    if let Some(marks) = &entry.marks {
        sink.marked(place, timeline, marks, event.measured);
    }
    sink.arrived(timeline.sent, event.measured.then_some(at));
}

#[cfg(test)]
mod tests;
