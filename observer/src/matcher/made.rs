//! Keys that the database makes: an entry learns its own with PostgreSQL's answer.
//!
//! Until then its row has no name here, and none is needed: the stamp finds the entry, and no other operation on the row
//! can be open, because the writer knows it as little. So the row enters the index of keys before the next operation
//! on it is opened. An event that beat the answer is kept, for what it says of the columns that the database filled.

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::ledger::Made;

use super::entry::SeenEarly;
use super::keys::Arrival;
use super::store::Id;
use super::{Matcher, Sink};

impl Matcher {
    /// PostgreSQL has answered, or will not: what an entry's row is called, and what it says there, is known as far as it
    /// ever will be.
    pub(super) fn learn(&mut self, id: Id, made: Option<Box<Made>>, sink: &mut impl Sink) {
        let Some(entry) = self.store.get_mut(id).filter(|entry| entry.written.is_none()) else { return };
        let before = entry.step();
        let is_named = made.is_some() && entry.key.is_none();
        if let Some(made) = made.filter(|_| is_named) {
            self.heap_bytes -= entry.heap_bytes();
            entry.learn(*made);
            self.heap_bytes += entry.heap_bytes();
        }
        let seen = entry.seen.take();
        if let Some(SeenEarly { content, .. }) = seen.as_deref() {
            let (entity, run) = (entry.series.entity, entry.phase == Phase::Run);
            entry.compare(content, |column, result| {
                if run {
                    self.columns.count(entity, column, result);
                }
            });
            self.tallies.compared(entry);
        }
        self.tallies.checked(entry, before);
        if let (true, Some(row)) = (is_named, entry.row()) {
            let arrived = entry.arrived();
            if self.keys.opened(row, id, Operation::Create) {
                self.supersede(id, sink);
            }
            if arrived && let Arrival::Latest(overtaken) = self.keys.arrived(row, id) {
                overtaken.into_iter().for_each(|earlier| self.supersede(earlier, sink));
            }
            if let Some(document) = seen.and_then(|seen| seen.document) {
                self.learn_document(document, row, sink);
            }
        }
    }
}
