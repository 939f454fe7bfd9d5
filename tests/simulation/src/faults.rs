//! What may go wrong in one seed.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::agenda::MS;

/// Drawn once for a seed. Shares are of operations or changes, from 0 to 1.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    pub(crate) writers: usize,
    pub(crate) operations: u64,
    pub(crate) load_ns: i64,
    pub(crate) lost_after_ns: i64,
    pub(crate) arrival_timeout_ns: i64,
    pub(crate) delay_ns: i64,
    pub(crate) link_jitter_ns: i64,
    /// The writers' clocks are other kernels'.
    pub(crate) network: bool,
    pub(crate) drop: f64,
    pub(crate) duplicate: f64,
    pub(crate) reorder: f64,
    pub(crate) coalesce: f64,
    pub(crate) reject: f64,
    pub(crate) unknown: f64,
    pub(crate) retry: f64,
    pub(crate) awaited: f64,
    pub(crate) corrupt: f64,
    /// Rows whose key the database makes.
    pub(crate) by_database: f64,
    /// The sink chooses the documents' keys.
    pub(crate) by_sink: bool,
    pub(crate) foreign: u32,
    pub(crate) undecodable: u32,
    pub(crate) cuts: u32,
    pub(crate) restarts: u32,
    pub(crate) reopenings: u32,
    pub(crate) gap: bool,
    pub(crate) kill: bool,
    /// PostgreSQL refuses sessions so often, for up to two seconds.
    pub(crate) outages: u32,
    /// How much later than the first one each writer says hello; one that never does is absent.
    pub(crate) hellos_ns: Vec<Option<i64>>,
    /// One writer is so far away.
    pub(crate) slow_ns: i64,
    /// A user interrupts a writer; twice or not.
    pub(crate) interrupt: Option<bool>,
    /// A threshold may end the load.
    pub(crate) abort: bool,
    /// The test is a capacity search.
    pub(crate) search: bool,
    /// The matcher remembers few of what does not arrive.
    pub(crate) forgets: bool,
}

/// How long the writers of a run may take to come together.
pub(crate) const WRITERS_TIMEOUT_NS: i64 = 5_000 * MS;

impl Faults {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        // Each fault is absent in half of the seeds: what it does alone must show too.
        let share = |rng: &mut StdRng, most: f64| {
            if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..most) }
        };
        let count =
            |rng: &mut StdRng, most: u32| if rng.random_bool(0.5) { 0 } else { rng.random_range(1..=most) };
        let search = rng.random_bool(0.08);
        let forgets = !search && rng.random_bool(0.08);
        let writers = if search { 1 } else { rng.random_range(1..=3) };
        let lost_after_ns =
            if rng.random_bool(0.3) { rng.random_range(1_500..4_000) * MS } else { 600_000 * MS };
        let mut faults = Self {
            writers,
            operations: rng.random_range(40..200),
            load_ns: rng.random_range(1_000..4_000) * MS,
            lost_after_ns,
            arrival_timeout_ns: rng.random_range(100..2_000) * MS,
            delay_ns: rng.random_range(0..400) * MS,
            link_jitter_ns: rng.random_range(0..20) * MS,
            network: rng.random_bool(0.4),
            drop: share(rng, 0.2),
            duplicate: share(rng, 0.2),
            reorder: share(rng, 0.2),
            coalesce: share(rng, 0.3),
            reject: share(rng, 0.2),
            unknown: share(rng, 0.1),
            retry: share(rng, 0.2),
            awaited: share(rng, 0.5),
            corrupt: share(rng, 0.2),
            by_database: share(rng, 1.0),
            by_sink: rng.random_bool(0.4),
            foreign: count(rng, 20),
            undecodable: count(rng, 5),
            cuts: count(rng, 4),
            restarts: count(rng, 2),
            reopenings: count(rng, 2),
            gap: rng.random_bool(0.15),
            kill: rng.random_bool(0.15),
            outages: count(rng, 2),
            hellos_ns: (0..writers).map(|_| hello(rng)).collect(),
            slow_ns: if rng.random_bool(0.2) { rng.random_range(20..400) * MS } else { 0 },
            interrupt: rng.random_bool(0.1).then(|| rng.random_bool(0.4)),
            abort: rng.random_bool(0.15),
            search,
            forgets,
        };
        // Somebody begins the run.
        let first = rng.random_range(0..writers);
        faults.hellos_ns[first] = Some(0);
        if forgets {
            faults.forget();
        }
        faults
    }

    /// More is lost than is remembered, and nothing that is lost comes after all: what is remembered of it must not
    /// matter.
    fn forget(&mut self) {
        (self.operations, self.load_ns) = (400, 9_000 * MS);
        (self.drop, self.lost_after_ns) = (0.6, 2_500 * MS);
        (self.duplicate, self.reorder, self.coalesce, self.unknown, self.retry) = (0.0, 0.0, 0.0, 0.0, 0.0);
        (self.cuts, self.reopenings, self.slow_ns, self.kill) = (0, 0, 0, false);
    }
}

/// At once, somewhat later, too late, or never.
fn hello(rng: &mut StdRng) -> Option<i64> {
    match rng.random_range(0..20) {
        0 => None,
        1 => Some(WRITERS_TIMEOUT_NS + rng.random_range(500..3_000) * MS),
        2..8 => Some(rng.random_range(0..4_000) * MS),
        _ => Some(rng.random_range(0..200) * MS),
    }
}
