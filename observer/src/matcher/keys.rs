//! Keys: which operations on a row are open, in which order they arrived, and which deletes were matched.
//!
//! Rows are told apart by a digest of 128 bits of entity and key: of a thousand million open rows two are taken for one
//! with a probability of 10⁻²¹. Nothing here is searched from end to end: a key that is written ten thousand times
//! before the first of them arrives costs as much for each operation as any other.

use std::collections::{BTreeSet, HashMap, VecDeque};

use streamgauge_shared::account::{Operation, Phase};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::store::Id;
use crate::stream::DocumentId;

/// Names a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RowDigest(u128);

impl RowDigest {
    pub(super) fn of(entity: u16, key: &str) -> Self {
        Self(xxh3_128_with_seed(key.as_bytes(), entity.into()))
    }

    /// In the place of a row's name while it is not known which row a document is.
    pub(super) fn of_document(document: DocumentId) -> Self {
        Self(document.0)
    }
}

/// The rows that have an open operation, and the deletes that were matched.
pub(super) struct Keys {
    rows: HashMap<RowDigest, KeyState>,
    deleted: HashMap<RowDigest, (Phase, Id)>,
    deleted_order: VecDeque<(RowDigest, Id)>,
    /// Matched deletes remembered at most.
    deletes_max: usize,
}

/// The open operations of a row.
enum KeyState {
    /// Nearly every row has one.
    One(Operating),
    Several(Box<Several>),
}

#[derive(Clone, Copy)]
struct Operating {
    id: Id,
    operation: Operation,
    arrived: bool,
    refused: bool,
}

/// Each set holds operations that have not arrived, oldest first.
#[derive(Default)]
struct Several {
    /// Operations that have not left.
    open: usize,
    /// Those that no later operation has overtaken.
    waiting: BTreeSet<Id>,
    /// Creates that PostgreSQL has not refused.
    creates: BTreeSet<Id>,
    /// Deletes that PostgreSQL has not refused.
    deletes: BTreeSet<Id>,
    latest_arrived: Option<Id>,
}

/// What an arrival means for its row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// A later operation had arrived before.
    OutOfOrder,
    /// It is the latest so far; these, sent before it, have not arrived.
    Latest(Vec<Id>),
}

impl Several {
    fn of(one: Operating) -> Self {
        let mut several = Self::default();
        several.add(one);
        several
    }

    fn add(&mut self, Operating { id, operation, arrived, refused }: Operating) {
        self.open += 1;
        if arrived {
            self.latest_arrived = self.latest_arrived.max(Some(id));
            return;
        }
        self.waiting.insert(id);
        match operation {
            Operation::Create if !refused => drop(self.creates.insert(id)),
            Operation::Delete if !refused => drop(self.deletes.insert(id)),
            _ => {}
        }
    }

    fn arrived(&mut self, id: Id) -> Arrival {
        self.waiting.remove(&id);
        self.refused(id);
        if self.latest_arrived.is_some_and(|latest| latest > id) {
            return Arrival::OutOfOrder;
        }
        self.latest_arrived = Some(id);
        let later = self.waiting.split_off(&id);
        Arrival::Latest(std::mem::replace(&mut self.waiting, later).into_iter().collect())
    }

    fn refused(&mut self, id: Id) {
        self.creates.remove(&id);
        self.deletes.remove(&id);
    }
}

impl Keys {
    pub(super) fn new(deletes_max: usize) -> Self {
        Self { rows: HashMap::new(), deleted: HashMap::new(), deleted_order: VecDeque::new(), deletes_max }
    }

    /// An operation is opened. Returns whether a later one on its row has arrived.
    pub(super) fn opened(&mut self, row: RowDigest, id: Id, operation: Operation) -> bool {
        // A row that is written again may be deleted again.
        self.deleted.remove(&row);
        let new = Operating { id, operation, arrived: false, refused: false };
        let Some(state) = self.rows.get_mut(&row) else {
            self.rows.insert(row, KeyState::One(new));
            return false;
        };
        if let KeyState::One(one) = state {
            *state = KeyState::Several(Box::new(Several::of(*one)));
        }
        let KeyState::Several(several) = state else { return false };
        several.add(new);
        several.latest_arrived.is_some_and(|latest| latest > id)
    }

    /// An operation arrived.
    pub(super) fn arrived(&mut self, row: RowDigest, id: Id) -> Arrival {
        match self.rows.get_mut(&row) {
            Some(KeyState::Several(several)) => several.arrived(id),
            Some(KeyState::One(one)) => {
                one.arrived = true;
                Arrival::Latest(Vec::new())
            }
            None => Arrival::Latest(Vec::new()),
        }
    }

    /// PostgreSQL refused an operation: it makes no event.
    pub(super) fn refused(&mut self, row: RowDigest, id: Id) {
        match self.rows.get_mut(&row) {
            Some(KeyState::Several(several)) => several.refused(id),
            Some(KeyState::One(one)) => one.refused = true,
            None => {}
        }
    }

    /// An operation leaves.
    pub(super) fn left(&mut self, row: RowDigest, id: Id) {
        let is_empty = match self.rows.get_mut(&row) {
            Some(KeyState::Several(several)) => {
                several.waiting.remove(&id);
                several.refused(id);
                several.open -= 1;
                several.open == 0
            }
            Some(KeyState::One(_)) => true,
            None => false,
        };
        if is_empty {
            self.rows.remove(&row);
        }
    }

    /// The oldest delete of a row that has not arrived and that PostgreSQL has not refused.
    pub(super) fn open_delete(&self, row: RowDigest) -> Option<Id> {
        match self.rows.get(&row)? {
            KeyState::One(one) => {
                let is_open = one.operation == Operation::Delete && !one.arrived && !one.refused;
                is_open.then_some(one.id)
            }
            KeyState::Several(several) => several.deletes.first().copied(),
        }
    }

    /// Whether the row of an operation was created before it, and that has not arrived.
    pub(super) fn create_has_not_arrived(&self, row: RowDigest, id: Id) -> bool {
        match self.rows.get(&row) {
            Some(KeyState::Several(several)) => several.creates.first().is_some_and(|create| *create < id),
            Some(KeyState::One(_)) | None => false,
        }
    }

    /// A delete was matched: one more event of it will be a duplicate.
    pub(super) fn remember_delete(&mut self, row: RowDigest, phase: Phase, id: Id) {
        self.deleted.insert(row, (phase, id));
        self.deleted_order.push_back((row, id));
        // Rows that were written again are still in the order; they are passed over.
        while self.deleted.len() > self.deletes_max || self.deleted_order.len() > 2 * self.deletes_max {
            let Some((row, id)) = self.deleted_order.pop_front() else { return };
            if self.deleted.get(&row).is_some_and(|(_, latest)| *latest == id) {
                self.deleted.remove(&row);
            }
        }
    }

    /// The phase and the id of a delete that was matched before, if it is remembered.
    pub(super) fn matched_delete(&self, row: RowDigest) -> Option<(Phase, Id)> {
        self.deleted.get(&row).copied()
    }

    /// What the rows take, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        let of_row = size_of::<(RowDigest, KeyState)>() + 1;
        let of_delete = size_of::<(RowDigest, (Phase, Id))>() + 1;
        self.rows.capacity() * of_row
            + self.deleted.capacity() * of_delete
            + self.deleted_order.capacity() * size_of::<(RowDigest, Id)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_written_again_and_again_is_overtaken_once() {
        let (mut keys, row) = (Keys::new(10), RowDigest::of(0, "hot"));
        for sequence in 0..1_000 {
            assert!(!keys.opened(row, (0, sequence), Operation::Update));
        }
        let Arrival::Latest(overtaken) = keys.arrived(row, (0, 900)) else { panic!("none had arrived") };
        assert_eq!(overtaken.len(), 900);
        assert_eq!(keys.arrived(row, (0, 901)), Arrival::Latest(Vec::new()), "they are not looked at again");
        assert_eq!(keys.arrived(row, (0, 5)), Arrival::OutOfOrder);
        assert!(
            keys.opened(row, (0, 899), Operation::Update),
            "its record came after a later one had arrived"
        );
    }

    #[test]
    fn the_oldest_delete_that_is_not_refused_is_the_open_one() {
        let (mut keys, row) = (Keys::new(10), RowDigest::of(3, "k"));
        keys.opened(row, (0, 1), Operation::Delete);
        assert_eq!(keys.open_delete(row), Some((0, 1)));
        assert_eq!(keys.open_delete(RowDigest::of(2, "k")), None, "another entity");
        keys.opened(row, (0, 2), Operation::Create);
        keys.opened(row, (0, 3), Operation::Delete);
        keys.refused(row, (0, 1));
        assert_eq!(keys.open_delete(row), Some((0, 3)));
        assert!(keys.create_has_not_arrived(row, (0, 3)) && !keys.create_has_not_arrived(row, (0, 1)));
        keys.arrived(row, (0, 2));
        assert!(!keys.create_has_not_arrived(row, (0, 3)));
        [1, 2, 3].into_iter().for_each(|sequence| keys.left(row, (0, sequence)));
        assert_eq!((keys.open_delete(row), keys.rows.len()), (None, 0));
    }

    #[test]
    fn of_the_matched_deletes_the_latest_are_remembered() {
        let mut keys = Keys::new(2);
        for sequence in 0..5 {
            keys.remember_delete(RowDigest::of(0, &sequence.to_string()), Phase::Run, (0, sequence));
        }
        let remembered = |key: &str| keys.matched_delete(RowDigest::of(0, key)).is_some();
        assert_eq!(["2", "3", "4"].map(remembered), [false, true, true]);
        // The same key deleted again and again: the latest counts, and the order stays short.
        let row = RowDigest::of(0, "again");
        for sequence in 10..30 {
            keys.opened(row, (0, sequence), Operation::Delete);
            keys.left(row, (0, sequence));
            keys.remember_delete(row, Phase::Run, (0, sequence));
        }
        assert_eq!(keys.matched_delete(row), Some((Phase::Run, (0, 29))));
        assert!(keys.deleted_order.len() <= 4);
    }
}
