//! The live rows of a run: pools that users share or have for themselves, and who works on what.
//!
//! A row belongs to the iteration that made it until that ends, and to the one that picked it until the list
//! of steps ends in which it was picked. Nobody else can pick it meanwhile, so no two operations on one row
//! are ever open, the order of a row's operations is the order of their sequences, and a parent cannot go
//! while a row that refers to it is being inserted.
//!
//! A row is only known once its insert has committed. One that was not put into a pool cannot be picked once
//! its iteration has ended; it stays known for as long as a row that it refers to may be deleted by a step of the
//! load or of the teardown, because it has to be deleted before that. The same holds for rows in a pool of a user
//! who has gone. All others are forgotten, so that what is kept is bounded by the pools. What becomes of a row when
//! a later operation fails:
//!
//! | operation | rejected | touched no row | unknown |
//! | --- | --- | --- | --- |
//! | update | stays as it was | forgotten: it is gone | forgotten: what it says is not known |
//! | delete | forgotten | forgotten | forgotten |
//!
//! A rejected delete (a row of somebody else refers to it) is not tried again: it would fail again, and as
//! the oldest row of its pool it would make every later delete fail. Forgotten rows go with the clean-up.
//!
//! One lock, held for a few map operations and never across a wait.

mod index;
mod savepoint;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use streamgauge_shared::test_file::{Action, Pick, Pool, Scope, Step, Test};

use crate::entity::Value;
use savepoint::Savepoint;
use store::{PoolId, Store};

/// Names a live row; later rows have greater ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(u64);

/// Names an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder(u64);

/// The values of all columns of a row, in the model's order.
pub type Values = Arc<[Value]>;

/// A live row as its holder sees it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub id: RowId,
    /// Index into the model's entities.
    pub entity: usize,
    /// What it says since its last operation that committed.
    pub values: Values,
}

/// The live rows of a run. A handle: clones share them.
#[derive(Clone, Debug)]
pub struct Rows(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// One for each pool of the test; nothing where each user has its own.
    pools: Vec<Option<PoolId>>,
}

/// A user's view of the pools; its own ones end with it.
#[derive(Debug)]
pub struct UserRows {
    rows: Rows,
    /// One for each pool of the test.
    pools: Vec<PoolId>,
}

/// The rows that one iteration holds; lets them go when dropped.
#[derive(Debug)]
pub struct Holding<'a> {
    user: &'a UserRows,
    holder: Holder,
    /// In the order they were made or picked.
    held: Vec<Held>,
    /// Rows made or picked so far.
    count: u64,
    /// Of the transaction that is open.
    savepoint: Option<Savepoint>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    id: RowId,
    entity: usize,
    /// How many were held before it.
    place: u64,
    /// Made by this iteration, which keeps it to its end.
    is_made: bool,
    /// An operation on it is open.
    is_open: bool,
    is_doomed: bool,
}

/// Which row of a pool.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Index into the test's pools.
    pub pool: usize,
    /// Which of those that nobody holds.
    pub pick: Pick,
    /// Live rows that must be in the pool besides it.
    pub keep: u32,
    /// Drawn evenly from all of `u64`; decides a random pick.
    pub draw: u64,
}

impl Rows {
    /// The empty pools of a test.
    #[must_use]
    pub fn of(test: &Test) -> Self {
        Self::new(&test.pools, deleted(test))
    }

    /// Empty pools, of a test that deletes rows of these entities.
    #[must_use]
    pub fn new(pools: &[Pool], deleted: BTreeSet<usize>) -> Self {
        let mut store = Store::new(deleted);
        let shared = |pool: &Pool| (pool.scope == Scope::Shared).then(|| store.new_pool());
        let pools = pools.iter().map(shared).collect();
        Self(Arc::new(Shared { store: Mutex::new(store), pools }))
    }

    /// The pools as one more user sees them.
    #[must_use]
    pub fn user(&self) -> UserRows {
        let mut store = self.0.store.lock();
        let pools = self.0.pools.iter().map(|shared| shared.unwrap_or_else(|| store.new_pool())).collect();
        UserRows { rows: self.clone(), pools }
    }
}

/// The entities of which a step deletes rows while there are other iterations, or after them. The setup is one
/// iteration that holds all its rows to its end: what it deletes tells nothing of later rows.
fn deleted(test: &Test) -> BTreeSet<usize> {
    let mut deleted = BTreeSet::new();
    let mut note = |step: &Step| {
        if let Action::Delete { entity, .. } = &step.action {
            deleted.insert(*entity);
        }
    };
    let flows = test.scenarios.iter().map(|scenario| &scenario.flow).chain([&test.teardown]);
    flows.flatten().for_each(|step| step.visit(&mut note));
    deleted
}

impl UserRows {
    /// What the user's next iteration holds: nothing yet. One at a time.
    #[must_use]
    pub fn hold(&mut self) -> Holding<'_> {
        let holder = self.rows.0.store.lock().new_holder();
        Holding { user: self, holder, held: Vec::new(), count: 0, savepoint: None }
    }

    /// Rows of a pool that are not being deleted, and how many of them nobody holds.
    #[must_use]
    pub fn count(&self, pool: usize) -> (usize, usize) {
        self.rows.0.store.lock().count(self.pools[pool])
    }
}

impl Drop for UserRows {
    fn drop(&mut self) {
        let mut store = self.rows.0.store.lock();
        for (pool, shared) in self.pools.iter().zip(&self.rows.0.pools) {
            if shared.is_none() {
                store.drop_pool(*pool);
            }
        }
    }
}

impl Holding<'_> {
    /// The row of this entity that was made or picked last and is still held.
    #[must_use]
    pub fn own(&self, entity: usize) -> Option<Row> {
        let held = self.held.iter().rfind(|held| held.entity == entity && !held.is_doomed)?;
        Some(self.store().row(held.id))
    }

    /// Picks a row and holds it; nothing if there is none.
    pub fn pick(&mut self, choice: Choice) -> Option<Row> {
        if let Some(id) = self.savepoint.as_mut().and_then(Savepoint::next_pick) {
            self.held_last(id);
            return Some(self.store().row(id));
        }
        let Choice { pool, pick, keep, draw } = choice;
        let mut store = self.user.rows.0.store.lock();
        let id = store.pick(self.user.pools[pool], pick, keep, draw, self.holder)?;
        let row = store.row(id);
        drop(store);
        self.push(id, row.entity, false);
        self.savepoint.iter_mut().for_each(|savepoint| savepoint.picked(id));
        Some(row)
    }

    /// Keeps a row whose insert has committed, and puts it into its pool.
    pub fn made(&mut self, entity: usize, values: Vec<Value>, parents: &[RowId], into: Option<usize>) {
        let pool = into.map(|pool| self.user.pools[pool]);
        let id = self.store().add(self.holder, entity, values.into(), parents, pool);
        self.push(id, entity, true);
        if let Some(savepoint) = &mut self.savepoint {
            savepoint.made(id);
            self.set_open(id, true);
        }
    }

    /// Chooses a held row, and all that refer to it, for a delete: children first, the row itself last.
    /// Nothing if somebody else works on one of those.
    pub fn doom(&mut self, id: RowId) -> Option<Vec<Row>> {
        let mut store = self.user.rows.0.store.lock();
        let ids = store.doom(id, self.holder)?;
        let is_here =
            |id: &RowId| !self.savepoint.as_ref().is_some_and(|savepoint| savepoint.has_deleted(*id));
        let rows = ids.into_iter().filter(is_here).map(|id| store.row(id)).collect();
        drop(store);
        Some(self.doomed(rows))
    }

    /// Picks a row for a delete, with all that refer to it, as [`Self::doom`]. From now on it does not count
    /// as live in its pool; what `keep` says holds for the row that is picked, not for those that refer to it.
    pub fn pick_doomed(&mut self, choice: Choice) -> Option<Vec<Row>> {
        if let Some(id) = self.savepoint.as_mut().and_then(Savepoint::next_pick) {
            return self.doom(id);
        }
        let Choice { pool, pick, keep, draw } = choice;
        let mut store = self.user.rows.0.store.lock();
        let ids = store.pick_doomed(self.user.pools[pool], pick, keep, draw, self.holder)?;
        let rows: Vec<Row> = ids.into_iter().map(|id| store.row(id)).collect();
        drop(store);
        // The row itself comes last.
        if let (Some(savepoint), Some(row)) = (&mut self.savepoint, rows.last()) {
            savepoint.picked(row.id);
        }
        Some(self.doomed(rows))
    }

    fn doomed(&mut self, rows: Vec<Row>) -> Vec<Row> {
        for row in &rows {
            if !self.held.iter().any(|held| held.id == row.id) {
                self.push(row.id, row.entity, false);
            }
            self.held.iter_mut().filter(|held| held.id == row.id).for_each(|held| held.is_doomed = true);
        }
        rows
    }

    /// The rows that were chosen for a delete and are still here stay after all.
    pub fn spare(&mut self) {
        let mut store = self.user.rows.0.store.lock();
        for held in self.held.iter_mut().filter(|held| held.is_doomed) {
            held.is_doomed = false;
            store.spare(held.id);
        }
    }

    /// An operation on a row is about to be sent. A holding that is dropped before the operation's end is
    /// told forgets the row.
    pub fn open(&mut self, id: RowId) {
        self.set_open(id, true);
    }

    /// An operation left the row as it was.
    pub fn unchanged(&mut self, id: RowId) {
        let is_open = self.savepoint.as_ref().is_some_and(|savepoint| savepoint.touched(id));
        self.set_open(id, is_open);
    }

    /// An update has left these values; in a transaction it has yet to commit.
    pub fn updated(&mut self, id: RowId, values: impl Into<Values>) {
        let mut store = self.user.rows.0.store.lock();
        let before = store.row(id).values;
        store.set_values(id, values.into());
        drop(store);
        match &mut self.savepoint {
            Some(savepoint) => savepoint.updated(id, before),
            None => self.set_open(id, false),
        }
    }

    /// A row is deleted; in a transaction that has yet to commit.
    pub fn deleted(&mut self, id: RowId) {
        match &mut self.savepoint {
            Some(savepoint) => savepoint.deleted(id),
            None => self.gone(id),
        }
    }

    /// Nothing certain is known of a row any more, or it cannot be worked on.
    pub fn lost(&mut self, id: RowId) {
        match &mut self.savepoint {
            Some(savepoint) => savepoint.lost(id),
            None => self.gone(id),
        }
    }

    fn gone(&mut self, id: RowId) {
        let known = self.held.len();
        self.held.retain(|held| held.id != id);
        // A transaction may have touched it more than once.
        if self.held.len() < known {
            self.store().remove(id);
        }
    }

    /// Where a list of steps begins.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.count
    }

    /// Lets go what was picked since then: a list of steps has ended. In a transaction its end does so.
    pub fn release_since(&mut self, mark: u64) {
        if self.savepoint.is_some() {
            return;
        }
        let is_over = |held: &Held| held.place >= mark && !held.is_made;
        if !self.held.iter().any(is_over) {
            return;
        }
        let mut store = self.user.rows.0.store.lock();
        self.held.iter().filter(|held| is_over(held)).for_each(|held| store.release(held.id));
        drop(store);
        self.held.retain(|held| !is_over(held));
    }

    fn push(&mut self, id: RowId, entity: usize, is_made: bool) {
        let place = self.count;
        self.count += 1;
        self.held.push(Held { id, entity, place, is_made, is_open: false, is_doomed: false });
    }

    /// A row that is held counts as the last that was picked.
    fn held_last(&mut self, id: RowId) {
        if let Some(index) = self.held.iter().position(|held| held.id == id) {
            let held = self.held.remove(index);
            self.held.push(Held { place: self.count, ..held });
            self.count += 1;
        }
    }

    fn set_open(&mut self, id: RowId, is_open: bool) {
        if let Some(held) = self.held.iter_mut().find(|held| held.id == id) {
            held.is_open = is_open;
        }
    }

    fn store(&self) -> parking_lot::MutexGuard<'_, Store> {
        self.user.rows.0.store.lock()
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut store = self.user.rows.0.store.lock();
        // Later ones first: a row that is in no pool is forgotten before what it refers to.
        for held in self.held.drain(..).rev() {
            if held.is_open { store.remove(held.id) } else { store.release(held.id) }
        }
    }
}
