//! The live rows themselves: who holds which, what refers to what, and which pools they are in. Pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use streamgauge_shared::test_file::Pick;

use super::index::Index;
use super::{Holder, Row, RowId, Values};

/// Index of one pool of the run; a pool that users do not share is one for each user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PoolId(usize);

/// All live rows that an iteration holds, that a pool has, or that have to go before one of those is deleted.
#[derive(Debug, Default)]
pub(super) struct Store {
    rows: HashMap<RowId, Live>,
    /// Pools whose user has gone leave their place to the next.
    pools: Vec<Pooled>,
    vacant: Vec<PoolId>,
    /// Entities of which some step of the load or of the teardown deletes rows.
    deleted: BTreeSet<usize>,
    next_row: u64,
    next_holder: u64,
}

#[derive(Debug)]
struct Live {
    entity: usize,
    values: Values,
    /// What it refers to; each once, all older than itself.
    parents: Vec<RowId>,
    /// What refers to it.
    children: BTreeSet<RowId>,
    pool: Option<PoolId>,
    held_by: Option<Holder>,
    /// Chosen for a delete.
    is_doomed: bool,
    /// How many of its children are held, or have such children.
    busy_children: usize,
}

impl Live {
    /// Held, or the ancestor of a held row: cannot be deleted by anybody else.
    fn is_busy(&self) -> bool {
        self.held_by.is_some() || self.busy_children > 0
    }
}

#[derive(Debug, Default)]
struct Pooled {
    /// Every row in it, for the day its user goes.
    members: BTreeSet<RowId>,
    /// Held by nobody.
    free: Index,
    /// Held by nobody, and neither is any row below it.
    deletable: Index,
    /// Rows in it that are not doomed.
    live: usize,
}

impl Store {
    /// No rows yet, of a test that deletes rows of these entities.
    pub(super) fn new(deleted: BTreeSet<usize>) -> Self {
        Self { deleted, ..Self::default() }
    }

    pub(super) fn new_pool(&mut self) -> PoolId {
        self.vacant.pop().unwrap_or_else(|| {
            self.pools.push(Pooled::default());
            PoolId(self.pools.len() - 1)
        })
    }

    /// Takes the pool's rows out of it; nobody picks them any more.
    pub(super) fn drop_pool(&mut self, pool: PoolId) {
        let dropped = std::mem::take(&mut self.pools[pool.0]);
        for id in &dropped.members {
            self.live_mut(*id).pool = None;
        }
        for id in dropped.members {
            self.forget_unreachable(id);
        }
        self.vacant.push(pool);
    }

    pub(super) fn new_holder(&mut self) -> Holder {
        self.next_holder += 1;
        Holder(self.next_holder)
    }

    /// A new row, held.
    pub(super) fn add(
        &mut self,
        holder: Holder,
        entity: usize,
        values: Values,
        parents: &[RowId],
        pool: Option<PoolId>,
    ) -> RowId {
        self.next_row += 1;
        let id = RowId(self.next_row);
        let parents: BTreeSet<RowId> = parents.iter().copied().collect();
        for parent in &parents {
            self.live_mut(*parent).children.insert(id);
        }
        let live = Live {
            entity,
            values,
            parents: parents.into_iter().collect(),
            children: BTreeSet::new(),
            pool,
            held_by: None,
            is_doomed: false,
            busy_children: 0,
        };
        self.rows.insert(id, live);
        if let Some(PoolId(pool)) = pool {
            self.pools[pool].members.insert(id);
            self.pools[pool].live += 1;
        }
        self.hold(id, Some(holder));
        id
    }

    /// Picks a row that nobody holds if `keep` live rows stay besides it, and holds it.
    pub(super) fn pick(
        &mut self,
        pool: PoolId,
        pick: Pick,
        keep: u32,
        draw: u64,
        holder: Holder,
    ) -> Option<RowId> {
        let id = self.choose(pool, &self.pools[pool.0].free, pick, keep, draw)?;
        self.hold(id, Some(holder));
        Some(id)
    }

    /// As [`Self::pick`], to be deleted: no row below it is held either, and all are held from now on.
    /// Children come before their parents, the row picked comes last.
    pub(super) fn pick_doomed(
        &mut self,
        pool: PoolId,
        pick: Pick,
        keep: u32,
        draw: u64,
        holder: Holder,
    ) -> Option<Vec<RowId>> {
        let id = self.choose(pool, &self.pools[pool.0].deletable, pick, keep, draw)?;
        self.doom(id, holder)
    }

    fn choose(&self, pool: PoolId, among: &Index, pick: Pick, keep: u32, draw: u64) -> Option<RowId> {
        // The row that is picked is live itself.
        if self.pools[pool.0].live <= keep as usize {
            return None;
        }
        match pick {
            Pick::Random => among.drawn(draw),
            Pick::Oldest => among.oldest(),
        }
    }

    /// Chooses a row and all below it for a delete, unless somebody else holds one of them.
    pub(super) fn doom(&mut self, id: RowId, holder: Holder) -> Option<Vec<RowId>> {
        let mut order = Vec::new();
        self.below(id, &mut BTreeSet::new(), &mut order);
        if order.iter().any(|id| self.live(*id).held_by.is_some_and(|other| other != holder)) {
            return None;
        }
        for id in &order {
            self.hold(*id, Some(holder));
            self.set_doomed(*id, true);
        }
        Some(order)
    }

    /// A row and all that refer to it, these first.
    fn below(&self, id: RowId, seen: &mut BTreeSet<RowId>, order: &mut Vec<RowId>) {
        if seen.insert(id) {
            for child in &self.live(id).children {
                self.below(*child, seen, order);
            }
            order.push(id);
        }
    }

    /// A row that was to be deleted stays after all.
    pub(super) fn spare(&mut self, id: RowId) {
        self.set_doomed(id, false);
    }

    /// Lets a row go: back to its pool. One without a pool is kept for as long as it refers to a live row that a
    /// step may delete, which is not possible before it is gone; else no later step can come upon it.
    pub(super) fn release(&mut self, id: RowId) {
        self.set_doomed(id, false);
        self.hold(id, None);
        self.forget_unreachable(id);
    }

    /// Forgets a row that nobody holds and nobody will come upon again.
    fn forget_unreachable(&mut self, id: RowId) {
        let is_unreachable = self.rows.get(&id).is_some_and(|live| {
            live.pool.is_none() && live.held_by.is_none() && !self.goes_with_parents(live)
        });
        if is_unreachable {
            self.remove(id);
        }
    }

    /// Whether a step may delete what a row refers to, and the row before it.
    fn goes_with_parents(&self, live: &Live) -> bool {
        // References go from entity to earlier entity, so this is as deep as the model at most.
        live.parents
            .iter()
            .map(|parent| self.live(*parent))
            .any(|parent| self.deleted.contains(&parent.entity) || self.goes_with_parents(parent))
    }

    /// What an update left in a row.
    pub(super) fn set_values(&mut self, id: RowId, values: Values) {
        self.live_mut(id).values = values;
    }

    /// Forgets a row: it was deleted, or nothing certain is known of it any more.
    pub(super) fn remove(&mut self, id: RowId) {
        self.set_doomed(id, false);
        // Nobody holds it from now on, so its parents are told if they need to be.
        let gone = self.live_mut(id);
        let pool = gone.pool.take();
        let was_busy = gone.is_busy();
        let (parents, children) = (std::mem::take(&mut gone.parents), std::mem::take(&mut gone.children));
        for parent in parents {
            if was_busy {
                self.child_changed(parent, false);
            }
            self.live_mut(parent).children.remove(&id);
        }
        for child in &children {
            self.live_mut(*child).parents.retain(|parent| *parent != id);
        }
        if let Some(PoolId(pool)) = pool {
            let pool = &mut self.pools[pool];
            pool.members.remove(&id);
            pool.free.set(id, false);
            pool.deletable.set(id, false);
            pool.live -= 1;
        }
        self.rows.remove(&id);
        for child in children {
            self.forget_unreachable(child);
        }
    }

    pub(super) fn row(&self, id: RowId) -> Row {
        let live = self.live(id);
        Row { id, entity: live.entity, values: Arc::clone(&live.values) }
    }

    fn hold(&mut self, id: RowId, holder: Option<Holder>) {
        let live = self.live_mut(id);
        let was_busy = live.is_busy();
        live.held_by = holder;
        let is_busy = live.is_busy();
        self.place(id);
        if was_busy != is_busy {
            self.tell_parents(id, is_busy);
        }
    }

    fn child_changed(&mut self, id: RowId, is_busy: bool) {
        let live = self.live_mut(id);
        let was_busy = live.is_busy();
        live.busy_children = if is_busy { live.busy_children + 1 } else { live.busy_children - 1 };
        let is_busy = live.is_busy();
        self.place(id);
        if was_busy != is_busy {
            self.tell_parents(id, is_busy);
        }
    }

    fn tell_parents(&mut self, id: RowId, is_busy: bool) {
        // References go from entity to earlier entity, so this is as deep as the model at most.
        for parent in self.live(id).parents.clone() {
            self.child_changed(parent, is_busy);
        }
    }

    fn set_doomed(&mut self, id: RowId, is_doomed: bool) {
        let live = self.live_mut(id);
        let changes = live.is_doomed != is_doomed;
        live.is_doomed = is_doomed;
        if let (true, Some(PoolId(pool))) = (changes, live.pool) {
            let count = &mut self.pools[pool].live;
            *count = if is_doomed { *count - 1 } else { *count + 1 };
        }
    }

    /// Keeps the pool's indexes as the row stands now.
    fn place(&mut self, id: RowId) {
        let live = self.live(id);
        let (is_free, is_busy) = (live.held_by.is_none(), live.is_busy());
        if let Some(PoolId(pool)) = live.pool {
            self.pools[pool].free.set(id, is_free);
            self.pools[pool].deletable.set(id, !is_busy);
        }
    }

    fn live(&self, id: RowId) -> &Live {
        self.rows
            .get(&id)
            .expect("a row is removed by its holder only, and from its relatives' lists with it")
    }

    fn live_mut(&mut self, id: RowId) -> &mut Live {
        self.rows
            .get_mut(&id)
            .expect("a row is removed by its holder only, and from its relatives' lists with it")
    }

    /// Live rows of a pool, and how many of them nobody holds.
    pub(super) fn count(&self, pool: PoolId) -> (usize, usize) {
        (self.pools[pool.0].live, self.pools[pool.0].free.len())
    }

    /// Checks everything that must always be true; for tests.
    #[cfg(test)]
    pub(super) fn assert_sound(&self, context: &str) {
        let mut live_counts = vec![0; self.pools.len()];
        for (id, row) in &self.rows {
            let busy = row.children.iter().filter(|child| self.live(**child).is_busy()).count();
            assert_eq!(busy, row.busy_children, "{context}: busy children of {id:?}");
            assert!(row.children.iter().all(|child| self.live(*child).parents.contains(id)), "{context}");
            assert!(row.parents.iter().all(|parent| self.live(*parent).children.contains(id)), "{context}");
            let is_reachable = row.pool.is_some() || row.held_by.is_some() || self.goes_with_parents(row);
            assert!(is_reachable, "{context}: {id:?} belongs to nobody");
            if let Some(PoolId(index)) = row.pool {
                let pool = &self.pools[index];
                live_counts[index] += usize::from(!row.is_doomed);
                assert!(pool.members.contains(id), "{context}");
                assert_eq!(pool.free.contains(*id), row.held_by.is_none(), "{context}: {id:?}");
                assert_eq!(pool.deletable.contains(*id), !row.is_busy(), "{context}: {id:?}");
            }
        }
        for (pool, live) in self.pools.iter().zip(live_counts) {
            assert_eq!(pool.live, live, "{context}: live rows");
            assert!(pool.members.iter().all(|id| self.rows.contains_key(id)), "{context}");
            assert!(pool.free.len() <= pool.members.len(), "{context}");
        }
    }

    #[cfg(test)]
    pub(super) fn knows(&self, id: RowId) -> bool {
        self.rows.contains_key(&id)
    }

    #[cfg(test)]
    pub(super) fn pooled(&self) -> usize {
        self.rows.values().filter(|live| live.pool.is_some()).count()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}
