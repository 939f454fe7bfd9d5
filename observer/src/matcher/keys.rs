//! Keys: which operations on a row are open, in which order they arrived, and which deletes were matched.

use std::collections::{HashMap, VecDeque};

use streamgauge_shared::account::{Operation, Outcome, Phase};

use super::window::Window;
use super::{DELETES_KEPT_MAX, Entry};

/// Names an operation: writer and sequence. A row belongs to one writer, so the order of sequences is the
/// order of its operations.
pub(super) type Id = (u16, u64);
type Key = (u16, Box<str>);

/// The rows that have an operation in a window or a side table.
#[derive(Default)]
pub(super) struct Keys {
    rows: HashMap<Key, KeyState>,
    deleted: HashMap<Key, (Phase, Id)>,
    deleted_order: VecDeque<Key>,
}

#[derive(Default)]
struct KeyState {
    /// Operations that have not left, oldest first.
    operations: Vec<Operating>,
    latest_arrived: Option<Id>,
}

struct Operating {
    id: Id,
    arrived: bool,
}

impl Keys {
    pub(super) fn opened(&mut self, entity: u16, key: &str, id: Id) {
        let key: Key = (entity, key.into());
        // A row that is written again may be deleted again.
        self.deleted.remove(&key);
        let row = self.rows.entry(key).or_default();
        let at = row.operations.partition_point(|operating| operating.id < id);
        row.operations.insert(at, Operating { id, arrived: false });
    }

    /// An operation arrived. Returns the earlier ones that have not, or nothing if a later one arrived before.
    pub(super) fn arrived(&mut self, entity: u16, key: &str, id: Id) -> Option<Vec<Id>> {
        let row = self.rows.entry((entity, key.into())).or_default();
        if let Some(operating) = row.operations.iter_mut().find(|operating| operating.id == id) {
            operating.arrived = true;
        }
        if row.latest_arrived.is_some_and(|latest| latest > id) {
            return None;
        }
        row.latest_arrived = Some(id);
        let earlier = row.operations.iter().filter(|operating| operating.id < id && !operating.arrived);
        Some(earlier.map(|operating| operating.id).collect())
    }

    /// An operation leaves window and side table.
    pub(super) fn retired(&mut self, entity: u16, key: &str, id: Id) {
        let key: Key = (entity, key.into());
        if let Some(row) = self.rows.get_mut(&key) {
            row.operations.retain(|operating| operating.id != id);
            if row.operations.is_empty() {
                self.rows.remove(&key);
            }
        }
    }

    /// The oldest delete of a row that has not arrived, and whether PostgreSQL has answered it.
    pub(super) fn open_delete(
        &self,
        entity: u16,
        key: &str,
        windows: &[Window],
        lost: &HashMap<Id, Entry>,
    ) -> Option<(Id, bool)> {
        let row = self.rows.get(&(entity, key.into()))?;
        let mut open = row.operations.iter().filter(|operating| !operating.arrived);
        // One that PostgreSQL refused makes no event.
        let is_delete =
            |entry: &Entry| entry.series.operation == Operation::Delete && entry.outcome != Outcome::Rejected;
        open.find_map(|operating| {
            let entry = entry_of(operating.id, windows, lost).filter(|entry| is_delete(entry))?;
            Some((operating.id, entry.written.is_some()))
        })
    }

    /// Whether the row of an operation was created before it, and that has not arrived.
    pub(super) fn create_has_not_arrived(
        &self,
        entity: u16,
        key: &str,
        id: Id,
        windows: &[Window],
        lost: &HashMap<Id, Entry>,
    ) -> bool {
        let Some(row) = self.rows.get(&(entity, key.into())) else { return false };
        let mut before = row.operations.iter().filter(|operating| operating.id < id && !operating.arrived);
        let is_create =
            |entry: &Entry| entry.series.operation == Operation::Create && entry.outcome != Outcome::Rejected;
        before.any(|operating| entry_of(operating.id, windows, lost).is_some_and(is_create))
    }

    /// A delete was matched: one more event of it will be a duplicate.
    pub(super) fn remember_delete(&mut self, entity: u16, key: &str, phase: Phase, id: Id) {
        let key: Key = (entity, key.into());
        if self.deleted.insert(key.clone(), (phase, id)).is_none() {
            self.deleted_order.push_back(key);
        }
        while self.deleted_order.len() > DELETES_KEPT_MAX {
            let oldest = self.deleted_order.pop_front().expect("longer than the limit");
            self.deleted.remove(&oldest);
        }
    }

    /// The phase and the id of a delete that was matched before, if it is remembered.
    pub(super) fn matched_delete(&self, entity: u16, key: &str) -> Option<(Phase, Id)> {
        self.deleted.get(&(entity, key.into())).copied()
    }
}

/// An entry that has not left, wherever it is kept.
fn entry_of<'a>(id: Id, windows: &'a [Window], lost: &'a HashMap<Id, Entry>) -> Option<&'a Entry> {
    windows[usize::from(id.0)].get(id.1).or_else(|| lost.get(&id))
}
