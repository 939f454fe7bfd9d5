//! Rates over the measured load, failed iterations, and how much of the planned load was written.

use streamgauge_shared::ledger::{Ending, Iteration, ScenarioLoad};
use streamgauge_shared::report::{LoadUnit, Report, render};
use streamgauge_shared::test_file::{ConstantVus, Executor};
use streamgauge_shared::threshold::{Expression, Metric};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::fixture::{Fixture, opened};

/// A run with one threshold.
fn run(name: &str, text: &str) -> Fixture {
    let metric = Metric::from_name(name).expect("a metric");
    Fixture::of(|test| {
        let mut threshold = test.thresholds[0].clone();
        (threshold.metric, threshold.key) = (metric, name.into());
        threshold.expression = Expression::parse(text, metric, name).expect("an expression");
        test.thresholds = vec![threshold];
    })
}

/// A load from 1 s to 11 s of which 50 iterations ran to their end; a row of it arrives 20 s after its end.
fn load_and_drain(run: &mut Fixture) {
    run.facts.loads[0] = ScenarioLoad {
        iterations: 50,
        load_began: Some(UnixNanos::from_millis(1_000)),
        load_ended: Some(UnixNanos::from_millis(11_000)),
        ..ScenarioLoad::default()
    };
    run.row(opened(0, 1_000), Some(31_000));
    run.tick(31_000);
}

fn printed(report: &Report) -> [String; 2] {
    let text = render(report, false);
    let line = text.lines().find(|line| line.trim_start().starts_with("iterations.")).expect("a line");
    let after = line.rsplit("  ").next().expect("a rate").to_owned();
    [after, report.thresholds[0].observed()]
}

#[test]
fn a_counters_rate_is_of_the_load_and_the_threshold_shows_what_the_summary_shows() {
    let mut run = run("iterations", "rate>4.5");
    load_and_drain(&mut run);
    let report = run.close().report;
    assert!(report.thresholds[0].passed, "{:?}", report.thresholds);
    assert_eq!(printed(&report), ["5.00/s", "rate=5.00/s"]);
}

#[test]
fn errors_of_the_drain_are_not_in_the_rate_of_the_load() {
    let mut run = run("observer_errors", "rate<0.5");
    run.facts.loads[0].load_began = Some(UnixNanos::from_millis(1_000));
    run.row(opened(0, 1_000), Some(1_050));
    for second in 2..=30_i64 {
        let errors = if second <= 11 { second / 5 } else { second * 10 };
        run.facts.observer_errors = u64::try_from(errors).expect("positive");
        run.facts.loads[0].load_ended = (second >= 11).then_some(UnixNanos::from_millis(11_000));
        run.tick(second * 1_000);
    }
    let closed = run.close();
    assert_eq!(closed.report.thresholds[0].observed, Some(0.2), "{:?}", closed.report.thresholds);
    assert!(closed.report.thresholds[0].passed);
}

#[test]
fn a_lower_bound_of_a_growing_counter_aborts_nothing_before_the_end() {
    let mut run = run("iterations", "count>=1000");
    run.test.thresholds[0].abort_on_fail = true;
    run.row(opened(0, 0), Some(50));
    run.tick(1_000);
    let live = run.snapshot();
    assert!(live.abort.is_none() && live.report.thresholds[0].passed, "{:?}", live.report.thresholds);
    let closed = run.close();
    assert!(!closed.report.thresholds[0].passed, "at the end it fails");
}

#[test]
fn an_upper_bound_of_a_growing_counter_aborts_as_soon_as_it_is_passed() {
    let mut run = run("failed_iterations", "count<3");
    run.test.thresholds[0].abort_on_fail = true;
    run.row(opened(0, 0), Some(50));
    run.facts.loads[0].failed = 2;
    assert!(run.snapshot().abort.is_none());
    run.facts.loads[0].failed = 3;
    assert!(run.snapshot().abort.is_some());
}

#[test]
fn iterations_that_failed_are_told_apart_and_have_no_duration() {
    let mut run = run("failed_iterations", "count==2");
    for (number, ending) in
        (0..).zip([Ending::Completed, Ending::Failed, Ending::Failed, Ending::Interrupted])
    {
        let (began, duration) = (UnixNanos::from_millis(number * 10), Nanos::from_millis(100 + number));
        run.recorder.iteration(Iteration { scenario: 0, began, duration, ending }, began + duration);
    }
    run.facts.loads[0] = ScenarioLoad { iterations: 1, failed: 2, interrupted: 1, ..ScenarioLoad::default() };
    let report = run.close().report;
    assert_eq!((report.counters["iterations"], report.counters["failed_iterations"]), (1, 2));
    assert_eq!(report.latency["iteration_duration"].all.count, 1);
    assert!(report.thresholds[0].passed);
}

#[test]
fn what_was_not_written_of_the_load_is_told_apart_by_whose_fault_it_is() {
    let mut run = Fixture::of(|_| {});
    run.facts.loads[0] = ScenarioLoad {
        iterations_due: 600,
        iterations_written: 400,
        dropped: 60,
        dropped_by_writer: 6,
        ..ScenarioLoad::default()
    };
    let report = run.close().report;
    let [written] = &report.load.written[..] else { panic!("{:?}", report.load) };
    assert_eq!((written.unit, written.planned, written.written), (LoadUnit::Ticks, 600.0, 400.0));
    assert_eq!((written.missed_by_postgres, written.missed_by_writer), (194.0, 6.0));
    assert!(render(&report, false).contains("load written: 66.66% of 600 ticks"));
}

#[test]
fn a_load_of_users_is_written_while_they_have_a_session() {
    let mut run = Fixture::of(|test| {
        test.scenarios[0].executor =
            Executor::ConstantVus(ConstantVus { vus: 5, duration: Nanos::from_secs(30) });
    });
    run.facts.loads[0] = ScenarioLoad {
        user_time: Nanos::from_secs(150),
        user_time_without_session: Nanos::from_secs(50),
        ..ScenarioLoad::default()
    };
    let report = run.close().report;
    let [written] = &report.load.written[..] else { panic!("{:?}", report.load) };
    assert_eq!((written.unit, written.planned, written.written), (LoadUnit::UserSeconds, 150.0, 100.0));
    assert_eq!((written.missed_by_postgres, written.missed_by_writer), (50.0, 0.0));
    run = Fixture::of(|_| {});
    assert!(run.close().report.load.written.is_empty(), "nothing was due: nothing is said");
}
