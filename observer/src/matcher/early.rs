//! Events whose entry is not here yet: held, bounded, until the entry comes, or until none can come.

use std::collections::{BTreeMap, HashMap, VecDeque};

use streamgauge_shared::account::{EventKind, Operation, Phase};
use streamgauge_shared::marks::Marks;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Reading};

use super::keys::RowDigest;
use super::store::Id;
use super::window::Window;
use super::{Matcher, Place, Sink, duplicate};
use crate::stream::{Change, Event};

/// What it takes to find a held event, in bytes: about. A place in a hash map that may be half empty, a place in the
/// order, and what the allocator adds.
const TO_FIND: usize = 128;

/// The events that are held.
#[derive(Default)]
pub(super) struct Early {
    /// By the operation that they are of.
    of_operation: HashMap<Id, Waiting>,
    bytes: usize,
    /// Deletes that no open operation explains, in the order in which they came.
    deletes: BTreeMap<u64, HeldDelete>,
    /// Their places in that order, by each row that they may be of.
    deletes_of: HashMap<RowDigest, VecDeque<u64>>,
    delete_bytes: usize,
    next_delete: u64,
    count: u64,
}

/// A delete that no open operation explains.
struct HeldDelete {
    event: Event,
    /// Of a document whose key the sink chose: the row that it is, or what stands for that until it is known.
    row: Option<RowDigest>,
}

/// Events of one operation; nearly always one.
enum Waiting {
    One(Box<Event>),
    Several(Vec<Event>),
}

impl Waiting {
    fn into_events(self) -> Vec<Event> {
        match self {
            Self::One(event) => vec![*event],
            Self::Several(events) => events,
        }
    }
}

/// The memory of a held event, in bytes: about.
fn bytes_of(event: &Event) -> usize {
    let content = match &event.change {
        Change::Stamped { content, .. } => content.bytes(),
        Change::Deleted { key, .. } => key.readings().iter().map(String::capacity).sum(),
        Change::Removed { .. } | Change::Unstamped | Change::Undecodable(_) => 0,
    };
    let marks = if event.marks.is_some() { size_of::<Marks>() } else { 0 };
    TO_FIND + size_of::<Event>() + content + marks
}

impl HeldDelete {
    /// The rows that it may be of: its key may have several readings.
    fn rows(&self) -> impl Iterator<Item = RowDigest> {
        let deleted = match &self.event.change {
            Change::Deleted { entity, key } => Some((*entity, key.readings())),
            _ => None,
        };
        let by_key = deleted
            .into_iter()
            .flat_map(|(entity, keys)| keys.iter().map(move |key| RowDigest::of(entity, key)));
        self.row.into_iter().chain(by_key)
    }
}

impl Early {
    /// Events held.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// What they take, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.delete_bytes
    }

    fn hold(&mut self, id: Id, event: Event) {
        self.count += 1;
        self.bytes += bytes_of(&event);
        let held = match self.of_operation.remove(&id) {
            None => Waiting::One(Box::new(event)),
            Some(waiting) => {
                let mut events = waiting.into_events();
                events.push(event);
                Waiting::Several(events)
            }
        };
        self.of_operation.insert(id, held);
    }

    fn take(&mut self, id: Id) -> Vec<Event> {
        if self.of_operation.is_empty() {
            return Vec::new();
        }
        let events = self.of_operation.remove(&id).map(Waiting::into_events).unwrap_or_default();
        self.count -= events.len() as u64;
        self.bytes -= events.iter().map(bytes_of).sum::<usize>();
        events
    }

    fn hold_delete(&mut self, held: HeldDelete) {
        self.count += 1;
        self.delete_bytes += bytes_of(&held.event);
        for row in held.rows() {
            self.deletes_of.entry(row).or_default().push_back(self.next_delete);
        }
        self.deletes.insert(self.next_delete, held);
        self.next_delete += 1;
    }

    /// The deletes of a row, in the order in which they came.
    fn take_deletes(&mut self, row: RowDigest) -> Vec<Event> {
        let mut taken = Vec::new();
        while let Some(place) = self.deletes_of.get(&row).and_then(VecDeque::front).copied() {
            let Some(event) = self.take_delete(place) else { break };
            taken.push(event);
        }
        taken
    }

    fn take_oldest_delete(&mut self) -> Option<Event> {
        let place = *self.deletes.first_key_value()?.0;
        self.take_delete(place)
    }

    /// A delete is held no more. It is the oldest of one of its rows, or of all.
    fn take_delete(&mut self, place: u64) -> Option<Event> {
        let held = self.deletes.remove(&place)?;
        for row in held.rows() {
            if let Some(places) = self.deletes_of.get_mut(&row) {
                // Of a row that it may be of as well it is among the few that have the same readings.
                if let Ok(index) = places.binary_search(&place) {
                    places.remove(index);
                }
                if places.is_empty() {
                    self.deletes_of.remove(&row);
                }
            }
        }
        self.count -= 1;
        self.delete_bytes -= bytes_of(&held.event);
        Some(held.event)
    }
}

impl Matcher {
    /// An event of this run that the record of its operation does not explain yet.
    pub(super) fn hold(&mut self, id: Id, event: Event) {
        let run = &mut self.events[Phase::Run as usize];
        if self.early.bytes + bytes_of(&event) > self.bounds.early_bytes {
            // It is ours, and there is no kind for that: what it is counted as is said apart.
            run.see(EventKind::Foreign);
            self.limits.events_let_go += 1;
            return;
        }
        run.see(EventKind::Early);
        self.early.hold(id, event);
    }

    /// Lets deletes go that every writer's records have passed: no entry can explain them any more.
    pub(super) fn let_go_passed(&mut self) {
        let all_passed = self.store.windows().iter().map(Window::watermark).min();
        while let (Some(passed), Some((_, held))) = (all_passed, self.early.deletes.first_key_value())
            && held.event.observed < passed
        {
            self.let_go_oldest_delete();
        }
    }

    fn let_go_oldest_delete(&mut self) {
        if self.early.take_oldest_delete().is_some() {
            self.events[Phase::Run as usize].change(EventKind::Early, EventKind::Foreign);
        }
    }

    /// The close: deletes are foreign, stamped events are entries that the ledger does not hold.
    pub(super) fn close_early(&mut self, sink: &mut impl Sink) {
        while !self.early.deletes.is_empty() {
            self.let_go_oldest_delete();
        }
        let mut ids: Vec<Id> = self.early.of_operation.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let events = self.early.take(id);
            let Some(phase) = self.store.get(id).map(|entry| entry.phase) else {
                // No record of it has come: nothing is held for what has left.
                self.recover(&events, sink);
                continue;
            };
            for (index, event) in events.into_iter().enumerate() {
                self.events[Phase::Run as usize].give(EventKind::Early);
                if index > 0 {
                    // The first one may have let the entry leave.
                    self.events[phase as usize].see(EventKind::Duplicate);
                    duplicate(id, phase, sink);
                    continue;
                }
                // PostgreSQL's answer to a delete never came; or the record of a row's last attempt, and then its
                // time is not known and the ledger is incomplete.
                let is_delete = matches!(event.change, Change::Deleted { .. } | Change::Removed { .. });
                self.limits.contradictions += u64::from(!is_delete);
                let measured = event.measured && is_delete;
                self.arrive(id, &Event { measured, ..event }, sink);
            }
        }
    }

    pub(super) fn unmatched_delete(&mut self, event: Event, sink: &mut impl Sink) {
        let document = match event.change {
            Change::Removed { document } => Some(document),
            _ => None,
        };
        let as_document = document.map(RowDigest::of_document);
        let row = document.and_then(|document| self.documents.row(document)).or(as_document);
        let held = HeldDelete { event, row };
        let matched = held.rows().chain(as_document).find_map(|row| self.keys.matched_delete(row));
        if let Some((phase, id)) = matched {
            self.events[phase as usize].see(EventKind::Duplicate);
            duplicate(id, phase, sink);
            return;
        }
        self.events[Phase::Run as usize].see(EventKind::Early);
        self.early.hold_delete(held);
        while self.early.delete_bytes > self.bounds.early_deletes_bytes {
            self.limits.deletes_let_go += 1;
            self.let_go_oldest_delete();
        }
    }

    /// Events of an operation that the ledger does not hold: an entry after the fact, delivered but unmeasured.
    fn recover(&mut self, events: &[Event], sink: &mut impl Sink) {
        let Some(event) = events.first() else { return };
        let Change::Stamped { entity, stamp, .. } = &event.change else { return };
        self.recovered += 1;
        let series = self.series().at(0, *entity, Operation::Create);
        self.tallies.recover(series);
        let place = Place { series, group: None, stage: None, at: stamp.sent };
        let unknown = Reading::Between { at_least: Nanos::ZERO, at_most: None };
        for latency in [Latency::CdcE2eLatency, Latency::CdcE2eLatencyIntended] {
            sink.latency(place, latency, unknown, event.observed);
        }
        let run = &mut self.events[Phase::Run as usize];
        run.change(EventKind::Early, EventKind::First);
        events[1..].iter().for_each(|_| run.change(EventKind::Early, EventKind::Duplicate));
    }

    /// A delete is opened: events of its key are held for it until PostgreSQL answers. Those that are older than it are
    /// another run's.
    pub(super) fn adopt_early_deletes(&mut self, row: RowDigest, id: Id, entity: u16, sent: UnixNanos) {
        // They are counted as early already; one that does not fit any more is let go.
        for event in self.early.take_deletes(row) {
            if !self.may_be_of(id, entity, sent, &event) {
                self.events[Phase::Run as usize].change(EventKind::Early, EventKind::Foreign);
                continue;
            }
            self.events[Phase::Run as usize].give(EventKind::Early);
            self.hold(id, event);
        }
    }

    /// It is known now which row a document is: what was held of it happens.
    pub(super) fn dispatch_early_deletes(&mut self, row: RowDigest, sink: &mut impl Sink) {
        for event in self.early.take_deletes(row) {
            self.events[Phase::Run as usize].give(EventKind::Early);
            self.event(event, sink);
        }
    }

    /// Its record has come: whatever was held for it happens now.
    pub(super) fn replay_early(&mut self, id: Id, sink: &mut impl Sink) {
        for event in self.early.take(id) {
            self.events[Phase::Run as usize].give(EventKind::Early);
            self.event(event, sink);
        }
    }
}
