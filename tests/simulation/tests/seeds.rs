//! Many seeds, each a history of its own. `SEEDS` says how many, `SEED` names one to be lived through alone.

use std::collections::BTreeMap;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use streamgauge_simulation::{Summary, simulate};

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is '{text}': give a whole number")))
}

#[test]
fn every_seed_is_told_as_it_was() {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(200),
    };
    let mut failed = Vec::new();
    let mut total = Summary::default();
    for seed in seeds.clone() {
        match catch_unwind(AssertUnwindSafe(|| simulate(seed))) {
            Ok(summary) => {
                total.operations += summary.operations;
                summary
                    .counts
                    .iter()
                    .for_each(|(name, count)| *total.counts.entry(name).or_default() += count);
                total.clocks.0 += summary.clocks.0;
                total.clocks.1 += summary.clocks.1;
            }
            Err(_) => {
                println!("seed {seed} failed: run it alone with SEED={seed} make simulate");
                failed.push(seed);
            }
        }
    }
    println!("{} seeds, {} operations: {:?}", seeds.end - seeds.start, total.operations, total.counts);
    println!("times taken over from another clock: {}, beyond the bound: {}", total.clocks.0, total.clocks.1);
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
    assert!(total.clocks.1 * 1_000 <= total.clocks.0, "at least 99.9 % of the times are within their bound");
    if seeds.end - seeds.start >= 200 {
        let seen: BTreeMap<_, _> = total.counts;
        for name in [
            "delivered",
            "superseded",
            "late",
            "lost",
            "rejected",
            "unknown",
            "first",
            "duplicate",
            "out_of_order",
            "foreign",
            "undecodable",
            "recovered",
            "no_row",
        ] {
            assert!(seen.contains_key(name), "no seed had anything {name}");
        }
    }
}
