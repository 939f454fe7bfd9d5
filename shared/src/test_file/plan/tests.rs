use super::super::{Scale, Source, parse};
use super::*;

/// A shipped scenario; with even arrivals, whose number is exact.
fn plan(name: &str, time: &str, load: &str) -> Plan {
    planned::<true>(name, time, load)
}

fn planned<const GRID: bool>(name: &str, time: &str, load: &str) -> Plan {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/");
    let source = |name: &str| {
        let text = std::fs::read_to_string(format!("{folder}{name}")).map_err(|error| error.to_string())?;
        let text = if GRID { text.replace("arrivals = \"poisson\"", "arrivals = \"even\"") } else { text };
        Ok(Source { name: name.to_owned(), text })
    };
    let scales: [Scale; 2] = [time.parse().expect("a scale"), load.parse().expect("a scale")];
    let test = source(&format!("{name}.toml")).expect("a shipped scenario");
    Plan::of(&parse(&test, scales[0], scales[1], source).expect("no mistakes").0)
}

/// `entity operation each total` of a scenario.
fn written(plan: &Plan) -> Vec<(usize, Operation, f64, Count)> {
    plan.scenarios[0].operations.iter().map(|one| (one.entity, one.operation, one.each, one.total)).collect()
}

#[test]
fn an_arrival_rate_is_planned_exactly() {
    let plan = plan("e2e-latency", "1", "1");
    assert_eq!(plan.scenarios[0].iterations, Count::Exactly(3_000));
    assert_eq!(planned::<false>("e2e-latency", "1", "1").scenarios[0].iterations, Count::About(3_000));
    let all = Count::Exactly(3_000);
    assert_eq!(written(&plan), [(0, Operation::Create, 1.0, all), (0, Operation::Delete, 1.0, all)]);
    assert_eq!((plan.peak_users, plan.connections, plan.peak_rate_per_s), (50, 50, Some(10.0)));
    assert_eq!((plan.load, plan.longest), (Nanos::from_secs(305), Nanos::from_secs(395)));
    // 20 rows/s: 40 s of them while the link is away, two records each.
    assert_eq!(plan.memory.writer_bytes(), (24 << 20) + 50 * (16 << 10) + 50 * (128 << 10) + 2 * 800 * 256);
}

#[test]
fn a_closed_loop_is_planned_by_its_pauses_and_says_so() {
    let soak = plan("soak", "1", "1");
    // 50 users, 7,200 s, pauses of 1 + 1 + 2 s on average, and one that each may just have begun.
    assert_eq!(soak.scenarios[0].iterations, Count::AtMost(90_050));
    let delete = soak.scenarios[0].operations.last().expect("a delete");
    assert_eq!((delete.operation, delete.total), (Operation::Delete, Count::AtMost(9_005)));
    assert!((delete.each - 0.1).abs() < 1e-12);
    // 500 users need no more sessions than the most that are opened by themselves.
    let spike = plan("spike", "1", "1");
    assert_eq!((spike.peak_users, spike.connections, spike.peak_rate_per_s), (500, 64, None));
}

#[test]
fn weights_are_counted_in_and_the_setup_is_exact() {
    let mixed = plan("mixed", "1", "1");
    let each: Vec<(usize, Operation, f64)> = written(&mixed)
        .into_iter()
        .map(|(entity, operation, each, _)| (entity, operation, (each * 1e6).round() / 1e6))
        .collect();
    let expected = [
        (0, Operation::Create, 0.3),
        (0, Operation::Update, 0.25),
        (0, Operation::Delete, 0.1),
        (1, Operation::Create, 0.15),
        (2, Operation::Create, 0.2),
    ];
    assert_eq!(each, expected);
    let [setup] = mixed.setup[..] else { panic!("one kind of operation: {:?}", mixed.setup) };
    assert_eq!((setup.operation, setup.total), (Operation::Create, Count::Exactly(10)));
}

#[test]
fn scales_reach_the_plan() {
    let plan = plan("e2e-latency", "0.1", "2");
    assert_eq!(plan.scenarios[0].iterations, Count::Exactly(600));
    assert_eq!((plan.peak_users, plan.peak_rate_per_s), (100, Some(20.0)));
    assert_eq!((plan.load, plan.longest), (Nanos::from_millis(30_500), Nanos::from_millis(120_500)));
}

#[test]
fn a_search_says_what_it_does_at_most() {
    let plan = plan("capacity", "1", "1");
    assert!(matches!(plan.scenarios[0].iterations, Count::AtMost(_)), "{plan:?}");
    assert_eq!(plan.peak_rate_per_s, Some(5_000.0));
}

/// What a load of 5,000 rows a second needs that loses one in a hundred: the matcher's tests hold the same figures.
#[test]
fn the_observers_memory_covers_a_fast_run_that_loses_rows() {
    let test = r#"
model = "models/shop.toml"
[scenarios.fast]
executor = "constant-arrival-rate"
rate = 5000
duration = "1h"
pre_allocated_vus = 100
flow = [ { create = "customer" } ]
"#;
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let model = include_str!("../../../../scenarios/models/shop.toml");
    let load = |_: &str| Ok(source("m.toml", model));
    let (test, _) =
        parse(&source("t.toml", test), Scale::default(), Scale::default(), load).expect("no mistakes");
    let memory = Plan::of(&test).memory;
    let bytes = |what: &str| -> u64 {
        memory.observer.iter().filter(|part| part.what.starts_with(what)).map(|part| part.bytes).sum()
    };
    assert_eq!(bytes("rows on their way"), 5_000 * 30 * ENTRY_BYTES, "each up to its deadline");
    // One in a hundred over ten minutes until it is given up, and as many as are remembered after that.
    assert_eq!(bytes("lost rows"), (50 * 600 + 100_000) * ENTRY_BYTES);
    assert_eq!(bytes("events while"), 5_000 * 40 * 256);
    assert!((200 << 20..300 << 20).contains(&memory.observer_bytes()), "{memory:?}");
}
