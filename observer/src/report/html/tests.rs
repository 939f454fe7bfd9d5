//! Reports of folders as runs leave them: good, bad, long and old ones.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::histogram::interval_log::{append, header};
use streamgauge_shared::report::millis;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::*;
use crate::chart::layout::assert_well_laid;

/// 2026-11-30T10:00:00Z.
const START: UnixNanos = UnixNanos(1_796_032_800_000_000_000);

fn stats(count: u64, scale: f64) -> Value {
    json!({ "count": count, "censored": 0, "unmeasured": 0, "min": 2.0 * scale, "mean": 12.345_678 * scale,
            "stddev": 3.0, "p50": 11.0 * scale, "p90": 20.123 * scale, "p95": 31.0 * scale, "p99": 90.5 * scale,
            "p99_9": 200.0 * scale, "max": 240.0 * scale })
}

fn report(seconds: u64, width_s: u64) -> Value {
    let by = |operation: &str, scale| {
        let mut by = stats(50, scale);
        by["entity"] = "customer".into();
        by["operation"] = operation.into();
        by
    };
    let latency =
        |scale: f64| json!({ "all": stats(100, scale), "by": [by("create", scale), by("delete", scale)] });
    let point = |second: u64| {
        json!({ "at_s": second * width_s, "width_s": width_s, "sent": 10 + second % 3, "arrived": 10,
        "e2e_p50": 11.0, "e2e_p95": 31.0, "e2e_p99": 90.5, "e2e_max": 240.0, "pending": second % 5, "active_users": 3 })
    };
    json!({
        "schema": "streamgauge.report/1",
        "run": { "id": "00c0ffee0042", "test": "e2e-latency", "scenarios": ["steady"], "seed": 42, "writers": 1,
                 "started_at": START.to_rfc3339(), "duration_s": 30.5, "time_scale": 1.0, "load_scale": 1.0,
                 "complete": true, "versions": { "postgres": "15.18", "mongodb": "6.0.5", "streamgauge": "0.1.0" } },
        "verdict": { "state": "passed", "exit_code": 0 },
        "validity": { "state": "valid", "reasons": [] },
        "thresholds": [
            { "metric": "cdc_e2e_latency", "expression": "p(95)<500", "bound": 500.0, "passed": true, "observed": 31.0, "is_time": true, "samples": 100 },
            { "metric": "cdc_success_rate", "expression": "rate>0.99", "bound": 0.99, "passed": true, "observed": 1.0, "samples": 100 }
        ],
        "account": { "entries": 100, "delivered": 100, "superseded": 0, "late": 0, "lost": 0, "rejected": 0, "unknown": 0, "pending": 0 },
        "events": { "total": 100, "first": 100, "duplicate": 0, "out_of_order": 0, "early": 0, "foreign": 0, "undecodable": 0 },
        "latency": { "cdc_e2e_latency": latency(1.0), "cdc_e2e_latency_intended": latency(1.1), "cdc_propagation": latency(0.7),
                     "pg_write_duration": latency(0.3), "schedule_lag": latency(0.01), "mongo_visibility": latency(0.2) },
        "rates": { "cdc_success_rate": { "rate": 1.0, "passed": 100, "total": 100 } },
        "counters": { "iterations": 100, "dropped_iterations": 0 },
        "load": { "peak_users": 3, "peak_rate_per_s": 12.0, "seconds": (0..seconds).map(point).collect::<Vec<_>>() },
        "clock": { "domain": "same_kernel", "error_bound_ms": 0.0, "steps": 0 },
        "floor": stats(30, 0.1),
        "process": { "writer": { "cpu_s": 0.5, "peak_rss_bytes": 10_293_248 } }
    })
}

/// A folder with a report and, if wanted, everything that stands beside it.
fn folder(runs: &Path, report: &Value, intervals: i64, length: Nanos) -> KeptRun {
    let path = runs.join("20261130T100000Z-e2e-latency-00c0ffee0042");
    fs::create_dir_all(&path).expect("a folder");
    fs::write(path.join("report.json"), report.to_string()).expect("a file");
    if intervals > 0 {
        let mut log = header(START).into_bytes();
        for interval in 0..intervals {
            for (tag, base) in [("cdc_e2e_latency.create", 8_000_000), ("cdc_e2e_latency.delete", 4_000_000)]
            {
                let mut histogram = SignedHistogram::default();
                // A prime walks through a range of two decades.
                (0..40).for_each(|n| {
                    histogram.record(Nanos(base + (interval * 40 + n) * 7_919_000 % 400_000_000))
                });
                append(&mut log, tag, &histogram, Nanos(length.0 * interval), length);
            }
        }
        fs::write(path.join("latency.hlog"), log).expect("a file");
        let row = json!({ "writer": 0, "sequence": 7, "entity": "customer", "operation": "create", "key": "<k>", "outcome": "lost",
                          "sent_ns": START.0, "schedule_lag_ms": 0.5 });
        fs::write(path.join("rows.jsonl"), format!("{row}\n")).expect("a file");
        let test = "# How long does <one> row take?\nmodel = \"models/shop.toml\"\n";
        fs::write(path.join("test.toml"), test).expect("a file");
    }
    KeptRun::read(path).expect("a report")
}

fn drawn(report: &Value) -> String {
    let runs = tempfile::tempdir().expect("a folder");
    html(&folder(runs.path(), report, 30, Nanos::from_secs(1))).expect("a document")
}

/// Pointer and text of every figure that names its place.
fn figures(document: &str) -> Vec<(String, String)> {
    let rest = document.split("data-figure=\"").skip(1);
    let figure = |rest: &str| {
        let (pointer, rest) = rest.split_once('"').expect("closed");
        let (_, rest) = rest.split_once('>').expect("closed");
        (pointer.to_owned(), rest.split('<').next().unwrap_or_default().to_owned())
    };
    rest.map(figure).collect()
}

#[test]
fn the_first_screen_has_question_answer_and_how_sure_it_is() {
    let document = drawn(&report(30, 1));
    let (first, rest) = document.split_once("id=\"targets-section\"").expect("targets");
    for said in [
        "How long does &#60;one&#62; row take?",
        "Yes: the pipeline met all 2 targets.",
        "PASSED (exit code 0): all 2 thresholds hold; measurement VALID",
        "nothing that was watched beside it speaks against",
        "100 of 100 rows have a measured time",
        "one kernel, one clock",
        "take 1.1ms (median)",
    ] {
        assert!(first.contains(said), "'{said}' is not in: {first}");
    }
    for said in [
        "Rows that did not arrive in time",
        "&#60;k&#62;",
        "no marks in its documents",
        "The content of the rows",
        "<code>00c0ffee0042</code>",
    ] {
        assert!(rest.contains(said), "'{said}' is not in: {rest}");
    }
}

#[test]
fn it_is_one_file_without_scripts_and_every_chart_is_well_laid() {
    let document = drawn(&report(30, 1));
    for forbidden in ["<script", "style=\"", " src=", "@import", "http://", "https://", "NaN", "no data"] {
        assert!(!document.contains(forbidden), "{forbidden}");
    }
    let links: Vec<&str> =
        document.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(links, ["data:,"]);
    assert_eq!(document.matches("<main>").count(), 1);
    assert_well_laid(&document);
}

#[test]
fn every_figure_is_the_reports_own_in_the_words_of_the_summary() {
    let report = report(30, 1);
    let figures = figures(&drawn(&report));
    assert!(figures.len() > 100, "{} figures", figures.len());
    for (pointer, words) in figures {
        let value = report.pointer(&pointer).unwrap_or_else(|| panic!("{pointer} is not in the report"));
        let expected = match (value.as_u64(), value.as_f64()) {
            (Some(count), _) => count.to_string(),
            (_, Some(share)) if pointer.starts_with("/rates/") || pointer == "/thresholds/1/observed" => {
                streamgauge_shared::report::as_share(share)
            }
            (_, Some(seconds)) if pointer.ends_with("_s") => millis(seconds * 1e3),
            (_, Some(value)) => millis(value),
            _ => panic!("{pointer} is {value}"),
        };
        assert_eq!(words, expected, "{pointer}");
    }
}

#[test]
fn a_failed_an_invalid_and_an_open_run_are_told_in_words() {
    let mut failed = report(30, 1);
    failed["verdict"] = json!({ "state": "failed", "exit_code": 99 });
    failed["thresholds"][0]["passed"] = false.into();
    failed["thresholds"][0]["observed"] = 612.0.into();
    let document = drawn(&failed);
    assert!(document.contains("No: of 2 targets the pipeline missed 1."), "{document}");
    assert!(document.contains(">612ms<") && document.contains("122.4% of the limit"));

    let mut invalid = report(30, 1);
    invalid["verdict"] = json!({ "state": "invalid", "exit_code": 100 });
    invalid["validity"] = json!({ "state": "invalid", "reasons": [{ "code": "stream_gap", "grade": "invalid",
        "seen": "a hole", "cause": "the oplog rolled", "next": "enlarge it", "spans": [{ "from_s": 4.0, "until_s": 6.0 }] }] });
    let document = drawn(&invalid);
    for said in [
        "Not known: the measurement cannot be believed",
        "stream_gap (invalid): a hole",
        "next: enlarge it",
        "stream_gap: 4s to 6s",
    ] {
        assert!(document.contains(said), "'{said}' is not in: {document}");
    }

    let mut open = report(30, 1);
    let all = &mut open["latency"]["cdc_e2e_latency"]["all"];
    all["p99"] = Value::Null;
    all["p99_at_least"] = 1_200.0.into();
    all["censored"] = 4.into();
    assert!(drawn(&open).contains("data-figure=\"/latency/cdc_e2e_latency/all/p99\">≥1.2s<"));
}

#[test]
fn two_days_are_below_a_megabyte() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut report = report(2_700, 64);
    report["run"]["duration_s"] = 172_800.0.into();
    let run = folder(runs.path(), &report, 2_880, Nanos::from_secs(60));
    let document = html(&run).expect("a document");
    assert!(document.len() < 1_000_000, "{} bytes", document.len());
    assert_well_laid(&document);
}

#[test]
fn an_older_folder_is_rendered_with_what_it_lacks() {
    let runs = tempfile::tempdir().expect("a folder");
    let mut old = report(30, 1);
    old["floor"].take();
    old.as_object_mut().expect("an object").remove("floor");
    old["run"]["complete"] = false.into();
    let document = html(&folder(runs.path(), &old, 0, Nanos::ZERO)).expect("a document");
    for said in [
        "Not known: the run did not end",
        "no latency.hlog",
        "no rows.jsonl",
        "no test.toml",
        "p50, the largest of each step",
    ] {
        assert!(document.contains(said), "'{said}' is not in: {document}");
    }
    assert_well_laid(&document);
    let mut empty = report(0, 1);
    empty["latency"] = json!({});
    empty["thresholds"] = json!([]);
    let document = html(&folder(runs.path(), &empty, 0, Nanos::ZERO)).expect("a document");
    assert!(
        document.contains("no data: the test has no thresholds") && document.matches("no data").count() >= 6
    );
}
