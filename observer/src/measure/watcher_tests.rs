//! Windows and slices on small runs with a known truth.

use streamgauge_shared::content::{ColumnDigest, NotCompared};
use streamgauge_shared::ledger::{Ending, Iteration, Opened};
use streamgauge_shared::report::ThresholdResult;
use streamgauge_shared::test_file::Question;
use streamgauge_shared::threshold::{Expression, Metric, Tags, Threshold};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::fixture::{Fixture, opened};
use crate::stream::{ColumnSeen, ColumnValue, Content};

fn threshold(name: &str, text: &str) -> Threshold {
    let metric = Metric::from_name(name).expect("a metric");
    Threshold {
        metric,
        tags: Tags::default(),
        key: name.into(),
        expression: Expression::parse(text, metric, name).expect("an expression"),
        abort_on_fail: false,
        delay_abort_eval: Nanos::ZERO,
        over: None,
        min_samples: 0,
        recover_within: Nanos::ZERO,
    }
}

fn over(name: &str, text: &str, over_s: i64, recover_within_s: i64) -> Threshold {
    let (over, recover_within) = (Some(Nanos::from_secs(over_s)), Nanos::from_secs(recover_within_s));
    Threshold { over, recover_within, ..threshold(name, text) }
}

fn run(thresholds: Vec<Threshold>) -> Fixture {
    Fixture::of(|test| test.thresholds = thresholds)
}

/// One row a second for a minute, each 50 ms on its way, but from 20 s to 30 s nothing arrives.
fn stall(run: &mut Fixture) {
    for second in 0..60_u64 {
        let millis = i64::try_from(second).expect("small") * 1_000;
        let stalled = (20..30).contains(&second);
        if second == 30 {
            (20..30).for_each(|sequence| run.arrive(sequence, millis));
        }
        run.row(opened(second, millis), (!stalled).then_some(millis + 50));
        run.tick(millis + 999);
    }
}

fn passed(results: &[ThresholdResult]) -> Vec<bool> {
    results.iter().map(|result| result.passed).collect()
}

#[test]
fn a_stall_crosses_a_window_while_it_lasts_and_fails_it_if_that_is_too_long() {
    // The median of 5 s is crossed from about 23 s to 33 s; that of the whole run hardly moves.
    let mut run = run(vec![
        over("cdc_e2e_latency", "p(50)<1000", 5, 20),
        over("cdc_e2e_latency", "p(50)<1000", 5, 5),
        threshold("cdc_e2e_latency", "p(50)<1000"),
    ]);
    stall(&mut run);
    let closed = run.close();
    assert_eq!(passed(&closed.report.thresholds), [true, false, true]);
    let shown = |index: usize| closed.report.thresholds[index].observed.expect("there is data");
    assert!(shown(0) < 100.0, "the last window of one that passed: {}", shown(0));
    assert!((3_000.0..10_100.0).contains(&shown(1)), "the worst of one that failed: {}", shown(1));
}

#[test]
fn a_window_that_fails_for_good_aborts_although_the_run_is_well_again() {
    let mut run = run(vec![Threshold { abort_on_fail: true, ..over("cdc_e2e_latency", "max<2000", 5, 0) }]);
    run.row(opened(0, 0), Some(50));
    run.tick(999);
    assert!(run.snapshot().abort.is_none());
    stall_one(&mut run);
    assert!(run.snapshot().abort.is_some());
    assert_eq!(passed(&run.snapshot().report.thresholds), [false]);
}

/// A row that takes 3 s, and quick ones until it has left the window.
fn stall_one(run: &mut Fixture) {
    run.row(opened(1, 1_000), Some(4_000));
    run.tick(4_999);
    for second in 5..15_u64 {
        let millis = i64::try_from(second).expect("small") * 1_000;
        run.row(opened(second, millis), Some(millis + 50));
        run.tick(millis + 999);
    }
}

#[test]
fn a_window_with_too_few_samples_is_not_judged_and_a_run_without_one_fails() {
    let few = |min_samples| Threshold { min_samples, ..over("cdc_e2e_latency", "max<10", 5, 0) };
    let mut run =
        run(vec![few(100), few(1), Threshold { min_samples: 100, ..threshold("checks", "rate>0") }]);
    stall(&mut run);
    let closed = run.close();
    assert_eq!(passed(&closed.report.thresholds), [false, false, true], "60 rows make more than 100 checks");
    let observed: Vec<bool> =
        closed.report.thresholds.iter().map(|result| result.observed.is_some()).collect();
    assert_eq!(observed, [false, true, true]);
}

#[test]
fn shares_and_counters_have_windows_too() {
    let mut run = run(vec![
        over("cdc_success_rate", "rate>0.9", 5, 0),
        threshold("cdc_success_rate", "rate>0.8"),
        over("observer_errors", "count<3", 5, 0),
        over("observer_errors", "count<3", 20, 0),
        threshold("skipped_steps", "count<1"),
        threshold("iteration_duration", "max<100"),
        over("iteration_duration", "max<100", 5, 0),
    ]);
    run.facts.loads[0].skipped_steps = 2;
    stall(&mut run);
    // Ten rows were late, each counted where it arrived; an error every 6 s.
    for second in 60..100_i64 {
        run.facts.observer_errors = u64::try_from((second - 60) / 6).expect("positive");
        let iteration = Iteration {
            scenario: 0,
            began: UnixNanos::from_millis(second * 1_000) - Nanos::from_millis(second),
            duration: Nanos::from_millis(second),
            ending: Ending::Completed,
        };
        run.recorder.iteration(iteration, UnixNanos::from_millis(second * 1_000));
        run.tick(second * 1_000 + 999);
    }
    let closed = run.close();
    assert_eq!(passed(&closed.report.thresholds), [false, true, true, false, false, true, true]);
    assert_eq!(closed.report.counters["skipped_steps"], 2);
}

#[test]
fn a_slice_is_judged_on_its_own_operations_and_on_what_it_waits_for() {
    let narrowed = |text: &str, group| Threshold {
        tags: Tags { group: Some(group), ..Tags::default() },
        ..threshold("cdc_e2e_latency", text)
    };
    let checks =
        Threshold { tags: Tags { stage: Some(1), ..Tags::default() }, ..threshold("checks", "rate==1") };
    let mut run = run(vec![narrowed("max<100", 0), narrowed("max<100", 1), narrowed("max<100", 2), checks]);
    for sequence in 0..10 {
        let group = u16::from(sequence % 2 == 1);
        let entry = Opened { group: Some(group), stage: Some(1 - group), ..opened(sequence, 0) };
        run.row(entry, (sequence != 9).then_some(50));
    }
    let live = run.snapshot();
    assert_eq!(passed(&live.report.thresholds), [true, false, false, true], "one of group 1 is 2 s old");
    assert_eq!(live.report.thresholds[1].samples, 5);
    let closed = run.close();
    assert_eq!(passed(&closed.report.thresholds), [true, false, false, true], "the lost one is of stage 0");
    assert_eq!(closed.report.latency["cdc_e2e_latency"].by.len(), 1, "slices are not among them");
}

#[test]
fn crossings_are_kept_only_for_a_breaking_point() {
    let thresholds = || vec![threshold("cdc_e2e_latency", "p(50)<1000"), threshold("iterations", "count>0")];
    let mut plain = run(thresholds());
    stall(&mut plain);
    assert!(plain.watcher.crossings(0).is_empty());
    let mut asked = Fixture::of(|test| {
        test.thresholds = thresholds();
        test.scenarios[0].findings = vec![Question::BreakingPoint];
    });
    stall(&mut asked);
    let crossings = asked.watcher.crossings(0);
    // The last window ends with the load, at 59 s.
    assert_eq!((crossings.len(), asked.watcher.width_s()), (59, 1));
    let crossed: Vec<usize> = (0..59).filter(|second| crossings[*second] == Some(true)).collect();
    let (first, last) = (crossed[0], crossed[crossed.len() - 1]);
    assert!((24..30).contains(&first) && (30..41).contains(&last), "{crossed:?}");
    assert_eq!(crossed.len(), last - first + 1, "in one piece: {crossed:?}");
    assert!(asked.watcher.crossings(1).is_empty(), "a counter only grows");
    assert!(asked.watcher.crossings(9).is_empty());
    let points = asked.recorder.seconds().points();
    assert_eq!((points[29].pending, points[30].pending), (Some(10), Some(0)));
    assert!(points.iter().all(|point| point.arrived_of_sent == 1));
}

#[test]
fn content_that_is_not_as_it_was_written_fails_a_threshold_and_what_cannot_be_compared_does_not() {
    let expected = ColumnDigest { column: 0, digest: 7 };
    let unreadable = ColumnValue::Not(NotCompared::Unreadable);
    for (found, passes) in [(ColumnValue::Value(7), true), (unreadable, true), (ColumnValue::Value(8), false)]
    {
        let says = Content::new(vec![ColumnSeen { column: 0, value: found }]);
        let mut run = run(vec![threshold("checks", "rate==1")]);
        run.row(Opened { content: vec![expected], ..opened(0, 0) }, None);
        run.arrive_with(0, 50, says);
        assert_eq!(passed(&run.close().report.thresholds), [passes], "{found:?}");
    }
}

/// Ten rows a second for so many seconds, one of which is lost; quick otherwise. The drain gives it up after 40 s.
fn one_lost_of(run: &mut Fixture, seconds: i64, lost: i64) {
    run.facts.loads[0].load_began = Some(UnixNanos(0));
    for tenth in 0..seconds * 10 {
        let sent = tenth * 100;
        let sequence = u64::try_from(tenth).expect("positive");
        run.row(opened(sequence, sent), (tenth != lost).then_some(sent + 20));
        if tenth % 10 == 9 {
            run.tick(sent + 100);
        }
    }
    run.facts.loads[0].load_ended = Some(UnixNanos::from_millis(seconds * 1_000));
    for second in seconds..seconds + 40 {
        run.tick(second * 1_000);
    }
}

#[test]
fn one_lost_row_of_a_hundred_fails_no_median_of_a_window_and_breaks_nothing() {
    let thresholds = vec![
        over("cdc_e2e_latency", "p(50)<500", 10, 0),
        over("cdc_e2e_latency", "max<500", 10, 0),
        over("cdc_success_rate", "rate>0.98", 10, 0),
    ];
    let mut run = Fixture::of(|test| {
        test.thresholds = thresholds;
        test.scenarios[0].findings = vec![Question::BreakingPoint];
    });
    one_lost_of(&mut run, 20, 50);
    let crossed = |run: &Fixture, threshold| {
        let crossings = run.watcher.crossings(threshold);
        (0..crossings.len()).filter(|second| crossings[*second] == Some(true)).collect::<Vec<usize>>()
    };
    // The row of 5 s is lost: the windows that hold it fail a maximum, and no window is judged where no load was due.
    assert_eq!(crossed(&run, 1), (9..15).collect::<Vec<usize>>());
    assert!(run.watcher.crossings(1).len() <= 20, "none after the load");
    let closed = run.close();
    assert_eq!(passed(&closed.report.thresholds), [true, false, true], "{:?}", closed.report.thresholds);
    let found = closed.report.findings.expect("asked for").breaking_point.expect("asked for");
    assert!(found.broken.iter().all(|broken| broken.at_s < 20.0), "{found:?}");
}

#[test]
fn a_record_that_comes_late_is_in_the_window_in_which_its_row_was_sent() {
    let mut run = run(vec![over("cdc_e2e_latency", "max<500", 5, 0)]);
    run.facts.loads[0].load_began = Some(UnixNanos(0));
    run.row(opened(0, 0), Some(20));
    for second in 1..=8_i64 {
        // The link is away from 2 s on: nothing is judged of which a record may be on its way.
        run.facts.now = UnixNanos::from_millis(second * 1_000);
        run.matcher.passed(0, UnixNanos::from_millis(second.min(2) * 1_000));
        super::watch(&run.test, &run.matcher, &mut run.recorder, &mut run.watcher, &run.facts);
    }
    assert!(run.snapshot().report.thresholds[0].observed.is_none(), "no window is complete");
    run.row(opened(1, 3_000), Some(3_900));
    run.row(opened(2, 8_000), Some(8_020));
    run.tick(9_000);
    let results = run.snapshot().report.thresholds;
    assert_eq!((passed(&results), results[0].observed.map(f64::round)), (vec![false], Some(900.0)));
}

#[test]
fn an_operation_that_was_never_sent_is_in_the_window_in_which_it_was_to_be() {
    let mut run = run(vec![over("pg_write_failed", "rate<0.2", 5, 2)]);
    run.facts.loads[0].load_began = Some(UnixNanos(0));
    for second in 0..20_u64 {
        let millis = i64::try_from(second).expect("small") * 1_000;
        if (8..14).contains(&second) {
            run.never_sent(second, millis);
        } else {
            run.row(opened(second, millis), Some(millis + 20));
        }
        run.tick(millis + 1_000);
    }
    let results = run.close().report.thresholds;
    assert_eq!((passed(&results), results[0].observed), (vec![false], Some(1.0)), "{results:?}");
}

#[test]
fn a_window_with_too_much_unmeasured_is_not_judged_and_counted() {
    let mut run = run(vec![over("cdc_e2e_latency", "p(50)<500", 5, 0)]);
    for second in 0..20_i64 {
        let sequence = u64::try_from(second).expect("small");
        run.row(opened(sequence, second * 1_000), None);
        if second < 10 {
            run.arrive(sequence, second * 1_000 + 20);
        } else {
            run.arrive_unmeasured(sequence, second * 1_000 + 9_000);
        }
        run.tick(second * 1_000 + 1_000);
    }
    let results = run.close().report.thresholds;
    assert_eq!((passed(&results), results[0].windows_not_judged), (vec![true], 10), "{results:?}");
    assert_eq!(results[0].observed(), "p(50)=20ms (10 windows not judged)");
}

#[test]
fn the_rate_of_a_window_is_its_growth_over_the_time_it_was_read_over() {
    let mut run = run(vec![over("iterations", "rate<5.2", 10, 0), over("iterations", "rate>4.8", 10, 0)]);
    run.facts.loads[0].load_began = Some(UnixNanos(0));
    run.row(opened(0, 0), Some(20));
    // Five iterations a second, read every 1,050 ms.
    for reading in 1..60_i64 {
        run.facts.loads[0].iterations = u64::try_from(reading * 1_050 / 200).expect("positive");
        run.tick(reading * 1_050);
    }
    let results = run.snapshot().report.thresholds;
    assert_eq!(passed(&results), [true, true], "{results:?}");
}
