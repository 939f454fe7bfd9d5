//! Verdict and validity: what a run ends with, and whether it is to be believed.

use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::report::{Figure, ValidityState, VerdictState};
use streamgauge_shared::threshold::{Expression, Tags};
use streamgauge_shared::timeline::Latency;

use super::Snapshot;
use super::figures::Moment;
use super::fixture::Fixture;

/// Rows enough for the shipped thresholds, all of them quick.
const QUICK: [Option<i64>; 5] = [Some(20); 5];

fn reasons(snapshot: &Snapshot) -> Vec<(&str, ValidityState)> {
    snapshot.report.validity.reasons.iter().map(|reason| (reason.code.as_str(), reason.grade)).collect()
}

#[test]
fn a_run_without_doubt_is_valid_and_passes() {
    let snapshot = Fixture::new(&QUICK).close();
    assert_eq!(reasons(&snapshot), []);
    assert_eq!((snapshot.exit_code, snapshot.report.verdict.state), (ExitCode::Passed, VerdictState::Passed));
    assert!(snapshot.report.thresholds.iter().all(|result| result.passed));
}

#[test]
fn each_doubt_has_its_reason_and_grade() {
    type Change = fn(&mut Fixture);
    let cases: [(&str, ValidityState, Change); 8] = [
        ("clock_unbounded", ValidityState::Invalid, |run| run.facts.clock_domain = ClockDomain::Network),
        ("clock_stepped", ValidityState::Degraded, |run| run.facts.clocks.observer.count = 1),
        ("stream_gap", ValidityState::Invalid, |run| run.facts.evidence.stream_gaps = 1),
        ("collection_gone", ValidityState::Degraded, |run| run.facts.evidence.collections_gone = 1),
        ("ledger_overflow", ValidityState::Invalid, |run| run.facts.writers[0].records_lost = 1),
        ("ledger_incomplete", ValidityState::Invalid, |run| run.facts.missing_entries = 1),
        ("writer_gone", ValidityState::Invalid, |run| run.facts.writers[0].gone = true),
        ("dropped_iterations", ValidityState::Degraded, |run| run.facts.loads[0].dropped = 1),
    ];
    for (code, grade, change) in cases {
        let mut run = Fixture::new(&QUICK);
        change(&mut run);
        let snapshot = run.close();
        assert_eq!(reasons(&snapshot), [(code, grade)]);
        assert_eq!(snapshot.report.validity.state, grade);
        let expected =
            if grade == ValidityState::Invalid { ExitCode::MeasurementInvalid } else { ExitCode::Passed };
        assert_eq!(snapshot.exit_code, expected, "{code}: a degraded run keeps its thresholds' code");
    }
}

#[test]
fn an_arrival_at_a_time_that_cannot_be_believed_is_in_no_latency() {
    let snapshot = Fixture::new(&QUICK).unmeasured(5).close();
    // One of six is more than a tenth.
    assert_eq!(reasons(&snapshot), [("unmeasured_events", ValidityState::Invalid)]);
    let stats = &snapshot.report.latency["cdc_e2e_latency"].all;
    assert_eq!((stats.count, stats.unmeasured, snapshot.report.account.delivered), (5, 1, 6));
}

/// So many rows of 20 ms, and so many that were read at 50 ms and may have come before.
fn unmeasured(quick: usize, unmeasured: u64) -> Fixture {
    let run = Fixture::new(&vec![Some(20); quick]);
    (0..unmeasured).fold(run, |run, sequence| run.unmeasured(quick as u64 + sequence))
}

#[test]
fn unmeasured_arrivals_open_a_percentile_only_where_they_can_change_it() {
    let opened = |run: &Fixture| {
        let moment = Moment::at(&run.matcher, &run.recorder, &run.facts);
        let opened = |q| moment.is_opened_by_unmeasured(Latency::CdcE2eLatency, Tags::default(), q);
        [0.5, 0.9, 0.95, 0.99, 1.0].map(opened)
    };
    let few = unmeasured(4_000, 2);
    assert_eq!(
        opened(&few),
        [false, false, false, false, true],
        "two of 4,000 leave all but the maximum as it is"
    );
    let stats = few.close().report.latency["cdc_e2e_latency"].all.clone();
    assert!(matches!((stats.p99, stats.max), (Figure::Value(_), Figure::Between(..))), "{stats:?}");

    let some = unmeasured(100, 4);
    assert_eq!(opened(&some), [false, false, false, true, true]);
    let stats = some.close().report.latency["cdc_e2e_latency"].all.clone();
    let Figure::Between(low, high) = stats.p99 else { panic!("{stats:?}") };
    assert!((19.9..20.1).contains(&low) && (49.9..50.1).contains(&high), "{stats:?}");
}

#[test]
fn most_of_a_run_unmeasured_passes_no_threshold_that_they_could_cross() {
    let mut run = unmeasured(22, 78);
    let threshold = |text: &str| {
        let mut threshold = run.test.thresholds[0].clone();
        threshold.expression =
            Expression::parse(text, threshold.metric, &threshold.key).expect("an expression");
        threshold
    };
    let thresholds = ["p(95)<40", "p(95)<60", "p(10)<5"].map(threshold);
    run.test.thresholds = thresholds.to_vec();
    let results = run.close().report.thresholds;
    let seen: Vec<(bool, bool)> = results.iter().map(|result| (result.passed, result.undecided)).collect();
    assert_eq!(seen, [(false, true), (true, false), (false, true)], "{results:?}");
    assert_eq!(results[0].observed(), "p(95)=20ms to 50ms: cannot be told");
}

#[test]
fn what_is_still_on_its_way_opens_the_percentiles_and_decides_nothing() {
    let run = Fixture::new(&[Some(20), Some(20), None]);
    let live = run.snapshot();
    let stats = &live.report.latency["cdc_e2e_latency"].all;
    assert!(matches!(stats.p50, Figure::Value(_)), "{stats:?}");
    assert!(matches!(stats.p99, Figure::AtLeast(low) if (1_999.0..2_002.0).contains(&low)), "{stats:?}");
    let holding: Vec<bool> = live.report.thresholds.iter().map(|result| result.passed).collect();
    // 2 s old: p(95)<2000 certainly fails, p(99)<5000 does not yet.
    assert_eq!(holding, [true, false, true, true, false]);
    let closed = run.close();
    assert_eq!((closed.report.account.lost, closed.exit_code), (1, ExitCode::ThresholdCrossed));
    assert!(
        closed
            .report
            .thresholds
            .iter()
            .filter(|result| result.metric == "cdc_e2e_latency")
            .skip(1)
            .all(|result| !result.passed)
    );
}

#[test]
fn nothing_at_all_is_no_data_and_no_pass() {
    let snapshot = Fixture::new(&[]).close();
    assert!(snapshot.report.thresholds.iter().all(|result| !result.passed && result.observed.is_none()));
    assert_eq!(snapshot.exit_code, ExitCode::ThresholdCrossed);
    assert!(snapshot.report.rates.is_empty(), "an unknown share is absent");
}

#[test]
fn the_first_reason_that_applies_is_the_exit_code() {
    let mut run = Fixture::new(&[]);
    run.facts.clock_domain = ClockDomain::Network;
    assert_eq!(run.snapshot().exit_code, ExitCode::MeasurementInvalid, "before a crossed threshold");
    run.facts.cause = Some(Failure { exit_code: ExitCode::Interrupted, sentence: "interrupted".into() });
    assert_eq!(run.snapshot().exit_code, ExitCode::Interrupted);
    run.facts.cause = Some(Failure::run("broken"));
    let snapshot = run.close();
    assert_eq!(
        (snapshot.exit_code, snapshot.report.verdict.state),
        (ExitCode::RunFailed, VerdictState::Error)
    );
}

#[test]
fn a_threshold_that_certainly_fails_aborts_only_once_its_delay_is_over() {
    let mut run = Fixture::new(&[Some(3_000)]);
    run.test.thresholds[0].abort_on_fail = true;
    assert!(run.snapshot().abort.is_some_and(|failure| failure.sentence.contains("'p(50)<500'")));
    run.test.thresholds[0].delay_abort_eval = streamgauge_shared::time::Nanos::from_secs(3);
    assert!(run.snapshot().abort.is_none());
}
