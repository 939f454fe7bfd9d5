//! The document of `docs/sla.md`, and everything that is not read.

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/sla-example.yaml");

fn said(from: &str, to: &str) -> String {
    assert!(DOCUMENT.contains(from), "{from}");
    read(&DOCUMENT.replacen(from, to, 1)).expect_err(to)
}

#[test]
fn the_documented_file_is_read() {
    let slo = read(DOCUMENT).expect("an SLO");
    assert_eq!(slo.title, "Changes are visible in MongoDB within 5 s");
    assert_eq!(slo.window, Window::Rolling(Nanos(30 * DAY.0)));
    let objectives: Vec<String> =
        slo.objectives.iter().map(|objective| format!("{objective} {}", objective.target)).collect();
    assert_eq!(objectives, ["cdc_e2e_latency<5s 99%"]);
    assert_eq!(slo.objectives[0].name.as_deref(), Some("visible within 5 s"));
}

#[test]
fn calendar_windows_have_a_zone_and_begin_with_the_calendars() {
    let calendar = |duration: &str, start: &str| {
        let window = format!(
            "duration: {duration}\n      isRolling: false\n      calendar:\n        startTime: {start}\n        timeZone: Europe/Berlin"
        );
        read(&DOCUMENT.replacen("duration: 30d\n      isRolling: true", &window, 1))
    };
    let month = calendar("1M", "2026-01-01 00:00:00").expect("an SLO");
    assert_eq!((month.window, month.zone.expect("a zone").name()), (Window::Month, "Europe/Berlin"));
    for (duration, start) in
        [("1M", "2026-01-02 00:00:00"), ("1w", "2026-11-03 00:00:00"), ("1d", "2026-11-03 06:00:00")]
    {
        let said = calendar(duration, start).expect_err(start);
        assert!(said.contains("is not the beginning of a"), "{said}");
    }
    assert!(calendar("2M", "2026-01-01 00:00:00").expect_err("two").contains("one of 1d, 1w"));
}

#[test]
fn what_is_not_mapped_is_an_error_that_names_the_field() {
    for (from, to, says) in [
        (
            "openslo/v1",
            "openslo/v2alpha",
            "apiVersion 'openslo/v2alpha' (line 4) is not read: it is openslo/v1",
        ),
        ("kind: SLO", "kind: SLI", "kind 'SLI'"),
        ("budgetingMethod: Occurrences", "budgetingMethod: Timeslices", "spec.budgetingMethod 'Timeslices'"),
        ("  service: cdc", "  service: cdc\n  alertPolicies: []", "spec.alertPolicies (line 11) is not read"),
        ("thresholdMetric:", "ratioMetric:", "spec.indicator.spec.thresholdMetric is missing"),
        (
            "type: Streamgauge",
            "type: Prometheus",
            "spec.indicator.spec.thresholdMetric.metricSource.type 'Prometheus'",
        ),
        ("latency: cdc_e2e_latency", "query: up", "metricSource.spec.latency is missing"),
        ("latency: cdc_e2e_latency", "latency: schedule_lag", "ends with the row's arrival"),
        ("duration: 30d", "duration: 36h", "'36h' is not a number of whole days"),
        ("duration: 30d", "duration: 1M", "'1M' is not a number of whole days"),
        ("op: lt", "op: gt", "spec.objectives[].op 'gt'"),
        ("value: 5", "value: 5s", "spec.objectives[].value '5s'"),
        ("target: 0.99", "target: 1", "1 would leave no budget"),
        ("target: 0.99", "target: 0.99\n      targetPercent: 99", "give one of them"),
        ("target: 0.99", "timeSliceTarget: 0.9", "it has no target"),
        ("target: 0.99", "target: 0.99\n      compositeWeight: 1", "spec.objectives[].compositeWeight"),
        ("metadata:", "meta:", "metadata is missing"),
    ] {
        let said = said(from, to);
        assert!(said.contains(says), "{to}: {said}");
    }
}
