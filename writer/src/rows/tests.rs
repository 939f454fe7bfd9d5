use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const CUSTOMER: usize = 0;
const ORDER: usize = 1;
const LINE: usize = 2;

fn pool(entity: usize, scope: Scope) -> Pool {
    Pool { name: format!("pool-{entity}"), entity, scope }
}

/// Customers, orders of customers, and lines of orders that each user has for itself.
fn pools() -> Rows {
    deleting(&[CUSTOMER, ORDER, LINE])
}

/// The same, of a test whose steps delete rows of these entities only.
fn deleting(entities: &[usize]) -> Rows {
    let pools = [pool(CUSTOMER, Scope::Shared), pool(ORDER, Scope::Shared), pool(LINE, Scope::User)];
    Rows::new(&pools, entities.iter().copied().collect())
}

fn choice(pool: usize, pick: Pick, keep: u32) -> Choice {
    Choice { pool, pick, keep, draw: 0 }
}

fn values(number: i64) -> Vec<Value> {
    vec![Value::Bigint(number)]
}

#[test]
fn a_row_is_free_once_its_iteration_has_ended_and_forgotten_without_a_pool() {
    let rows = pools();
    let (mut first, mut second) = (rows.user(), rows.user());
    let mut iteration = first.hold();
    iteration.made(CUSTOMER, values(1), &[], Some(CUSTOMER));
    iteration.made(CUSTOMER, values(2), &[], None);
    assert_eq!(iteration.own(CUSTOMER).map(|row| row.values.to_vec()), Some(values(2)));
    assert!(second.hold().pick(choice(CUSTOMER, Pick::Random, 0)).is_none(), "it is still its maker's");
    drop(iteration);
    assert_eq!(rows.0.store.lock().len(), 1);
    let mut iteration = second.hold();
    let mark = iteration.mark();
    assert!(iteration.pick(choice(CUSTOMER, Pick::Random, 1)).is_none(), "one must stay besides it");
    let picked = iteration.pick(choice(CUSTOMER, Pick::Random, 0)).expect("a free row");
    assert_eq!(picked.values[..], values(1));
    iteration.updated(picked.id, values(3));
    iteration.release_since(mark);
    assert!(iteration.own(CUSTOMER).is_none(), "its list of steps is over");
    drop(iteration);
    let again = first.hold().pick(choice(CUSTOMER, Pick::Oldest, 0)).expect("free again");
    assert_eq!(again.values[..], values(3));
}

#[test]
fn after_many_iterations_no_row_is_kept_that_no_step_can_touch() {
    // Each iteration puts an order of a pooled customer and two lines of it into no pool.
    let held_after = |deleted: &[usize], iterations: i64| {
        let rows = deleting(deleted);
        let mut user = rows.user();
        let mut setup = user.hold();
        setup.made(CUSTOMER, values(0), &[], Some(CUSTOMER));
        drop(setup);
        for number in 0..iterations {
            let mut iteration = user.hold();
            let customer = iteration.pick(choice(CUSTOMER, Pick::Random, 0)).expect("a free row").id;
            iteration.made(ORDER, values(number), &[customer], None);
            let order = iteration.own(ORDER).expect("made").id;
            iteration.made(LINE, values(number), &[order], None);
            iteration.made(LINE, values(number), &[order, customer], None);
        }
        let store = rows.0.store.lock();
        store.assert_sound("after many iterations");
        store.len()
    };
    for iterations in [1, 10_000] {
        assert_eq!(held_after(&[], iterations), 1, "the customer");
        assert_eq!(
            held_after(&[ORDER, LINE], iterations),
            1,
            "an order can be deleted by its own iteration only"
        );
    }
    // A delete of the customer has to delete them first.
    assert_eq!(held_after(&[CUSTOMER], 100), 1 + 100 * 3);
}

#[test]
fn the_oldest_is_the_one_longest_in_the_pool_and_random_is_any() {
    let rows = pools();
    let mut user = rows.user();
    let mut iteration = user.hold();
    (0..100).for_each(|number| iteration.made(CUSTOMER, values(number), &[], Some(CUSTOMER)));
    drop(iteration);
    let mut seen = BTreeSet::new();
    let mut random = StdRng::seed_from_u64(1);
    for _ in 0..2_000 {
        let draw = random.random();
        let row = user.hold().pick(Choice { pool: CUSTOMER, pick: Pick::Random, keep: 0, draw });
        seen.insert(row.expect("a hundred rows").id);
    }
    assert_eq!(seen.len(), 100, "each can be picked");
    let mut iteration = user.hold();
    for number in 0..40 {
        let oldest = iteration.pick_doomed(choice(CUSTOMER, Pick::Oldest, 60)).expect("live rows")[0].clone();
        assert_eq!(oldest.values[..], values(number));
        // Whatever became of its delete, it does not come again.
        iteration.gone(oldest.id);
    }
    assert!(iteration.pick_doomed(choice(CUSTOMER, Pick::Oldest, 60)).is_none(), "sixty stay");
}

#[test]
fn children_go_before_their_parent_and_a_held_child_keeps_it() {
    let rows = pools();
    let (mut first, mut second) = (rows.user(), rows.user());
    let mut iteration = first.hold();
    iteration.made(CUSTOMER, values(1), &[], Some(CUSTOMER));
    let customer = iteration.own(CUSTOMER).expect("made").id;
    for number in 2..4 {
        iteration.made(ORDER, values(number), &[customer], Some(ORDER));
    }
    let order = iteration.own(ORDER).expect("made").id;
    iteration.made(LINE, values(4), &[order, order], Some(LINE));
    drop(iteration);
    let mut other = first.hold();
    assert!(other.pick(choice(LINE, Pick::Oldest, 0)).is_some());
    let mut iteration = second.hold();
    assert!(iteration.pick_doomed(choice(CUSTOMER, Pick::Random, 0)).is_none(), "a line below it is held");
    assert!(iteration.pick(choice(CUSTOMER, Pick::Random, 0)).is_some(), "an update does not mind");
    let own = iteration.own(CUSTOMER).expect("picked").id;
    assert!(iteration.doom(own).is_none());
    drop(other);
    let doomed: Vec<Vec<Value>> =
        iteration.doom(own).expect("all free").iter().map(|row| row.values.to_vec()).collect();
    assert_eq!(doomed, [values(2), values(4), values(3), values(1)]);
    assert!(iteration.own(CUSTOMER).is_none(), "what is to be deleted is no row to work on");
    drop(iteration);
    assert_eq!(second.count(CUSTOMER).0, 1, "a dropped iteration spares what it had not deleted");
}

#[test]
fn a_users_own_pool_goes_with_it() {
    let rows = pools();
    let (mut first, mut second) = (rows.user(), rows.user());
    let mut iteration = first.hold();
    iteration.made(CUSTOMER, values(1), &[], Some(CUSTOMER));
    let customer = iteration.own(CUSTOMER).expect("made").id;
    (0..3).for_each(|number| iteration.made(LINE, values(number), &[customer], Some(LINE)));
    drop(iteration);
    assert!(second.hold().pick(choice(LINE, Pick::Random, 0)).is_none(), "not its own");
    let mut iteration = second.hold();
    assert_eq!(iteration.pick_doomed(choice(CUSTOMER, Pick::Random, 0)).map(|rows| rows.len()), Some(4));
    drop(first);
    iteration.spare();
    drop(iteration);
    let store = rows.0.store.lock();
    store.assert_sound("after its user has gone");
    assert_eq!(store.len(), 4, "the lines have to be deleted before the customer");
    drop(store);
    let mut iteration = second.hold();
    let doomed = iteration.pick_doomed(choice(CUSTOMER, Pick::Random, 0)).expect("a free customer");
    iteration.gone(doomed[3].id);
    drop(iteration);
    assert_eq!(rows.0.store.lock().len(), 0, "nobody comes upon the lines without it");
}

#[test]
fn a_row_without_a_pool_is_deleted_before_the_row_it_refers_to() {
    let rows = pools();
    let mut user = rows.user();
    let mut iteration = user.hold();
    iteration.made(CUSTOMER, values(1), &[], Some(CUSTOMER));
    let customer = iteration.own(CUSTOMER).expect("made").id;
    iteration.made(ORDER, values(2), &[customer], None);
    drop(iteration);
    let mut iteration = user.hold();
    assert!(iteration.pick(choice(ORDER, Pick::Random, 0)).is_none());
    let doomed = iteration.pick_doomed(choice(CUSTOMER, Pick::Oldest, 0)).expect("a free customer");
    let numbers: Vec<Vec<Value>> = doomed.iter().map(|row| row.values.to_vec()).collect();
    assert_eq!(numbers, [values(2), values(1)]);
}

#[test]
fn a_row_is_forgotten_whose_operation_was_open_when_its_iteration_was_dropped() {
    let rows = pools();
    let mut user = rows.user();
    let mut iteration = user.hold();
    iteration.made(CUSTOMER, values(1), &[], Some(CUSTOMER));
    iteration.made(CUSTOMER, values(2), &[], Some(CUSTOMER));
    let row = iteration.own(CUSTOMER).expect("made").id;
    iteration.open(row);
    drop(iteration);
    assert_eq!(user.count(CUSTOMER), (1, 1));
}

/// What a simulated user is in the middle of.
enum Doing {
    Nothing,
    Insert {
        entity: usize,
        parents: Vec<RowId>,
        into: Option<usize>,
    },
    Update(RowId),
    /// Still to be deleted, the next one last.
    Delete(Vec<RowId>),
}

struct Simulated {
    user: &'static UserRows,
    holding: Option<Holding<'static>>,
    doing: Doing,
    mark: u64,
}

/// What PostgreSQL would have: each row's references, and whether the store still knows it.
#[derive(Default)]
struct Database {
    rows: BTreeMap<RowId, Vec<RowId>>,
    known: BTreeSet<RowId>,
    /// Forgotten for what became of an operation on them.
    given_up: BTreeSet<RowId>,
    holders: BTreeMap<RowId, usize>,
}

struct Simulation {
    seed: u64,
    random: StdRng,
    rows: Rows,
    users: Vec<Simulated>,
    database: Database,
    deleted: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let rows = pools();
        let users = (0..8).map(|_| Simulated::new(&rows)).collect();
        let random = StdRng::seed_from_u64(seed);
        Self { seed, random, rows, users, database: Database::default(), deleted: 0 }
    }

    fn step(&mut self) {
        let number = self.random.random_range(0..self.users.len());
        let user = &mut self.users[number];
        match std::mem::replace(&mut user.doing, Doing::Nothing) {
            Doing::Nothing => self.begin(number),
            Doing::Insert { entity, parents, into } => self.insert(number, entity, &parents, into),
            Doing::Update(id) => self.update(number, id),
            Doing::Delete(rest) => self.delete(number, rest),
        }
        self.look(number);
    }

    fn begin(&mut self, number: usize) {
        let (draw, keep) = (self.random.random(), self.random.random_range(0..4));
        let pick = if self.random.random() { Pick::Oldest } else { Pick::Random };
        let entity = self.random.random_range(0..3_usize);
        let from = Choice { pool: entity, pick, keep, draw };
        let action = self.random.random_range(0..12);
        let into = self.random.random_bool(0.9).then_some(entity);
        let user = &mut self.users[number];
        let holding = user.holding.get_or_insert_with(|| Simulated::hold(user.user));
        match action {
            0..5 => {
                let parent = match (entity, self.random.random::<bool>()) {
                    (CUSTOMER, _) => Some(Vec::new()),
                    (_, true) => holding.own(entity - 1).map(|row| vec![row.id]),
                    (_, false) => {
                        let from = Choice { pool: entity - 1, pick, keep, draw };
                        holding.pick(from).map(|row| vec![row.id])
                    }
                };
                if let Some(parents) = parent {
                    user.doing = Doing::Insert { entity, parents, into };
                }
            }
            5..7 => {
                let row = if draw % 2 == 0 { holding.own(entity) } else { holding.pick(from) };
                if let Some(row) = row {
                    holding.open(row.id);
                    user.doing = Doing::Update(row.id);
                }
            }
            7..9 => {
                let doomed = if draw % 3 == 0 {
                    holding.own(entity).and_then(|row| holding.doom(row.id))
                } else {
                    let doomed = holding.pick_doomed(from);
                    let (live, _) = user.user.count(entity);
                    assert!(doomed.is_none() || live >= keep as usize, "seed {}: below keep", self.seed);
                    doomed
                };
                if let Some(mut doomed) = doomed {
                    doomed.reverse();
                    user.doing = Doing::Delete(doomed.iter().map(|row| row.id).collect());
                }
            }
            9 => holding.release_since(user.mark),
            10 => user.mark = holding.mark(),
            _ => {
                user.holding = None;
                user.mark = 0;
                if draw % 16 == 0 {
                    // A user that the ramp removed; another one comes.
                    let gone = std::mem::replace(user, Simulated::new(&self.rows));
                    drop(gone.holding);
                    // The one reference there is: made by a leak below.
                    user.user.rows.0.store.lock().drop_pool(gone.user.pools[LINE]);
                }
            }
        }
    }

    fn insert(&mut self, number: usize, entity: usize, parents: &[RowId], into: Option<usize>) {
        assert!(parents.iter().all(|id| self.database.known.contains(id)), "seed {}: no parent", self.seed);
        if self.random.random_bool(0.1) {
            return;
        }
        let holding = self.users[number].holding.as_mut().expect("in an iteration");
        holding.made(entity, values(0), parents, into);
        let id = holding.own(entity).expect("just made").id;
        self.database.rows.insert(id, parents.to_vec());
        self.database.known.insert(id);
    }

    fn update(&mut self, number: usize, id: RowId) {
        let holding = self.users[number].holding.as_mut().expect("in an iteration");
        match self.random.random_range(0..10) {
            0 => holding.unchanged(id),
            1 => {
                holding.gone(id);
                self.database.given_up.insert(id);
            }
            _ => holding.updated(id, values(1)),
        }
    }

    fn delete(&mut self, number: usize, mut rest: Vec<RowId>) {
        let seed = self.seed;
        let user = &mut self.users[number];
        let holding = user.holding.as_mut().expect("in an iteration");
        let Some(id) = rest.pop() else { return };
        let refers: Vec<RowId> = self
            .database
            .rows
            .iter()
            .filter(|(_, parents)| parents.contains(&id))
            .map(|(id, _)| *id)
            .collect();
        let fate = self.random.random_range(0..20);
        if fate == 0 {
            // Cut before it was sent.
            return holding.spare();
        }
        holding.open(id);
        holding.gone(id);
        if refers.is_empty() && fate > 1 {
            self.database.rows.remove(&id);
            self.deleted += 1;
            user.doing = Doing::Delete(rest);
        } else {
            // Refused, for rows only that were given up, or a failure.
            self.database.given_up.insert(id);
            assert!(
                fate == 1 || refers.iter().all(|child| self.database.given_up.contains(child)),
                "seed {seed}: {id:?} before its children {refers:?}"
            );
            holding.spare();
        }
    }

    /// What must be true after every step.
    fn look(&mut self, number: usize) {
        let context = format!("seed {}", self.seed);
        self.rows.0.store.lock().assert_sound(&context);
        self.database.holders.retain(|_, holder| *holder != number);
        let held = self.users[number].holding.iter().flat_map(|holding| &holding.held);
        for held in held {
            let other = self.database.holders.insert(held.id, number);
            assert_eq!(other, None, "{context}: {:?} is held twice", held.id);
        }
        let store = self.rows.0.store.lock();
        self.database.known.retain(|id| store.knows(*id));
        assert_eq!(self.database.known.len(), store.len(), "{context}: rows that nobody made");
        drop(store);
        assert!(
            self.database.known.iter().all(|id| self.database.rows.contains_key(id)),
            "{context}: a row is known that was deleted"
        );
    }

    fn end(mut self) -> usize {
        self.users.iter_mut().for_each(|user| user.holding = None);
        let store = self.rows.0.store.lock();
        store.assert_sound(&format!("seed {} at its end", self.seed));
        let mut pools: Vec<PoolId> = self.rows.0.pools.iter().copied().flatten().collect();
        pools.extend(self.users.iter().map(|user| user.user.pools[LINE]));
        let counts: Vec<(usize, usize)> = pools.iter().map(|pool| store.count(*pool)).collect();
        assert!(counts.iter().all(|(live, free)| live == free), "seed {}: {counts:?}", self.seed);
        let live: usize = counts.iter().map(|(live, _)| live).sum();
        assert_eq!(live, store.pooled(), "seed {}: pools and live rows", self.seed);
        self.deleted
    }
}

impl Simulated {
    fn new(rows: &Rows) -> Self {
        // Users and what they hold would refer to themselves; a test may leak them.
        let user: &'static UserRows = Box::leak(Box::new(rows.user()));
        Self { user, holding: None, doing: Doing::Nothing, mark: 0 }
    }

    fn hold(user: &'static UserRows) -> Holding<'static> {
        let holder = user.rows.0.store.lock().new_holder();
        Holding { user, holder, held: Vec::new(), count: 0, savepoint: None }
    }
}

#[test]
fn whatever_users_do_no_row_is_held_twice_lost_or_deleted_before_its_children() {
    let mut deleted = 0;
    for seed in 0..200 {
        let mut simulation = Simulation::new(seed);
        (0..600).for_each(|_| simulation.step());
        deleted += simulation.end();
    }
    assert!(deleted > 1_000, "{deleted} deletes: the simulation does what it is for");
}
