use super::*;

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
        arrivals: Arrivals::Even,
    };
    assert_eq!(test.scenarios[0].executor, Executor::ConstantArrivalRate(expected));
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
            "t.toml:10:1: 'duration' is missing: write for example duration = \"5m\"",
        ),
        ("rate = 10", "rate = 0", "t.toml:12:8: 0 is out of range: from 1 to 1000000"),
        ("rate = 10", "rate = \"10\"", "t.toml:12:8: expected a whole number, found string"),
        (
            "duration = \"5m\"",
            "duration = 300",
            "t.toml:14:12: expected a duration in quotes with a unit, as in \"30s\", found integer",
        ),
        (
            "max_vus = 50",
            "max_vus = 5",
            "t.toml:16:11: 'max_vus' (5) is below 'pre_allocated_vus' (20): raise it or leave it out",
        ),
        (
            "\"constant-arrival-rate\"",
            "\"constant-arrivals-rate\"",
            "t.toml:11:12: unknown executor 'constant-arrivals-rate', did you mean 'constant-arrival-rate'? allowed: constant-arrival-rate",
        ),
        (
            "{ await = \"5s\" },",
            "{ await = \"5s\", delete = \"customer\" },",
            "t.toml:20:3: a step has exactly one of: create, await, delete",
        ),
        (
            "delete = \"customer\"",
            "delete = \"custmer\"",
            "t.toml:21:14: unknown entity 'custmer', did you mean 'customer'? allowed: customer",
        ),
        (
            "status = \"active\"",
            "state = \"active\"",
            "t.toml:19:34: unknown column 'state', did you mean 'status'? allowed: id, email, status",
        ),
        (
            "cdc_success_rate",
            "cdc_succes_rate",
            "t.toml:26:1: unknown metric 'cdc_succes_rate', did you mean 'cdc_success_rate'? allowed: cdc_e2e_latency, cdc_e2e_latency_intended, cdc_propagation, pg_write_duration, mongo_visibility, schedule_lag, connection_wait, iteration_duration, cdc_success_rate, pg_write_failed, checks, iterations, dropped_iterations, pg_write_errors, observer_errors, skipped_steps",
        ),
        (
            "\"rate>0.99\"",
            "\"p(95)>0.99\"",
            "t.toml:26:21: threshold 'p(95)>0.99' uses method 'p(95)', which 'cdc_success_rate' does not have: it has rate",
        ),
        (
            "cdc_propagation =",
            "\"cdc_propagation{operation:creat}\" =",
            "t.toml:27:1: unknown operation 'creat', did you mean 'create'? allowed: create, update, delete",
        ),
        (
            "lost_after = \"10m\"",
            "lost_after = \"10s\"",
            "t.toml:4:1: 'lost_after' (10s) is shorter than 'arrival_timeout' (30s): a row must be late before it is lost",
        ),
        (
            "{ create = \"customer\", set = { status = \"active\", email = \"e2e-{id}@latency.test\" } },",
            "",
            "t.toml:20:13: 'await' has nothing to wait for: put a create before it",
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
    let model = MODEL.replace("verified = true", "verifed = true").replace("key = \"id\"", "key = \"idd\"");
    let mistakes = read(&test, &model, "1", "1").expect_err("six mistakes");
    let expected = [
        "t.toml:8:9: 'soon' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s",
        "t.toml:13:1: unknown key 'time_unti', did you mean 'time_unit'? allowed: executor, rate, time_unit, duration, pre_allocated_vus, max_vus, arrivals, start_time, graceful_stop, flow",
        "t.toml:25:33: threshold 'p95<2000' uses method 'p95', which 'cdc_e2e_latency' does not have: it has avg, min, max, med, p(N)",
        "m.toml:6:7: unknown column 'idd', did you mean 'id'? allowed: id, email, status",
        "m.toml:11:87: unknown key 'verifed', did you mean 'verified'? allowed: type, verified, field, generate, template, choices",
        "m.toml:12:94: unknown key 'verifed', did you mean 'verified'? allowed: type, verified, field, generate, template, choices",
    ];
    assert_eq!(mistakes, expected);
}

#[test]
fn syntax_errors_and_an_unreadable_model_are_mistakes_too() {
    let mistakes = broken("rate = 10", "rate = = 10");
    assert!(mistakes[0].starts_with("t.toml:12:8: "), "{mistakes:?}");
    let mistakes =
        parse(&source("t.toml", TEST), Scale::default(), Scale::default(), |_| Err("no such file".into()))
            .expect_err("no model");
    assert_eq!(mistakes.to_string(), "t.toml:2:9: model 'models/shop.toml' cannot be read: no such file");
}
