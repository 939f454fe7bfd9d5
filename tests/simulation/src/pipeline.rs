//! The pipeline under test and MongoDB behind it: in order and at least once, unless a fault says otherwise.

use std::collections::HashMap;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::agenda::{Agenda, Happening, MS, Seen};
use crate::faults::Faults;
use crate::truth::Op;
use streamgauge_shared::account::Operation;

/// Changes written again after a restart, at most.
const REPLAYED: usize = 12;

#[derive(Default)]
pub(crate) struct Pipeline {
    /// No change is written before this, unless a fault reorders it.
    free_at: i64,
    /// No event becomes visible before the one before it.
    visible_at: i64,
    /// Rows that are in MongoDB, and the number of their document there.
    present: HashMap<usize, u32>,
    /// Documents made so far.
    documents: u32,
    /// By row: the change that waits for another to replace it.
    held: HashMap<usize, usize>,
    written: Vec<usize>,
}

impl Pipeline {
    /// A committed change comes in.
    pub(crate) fn take(
        &mut self,
        now: i64,
        op: usize,
        ops: &[Op],
        faults: &Faults,
        rng: &mut StdRng,
        agenda: &mut Agenda,
    ) {
        if rng.random_bool(faults.drop) {
            return;
        }
        let at = (now + faults.delay_ns + rng.random_range(0..3 * MS)).max(self.free_at);
        if rng.random_bool(faults.reorder) {
            agenda.at(at + rng.random_range(5..200) * MS, Happening::Apply(op));
            return;
        }
        if ops[op].operation != Operation::Delete && rng.random_bool(faults.coalesce) {
            // One that was held already is replaced by this one.
            self.held.insert(ops[op].row, op);
            agenda.at(now + 1_500 * MS, Happening::Flush(op));
            return;
        }
        self.free_at = at;
        agenda.at(at, Happening::Apply(op));
        if rng.random_bool(faults.duplicate) {
            agenda.at(at + rng.random_range(0..50) * MS, Happening::Apply(op));
        }
    }

    /// A change is written to MongoDB.
    pub(crate) fn apply(&mut self, now: i64, op: usize, ops: &[Op], rng: &mut StdRng, agenda: &mut Agenda) {
        let change = &ops[op];
        if self.held.get(&change.row).is_some_and(|held| ops[*held].sequence < change.sequence) {
            self.held.remove(&change.row);
        }
        self.written.push(op);
        let document = match change.operation {
            // There is nothing to delete twice.
            Operation::Delete => self.present.remove(&change.row),
            _ => Some(*self.present.entry(change.row).or_insert_with(|| {
                self.documents += 1;
                self.documents
            })),
        };
        if let Some(document) = document {
            self.show(now, Seen::Ours(op, change.stamped, document), rng, agenda);
        }
    }

    pub(crate) fn flush(&mut self, now: i64, op: usize, ops: &[Op], rng: &mut StdRng, agenda: &mut Agenda) {
        if self.held.get(&ops[op].row) == Some(&op) {
            self.held.remove(&ops[op].row);
            self.apply(now, op, ops, rng, agenda);
        }
    }

    /// The change stream shows events in one order.
    pub(crate) fn show(&mut self, now: i64, seen: Seen, rng: &mut StdRng, agenda: &mut Agenda) {
        self.visible_at = (now + rng.random_range(MS..5 * MS)).max(self.visible_at + 1);
        agenda.at(self.visible_at, Happening::Visible(seen));
    }

    pub(crate) fn restart(&mut self, now: i64, rng: &mut StdRng, agenda: &mut Agenda) {
        self.free_at = self.free_at.max(now + rng.random_range(10..500) * MS);
        let first = self.written.len().saturating_sub(rng.random_range(0..=REPLAYED));
        for op in self.written[first..].iter().copied() {
            self.free_at += MS / 10;
            agenda.at(self.free_at, Happening::Apply(op));
        }
    }
}
