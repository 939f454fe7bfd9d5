//! Events: what each of them was, and what its arrival makes of its entry and of those before it.

use streamgauge_shared::account::{EventKind, Operation, Outcome, Phase};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Latency;

use super::keys::{Arrival, RowDigest};
use super::store::Id;
use super::window::Knows;
use super::{Entry, Matcher, Sink, duplicate};
use crate::stream::{Change, Event};

impl Matcher {
    /// An event was read.
    pub fn event(&mut self, event: Event, sink: &mut impl Sink) {
        self.latest = self.latest.max(event.observed);
        match &event.change {
            Change::Stamped { stamp, .. } if stamp.run == self.run => self.stamped(*stamp, event, sink),
            Change::Deleted { entity, key } => {
                let open = |key: &String| self.keys.open_delete(RowDigest::of(*entity, key));
                let id = key.readings().iter().find_map(open);
                self.deleted(id, event, sink);
            }
            Change::Removed { document } => {
                let id = self.documents.row(*document).and_then(|row| self.keys.open_delete(row));
                self.deleted(id, event, sink);
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

    /// A row is gone, of which this delete is open.
    fn deleted(&mut self, id: Option<Id>, event: Event, sink: &mut impl Sink) {
        let ours = id.and_then(|id| {
            let entry = self.store.get(id)?;
            let fits = self.may_be_of(id, entry.series.entity, entry.first_sent, &event);
            fits.then(|| (id, entry.written.is_some()))
        });
        match ours {
            Some((id, true)) => self.arrive(id, &event, sink),
            // It carries no stamp: only PostgreSQL's answer says that it is of this attempt, or of this delete.
            Some((id, false)) => self.hold(id, event),
            None => self.unmatched_delete(event, sink),
        }
    }

    /// Whether a delete event may be of our delete of the same key. One that is older than ours is of another run that
    /// had the key. Where no other run can have had it, the clocks are not asked: one that is wrong must not make a row
    /// that is there a lost one.
    pub(super) fn may_be_of(&self, id: Id, entity: u16, sent: UnixNanos, event: &Event) -> bool {
        let since = self.store.window(id.0).map_or(sent, |window| window.events_since(sent));
        // A document is known by a stamp of this run.
        matches!(event.change, Change::Removed { .. })
            || self.unrepeated.get(usize::from(entity)).is_some_and(|unrepeated| *unrepeated)
            || event.observed >= since
    }

    fn stamped(&mut self, stamp: Stamp, event: Event, sink: &mut impl Sink) {
        let id = (stamp.writer, stamp.sequence);
        match self.store.knows(id) {
            Some(Knows::Open) if self.is_of_attempt_to_come(id, stamp) => self.hold(id, event),
            Some(Knows::Open) => self.arrive(id, &event, sink),
            Some(Knows::Left(phase)) => {
                self.events[phase as usize].see(EventKind::Duplicate);
                duplicate(id, phase, sink);
            }
            Some(Knows::Refused(phase)) => {
                self.limits.contradictions += 1;
                self.events[phase as usize].see(EventKind::Duplicate);
                duplicate(id, phase, sink);
            }
            Some(Knows::Nothing) | None => self.hold(id, event),
        }
    }

    /// Whether an event is of an attempt whose record is not here yet: the entry still has the `sent` of the one
    /// before, and its latency would be too long.
    fn is_of_attempt_to_come(&self, id: Id, stamp: Stamp) -> bool {
        self.store.get(id).is_some_and(|entry| !entry.arrived() && stamp.sent > entry.stamped)
    }

    /// An event of a known entry: its first arrival, or one more.
    pub(super) fn arrive(&mut self, id: Id, event: &Event, sink: &mut impl Sink) {
        let (writer, sequence) = id;
        let Some(mark) = self.mark(id) else { return };
        let Some(entry) = self.store.get_mut(id) else { return };
        let events = &mut self.events[entry.phase as usize];
        if entry.arrived() {
            events.see(EventKind::Duplicate);
            duplicate(id, entry.phase, sink);
            return;
        }
        let row = entry.row();
        let (kind, overtaken) = match row.map(|row| self.keys.arrived(row, id)) {
            Some(Arrival::OutOfOrder) => (EventKind::OutOfOrder, Vec::new()),
            Some(Arrival::Latest(overtaken)) => (EventKind::First, overtaken),
            // A row whose key is not known yet has no other operation that could have arrived.
            None => (EventKind::First, Vec::new()),
        };
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
        let phase = entry.phase;
        if let (Operation::Delete, Some(row)) = (entry.series.operation, row) {
            self.keys.remember_delete(row, phase, id);
        }
        if let Change::Removed { document } = event.change {
            self.keys.remember_delete(RowDigest::of_document(document), phase, id);
            self.documents.forget(document);
        }
        self.follow(mark);
        self.leave_if_settled(id, sink);
        overtaken.into_iter().for_each(|earlier| self.supersede(earlier, sink));
        if let (Change::Stamped { document: Some(document), .. }, Some(row)) = (&event.change, row) {
            self.learn_document(*document, row, sink);
        }
        self.forget_too_many(sink);
    }

    /// A later operation on its key arrived and this one has not.
    pub(super) fn supersede(&mut self, id: Id, sink: &mut impl Sink) {
        let Some(mark) = self.mark(id).filter(|mark| mark.is_pending) else { return };
        let Some(entry) = self.store.get_mut(id) else { return };
        self.tallies.change(entry, Outcome::Superseded);
        if entry.awaited {
            sink.settled(id.0, id.1, false);
        }
        self.follow(mark);
    }
}

fn report_arrival(entry: &Entry, event: &Event, sink: &mut impl Sink) {
    let (timeline, place, at) = (&entry.timeline, entry.place(), event.observed);
    let value = |latency| timeline.reading(latency, event.measured);
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
