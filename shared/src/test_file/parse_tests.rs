use super::*;
use crate::test_file::{
    Action, Arrivals, CapacitySearch, ConstantArrivalRate, ConstantVus, Generator, ListLength, Literal, Pick,
    RampingVus, Rate, RowFrom, Timeout,
};
use crate::time::UnixNanos;

const TEST: &str = include_str!("../../../scenarios/e2e-latency.toml");
const MODEL: &str = include_str!("../../../scenarios/models/shop.toml");

fn source(name: &str, text: &str) -> Source {
    Source { name: name.into(), text: text.into() }
}

fn read(test: &str, model: &str, time: &str, load: &str) -> Result<Test, Vec<String>> {
    let scales = (time.parse().expect("a scale"), load.parse().expect("a scale"));
    parse(&source("t.toml", test), scales.0, scales.1, |_| Ok(source("m.toml", model)))
        .map(|(test, _)| test)
        .map_err(|mistakes| mistakes.0.iter().map(ToString::to_string).collect())
}

/// The mistakes after replacing one piece of the shipped test.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(TEST.contains(from), "{from}");
    read(&TEST.replace(from, to), MODEL, "1", "1").expect_err(to)
}

#[test]
fn the_shipped_test_reads_as_the_documents_say() {
    let test = read(TEST, MODEL, "1", "1").expect("no mistakes");
    assert_eq!(test.warm_up, Nanos::from_secs(5));
    assert_eq!(test.scenarios[0].name, "e2e_latency");
    assert_eq!(test.scenarios[0].graceful_stop, Nanos::from_secs(30));
    let expected = ConstantArrivalRate {
        rate: Rate { iterations: 10, per: Nanos::from_secs(1) },
        duration: Nanos::from_secs(300),
        pre_allocated_vus: 20,
        max_vus: 50,
        arrivals: Arrivals::Poisson,
    };
    assert_eq!(test.scenarios[0].executor, Executor::ConstantArrivalRate(expected));
    assert!(matches!(test.scenarios[0].flow[2].action, Action::Pause { .. }), "{:?}", test.scenarios[0].flow);
    assert_eq!(test.headline.key, "cdc_e2e_latency{operation:create}");
    assert_eq!(test.thresholds.len(), 5);
    assert_eq!(test.model.entities[0].key_columns().next().expect("a key").name, "id");
    assert_eq!(test.model.entities[0].stamp_paths(), ["cdc_stamp", "after.cdc_stamp"]);
}

#[test]
fn scales_multiply_lengths_and_loads_and_nothing_else() {
    let test = read(TEST, MODEL, "0.1", "2.5").expect("no mistakes");
    let Executor::ConstantArrivalRate(arrivals) = &test.scenarios[0].executor else {
        panic!("as the file says")
    };
    assert_eq!((test.warm_up, arrivals.duration), (Nanos::from_millis(500), Nanos::from_secs(30)));
    assert_eq!((arrivals.pre_allocated_vus, arrivals.max_vus), (50, 125));
    assert!((arrivals.rate.per_second() - 25.0).abs() < 1e-9);
    assert_eq!((test.drain, test.arrival_timeout), (Nanos::from_secs(60), Nanos::from_secs(30)));
    let wait = Action::Await { timeout: Timeout::fixed(Nanos::from_secs(5)) };
    assert_eq!(test.scenarios[0].flow[1].action, wait);
}

#[test]
fn each_mistake_names_its_place_what_was_found_and_what_is_allowed() {
    let cases = [
        (
            "duration = \"5m\"",
            "duraton = \"5m\"",
            "t.toml:11:1: 'duration' is missing: write for example duration = \"5m\"",
        ),
        ("rate = 10", "rate = 0", "t.toml:13:8: 0 is out of range: from 1 to 1000000"),
        ("rate = 10", "rate = \"10\"", "t.toml:13:8: expected a whole number, found string"),
        (
            "duration = \"5m\"",
            "duration = 300",
            "t.toml:15:12: expected a duration in quotes with a unit, as in \"30s\", found integer",
        ),
        (
            "max_vus = 50",
            "max_vus = 5",
            "t.toml:17:11: 'max_vus' (5) is below 'pre_allocated_vus' (20): raise it or leave it out",
        ),
        (
            "\"constant-arrival-rate\"",
            "\"constant-arrivals-rate\"",
            "t.toml:12:12: unknown executor 'constant-arrivals-rate', did you mean 'constant-arrival-rate'? allowed: shared-iterations, per-vu-iterations, constant-vus, ramping-vus, constant-arrival-rate, ramping-arrival-rate, capacity-search",
        ),
        (
            "{ await = \"5s\" },",
            "{ await = \"5s\", delete = \"customer\" },",
            "t.toml:23:3: a step has exactly one of: create, update, delete, await, check, pause, choose, maybe, repeat, transaction; this one has delete and await",
        ),
        (
            "delete = \"customer\"",
            "delete = \"custmer\"",
            "t.toml:26:14: unknown entity 'custmer', did you mean 'customer'? allowed: customer, address, order",
        ),
        (
            "status = \"active\"",
            "state = \"active\"",
            "t.toml:22:34: unknown column 'state', did you mean 'status'? allowed: id, email, status",
        ),
        (
            "cdc_success_rate",
            "cdc_succes_rate",
            "t.toml:31:1: unknown metric 'cdc_succes_rate', did you mean 'cdc_success_rate'? allowed: cdc_e2e_latency, cdc_e2e_latency_intended, cdc_propagation, pg_write_duration, mongo_visibility, schedule_lag, connection_wait, iteration_duration, cdc_success_rate, pg_write_failed, checks, iterations, failed_iterations, dropped_iterations, pg_write_errors, observer_errors, skipped_steps, not_expected",
        ),
        (
            "\"rate>0.99\"",
            "\"p(95)>0.99\"",
            "t.toml:31:21: threshold 'p(95)>0.99' uses method 'p(95)', which 'cdc_success_rate' does not have: it has rate",
        ),
        (
            "cdc_propagation =",
            "\"cdc_propagation{operation:creat}\" =",
            "t.toml:32:1: unknown operation 'creat', did you mean 'create'? allowed: create, update, delete",
        ),
        (
            "lost_after = \"10m\"",
            "lost_after = \"10s\"",
            "t.toml:5:1: 'lost_after' (10s) is shorter than 'arrival_timeout' (30s): a row must be late before it is lost",
        ),
        (
            "{ create = \"customer\", set = { status = \"active\", email = \"e2e-{id}@latency.test\" } },",
            "",
            "t.toml:23:13: 'await' has nothing to wait for: put a create before it",
        ),
    ];
    for (from, to, expected) in cases {
        let found = broken(from, to);
        assert!(
            found.iter().any(|mistake| mistake == expected),
            "{to}: expected\n{expected}\nfound\n{}",
            found.join("\n")
        );
    }
}

#[test]
fn all_mistakes_of_both_files_are_reported_at_once() {
    let test = TEST
        .replace("time_unit", "time_unti")
        .replace("p(95)<2000", "p95<2000")
        .replace("drain = \"60s\"", "drain = \"soon\"");
    let model =
        MODEL.replacen("verified = true", "verifed = true", 2).replacen("key = \"id\"", "key = \"idd\"", 1);
    let mistakes = read(&test, &model, "1", "1").expect_err("six mistakes");
    let expected = [
        "t.toml:9:9: 'soon' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s",
        "t.toml:14:1: unknown key 'time_unti', did you mean 'time_unit'? allowed: executor, rate, time_unit, duration, pre_allocated_vus, max_vus, arrivals, start_time, graceful_stop, findings, checkpoint, flow",
        "t.toml:30:53: threshold 'p95<2000' uses method 'p95', which 'cdc_e2e_latency' does not have: it has avg, min, max, med, p(N); probably meant: p(95)<2000",
        "m.toml:6:7: unknown column 'idd', did you mean 'id'? allowed: id, email, status",
        "m.toml:11:89: unknown key 'verifed', did you mean 'verified'? allowed: type, cast, length, verified, field, generate, template, choices, value, min, max, probability, from, to, references, size, start",
        "m.toml:12:94: unknown key 'verifed', did you mean 'verified'? allowed: type, cast, length, verified, field, generate, template, choices, value, min, max, probability, from, to, references, size, start",
    ];
    assert_eq!(mistakes, expected);
}

#[test]
fn syntax_errors_and_an_unreadable_model_are_mistakes_too() {
    let mistakes = broken("rate = 10", "rate = = 10");
    assert!(mistakes[0].starts_with("t.toml:13:8: "), "{mistakes:?}");
    let mistakes =
        parse(&source("t.toml", TEST), Scale::default(), Scale::default(), |_| Err("no such file".into()))
            .expect_err("no model");
    assert_eq!(mistakes.to_string(), "t.toml:2:9: model 'models/shop.toml' cannot be read: no such file");
}

/// The shipped scenarios, with the models they name.
const SHIPPED: [(&str, &str); 8] = [
    ("baseline", include_str!("../../../scenarios/baseline.toml")),
    ("stress", include_str!("../../../scenarios/stress.toml")),
    ("spike", include_str!("../../../scenarios/spike.toml")),
    ("soak", include_str!("../../../scenarios/soak.toml")),
    ("e2e-latency", TEST),
    ("mixed", include_str!("../../../scenarios/mixed.toml")),
    ("capacity", include_str!("../../../scenarios/capacity.toml")),
    ("own-table", include_str!("../../../scenarios/own-table.toml")),
];
const METERS: &str = include_str!("../../../scenarios/models/meters.toml");

fn shipped(name: &str) -> Test {
    let (_, text) = SHIPPED.iter().find(|(other, _)| *other == name).expect("a shipped scenario");
    let model = if text.contains("meters.toml") { METERS } else { MODEL };
    read(text, model, "1", "1").unwrap_or_else(|mistakes| panic!("{name}: {mistakes:#?}"))
}

#[test]
fn every_shipped_scenario_reads() {
    for (name, _) in SHIPPED {
        assert!(!shipped(name).thresholds.is_empty(), "{name}");
    }
}

#[test]
fn the_loads_are_those_of_the_suite_that_is_replaced() {
    let minutes = |minutes: u64| Nanos::from_secs(i64::try_from(60 * minutes).expect("small"));
    let vus = |vus, duration| Executor::ConstantVus(ConstantVus { vus, duration });
    assert_eq!(shipped("baseline").scenarios[0].executor, vus(10, minutes(5)));
    assert_eq!(shipped("soak").scenarios[0].executor, vus(50, minutes(120)));
    let ramp = |name: &str| match &shipped(name).scenarios[0].executor {
        Executor::RampingVus(RampingVus { start_vus, stages, .. }) => {
            (*start_vus, stages.iter().map(|stage| (stage.duration, stage.target)).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    let stages = |list: &[(u64, u32)]| list.iter().map(|(m, n)| (minutes(*m), *n)).collect::<Vec<_>>();
    let stress = [(2, 50), (2, 50), (2, 100), (2, 100), (2, 150), (3, 150), (2, 0)];
    assert_eq!(ramp("stress"), (0, stages(&stress)));
    assert_eq!(ramp("spike"), (10, stages(&[(1, 10), (0, 500), (2, 500), (0, 10), (2, 10)])));
    assert_eq!(ramp("mixed"), (0, stages(&[(1, 20), (3, 50), (3, 50), (1, 20), (1, 0)])));
}

#[test]
fn steps_say_which_row_and_which_check() {
    let soak = shipped("soak");
    let flow = &soak.scenarios[0].flow;
    assert!(matches!(flow[0].action, Action::Create { into: Some(0), check: None, .. }), "{:?}", flow[0]);
    assert!(
        matches!(flow[3].action, Action::Update { row: RowFrom::Own, check: Some(0), .. }),
        "{:?}",
        flow[3]
    );
    let Action::Maybe { probability, flow: inner } = &flow[6].action else { panic!("{:?}", flow[6]) };
    assert!((probability - 0.1).abs() < 1e-9);
    let oldest = RowFrom::Pool { pool: 0, pick: Pick::Oldest, keep: 100 };
    assert_eq!(inner[0].action, Action::Delete { entity: 0, row: oldest });
    assert_eq!(flow.len(), 8, "the check is bound to its update and no step any more");

    let stress = shipped("stress");
    let Action::Await { timeout } = stress.scenarios[0].flow[1].action else { panic!("an await") };
    let ms = Nanos::from_millis;
    assert_eq!([1, 10, 57, 500].map(|user| timeout.of(user)), [ms(3_000), ms(3_300), ms(4_500), ms(9_000)]);

    let mixed = shipped("mixed");
    let Action::Choose(alternatives) = &mixed.scenarios[0].flow[0].action else { panic!("a choose") };
    let weights: Vec<u32> = alternatives.iter().map(|alternative| alternative.weight).collect();
    assert_eq!(weights, [30, 25, 15, 20, 10]);
    assert!(matches!(mixed.setup[0].action, Action::Repeat { times: 10, .. }));
    let Action::Create { parents, .. } = &alternatives[2].flow[0].action else { panic!("an address") };
    assert_eq!(parents, &[(1, RowFrom::Pool { pool: 0, pick: Pick::Random, keep: 0 })]);
}

#[test]
fn a_capacity_search_is_judged_by_its_probes() {
    let capacity = shipped("capacity");
    assert_eq!(capacity.stages, ["probe"]);
    assert!(capacity.thresholds.iter().all(|threshold| threshold.tags.stage == Some(0)));
    let Executor::CapacitySearch(CapacitySearch { start, max, resolution, .. }) =
        capacity.scenarios[0].executor
    else {
        panic!("a capacity search")
    };
    assert_eq!((start.iterations, max.iterations), (10, 5_000));
    assert!((resolution - 0.05).abs() < 1e-9);
}

#[test]
fn a_users_own_table_has_types_and_a_composite_key() {
    let test = shipped("own-table");
    let entity = &test.model.entities[0];
    assert_eq!(entity.key, [0, 1]);
    assert_eq!(entity.landing.key_paths, ["_id.site", "_id.reading_id"]);
    assert_eq!(entity.stamp, "latency_stamp");
    assert_eq!(entity.verified().count(), 4);
    assert_eq!(test.thresholds[2].tags.group, Some(0));
}

#[test]
fn scales_reach_every_length_and_load() {
    let (_, text) = SHIPPED[2];
    let test = read(text, MODEL, "0.1", "0.5").expect("no mistakes");
    let Executor::RampingVus(ramp) = &test.scenarios[0].executor else { panic!("a ramp") };
    assert_eq!((ramp.start_vus, ramp.stages[1].target), (5, 250));
    assert_eq!((ramp.stages[0].duration, ramp.stages[1].duration), (Nanos::from_secs(6), Nanos::ZERO));
    assert_eq!(ramp.graceful_ramp_down, Nanos::from_secs(30));
    let pause = Action::Pause { min: Nanos::from_millis(50), max: Nanos::from_millis(50) };
    assert_eq!(test.scenarios[0].flow[2].action, pause, "pauses stay");
}

/// One mistake each, in a test that has everything.
#[test]
fn mistakes_of_the_language_have_their_sentences() {
    let full = r#"
model = "models/shop.toml"
[pools.live]
entity = "customer"
[scenarios.a]
executor = "ramping-vus"
stages = [ { duration = "1m", target = 5, name = "up" } ]
flow = [
  { create = "customer", into = "live", group = "make" },
  { await = "1s" },
  { check = ["status"] },
  { update = "customer", from = "live", set = { status = "active" } },
  { create = "order", from = "live" },
  { transaction = [ { create = "customer" }, { create = "address" } ] },
  { pause = ["1s", "2s"] },
  { choose = [ { weight = 1, flow = [ { pause = "1s" } ] }, { weight = 2, flow = [ { pause = "2s" } ] } ] },
  { maybe = 0.5, flow = [ { delete = "customer", from = "live", keep = 3 } ] },
]
[thresholds]
"cdc_e2e_latency{stage:up,group:make}" = [ { threshold = "p(95)<1s", over = "30s", recover_within = "10s" } ]
"#;
    read(full, MODEL, "1", "1").expect("no mistakes");
    let cases = [
        ("ramping-vus", "ramping-vu", "unknown executor 'ramping-vu', did you mean 'ramping-vus'?"),
        ("stages = [", "stage = [", "unknown key 'stage', did you mean 'stages'?"),
        ("target = 5", "target = -5", "-5 is out of range: from 0 to 100000"),
        ("duration = \"1m\"", "duration = \"0s\"", "every stage has the length 0"),
        ("into = \"live\"", "into = \"dead\"", "unknown pool 'dead'"),
        ("into = \"live\", ", "", "nothing fills pool 'live'"),
        ("  { await = \"1s\" },\n", "", "'check' speaks of the create or update before it in the same list"),
        ("check = [\"status\"]", "check = [\"stats\"]", "unknown column 'stats', did you mean 'status'?"),
        (
            "{ create = \"order\", from = \"live\" }",
            "{ create = \"order\", into = \"live\", from = \"live\" }",
            "pool 'live' holds rows of 'customer', not of 'order'",
        ),
        (
            "update = \"customer\", from = \"live\"",
            "update = \"order\"",
            "the iteration has no such row here",
        ),
        ("set = { status = \"active\" }", "set = { id = \"x\" }", "'id' is of the key"),
        ("set = { status = \"active\" }", "set = { }", "an update changes at least one column"),
        ("[\"1s\", \"2s\"]", "[\"2s\", \"1s\"]", "the range is empty"),
        ("weight = 1", "weight = 0", "0 is out of range: from 1 to 1000000"),
        (
            "{ create = \"address\" } ]",
            "{ await = \"1s\" } ]",
            "a transaction holds create, update and delete only, this is 'await'",
        ),
        (
            "{ create = \"address\" } ]",
            "{ transaction = [ { create = \"address\" } ] } ]",
            "a transaction holds create, update and delete only, this is 'transaction'",
        ),
        ("[ { create = \"customer\" }, { create = \"address\" } ]", "[]", "a flow needs at least one step"),
        ("maybe = 0.5", "maybe = 1.5", "1.5 is out of range: from 0 to 1"),
        ("from = \"live\", keep = 3", "keep = 3", "'keep' needs from"),
        ("stage:up", "stage:down", "unknown stage 'down'; allowed: up"),
        ("group:make", "group:made", "unknown group 'made', did you mean 'make'?"),
        ("over = \"30s\", ", "", "'recover_within' needs a window to recover in"),
        ("over = \"30s\"", "over = \"2h\"", "is too long: a window is at most"),
        (
            "cdc_e2e_latency{stage:up,group:make}",
            "iteration_duration{stage:up}",
            "only the tag 'scenario' narrows it",
        ),
        ("pause = [\"1s\", \"2s\"]", "pause = \"1s\", set = {}", "'set' goes with create or update only"),
        (
            "pause = [\"1s\", \"2s\"]",
            "pause = \"1s\", group = \"slow\"",
            "'group' goes with create or update or delete only",
        ),
        (
            "target = 5, name = \"up\" } ]",
            "target = 0, name = \"up\" } ]\nstart_vus = 0",
            "every target and the start are 0",
        ),
        ("check = [\"status\"]", "check = { email = \"x-{id}\" }", "without placeholders"),
        (
            "set = { status = \"active\" } }",
            "set = { status = \"active\" } }, { await = \"1s\" }, { check = [\"email\"] }",
            "the update before this check does not set 'email'",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(full.contains(from), "{from}");
        let mistakes = read(&full.replace(from, to), MODEL, "1", "1").expect_err(to);
        assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "{to}: {mistakes:#?}");
    }
}

#[test]
fn mistakes_of_a_model_have_their_sentences() {
    let own = SHIPPED[7].1;
    let cases = [
        ("numeric(12,3)", "numeric(2,3)", "'numeric(2,3)' does not say how many digits: write numeric(10,2)"),
        ("numeric(12,3)", "real", "99999.999 has more digits than real keeps: at most 6"),
        ("\"integer\"", "\"integer\", length = 2", "'length' goes with arrays only"),
        ("\"integer\"", "\"integer[]\", length = [2, 1]", "the range is empty"),
        ("\"integer\"", "\"integer\", cast = \"a.b.c\"", "it has more parts than schema and name"),
        ("\"text\", generate", "\"char(3)\", generate", "'north' has 5 characters, more than char(3) takes"),
        ("\"text\", generate", "\"time\", generate", "expected a time of day as in 12:30:00"),
        ("\"meter_readings\"\nkey", "\"a.b.c\"\nkey", "it has more parts than schema and name"),
        ("min = 0, max = 99_999.999", "min = 0, max = 0.0001", "0.0001 does not fit into numeric(12,3)"),
        (
            "generate = \"bool\", probability",
            "generate = \"int\", probability",
            "it takes generate = choice, fixed, bool",
        ),
        ("to = 2026-12-31T23:59:59Z", "to = 2025-12-31T23:59:59Z", "the range is empty"),
        ("type = \"jsonb\"", "type = \"jsonb\", verified = true", "cannot be verified"),
        ("\"site\", \"reading_id\"", "\"site\", \"meter_no\"", "a key must be unique"),
        ("[\"_id.site\", \"_id.reading_id\"]", "\"_id\"", "the key has 2 columns and 'key' 1 paths"),
        ("{int(1,9)}", "{int(9,1)}", "is not a range of whole numbers"),
        ("\"tags\": [", "tags: [", "which this template gives, is not JSON"),
        (
            "generate = \"bool\", ",
            "generate = \"bool\", min = 1, ",
            "'min' goes with generate = int or decimal only",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(METERS.contains(from), "{from}");
        let mistakes = read(own, &METERS.replace(from, to), "1", "1").expect_err(to);
        assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "{to}: {mistakes:#?}");
    }
    let sequences = [
        (
            "{ type = \"bigint\", generate = \"sequence\", template = \"{number}\" }",
            "a column of type bigint holds the number itself",
        ),
        ("{ type = \"uuid\", generate = \"sequence\" }", "it takes generate = uuid"),
        ("{ type = \"integer\", generate = \"sequence\", start = 0 }", "0 is out of range"),
        (
            "{ type = \"text\", generate = \"sequence\", template = \"{run}-{number}\" }",
            "holds {number} once and no other placeholder",
        ),
        (
            "{ type = \"text\", generate = \"sequence\", template = \"C\" }",
            "holds {number} once and no other placeholder",
        ),
        (
            "{ type = \"text\", generate = \"sequence\", template = \"{number(19)}\" }",
            "is not a number of digits from 1 to 18",
        ),
        (
            "{ type = \"varchar(6)\", generate = \"sequence\", template = \"C-{number(5)}\" }",
            "a text of type varchar(6) has no room for the number",
        ),
        ("{ type = \"char(2)\", generate = \"sequence\", start = 100 }", "100 is out of range"),
        ("{ type = \"char(36)\", generate = \"database\" }", "it takes generate = template, choice"),
        (
            "{ type = \"text\", generate = \"template\", template = \"C-{number}\" }",
            "{number} stands in the template of generate = \"sequence\" only",
        ),
    ];
    let id = "{ type = \"uuid\", generate = \"uuid\" }";
    for (to, expected) in sequences {
        let mistakes = read(own, &METERS.replacen(id, to, 1), "1", "1").expect_err(to);
        assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "{to}: {mistakes:#?}");
    }
    let not_in_the_key =
        METERS.replace("generate = \"int\", min = 1_000_000, max = 9_999_999_999", "generate = \"sequence\"");
    let mistakes = read(own, &not_in_the_key, "1", "1").expect_err("no key");
    assert!(
        mistakes[0].contains("'meter_no' is filled by a sequence and is not of the key"),
        "{mistakes:#?}"
    );
    let reference = MODEL.replace("references = \"customer\"", "references = \"order\"");
    let mistakes = read(TEST, &reference, "1", "1").expect_err("a reference forwards");
    assert!(mistakes.iter().any(|mistake| mistake.contains("must stand before")), "{mistakes:#?}");
}

#[test]
fn a_key_of_references_needs_a_row_of_the_iteration() {
    let link = r#"
[entities.visit]
table = "visits"
key = ["customer_id", "day"]
[entities.visit.columns]
customer_id = { type = "uuid", generate = "reference", references = "customer" }
day = { type = "date", generate = "date", from = 2026-01-01, to = 2026-01-02 }
"#;
    let test = |flow: &str| {
        format!(
            "model = \"m.toml\"\n[pools.live]\nentity = \"customer\"\n[setup]\nflow = [ {{ create = \"customer\", into = \"live\" }} ]\n[scenarios.s]\nexecutor = \"shared-iterations\"\nflow = [ {flow} ]\n"
        )
    };
    let linked = format!("{MODEL}{link}");
    let own = "{ create = \"customer\" }, { create = \"visit\" }, { delete = \"customer\" }";
    let read_own = read(&test(own), &linked, "1", "1").expect("the customer is of the iteration");
    let visit = read_own.model.entities.last().expect("the link");
    assert!(visit.is_keyed_by_references() && !visit.is_keyed_by_database() && !visit.has_unrepeated_keys());
    let pooled = read(&test("{ create = \"visit\", from = \"live\" }"), &linked, "1", "1");
    let mistakes = pooled.expect_err("a customer of a pool may have a visit");
    assert!(mistakes[0].contains("create one of them in the iteration"), "{mistakes:#?}");
}

#[test]
fn a_key_too_small_for_the_rows_that_are_planned_is_a_mistake() {
    let numbered = |rest: &str| {
        let id = "{ type = \"uuid\", generate = \"uuid\" }";
        MODEL.replacen(id, &format!("{{ type = \"integer\", generate = \"sequence\"{rest} }}"), 1)
    };
    // References have the type of what they refer to.
    let model = |rest: &str| {
        numbered(rest).replace(
            "{ type = \"uuid\", generate = \"reference\"",
            "{ type = \"integer\", generate = \"reference\"",
        )
    };
    read(TEST, &model(""), "1", "1").expect("3,000 rows and 50 of the warm-up");
    read(TEST, &model(", start = 2_147_480_598"), "1", "1").expect("just enough");
    let mistakes = read(TEST, &model(", start = 2_147_480_599"), "1", "1").expect_err("one too few");
    assert_eq!(
        mistakes,
        [
            "t.toml:1:1: the key 'id' of entity 'customer' is of type integer, which has numbers up to 2147483647: from 2147480599 on that is 3049, and the test makes about 3050 rows; use bigint, let fewer rows be made, or start below"
        ]
    );
}

#[test]
fn a_repeated_create_makes_as_many_rows_and_a_mistake_makes_no_second_one() {
    let test = |flow: &str| {
        format!(
            "model = \"m.toml\"\n[scenarios.a]\nexecutor = \"constant-vus\"\nduration = \"1m\"\nflow = [ {flow} ]\n"
        )
    };
    let delete = "{ delete = \"customer\" }";
    let twice = format!("{{ repeat = 2, flow = [ {{ create = \"customer\" }} ] }}, {delete}, {delete}");
    read(&test(&twice), MODEL, "1", "1").expect("two rows, two deletes");
    let mistakes = read(&test(&format!("{twice}, {delete}")), MODEL, "1", "1").expect_err("a third");
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    let broken = format!("{{ create = \"custmer\" }}, {{ await = \"1s\" }}, {delete}");
    let mistakes = read(&test(&broken), MODEL, "1", "1").expect_err("an unknown entity");
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
}

#[test]
fn a_scale_that_leads_out_of_bounds_is_a_mistake() {
    let (_, spike) = SHIPPED[2];
    let mistakes = read(spike, MODEL, "1", "1000").expect_err("too many users");
    assert!(mistakes[0].ends_with("--load-scale 1000 makes 500000 users: at most 100000"), "{mistakes:?}");
    let slow = TEST.replace("time_unit = \"1s\"", "time_unit = \"10000d\"");
    let mistakes = read(&slow, MODEL, "1", "0.000001").expect_err("too long");
    assert!(mistakes[0].contains("'time_unit' is too long to be scaled"), "{mistakes:?}");
}

#[test]
fn one_file_may_be_test_and_model() {
    let test = TEST.replace("model = \"models/shop.toml\"", "");
    let both = format!("{test}\n{MODEL}");
    let read_one =
        |text: &str| {
            parse(&source("t.toml", text), Scale::default(), Scale::default(), |_| {
                Err("not asked for".to_owned())
            })
        };
    let (read_test, model) = read_one(&both).expect("no mistakes");
    assert_eq!((read_test.model.entities[0].name.as_str(), model.text.as_str()), ("customer", both.as_str()));
    let mistakes = read_one(&format!("{TEST}\n{MODEL}")).expect_err("a model twice").to_string();
    assert!(mistakes.contains("the entities stand in this file: remove 'model', or them"), "{mistakes}");
    let mistakes = read_one(&format!("modle = 1\n{both}")).expect_err("an unknown key").to_string();
    assert_eq!(mistakes.matches("unknown key 'modle'").count(), 1, "{mistakes}");
}

#[test]
fn columns_of_every_type_are_read() {
    let columns = r#"
s = { type = "smallint", generate = "fixed", value = -32768 }
r = { type = "real", generate = "decimal", min = -0.5, max = 9.25 }
n = { type = "numeric(30,20)", generate = "decimal", min = 0, max = 1 }
d = { type = "date", generate = "choice", choices = [2026-01-31, "2024-02-29"] }
t = { type = "time", generate = "time", from = 08:00:00, to = "18:00:00.5" }
m = { type = "timestamptz", generate = "fixed", value = 2026-01-31T12:00:00.5Z, verified = true }
b = { type = "bytea", generate = "fixed", value = "00ff" }
a = { type = "inet[]", generate = "template", template = "10.0.0.{int(1,9)}", length = 0 }
e = { type = "text[]", cast = "Own.mood", generate = "choice", choices = ["sad"], length = [0, 5] }
"#;
    let model =
        METERS.replacen("[entities.reading.columns]\n", &format!("[entities.reading.columns]\n{columns}"), 1);
    let test = read(SHIPPED[7].1, &model, "1", "1").expect("no mistakes");
    let of = |name: &str| {
        let found = test.model.entities[0].columns.iter().find(|column| column.name == name);
        found.expect("there").clone()
    };
    assert_eq!(of("s").generator, Generator::Fixed(Literal::Int(-32_768)));
    assert_eq!(of("r").generator, Generator::Decimal { min: -50, max: 925, scale: 2 });
    assert_eq!(of("n").generator, Generator::Decimal { min: 0, max: 10_i64.pow(17), scale: 17 });
    assert_eq!(of("d").generator, Generator::Choice(vec![Literal::Date(20_484), Literal::Date(19_782)]));
    assert_eq!(of("t").generator, Generator::Time { from: 28_800_000, to: 64_800_500 });
    assert_eq!(
        of("m").generator,
        Generator::Fixed(Literal::Moment(UnixNanos::from_millis(1_769_860_800_500)))
    );
    assert_eq!(of("b").generator, Generator::Fixed(Literal::Bytes(vec![0, 255])));
    assert_eq!(of("a").list, Some(ListLength { min: 0, max: 0 }));
    let own = of("e");
    assert_eq!(own.cast, Some("Own.mood".parse().expect("a name")));
    assert_eq!(own.list, Some(ListLength { min: 0, max: 5 }));
}
