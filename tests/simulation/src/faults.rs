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
    pub(crate) foreign: u32,
    pub(crate) undecodable: u32,
    pub(crate) cuts: u32,
    pub(crate) restarts: u32,
    pub(crate) reopenings: u32,
    pub(crate) gap: bool,
    pub(crate) kill: bool,
}

impl Faults {
    pub(crate) fn draw(rng: &mut StdRng) -> Self {
        // Each fault is absent in half of the seeds: what it does alone must show too.
        let share = |rng: &mut StdRng, most: f64| {
            if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..most) }
        };
        let count =
            |rng: &mut StdRng, most: u32| if rng.random_bool(0.5) { 0 } else { rng.random_range(1..=most) };
        let load_ns = rng.random_range(1_000..4_000) * MS;
        Self {
            writers: rng.random_range(1..=3),
            operations: rng.random_range(40..200),
            load_ns,
            lost_after_ns: if rng.random_bool(0.3) {
                rng.random_range(1_500..4_000) * MS
            } else {
                600_000 * MS
            },
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
            foreign: count(rng, 20),
            undecodable: count(rng, 5),
            cuts: count(rng, 4),
            restarts: count(rng, 2),
            reopenings: count(rng, 2),
            gap: rng.random_bool(0.15),
            kill: rng.random_bool(0.15),
        }
    }
}
