//! Every figure of an account is worked out a second way: naively, row by row and second by second, and compared.

mod edges;
mod month;
mod oracle;
mod synthetic;

use serde_json::json;
use streamgauge_shared::report::Report;
use streamgauge_shared::time::UnixNanos;

use super::objective::Objective;

/// A whole minute since 1970.
pub(super) fn minutes(count: i64) -> UnixNanos {
    UnixNanos::from_millis(count * 60_000)
}

/// An objective with its target in it.
pub(super) fn objective(text: &str) -> Objective {
    Objective::parse_all(&[text.to_owned()], None).expect(text).remove(0)
}

/// The report of a VALID run without rows, as the first version of schema 1 wrote it.
pub(super) fn report(started_at: UnixNanos, duration_s: f64) -> Report {
    let report = json!({
        "schema": "streamgauge.report/1",
        "run": { "id": "00c0ffee0042", "test": "t", "scenarios": ["s"], "seed": 1, "writers": 1,
                 "started_at": started_at.to_rfc3339(), "duration_s": duration_s, "time_scale": 1.0, "load_scale": 1.0,
                 "complete": true, "versions": {} },
        "verdict": { "state": "passed", "exit_code": 0 },
        "validity": { "state": "valid", "reasons": [] },
        "thresholds": [],
        "account": { "entries": 0, "delivered": 0, "superseded": 0, "late": 0, "lost": 0, "rejected": 0, "unknown": 0, "pending": 0 },
        "events": { "total": 0, "first": 0, "duplicate": 0, "out_of_order": 0, "early": 0, "foreign": 0, "undecodable": 0 },
        "latency": {}, "rates": {}, "counters": {},
        "load": { "peak_users": 1, "peak_rate_per_s": 1.0, "seconds": [] },
        "clock": { "domain": "same_kernel" }, "process": {}
    });
    serde_json::from_value(report).expect("a report")
}
