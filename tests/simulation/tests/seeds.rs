//! Many seeds, each a history of its own. `SEEDS` says how many, `SEED` names one to be lived through alone.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use streamgauge_observer::matcher::KEPT_MAX;
use streamgauge_shared::report::Figure;
use streamgauge_shared::test_file::{Scale, Source, parse};
use streamgauge_simulation::{Summary, flood, simulate};

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
                summary.named.iter().for_each(|(name, count)| *total.named.entry(name).or_default() += count);
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
    println!("{:?}", total.named);
    println!("times taken over from another clock: {}, beyond the bound: {}", total.clocks.0, total.clocks.1);
    assert!(failed.is_empty(), "{} seeds failed: {failed:?}", failed.len());
    assert!(total.clocks.1 * 1_000 <= total.clocks.0, "at least 99.9 % of the times are within their bound");
    if seeds.end - seeds.start >= 200 {
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
            assert!(total.counts.contains_key(name), "no seed had anything {name}");
        }
        for name in [
            "absent writer",
            "never sent",
            "cut link",
            "killed writer",
            "interrupted",
            "interrupted twice",
            "aborted",
            "judged probe",
            "forgotten",
            "not expected",
            "ended in order",
            "ended by a threshold",
            "ended by an interrupt",
            "ended without a writer",
            "closed at once",
            "given up for want of writers",
        ] {
            assert!(total.named.contains_key(name), "in no seed: {name}");
        }
    }
}

#[test]
fn more_lost_rows_than_are_remembered_stay_in_every_figure() {
    let text = include_str!("../../../scenarios/e2e-latency.toml");
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let model = source("shop.toml", include_str!("../../../scenarios/models/shop.toml"));
    let parsed = parse(&source("e2e-latency.toml", text), Scale::default(), Scale::default(), |_| Ok(model));
    let test = parsed.expect("the shipped test").0;
    let operations = KEPT_MAX as u64 + 20_000;
    let (report, forgotten) = flood(test, operations);
    assert_eq!(forgotten, 20_000);
    assert_eq!((report.account.entries, report.account.lost), (operations, operations));
    let latency = &report.latency["cdc_e2e_latency"].all;
    assert_eq!((latency.count, latency.censored), (0, operations));
    // Each was a second old when it was forgotten, and none is younger.
    for figure in [latency.p50, latency.p99, latency.max] {
        assert!(matches!(figure, Figure::AtLeast(millis) if millis >= 999.0), "{figure:?}");
    }
}
