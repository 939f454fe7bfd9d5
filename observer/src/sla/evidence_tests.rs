//! Where rows without a known latency come from, and that none is left out.

use serde_json::json;
use streamgauge_shared::report::Second;

use super::*;
use crate::sla::objective::Objective;
use crate::sla::tests::{minutes, objective, report};

fn objective_of(text: &str) -> Objective {
    objective(text)
}

fn extent(report: &Report) -> Extent {
    Extent::of(report, minutes(0), Some(minutes(0)), true)
}

fn sum(found: &Found, class: Class) -> u64 {
    found.items.iter().filter(|item| item.class == class).map(|item| item.count).sum()
}

fn row(outcome: &str, operation: &str, more: serde_json::Value) -> Row {
    let mut line = json!({ "outcome": outcome, "operation": operation, "intended_ns": 0, "sent_ns": 0 });
    let object = line.as_object_mut().expect("an object");
    object.extend(more.as_object().expect("an object").clone());
    Row::of(&line).expect("a row")
}

#[test]
fn every_row_that_is_not_known_is_found_once_whether_it_is_listed_or_not() {
    let mut report = report(minutes(0), 600.0);
    report.account.lost = 5;
    report.account.rejected = 3;
    report.account.unknown = 2;
    report.counters.insert("dropped_iterations".to_owned(), 7);
    report.load.seconds =
        vec![Second { at_s: 120, width_s: 60, sent: 100, arrived_of_sent: 90, ..Second::default() }];
    let rows = [
        row("lost", "create", json!({})),
        row("lost", "delete", json!({})),
        row("rejected", "create", json!({})),
    ];
    let found = find(&report, &rows, &extent(&report), &objective_of("p(99)<5s"));
    assert_eq!(sum(&found, Class::Lost), 5);
    assert_eq!(
        (sum(&found, Class::Rejected), sum(&found, Class::Unknown), sum(&found, Class::NeverSent)),
        (3, 2, 7)
    );
    assert_eq!(found.notes.len(), 3, "{:?}", found.notes);
    let spread: Vec<_> =
        found.items.iter().filter(|item| item.class == Class::Lost && item.count > 1).collect();
    assert_eq!((spread.len(), minute_of(spread[0].at)), (1, 2), "where the seconds miss rows");
}

#[test]
fn what_the_writer_itself_missed_is_not_bad_once_it_made_the_run_invalid() {
    let mut report = report(minutes(0), 600.0);
    report.counters.insert("dropped_iterations".to_owned(), 100);
    report.load.written = serde_json::from_value(
        json!([{ "scenario": "s", "unit": "ticks", "planned": 1000.0, "written": 900.0,
        "share": 0.9, "missed_by_postgres": 30.0, "missed_by_writer": 70.0 }]),
    )
    .expect("a load");
    let objective = objective_of("p(99)<5s");
    assert_eq!(sum(&find(&report, &[], &extent(&report), &objective), Class::NeverSent), 100);
    report.validity = serde_json::from_value(json!({ "state": "invalid", "reasons": [
        { "code": "load_missed", "grade": "invalid", "seen": "x", "spans": [{ "from_s": 0.0, "until_s": 30.0 }] }] })).expect("reasons");
    assert_eq!(sum(&find(&report, &[], &extent(&report), &objective), Class::NeverSent), 30);
}

#[test]
fn users_without_a_session_would_have_written() {
    let mut report = report(minutes(0), 600.0);
    report.account.entries = 910;
    report.account.causes.not_connected = 10;
    report.load.written =
        serde_json::from_value(json!([{ "scenario": "s", "unit": "user_seconds", "planned": 1000.0,
        "written": 900.0, "share": 0.9, "missed_by_postgres": 100.0, "missed_by_writer": 0.0 }]))
        .expect("a load");
    let found = find(&report, &[], &extent(&report), &objective_of("p(99)<5s"));
    assert_eq!(sum(&found, Class::NeverSent), 90, "one a user second, and ten are counted as rejected");
    assert!(found.notes[0].contains("estimated from 1.00 operations a user second"), "{:?}", found.notes);
}

#[test]
fn an_unmeasured_row_counts_by_its_bounds() {
    let mut report = report(minutes(0), 600.0);
    let unmeasured = |observed_s: i64| {
        row(
            "delivered",
            "create",
            json!({ "measured": false, "event": "first", "observed_ns": observed_s * 1_000_000_000 }),
        )
    };
    let rows = [
        unmeasured(3),
        unmeasured(8),
        row("delivered", "create", json!({ "measured": true, "observed_ns": 1 })),
    ];
    let mut latency: streamgauge_shared::report::LatencyReport = Default::default();
    latency.all.unmeasured = 4;
    report.latency.insert("cdc_e2e_latency".to_owned(), latency);
    let found = find(&report, &rows, &extent(&report), &objective_of("p(99)<5s"));
    assert_eq!(sum(&found, Class::Within), 1, "read after 3 s at the latest");
    assert_eq!(sum(&found, Class::Doubtful), 3, "perhaps in time, and two that are not listed");
    let intended = find(
        &report,
        &[row(
            "late",
            "create",
            json!({ "measured": false, "sent_ns": 9_000_000_000_i64, "observed_ns": 9_500_000_000_i64 }),
        )],
        &extent(&report),
        &objective_of("cdc_e2e_latency_intended: p(99)<5s"),
    );
    assert_eq!(sum(&intended, Class::Beyond), 1, "it was sent 9 s after it was due");
}

#[test]
fn a_run_that_goes_on_has_rows_on_their_way() {
    let mut report = report(minutes(0), 100.0);
    report.run.complete = false;
    report.account.pending = 12;
    report.account.lost = 1;
    let second =
        |at_s, sent, arrived_of_sent| Second { at_s, width_s: 1, sent, arrived_of_sent, ..Second::default() };
    report.load.seconds = vec![second(10, 10, 7), second(50, 10, 5), second(94, 10, 10), second(99, 10, 5)];
    let found = find(&report, &[], &extent(&report), &objective_of("p(99)<5s"));
    assert_eq!(
        (sum(&found, Class::Overdue), sum(&found, Class::Waiting), sum(&found, Class::Lost)),
        (7, 5, 1)
    );
}

#[test]
fn rows_of_one_operation_are_told_apart_or_said_to_be_in_doubt() {
    let mut report = report(minutes(0), 600.0);
    report.account.lost = 3;
    report.account.rejected = 4;
    report.latency = serde_json::from_value(
        json!({ "cdc_e2e_latency": { "all": { "count": 10, "censored": 3, "unmeasured": 0 }, "by": [
        { "entity": "e", "operation": "create", "count": 5, "censored": 2, "unmeasured": 0 },
        { "entity": "e", "operation": "delete", "count": 5, "censored": 1, "unmeasured": 0 } ] } }),
    )
    .expect("latencies");
    let rows = [
        row("lost", "create", json!({})),
        row("lost", "delete", json!({})),
        row("rejected", "delete", json!({})),
    ];
    let found =
        find(&report, &rows, &extent(&report), &objective_of("cdc_e2e_latency{operation:create}: p(99)<5s"));
    assert_eq!(sum(&found, Class::Lost), 2, "one is listed, and one more create did not arrive");
    assert_eq!(
        (sum(&found, Class::Rejected), sum(&found, Class::Doubtful)),
        (0, 3),
        "three of the rejected may be creates"
    );
}

#[test]
fn spreading_is_exact_and_in_proportion() {
    let report = report(minutes(0), 610.0);
    let even = Weights::even(&extent(&report));
    for count in [1, 7, 61, 1_000] {
        let items = even.spread(Class::NeverSent, count, minutes(11));
        assert_eq!(items.iter().map(|item| item.count).sum::<u64>(), count);
        assert!(items.iter().all(|item| item.count <= count.div_ceil(10)), "{items:?}");
    }
}

#[test]
fn what_the_log_does_not_have_cannot_be_told() {
    let mut report = report(minutes(0), 600.0);
    report.latency = serde_json::from_value(
        json!({ "cdc_e2e_latency": { "all": { "count": 10, "censored": 0, "unmeasured": 0 }, "by": [] } }),
    )
    .expect("latencies");
    let objective = objective_of("p(99)<5s");
    assert_eq!(not_in_log(&report, 10, &extent(&report), &objective), Found::default());
    assert_eq!(sum(&not_in_log(&report, 8, &extent(&report), &objective), Class::Doubtful), 2);
}
