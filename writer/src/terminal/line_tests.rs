use expect_test::expect_file;
use streamgauge_shared::display::columns_of;
use streamgauge_shared::histogram::Quantile;

use super::*;
use crate::test_source::tests::parsed;

/// A test of several scenarios, each of another kind.
fn test() -> Test {
    parsed(
        r#"model = "shop.toml"

[defaults]
warm_up = "5s"

[scenarios.steady]
executor = "constant-arrival-rate"
rate = 10
time_unit = "1s"
duration = "5m"
pre_allocated_vus = 20
max_vus = 50
flow = [ { create = "customer" } ]

[scenarios.a_ramp_with_quite_a_long_name_indeed]
executor = "ramping-arrival-rate"
stages = [
  { name = "rise", duration = "1m", target = 20 },
  { duration = "1m", target = 20 },
]
pre_allocated_vus = 20
flow = [ { create = "customer" } ]

[scenarios.users]
executor = "constant-vus"
vus = 10
duration = "1m"
start_time = "1m"
flow = [ { create = "customer" } ]

[scenarios.shared]
executor = "shared-iterations"
vus = 10
iterations = 100
flow = [ { create = "customer" } ]

[scenarios.each]
executor = "per-vu-iterations"
vus = 10
iterations = 10
flow = [ { create = "customer" } ]

[thresholds]
cdc_e2e_latency = ["p(95)<2s"]
"#,
    )
}

fn at(seconds: i64, over: bool) -> Elapsed {
    Elapsed {
        since_start: Nanos::from_secs(seconds),
        warm_up: Nanos::from_secs(5),
        over,
        shard: Shard::WHOLE,
    }
}

fn load(iterations: u64, dropped: u64) -> ScenarioLoad {
    ScenarioLoad { active_users: 12, users: 50, iterations, dropped, ..ScenarioLoad::default() }
}

fn rows(pending: u64, lost: u64, e2e_p95: Quantile) -> Option<ScenarioProgress> {
    Some(ScenarioProgress { pending, lost, e2e_p95 })
}

const FAST: Quantile = Quantile::Value(Nanos(4_912_345));
const SLOW: Quantile = Quantile::AtLeast(Nanos(2_612_345_678));
const WIDTHS: [usize; 4] = [60, 80, 100, 200];

/// Every state of a scenario that looks different.
fn states(test: &Test) -> Vec<(&'static str, Standing<'_>, ScenarioLoad)> {
    let standing = |scenario: usize, moment, rate, progress| Standing {
        test,
        scenario: &test.scenarios[scenario],
        load: &EMPTY,
        rate,
        progress,
        limit: Limit::of(test, u16::try_from(scenario).expect("a few")),
        moment,
    };
    let none = rows(0, 0, Quantile::NoData);
    vec![
        (
            "warming up, before the observer has said anything",
            standing(0, at(2, false), None, None),
            load(0, 0),
        ),
        ("warming up", standing(0, at(4, false), None, none), load(0, 0)),
        ("running", standing(0, at(80, false), Some(9.98), rows(2, 0, FAST)), load(748, 0)),
        ("running, and failing", standing(0, at(185, false), Some(7.5), rows(412, 7, SLOW)), load(1_200, 31)),
        ("draining", standing(0, at(306, false), Some(10.0), rows(3, 0, FAST)), load(3_000, 0)),
        ("ended", standing(0, at(308, true), Some(10.0), rows(0, 0, FAST)), load(3_000, 0)),
        ("ended with losses", standing(0, at(370, true), Some(9.2), rows(0, 7, SLOW)), load(2_760, 240)),
        ("in a stage with a name", standing(1, at(35, false), Some(9.99), rows(2, 0, FAST)), load(150, 0)),
        ("in a stage without one", standing(1, at(95, false), Some(20.0), rows(2, 0, FAST)), load(1_200, 0)),
        ("waiting for its start", standing(2, at(20, false), None, none), load(0, 0)),
        ("users", standing(2, at(80, false), Some(123.4), rows(2, 0, FAST)), load(1_851, 0)),
        ("iterations shared", standing(3, at(20, false), Some(5.0), rows(2, 0, FAST)), load(25, 0)),
        ("all of them done", standing(3, at(40, false), Some(5.0), rows(0, 0, FAST)), load(100, 0)),
        ("iterations of each", standing(4, at(20, false), Some(5.0), rows(2, 0, FAST)), load(25, 0)),
    ]
}

static EMPTY: std::sync::LazyLock<ScenarioLoad> = std::sync::LazyLock::new(ScenarioLoad::default);

#[test]
fn a_scenarios_line_in_every_state_at_every_width() {
    let test = test();
    let mut text = String::new();
    for columns in WIDTHS {
        text.push_str(&format!("{columns} columns\n"));
        for (state, standing, load) in states(&test) {
            let line =
                progress_line(&Standing { load: &load, ..standing }, Display { columns, color: false });
            assert!(columns_of(&line) <= columns, "{state}: {line}");
            text.push_str(&format!("  {state}\n{line}\n"));
        }
        text.push('\n');
    }
    text.push_str("without a limit, as in a file\n");
    for (state, standing, load) in states(&test) {
        let line = progress_line(&Standing { load: &load, ..standing }, Display::FILE);
        text.push_str(&format!("  {state}\n{line}\n"));
    }
    expect_file!["snapshots/progress.txt"].assert_eq(&text);
}

#[test]
fn no_width_is_too_narrow_and_colours_change_no_text() {
    let test = test();
    for columns in 20..=220 {
        for (state, standing, load) in states(&test) {
            let standing = Standing { load: &load, ..standing };
            let [plain, painted] =
                [false, true].map(|color| progress_line(&standing, Display { columns, color }));
            assert!(columns_of(&plain) <= columns, "{state} at {columns}: {plain}");
            let mut stripped = painted;
            for code in ["\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
                stripped = stripped.replace(code, "");
            }
            assert_eq!(stripped, plain, "{state} at {columns}");
            // The figure that the run is about, and what went wrong, are the last to go.
            if columns >= 60 && standing.progress.is_some() {
                assert!(plain.contains("p95 "), "{state} at {columns}: {plain}");
            }
            if columns >= 60 && standing.progress.is_some_and(|progress| progress.lost > 0) {
                assert!(plain.contains("7 lost"), "{state} at {columns}: {plain}");
            }
        }
    }
}

#[test]
fn the_runs_line_in_every_state_at_every_width() {
    let progress = |lost, thresholds_failing, e2e_p95| Progress {
        pending: 2,
        lost,
        thresholds_failing,
        e2e_p50: Quantile::Value(Nanos(3_123_456)),
        e2e_p95,
        ..Progress::default()
    };
    let (good, bad) = (progress(0, 0, FAST), progress(7, 2, SLOW));
    let states: [(&str, Elapsed, u64, Option<&Progress>); 6] = [
        ("before the observer has said anything", at(0, false), 0, None),
        ("warming up", at(3, false), 0, Some(&good)),
        ("running", at(80, false), 0, Some(&good)),
        ("running, and failing", at(3_800, false), 31, Some(&bad)),
        ("draining", at(306, false), 0, Some(&good)),
        ("ended", at(308, true), 31, Some(&bad)),
    ];
    let mut text = String::new();
    for columns in WIDTHS {
        text.push_str(&format!("{columns} columns\n"));
        for (state, moment, dropped, progress) in states {
            let display = Display { columns, color: false };
            let length = Nanos::from_secs(if state == "running, and failing" { 7_200 } else { 300 });
            let line = run_line(&[load(748, dropped), load(52, 0)], progress, moment, length, display);
            assert!(columns_of(&line) <= columns, "{state}: {line}");
            text.push_str(&format!("  {state}\n{line}\n"));
        }
        text.push('\n');
    }
    expect_file!["snapshots/run.txt"].assert_eq(&text);
}

#[test]
fn good_and_bad_have_their_colours() {
    let test = test();
    let states = states(&test);
    let line = |state: &str| {
        let (_, standing, load) = states.iter().find(|(name, ..)| *name == state).expect("a state");
        progress_line(&Standing { load, ..*standing }, Display { columns: 200, color: true })
    };
    assert!(line("running").contains("\x1b[32mp95 4.91ms < 2s\x1b[0m"), "{}", line("running"));
    let failing = line("running, and failing");
    for said in ["\x1b[31mp95 ≥2.61s ≥ 2s\x1b[0m", "\x1b[31m7 lost\x1b[0m", "\x1b[33m31 dropped\x1b[0m"] {
        assert!(failing.contains(said), "{said}: {failing}");
    }
}
