//! Reports of the six scenarios' shapes, in good order and at their worst, on one screen.

use expect_test::expect_file;
use serde_json::{Value, json};

use super::*;
use crate::display::{COLUMNS_DEFAULT, Display, columns_of};
use crate::report::{Report, render, render_full};
use crate::timeline::Latency;

/// A latency as wide as it gets: an hour with its fractions, known only to be at least that.
fn stats(worst: bool) -> Value {
    if !worst {
        return json!({ "count": 600, "censored": 0, "unmeasured": 0, "min": 1.07, "mean": 2.85, "stddev": 1.0,
            "p50": 2.69, "p90": 3.5, "p95": 4.17, "p99": 8.53, "p99_9": 20.0, "max": 55.91 });
    }
    let hours = 3_723_456.789_123;
    json!({ "count": 1_234_567_890_u64, "censored": 98_765_432, "unmeasured": 1_234_567, "min": -hours, "mean": hours,
        "stddev": hours, "p50": null, "p50_at_least": hours, "p90": null, "p90_at_least": hours, "p95": null,
        "p95_at_least": hours, "p99": null, "p99_at_least": hours, "max": null, "max_at_least": hours })
}

fn by(worst: bool, entities: &[&str]) -> Vec<Value> {
    let mut by = Vec::new();
    for entity in entities {
        for operation in ["create", "update", "delete"] {
            let mut row = stats(worst);
            row["entity"] = json!(entity);
            row["operation"] = json!(operation);
            by.push(row);
        }
    }
    by
}

fn threshold(index: usize, worst: bool) -> Value {
    if !worst {
        return json!({ "metric": "cdc_e2e_latency", "expression": "p(95)<2000", "bound": 2000.0, "passed": true,
            "observed": 4.17, "is_time": true, "samples": 600 });
    }
    json!({ "metric": format!("cdc_e2e_latency_intended{{scenario:a_scenario_with_a_long_name,entity:customer,operation:update,group:group_{index}}}"),
        "expression": "p(99.99)<=1234567.891", "passed": false, "observed": 3_723_456.789, "at_least": true,
        "is_time": true, "samples": 600 })
}

/// The displays that have to hold everything.
const WIDTHS: [usize; 5] = [60, 80, 100, 140, 200];

/// One long sentence of a fault.
const SENTENCE: &str = "for 12.5 s of the load the writer of this run had no processor although it asked for one, in spans \
     that together hold 4,321 of the 6,000 ticks, so that what was due then was begun up to 1.25 s late and every \
     latency from `intended` on holds that time as well";

fn report(worst: bool, entities: &[&str], findings: &Value) -> Report {
    let latency = |name: &str| {
        let by = if name == "iteration_duration" { Vec::new() } else { by(worst, entities) };
        json!({ "all": stats(worst), "by": by })
    };
    let latencies: serde_json::Map<String, Value> =
        Latency::ALL.iter().map(|name| (name.name().to_owned(), latency(name.name()))).collect();
    let count = if worst { 12_345_678_901_u64 } else { 600 };
    let rate = json!({ "rate": 0.987_654_3, "passed": count, "total": count });
    let reasons: Vec<Value> = (0..if worst { 6 } else { 0 })
        .map(|index| json!({ "code": format!("writer_starved_{index}"), "grade": "invalid", "seen": SENTENCE, "cause": SENTENCE, "next": SENTENCE }))
        .collect();
    let thresholds: Vec<Value> =
        (0..if worst { 12 } else { 5 }).map(|index| threshold(index, worst)).collect();
    let stages: Vec<Value> =
        [("sent", "committed"), ("committed", "connector"), ("connector", "kafka"), ("kafka", "observed")]
            .iter()
            .map(|(from, to)| {
                let mut stage = stats(worst);
                for (key, value) in [("stage", *to), ("from", *from), ("to", *to), ("clock", "not_compared")]
                {
                    stage[key] = json!(value);
                }
                stage["resolution_ms"] = json!(1.0);
                stage
            })
            .collect();
    let (lost, other) = if worst { (count / 4, count / 8) } else { (0, 0) };
    let value = json!({
        "schema": "streamgauge.report/1",
        "run": { "id": "00c0ffee0042", "test": "t", "scenarios": ["a"], "seed": 1, "writers": 1, "started_at": "2026-01-31T12:00:00Z",
            "duration_s": 60.0, "time_scale": 1.0, "load_scale": 1.0, "complete": true, "versions": {} },
        "verdict": { "state": if worst { "invalid" } else { "passed" }, "exit_code": if worst { 103 } else { 0 },
            "cause": if worst { Some(format!("{SENTENCE}; {SENTENCE}; {SENTENCE}; {SENTENCE}")) } else { None } },
        "validity": { "state": if worst { "invalid" } else { "valid" }, "reasons": reasons },
        "thresholds": thresholds,
        "account": { "entries": count, "delivered": count - 6 * other, "superseded": other, "late": other, "lost": lost,
            "rejected": other, "unknown": other, "pending": other, "lost_no_row": other, "recovered": other },
        "events": { "total": count, "first": count - 4 * other, "duplicate": other, "out_of_order": other, "early": other,
            "foreign": other, "undecodable": other },
        "latency": latencies,
        "stages": if worst { stages } else { Vec::new() },
        "rates": { "cdc_success_rate": rate, "checks": rate, "pg_write_failed": rate },
        "counters": { "iterations": count, "dropped_iterations": other, "pg_write_errors": other, "observer_errors": other,
            "skipped_steps": other, "not_expected": other, "failed_iterations": other },
        "counter_rates": { "iterations": 10.0 },
        "load": { "peak_users": 500, "peak_rate_per_s": 100.0, "seconds": [] },
        "findings": findings,
        "clock": if worst {
            json!({ "domain": "network", "error_bound_ms": 1.234_567, "writers": [{ "offset_ms": 3_723_456.789, "drift_ppm": 50.0,
                "drift_error_ppm": 7.0, "round_trip_ms": 0.5, "exchanges": 60, "test_clock": "offset 400ms" }],
                "mongodb": { "offset_ms": -3.0, "error_bound_ms": 0.75 } })
        } else {
            json!({ "domain": "same_kernel", "error_bound_ms": 0.0 })
        },
        "process": {},
        "floor": stats(worst),
        "no_floor": if worst { Some(SENTENCE) } else { None }
    });
    serde_json::from_value(value).expect("a report")
}

/// The six scenarios by name, with the entities that each writes and the findings that it asks for.
fn shapes(worst: bool) -> Vec<(&'static str, Report)> {
    let hours = 7_123.456_7;
    let broken = |index: usize| json!({ "metric": format!("cdc_e2e_latency{{group:{index}}}"), "expression": "p(95)<5000", "at_s": hours, "crossed_for_s": hours, "users": 150.0 });
    let count = if worst { 8 } else { 1 };
    let breaking_point = json!({ "breaking_point": { "hold_s": 10.0, "broken": (0..count).map(broken).collect::<Vec<_>>(),
        "load": { "at_s": hours, "users": 150.0, "stage": "a_stage_with_a_name", "sent_per_s": 1_234_567.8, "arrived_per_s": 1_234_567.8,
            "pending": 123_456_789, "rates_from_s": 1.0, "rates_to_s": 2.0 },
        "highest": { "users": 150.0, "sent_per_s": 1.0, "arrived_per_s": 1.0, "over_s": 10.0 } } });
    let rows =
        json!({ "sent": 123_456_789, "arrived": 12_345_678, "pending": 1_234_567, "last_arrival_s": hours });
    let spike = json!({
        "recovery": { "state": "recovered", "load_fell_s": hours, "after_s": hours, "stayed_s": hours, "worst_p95_ms": 3_723_456.789,
            "band": { "from_s": 0.0, "to_s": 60.0, "points": 60, "median_p95_ms": 3_723_456.789, "upper_ms": 3_723_456.789 } },
        "catch_up": { "rose_s": 60.0, "fell_s": 180.0, "ended_s": 300.0, "window_s": 60.0, "before": rows, "during": rows, "after": rows,
            "arrived_in_window": 123_456_789, "pending_after_window": 123_456_789, "caught_up_after_s": hours },
        "stalls": (0..count).map(|_| json!({ "at_s": hours, "length_s": hours, "ended": false, "rows_waiting": 123_456_789 })).collect::<Vec<_>>() });
    let trend = |series: &str| {
        json!({ "series": series, "unit": "ms", "verdict": "drifting", "points": 7_200, "span_s": hours,
        "fit": { "blocks": 24, "block_s": 300.0, "slope_per_s": 1.0, "slope_per_hour": 3_600.0, "slope_low_per_s": 0.9, "slope_high_per_s": 1.1,
            "confidence": 0.95, "correlation_factor": 1.0, "from_s": 0.0, "to_s": hours, "start": 1.0, "end": 7_200.0, "relative_change": 71.99,
            "matters_from": 0.1 } })
    };
    let trends = ["e2e p95", "iteration", "writer memory", "observer memory"].map(trend);
    let soak = json!({ "stability": { "verdict": "drifting", "trends": trends },
        "checkpoints": (0..24).map(|_| json!({ "at_s": hours, "width_s": 300.0, "sent": 123_456, "arrived": 123_456, "errors": 0, "pending": 12,
            "users": 50.0, "p50_ms": 2.69, "p95_ms": 4.17, "p99_ms": 8.53, "iteration_ms": 1_234.5, "writer_rss_bytes": 123_456_789,
            "observer_rss_bytes": 123_456_789 })).collect::<Vec<_>>() });
    let none = Value::Null;
    vec![
        ("baseline", report(worst, &["customer"], &none)),
        ("stress", report(worst, &["customer"], &breaking_point)),
        ("spike", report(worst, &["customer"], &spike)),
        ("soak", report(worst, &["customer"], &soak)),
        ("e2e-latency", report(worst, &["customer"], &none)),
        ("mixed", report(worst, &["customer", "address", "an_entity_with_quite_a_long_name_indeed"], &none)),
    ]
}

const SCREEN: Display = Display { columns: COLUMNS_DEFAULT, color: false };

#[test]
fn the_screen_holds_every_scenario_at_its_best_and_at_its_worst() {
    for (worst, columns) in [false, true].into_iter().flat_map(|worst| WIDTHS.map(|columns| (worst, columns)))
    {
        for (name, report) in shapes(worst) {
            let screen = render_screen(&report, Display { columns, color: false });
            // The writer adds the run folder.
            let lines = screen.lines().count() + 1;
            assert!(lines <= SCREEN_LINES, "{name}: {lines} lines\n{screen}");
            for line in screen.lines() {
                let has = line.chars().count();
                assert!(has <= columns, "{name}: {has} columns of {columns}: {line}\n{screen}");
            }
            let told = screen.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.contains("--summary full"), "{screen}");
            let verdict = if worst { "INVALID (exit code 103)" } else { "PASSED (exit code 0)" };
            assert!(told.contains(verdict), "{screen}");
            let mut colours = render_screen(&report, Display { columns, color: true });
            for code in ["\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
                colours = colours.replace(code, "");
            }
            assert_eq!(colours, screen, "colours change no text");
        }
    }
}

#[test]
fn the_full_summary_stays_within_the_display_and_loses_no_word() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (name, report) in shapes(false).into_iter().chain(shapes(true)) {
        let file = render(&report, false);
        for columns in WIDTHS {
            let full = render_full(&report, Display { columns, color: true });
            for line in full.lines() {
                let (has, letters) =
                    (columns_of(line), line.split_whitespace().map(columns_of).max().unwrap_or(0));
                assert!(
                    has <= columns || letters > columns / 2,
                    "{name}: {has} columns of {columns}: {line}"
                );
            }
            let plain = render_full(&report, Display { columns, color: false });
            assert_eq!(words(&plain), words(&file), "{name} at {columns}");
        }
    }
}

#[test]
fn what_the_screen_shows_is_what_the_full_summary_shows() {
    for (name, report) in shapes(false) {
        let (screen, full) = (render_screen(&report, SCREEN), render(&report, false));
        for figure in ["p(95)=4.17ms", "600 = 600 delivered", "98.76% 600 out of 600", "10.00/s"] {
            assert!(screen.contains(figure) && full.contains(figure), "{name}: {figure}\n{screen}\n{full}");
        }
        assert!(screen.contains("all 5 thresholds hold; measurement VALID"), "{screen}");
    }
}

#[test]
fn faults_stay_when_other_lines_go() {
    let (_, report) = shapes(true).remove(3);
    let screen = render_screen(&report, SCREEN);
    assert!(screen.contains("✗ cdc_e2e_latency_intended") && !screen.contains("checkpoint"), "{screen}");
    assert!(screen.contains("lines are left out; everything: --summary full"), "{screen}");
    assert!(screen.lines().any(|line| line.starts_with("    cdc_e2e_latency ")), "{screen}");
}

/// One whose thresholds failed: by a time, a share and a count, one without data and one that cannot be told.
fn failed() -> Report {
    let (_, mut report) = shapes(false).remove(4);
    let result = |value: Value| serde_json::from_value(value).expect("a threshold");
    let more = json!([
        { "metric": "cdc_e2e_latency", "expression": "p(95)<500", "bound": 500.0, "passed": false, "observed": 612.0, "is_time": true,
            "samples": 600, "first_failed_s": 21.4 },
        { "metric": "cdc_success_rate", "expression": "rate>0.99", "bound": 0.99, "passed": false, "observed": 0.973_187,
            "samples": 600, "first_failed_s": 3.0 },
        { "metric": "iterations", "expression": "count>=1000", "bound": 1_000.0, "passed": false, "observed": 600.0, "samples": 600 },
        { "metric": "cdc_e2e_latency{operation:update}", "expression": "p(95)<1500", "bound": 1_500.0, "passed": false,
            "is_time": true, "samples": 0 },
        { "metric": "cdc_propagation", "expression": "p(99)<400", "bound": 400.0, "passed": false, "observed": 17.0, "at_least": true,
            "at_most": 480.0, "undecided": true, "is_time": true, "samples": 600 },
    ]);
    report.thresholds.extend(more.as_array().expect("some").iter().cloned().map(result));
    report.verdict =
        serde_json::from_value(json!({ "state": "failed", "exit_code": 99 })).expect("a verdict");
    report
}

#[test]
fn the_summaries_of_runs_that_passed_failed_and_must_not_be_believed() {
    let passed = shapes(false).remove(4).1;
    let invalid = shapes(true).remove(2).1;
    let cases = [
        ("passed", passed, expect_file!["snapshots/passed.txt"]),
        ("failed", failed(), expect_file!["snapshots/failed.txt"]),
        ("invalid", invalid, expect_file!["snapshots/invalid.txt"]),
    ];
    for (name, report, expected) in cases {
        let mut text = String::new();
        for columns in [60, 80, 100, 200] {
            let screen = render_screen(&report, Display { columns, color: false });
            text.push_str(&format!("━━ {name}, {columns} columns\n{screen}\n"));
        }
        for columns in [60, 100, 200] {
            let full = render_full(&report, Display { columns, color: false });
            text.push_str(&format!("━━ {name}, all of it, {columns} columns\n{full}\n"));
        }
        expected.assert_eq(&text);
    }
}
