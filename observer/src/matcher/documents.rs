//! Documents whose keys the sink chooses. The first event of an operation says with its stamp which row its document is;
//! the event of a delete has no stamp and is known by the document.
//!
//! What is never learned says nothing: whether the delete of such a row arrived cannot be known, so it is no entry of the
//! account (`deletes = "ignored"` for one row). A document is remembered until its delete has arrived.

use std::collections::{HashMap, VecDeque};

use streamgauge_shared::account::{Operation, Outcome, Phase};

use super::keys::RowDigest;
use super::store::Id;
use super::{Matcher, Sink};
use crate::stream::DocumentId;

/// The order is not made anew below this.
const ORDER_MIN: usize = 64;

/// What is known of documents.
pub(super) struct Documents {
    rows: HashMap<DocumentId, RowDigest>,
    /// How many known documents a row has. Nearly always one; a sink that reorders may make a second one.
    of_row: HashMap<RowDigest, u32>,
    /// In the order in which they were learned; those that are gone are passed over.
    order: VecDeque<DocumentId>,
    /// Documents remembered at most.
    max: usize,
    steps: u64,
}

impl Documents {
    pub(super) fn new(max: usize) -> Self {
        Self { rows: HashMap::new(), of_row: HashMap::new(), order: VecDeque::new(), max, steps: 0 }
    }

    /// A document is a row's. Returns how many documents were forgotten for it.
    fn learn(&mut self, document: DocumentId, row: RowDigest) -> u64 {
        if self.rows.get(&document) == Some(&row) {
            return 0;
        }
        self.forget(document);
        self.rows.insert(document, row);
        *self.of_row.entry(row).or_default() += 1;
        self.order.push_back(document);
        if self.order.len() > ORDER_MIN + 2 * self.rows.len() {
            self.steps += self.order.len() as u64;
            self.order.retain(|document| self.rows.contains_key(document));
        }
        let mut forgotten = 0;
        while self.rows.len() > self.max
            && let Some(oldest) = self.order.pop_front()
        {
            self.steps += 1;
            forgotten += u64::from(self.forget(oldest));
        }
        forgotten
    }

    /// A document is of no more use. Returns whether it was known.
    pub(super) fn forget(&mut self, document: DocumentId) -> bool {
        let Some(row) = self.rows.remove(&document) else { return false };
        if let Some(count) = self.of_row.get_mut(&row) {
            *count -= 1;
            if *count == 0 {
                self.of_row.remove(&row);
            }
        }
        true
    }

    /// The row that a document is of.
    pub(super) fn row(&self, document: DocumentId) -> Option<RowDigest> {
        self.rows.get(&document).copied()
    }

    /// Whether a document of a row is known.
    fn knows(&self, row: RowDigest) -> bool {
        self.of_row.contains_key(&row)
    }

    /// Steps taken in the order so far, beside a fixed number of look-ups for each event.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// What they take, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        self.rows.capacity() * (size_of::<(DocumentId, RowDigest)>() + 1)
            + self.of_row.capacity() * (size_of::<(RowDigest, u32)>() + 1)
            + self.order.capacity() * size_of::<DocumentId>()
    }
}

impl Matcher {
    /// A document is a row's: deletes of it that came before this was known happen now.
    pub(super) fn learn_document(&mut self, document: DocumentId, row: RowDigest, sink: &mut impl Sink) {
        self.limits.documents_forgotten += self.documents.learn(document, row);
        self.dispatch_early_deletes(RowDigest::of_document(document), sink);
    }

    /// Whether the event of an operation could not be told from a foreign one: the delete of a row whose document was
    /// never learned.
    pub(super) fn is_never_known(&self, id: Id) -> bool {
        self.store.get(id).is_some_and(|entry| {
            entry.series.operation == Operation::Delete
                && self.has_learned_documents(entry.series.entity)
                && entry.row().is_none_or(|row| !self.documents.knows(row))
        })
    }

    /// Whether the documents of an entity have keys of the sink's own.
    pub(super) fn has_learned_documents(&self, entity: u16) -> bool {
        self.learned.get(usize::from(entity)).is_some_and(|learned| *learned)
    }

    /// A pending operation turns out to be none that can be expected: it leaves, and is in no count but that of what is not
    /// expected.
    pub(super) fn withdraw(&mut self, id: Id, sink: &mut impl Sink) {
        let Some(held) = self.store.held_mut(id).filter(|held| held.entry.outcome == Outcome::Pending) else {
            return;
        };
        let was_overdue = std::mem::take(&mut held.overdue);
        self.tallies.withdraw(&held.entry);
        let Some(entry) = self.remove_as(id, true) else { return };
        self.waits.settled(&entry, was_overdue, &self.store);
        if entry.awaited {
            sink.settled(id.0, id.1, false);
        }
        if entry.phase == Phase::Run {
            sink.not_expected(entry.place(), entry.timeline.sent);
        }
        self.replay_early(id, sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(number: u32) -> DocumentId {
        DocumentId::of(0, &number.to_be_bytes())
    }

    #[test]
    fn the_oldest_documents_are_forgotten_and_what_is_gone_takes_no_place() {
        let mut documents = Documents::new(100);
        let row = |number: u32| RowDigest::of(0, &number.to_string());
        let mut forgotten = 0;
        for number in 0..10_000 {
            forgotten += documents.learn(document(number), row(number));
            assert_eq!(documents.learn(document(number), row(number)), 0, "an update says it again");
            if number % 2 == 0 {
                assert!(documents.forget(document(number)));
            }
        }
        assert_eq!((documents.rows.len(), documents.of_row.len(), forgotten), (100, 100, 4_900));
        assert!(documents.knows(row(9_999)) && !documents.knows(row(9_998)) && !documents.knows(row(9_799)));
        assert!(documents.order.len() <= ORDER_MIN + 200, "{}", documents.order.len());
        assert!(documents.steps() < 40_000, "{}", documents.steps());
    }

    #[test]
    fn a_row_with_two_documents_is_known_until_both_are_gone() {
        let (mut documents, row) = (Documents::new(10), RowDigest::of(0, "k"));
        documents.learn(document(1), row);
        documents.learn(document(2), row);
        assert_eq!([1, 2].map(|number| documents.row(document(number))), [Some(row); 2]);
        documents.forget(document(1));
        assert!(documents.knows(row));
        documents.forget(document(2));
        assert!(!documents.knows(row) && documents.of_row.is_empty());
    }
}
