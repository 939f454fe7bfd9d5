//! A run from its first hello to its end, on a clock that is set by hand.

use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{ProbePlan, Record, ToObserver, ToWriter};
use streamgauge_shared::report::VerdictState;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::Input;
use super::fixture::{Conducted, brief, brief_of, committed, end, not_sent, opened, record, status};
use crate::intake::FromWriter;
use crate::stream::FromStream;

fn seconds(count: i64) -> Nanos {
    Nanos::from_secs(count)
}

fn began(told: &[ToWriter]) -> Option<UnixNanos> {
    told.iter().find_map(|message| match message {
        ToWriter::Begin { at } => Some(*at),
        _ => None,
    })
}

fn aborted(told: &[ToWriter]) -> Option<&Failure> {
    told.iter().find_map(|message| match message {
        ToWriter::Abort(failure) => Some(failure),
        _ => None,
    })
}

#[test]
fn a_load_begins_at_one_moment_for_all_once_the_last_writer_is_prepared() {
    let mut run = Conducted::new(brief(2, |_| {}));
    run.attach(0);
    run.says(0, [Record::Prepared]);
    run.pass(seconds(4));
    assert_eq!(began(&run.take_told(0)), None, "the other one has not said hello");
    run.attach(1);
    run.says(1, [Record::Prepared]);
    let at = began(&run.take_told(0)).expect("both are prepared");
    assert_eq!((began(&run.take_told(1)), at), (Some(at), run.now + Nanos::from_millis(100)));
    // One that comes back hears of it again: the first word may have been lost with its connection.
    run.detach(1);
    run.attach(1);
    assert_eq!(began(&run.take_told(1)), Some(at));
}

#[test]
fn the_lead_grows_with_the_way_to_the_writers() {
    for (round_trip, lead) in [(10, 140), (250, 1_100), (9_000, 5_000)] {
        let mut run = Conducted::new(brief(2, |_| {}));
        for writer in [0, 1] {
            run.attach(writer);
            run.compared(writer, Nanos::from_millis(if writer == 0 { round_trip } else { 1 }));
            run.says(writer, [Record::Prepared]);
        }
        let at = began(&run.take_told(1)).expect("both are prepared");
        assert_eq!(at - run.now, Nanos::from_millis(lead), "{round_trip} ms there and back");
    }
}

#[test]
fn a_run_whose_writers_do_not_come_together_is_given_up() {
    let mut run = Conducted::new(brief(3, |_| {}));
    run.attach(1);
    run.says(1, [not_sent(0), Record::Prepared]);
    run.pass(seconds(6));
    let told = run.take_told(1);
    let failure = aborted(&told).expect("it was waited for long enough");
    assert_eq!(failure.exit_code, ExitCode::RunFailed);
    assert!(failure.sentence.contains("of 3 writers those with --shard-index 0, 2"), "{failure}");
    assert!(!run.core.is_over(run.now), "the one that is here has not ended");
    // One that comes after all hears why there is no load.
    run.attach(2);
    assert!(aborted(&run.take_told(2)).is_some());
    run.says(1, [end(1, None)]);
    assert!(run.core.is_over(run.now), "nobody waits for those that never came");
    let (snapshot, _) = run.core.close(&run.reading());
    assert_eq!(snapshot.report.verdict.state, VerdictState::Error);
    assert_eq!((snapshot.report.account.entries, snapshot.report.account.rejected), (1, 1));
    let account = serde_json::to_value(snapshot.report.account).expect("an object");
    assert_eq!(account["causes"], serde_json::json!({ "not_connected": 1 }));
}

#[test]
fn half_a_load_is_not_the_test() {
    let mut run = Conducted::new(brief(3, |_| {}));
    for writer in [0, 1, 2] {
        run.attach(writer);
        run.says(writer, [Record::Prepared]);
    }
    run.says(2, [end(0, None)]);
    run.told.clear();
    let failure = Failure { exit_code: ExitCode::Interrupted, sentence: "interrupted".into() };
    run.says(0, [end(0, Some(failure.clone()))]);
    assert_eq!(aborted(&run.take_told(1)), Some(&failure));
    assert!(run.told.is_empty(), "the two others have ended: {:?}", run.told);
    run.says(1, [end(0, None)]);
    assert!(run.core.is_over(run.now));
    let (snapshot, _) = run.core.close(&run.reading());
    assert_eq!(snapshot.report.verdict.state, VerdictState::Interrupted);
}

#[test]
fn a_threshold_that_certainly_fails_ends_the_load_and_the_drain_goes_on() {
    let with = |text: &mut String| {
        text.push_str("pg_write_failed = [{ threshold = \"rate<0.5\", abort_on_fail = true }]\n");
    };
    let mut run = Conducted::new(brief(2, with));
    for writer in [0, 1] {
        run.attach(writer);
        run.says(writer, [Record::Prepared]);
    }
    run.pass(seconds(1));
    run.says(0, (0..20).map(not_sent));
    run.pass(seconds(3));
    let (first, second) = (run.take_told(0), run.take_told(1));
    let failure = aborted(&first).expect("nothing was written");
    assert_eq!(failure.exit_code, ExitCode::ThresholdCrossed);
    assert_eq!(aborted(&second), Some(failure), "both writers stop");
    assert!(!run.core.is_over(run.now), "both have still to end");
    run.says(0, [end(20, Some(failure.clone()))]);
    run.says(1, [end(0, Some(failure.clone()))]);
    assert!(run.core.is_over(run.now));
    let (snapshot, _) = run.core.close(&run.reading());
    assert_eq!(snapshot.report.verdict.state, VerdictState::Aborted);
}

#[test]
fn a_drain_ends_when_nothing_is_waited_for_or_at_its_bound() {
    let mut run = Conducted::new(brief(1, |_| {}));
    run.attach(0);
    run.says(0, [Record::Prepared, opened(0, run.now), committed(0, run.now)]);
    run.says(0, [end(1, None)]);
    assert!(!run.core.is_over(run.now), "its row is on its way");
    run.pass(seconds(59));
    assert!(!run.core.is_over(run.now));
    run.pass(seconds(2));
    assert!(run.core.is_over(run.now), "a drain of 60 s is over");

    let mut run = Conducted::new(brief(1, |_| {}));
    run.attach(0);
    run.says(0, [Record::Prepared, opened(0, run.now), committed(0, run.now)]);
    run.says(0, [end(1, None)]);
    run.take(FromStream::Failed(Failure::run("no history left")));
    assert!(run.core.is_over(run.now), "no event will come any more");
}

#[test]
fn a_writer_that_is_away_too_long_ends_the_run() {
    let mut run = Conducted::new(brief(2, |_| {}));
    for writer in [0, 1] {
        run.attach(writer);
        run.says(writer, [Record::Prepared]);
    }
    run.detach(0);
    run.pass(seconds(39));
    assert!(!run.core.is_over(run.now));
    run.attach(0);
    run.pass(seconds(39));
    assert!(!run.core.is_over(run.now), "it came back");
    run.detach(0);
    run.pass(seconds(41));
    assert!(run.core.is_over(run.now));
    let (snapshot, _) = run.core.close(&run.reading());
    assert_eq!(snapshot.report.verdict.state, VerdictState::Error);
    let cause = snapshot.report.verdict.cause.clone().unwrap_or_default();
    assert!(cause.contains("a writer has been away for 40s"), "{cause}");

    // One whose load had ended need not stay.
    let mut run = Conducted::new(brief(2, |_| {}));
    run.attach(0);
    run.attach(1);
    run.says(0, [end(0, None)]);
    run.detach(0);
    run.pass(seconds(45));
    assert!(!run.core.is_over(run.now), "the other one still loads");
}

#[test]
fn an_interrupt_that_is_repeated_closes_the_account_at_once() {
    let mut run = Conducted::new(brief(1, |_| {}));
    run.attach(0);
    run.says(0, [Record::Prepared, opened(0, run.now)]);
    run.take(FromWriter::Messages { writer: 0, messages: vec![ToObserver::Stop] });
    assert!(run.core.is_over(run.now));
    let (snapshot, _) = run.core.close(&run.reading());
    assert_eq!(snapshot.report.verdict.state, VerdictState::Interrupted);
    assert_eq!(snapshot.report.account.lost, 1);
}

#[test]
fn a_record_that_is_lost_on_the_way_from_the_intake_is_noticed() {
    let mut run = Conducted::new(brief(1, |_| {}));
    run.attach(0);
    let messages = vec![record(0, Record::Prepared), record(2, end(0, None))];
    run.take(FromWriter::Messages { writer: 0, messages });
    let (snapshot, _) = run.core.close(&run.reading());
    let reasons = &snapshot.report.validity.reasons;
    assert!(reasons.iter().any(|reason| reason.code == "ledger_incomplete"), "{reasons:?}");
}

#[test]
fn a_probe_is_judged_once_the_users_of_it_are_done() {
    let text = include_str!("../../../scenarios/capacity.toml").to_owned();
    let mut run = Conducted::new(brief_of("capacity.toml", text, 1));
    run.attach(0);
    let (from, until) = (run.now, run.now + seconds(20));
    run.says(0, [Record::Prepared, Record::Probe(ProbePlan { number: 0, rate_per_s: 10.0, from, until })]);
    run.pass(seconds(21));
    // Its load is over, nothing is on its way, and a user sleeps between two steps.
    let messages = vec![ToObserver::Status(Box::new(status(run.now, 1)))];
    run.take(FromWriter::Messages { writer: 0, messages });
    run.pass(seconds(5));
    let judged =
        |told: &[ToWriter]| told.iter().any(|told| matches!(told, ToWriter::Probed { number: 0, .. }));
    assert!(!judged(&run.take_told(0)));
    run.says(0, [Record::ProbeOver(0)]);
    run.pass(seconds(1));
    assert!(judged(&run.take_told(0)));
    // One that was away meanwhile hears it again.
    run.detach(0);
    run.attach(0);
    assert!(judged(&run.take_told(0)));
}

#[test]
fn an_observer_that_is_to_end_closes_the_run() {
    let mut run = Conducted::new(brief(1, |_| {}));
    run.attach(0);
    let failure =
        Failure { exit_code: ExitCode::Interrupted, sentence: "the observer was interrupted".into() };
    run.take(Input::Shutdown(failure.clone()));
    assert_eq!(aborted(&run.take_told(0)), Some(&failure));
    assert!(run.core.is_over(run.now));
}
