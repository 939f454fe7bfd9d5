//! One mistake is told once: what only follows from it is not.

use crate::test_file::{Scale, Source, parse};

const MODEL: &str = include_str!("../../../../scenarios/models/shop.toml");

fn mistakes(test: &str, model: Result<&str, &str>) -> Vec<String> {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let load = |_: &str| model.map(|text| source("m.toml", text)).map_err(str::to_owned);
    match parse(&source("t.toml", test), Scale::default(), Scale::default(), load) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.0.iter().map(|mistake| mistake.message.clone()).collect(),
    }
}

/// A test in which nearly everything refers to something else.
const TEST: &str = r#"
model = "models/shop.toml"
[defaults]
arrival_timeout = "30s"
lost_after = "60s"
[pools.live]
entity = "customer"
[setup]
flow = [ { create = "customer", into = "live", group = "seed" }, { await = "1s" } ]
[scenarios.a]
executor = "ramping-vus"
stages = [ { duration = "1m", target = 5, name = "up" } ]
flow = [
  { create = "customer", into = "live", group = "make" },
  { await = "1s" },
  { check = ["status"] },
  { update = "customer", from = "live", set = { status = "active" } },
  { pause = "1s" },
  { await = "1s" },
  { check = { status = "active" } },
  { create = "order", from = "live" },
  { maybe = 0.5, flow = [ { delete = "customer", from = "live", keep = 3 } ] },
]
[thresholds]
"cdc_e2e_latency{stage:up,group:make,entity:customer}" = ["p(95)<1s"]
"cdc_e2e_latency{group:seed}" = ["p(95)<1s"]
"iterations{scenario:a}" = ["rate>0"]
"#;

#[test]
fn one_mistake_is_told_once_whatever_follows_from_it() {
    assert_eq!(mistakes(TEST, Ok(MODEL)), Vec::<String>::new());
    let cases = [
        // The first create is not readable: its await, check and threshold are not judged.
        (
            "{ create = \"customer\", into = \"live\", group = \"make\" }",
            "{ creat = \"customer\" }",
            "unknown step 'creat', did you mean 'create'?",
        ),
        (
            "{ create = \"customer\", into = \"live\", group = \"make\" }",
            "{ create = \"custmer\", into = \"live\", group = \"make\" }",
            "unknown entity 'custmer'",
        ),
        ("group = \"make\" }", "group = \"make\", set = { stats = \"x\" } }", "unknown column 'stats'"),
        (
            "group = \"make\" },\n  { await = \"1s\" }",
            "group = \"make\" },\n  { await = \"1\" }",
            "'1' has no unit",
        ),
        (
            "group = \"make\" },\n  { await = \"1s\" }",
            "group = \"make\" },\n  { awiat = \"1s\" }",
            "unknown step 'awiat', did you mean 'await'?",
        ),
        ("{ update = \"customer\"", "{ update = \"cstomer\"", "unknown entity 'cstomer'"),
        ("{ pause = \"1s\" }", "{ pause = 1 }", "expected a duration in quotes"),
        ("{ pause = \"1s\" }", "{ sleep = \"1s\" }", "unknown step 'sleep'"),
        ("{ pause = \"1s\" }", "\"1s\"", "expected a table"),
        // A pool of an unknown entity: none of its users.
        (
            "[pools.live]\nentity = \"customer\"",
            "[pools.live]\nentity = \"custmer\"",
            "unknown entity 'custmer'",
        ),
        // An executor that is not there: neither its options nor its stages.
        ("\"ramping-vus\"", "\"ramping-vu\"", "unknown executor 'ramping-vu'"),
        ("duration = \"1m\"", "duration = \"1\"", "'1' has no unit"),
        ("[setup]\nflow = [ {", "[setup]\nflow = [ { x = 1 }, {", "unknown step 'x'"),
        ("arrival_timeout = \"30s\"", "arrival_timeout = \"90\"", "'90' has no unit"),
        ("lost_after = \"60s\"", "lost_after = \"5\"", "'5' has no unit"),
        ("[\"rate>0\"]", "\"rate>0\"", "expected an array"),
    ];
    for (from, to, expected) in cases {
        assert!(TEST.contains(from), "{from}");
        let found = mistakes(&TEST.replacen(from, to, 1), Ok(MODEL));
        assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:#?}");
    }
}

#[test]
fn a_model_that_does_not_load_is_one_mistake() {
    assert_eq!(
        mistakes(TEST, Err("no such file")),
        ["model 'models/shop.toml' cannot be read: no such file"]
    );
    let cases = [
        ("[entities.customer]", "[entities.customer", "unclosed table"),
        ("key = \"id\"", "key = \"idd\"", "unknown column 'idd'"),
        (
            "type = \"uuid\", generate = \"uuid\"",
            "type = \"uid\", generate = \"uuid\"",
            "unknown column type 'uid'",
        ),
        ("generate = \"uuid\"", "generate = \"uid\"", "unknown generator 'uid'"),
        ("generate = \"uuid\"", "", "'generate' is missing"),
    ];
    for (from, to, expected) in cases {
        assert!(MODEL.contains(from), "{from}");
        let found = mistakes(TEST, Ok(&MODEL.replacen(from, to, 1)));
        assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:#?}");
    }
    let missing = TEST.replacen("model = \"models/shop.toml\"", "", 1);
    assert_eq!(mistakes(&missing, Ok(MODEL)).len(), 1);
}

#[test]
fn a_test_without_scenarios_or_with_a_broken_threshold_is_one_mistake() {
    let at = TEST.find("[scenarios.a]").expect("a scenario");
    let end = TEST.find("[thresholds]").expect("thresholds");
    let without = format!(
        "{}{}",
        TEST[..at].replace("[pools.live]\nentity = \"customer\"", "").replace(", into = \"live\"", ""),
        &TEST[end..]
    );
    let found = mistakes(&without, Ok(MODEL));
    assert!(found.len() == 1 && found[0].contains("'scenarios' is missing"), "{found:#?}");

    let search = r#"
model = "m.toml"
[scenarios.a]
executor = "capacity-search"
start_rate = 10
max_rate = 80
pre_allocated_vus = 4
flow = [ { create = "customer" } ]
[thresholds]
cdc_e2e_latency = ["p(0.95)<2s"]
"#;
    let found = mistakes(search, Ok(MODEL));
    assert!(found.len() == 1 && found[0].contains("probably meant: p(95)<2s"), "{found:#?}");
    let found = mistakes(&search.replace("cdc_e2e_latency = [\"p(0.95)<2s\"]", ""), Ok(MODEL));
    assert!(found.len() == 1 && found[0].contains("a capacity-search needs a threshold"), "{found:#?}");
}

#[test]
fn a_step_of_two_kinds_or_of_none_says_so() {
    let two =
        mistakes(&TEST.replacen("{ pause = \"1s\" }", "{ pause = \"1s\", await = \"1s\" }", 1), Ok(MODEL));
    let kinds = "a step has exactly one of: create, update, delete, await, check, pause, choose, maybe, repeat, transaction";
    assert_eq!(two, [format!("{kinds}; this one has await and pause")]);
    let none = mistakes(&TEST.replacen("{ pause = \"1s\" }", "{ group = \"x\" }", 1), Ok(MODEL));
    assert_eq!(none, [kinds]);
}
