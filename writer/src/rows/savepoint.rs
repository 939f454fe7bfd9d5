//! What a transaction did to the rows of its iteration, until it is known whether it committed.
//!
//! Inside, its own rows are as it left them; nobody else sees them, because all of them are held until it ends.

use std::collections::VecDeque;

use super::{Holding, RowId, Values};

/// The rows that a transaction touched, and what they were before.
#[derive(Debug, Default)]
pub(super) struct Savepoint {
    /// Where the list of steps begins at whose end picked rows are let go.
    mark: u64,
    made: Vec<RowId>,
    /// What each said before its first update in the transaction.
    updated: Vec<(RowId, Values)>,
    deleted: Vec<RowId>,
    /// No longer there, or refused to go: forgotten however the transaction ends.
    lost: Vec<RowId>,
    /// What was picked from pools, in order.
    picked: Vec<RowId>,
    /// What is picked from pools next: the transaction is sent again, and works on the same rows.
    next_picks: VecDeque<RowId>,
}

impl Savepoint {
    /// Whether the transaction has deleted a row.
    pub(super) fn has_deleted(&self, id: RowId) -> bool {
        self.deleted.contains(&id)
    }

    /// The row that the transaction picked at this place before, if it is sent again. It is still held.
    pub(super) fn next_pick(&mut self) -> Option<RowId> {
        let id = self.next_picks.pop_front()?;
        self.picked.push(id);
        Some(id)
    }

    pub(super) fn picked(&mut self, id: RowId) {
        self.picked.push(id);
    }

    pub(super) fn made(&mut self, id: RowId) {
        self.made.push(id);
    }

    pub(super) fn updated(&mut self, id: RowId, before: Values) {
        if !self.updated.iter().any(|(other, _)| *other == id) {
            self.updated.push((id, before));
        }
    }

    pub(super) fn deleted(&mut self, id: RowId) {
        self.deleted.push(id);
    }

    pub(super) fn lost(&mut self, id: RowId) {
        self.lost.push(id);
    }

    /// Whether an earlier operation of the transaction is still open on a row.
    pub(super) fn touched(&self, id: RowId) -> bool {
        self.made.contains(&id) || self.updated.iter().any(|(other, _)| *other == id)
    }
}

impl Holding<'_> {
    /// A transaction begins: from here on nothing is let go, and everything can be undone.
    pub fn begin(&mut self) {
        self.savepoint = Some(Savepoint { mark: self.mark(), ..Savepoint::default() });
    }

    /// It committed: what it left of the rows stands.
    pub fn commit(&mut self) {
        let Some(Savepoint { mark, made, updated, deleted, lost, .. }) = self.savepoint.take() else {
            return;
        };
        for id in deleted.into_iter().chain(lost) {
            self.gone(id);
        }
        for id in made.into_iter().chain(updated.into_iter().map(|(id, _)| id)) {
            self.unchanged(id);
        }
        self.release_since(mark);
    }

    /// It did not commit: the rows are as they were before it.
    pub fn roll_back(&mut self) {
        let mark = self.undo().map(|savepoint| savepoint.mark);
        mark.into_iter().for_each(|mark| self.release_since(mark));
    }

    /// It did not commit and begins again: what it picked from pools stays held, and is picked again in the same order.
    pub fn again(&mut self) {
        if let Some(Savepoint { mark, picked, .. }) = self.undo() {
            self.savepoint = Some(Savepoint { mark, next_picks: picked.into(), ..Savepoint::default() });
        }
    }

    fn undo(&mut self) -> Option<Savepoint> {
        let savepoint = self.savepoint.take()?;
        savepoint.deleted.iter().for_each(|id| self.unchanged(*id));
        self.spare();
        for (id, before) in &savepoint.updated {
            if !savepoint.made.contains(id) {
                self.updated(*id, before.clone());
            }
        }
        // Later ones first: a row that refers to another goes before it.
        for id in savepoint.made.iter().rev().chain(&savepoint.lost) {
            self.gone(*id);
        }
        Some(savepoint)
    }

    /// Whether it committed cannot be known: nothing certain is known of any row that it touched.
    pub fn forget(&mut self) {
        let Some(Savepoint { mark, made, updated, deleted, lost, .. }) = self.savepoint.take() else {
            return;
        };
        let updated = updated.into_iter().map(|(id, _)| id).filter(|id| !made.contains(id));
        let touched: Vec<RowId> = deleted.into_iter().chain(updated).chain(lost).collect();
        for id in touched.into_iter().chain(made.into_iter().rev()) {
            self.gone(id);
        }
        self.release_since(mark);
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{Pick, Pool, Scope};

    use super::*;
    use crate::entity::Value;
    use crate::rows::{Choice, Row, Rows, UserRows};

    const CUSTOMER: usize = 0;
    const ORDER: usize = 1;

    fn values(number: i64) -> Vec<Value> {
        vec![Value::Bigint(number)]
    }

    const OLDEST: Choice = Choice { pool: 0, pick: Pick::Oldest, keep: 0, draw: 0 };

    /// A pool of three customers that say 1, 2 and 3, and a user beside the one who made them.
    fn three() -> (UserRows, UserRows) {
        let pool = Pool { name: "customers".into(), entity: CUSTOMER, scope: Scope::Shared };
        let rows = Rows::new(&[pool], [CUSTOMER, ORDER].into());
        let (mut maker, other) = (rows.user(), rows.user());
        let mut iteration = maker.hold();
        (1..=3).for_each(|number| iteration.made(CUSTOMER, values(number), &[], Some(0)));
        drop(iteration);
        (maker, other)
    }

    /// The values of all customers that nobody holds, the oldest first.
    fn free(user: &mut UserRows) -> Vec<Vec<Value>> {
        let mut iteration = user.hold();
        std::iter::from_fn(|| iteration.pick(OLDEST)).map(|row| row.values.to_vec()).collect()
    }

    /// A transaction that makes an order of the first customer, changes the second and deletes the third, and then goes on
    /// with what it has.
    fn work(iteration: &mut Holding<'_>) -> [RowId; 3] {
        let pick = |iteration: &mut Holding<'_>| -> Row { iteration.pick(OLDEST).expect("a customer") };
        let (first, second) = (pick(iteration), pick(iteration));
        iteration.made(ORDER, values(10), &[first.id], None);
        iteration.open(second.id);
        iteration.updated(second.id, values(20));
        iteration.updated(second.id, values(21));
        let third = iteration.pick_doomed(OLDEST).expect("a customer");
        assert_eq!(third.len(), 1);
        iteration.open(third[0].id);
        iteration.deleted(third[0].id);
        let said = |entity| iteration.own(entity).map(|row| row.values.to_vec());
        assert_eq!((said(ORDER), said(CUSTOMER)), (Some(values(10)), Some(values(21))), "as it left them");
        [first.id, second.id, third[0].id]
    }

    #[test]
    fn what_committed_stands_and_what_was_picked_is_free_again() {
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        let mark = iteration.mark();
        work(&mut iteration);
        iteration.release_since(mark);
        assert!(free(&mut other).is_empty(), "until it ends nobody sees what it works on");
        iteration.commit();
        assert_eq!(free(&mut other), [values(1), values(21)]);
        assert_eq!(iteration.own(ORDER).map(|row| row.values.to_vec()), Some(values(10)));
        drop(iteration);
        assert_eq!(free(&mut other), [values(1), values(21)], "and nothing is held by mistake");
    }

    #[test]
    fn what_did_not_commit_is_as_it_was() {
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        work(&mut iteration);
        iteration.roll_back();
        assert_eq!(free(&mut other), [values(1), values(2), values(3)]);
        assert!(iteration.own(ORDER).is_none());
        drop(iteration);
        assert_eq!(free(&mut other), [values(1), values(2), values(3)]);
        other.rows.0.store.lock().assert_sound("rolled back");
    }

    #[test]
    fn sent_again_it_works_on_the_same_rows_in_the_same_order() {
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        let first = work(&mut iteration);
        iteration.again();
        assert!(free(&mut other).is_empty(), "they stay held between the attempts");
        assert_eq!(work(&mut iteration), first);
        iteration.again();
        assert_eq!(work(&mut iteration), first);
        iteration.commit();
        assert_eq!(free(&mut other), [values(1), values(21)]);
    }

    #[test]
    fn of_an_unknown_commit_nothing_is_kept_that_it_touched() {
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        work(&mut iteration);
        iteration.forget();
        assert_eq!(free(&mut other), [values(1)], "the first was only referred to");
        drop(iteration);
        // The same where the iteration ends before its transaction does.
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        work(&mut iteration);
        drop(iteration);
        assert_eq!(free(&mut other), [values(1)]);
        other.rows.0.store.lock().assert_sound("dropped");
    }

    #[test]
    fn a_row_that_cannot_be_worked_on_is_forgotten_however_it_ends() {
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        let row = iteration.pick(OLDEST).expect("a customer");
        iteration.open(row.id);
        iteration.lost(row.id);
        iteration.roll_back();
        assert_eq!(free(&mut other), [values(2), values(3)]);
    }

    #[test]
    fn a_parent_goes_after_its_child_in_one_transaction_and_the_child_goes_once() {
        let (mut user, mut other) = three();
        let mut iteration = user.hold();
        iteration.begin();
        let customer = iteration.pick(OLDEST).expect("a customer");
        iteration.made(ORDER, values(10), &[customer.id], None);
        let order = iteration.own(ORDER).expect("just made");
        for row in iteration.doom(order.id).expect("nobody else works on it") {
            iteration.open(row.id);
            iteration.deleted(row.id);
        }
        let doomed = iteration.doom(customer.id).expect("nobody else works on it");
        assert_eq!(doomed.iter().map(|row| row.id).collect::<Vec<_>>(), [customer.id]);
        iteration.open(customer.id);
        iteration.deleted(customer.id);
        iteration.commit();
        assert_eq!(free(&mut other), [values(2), values(3)]);
        other.rows.0.store.lock().assert_sound("deleted");
    }
}
