//! Single cases, each with what must be said of it.

use streamgauge_shared::threshold::Rate;

use super::*;

#[test]
fn a_row_that_is_created_awaited_and_deleted_arrives_twice() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 100), &mut heard);
    matcher.awaited(0, Awaited { sequence: 0, deadline: UnixNanos(SECOND) }, &mut heard);
    matcher.closed(0, committed(0, 150), &mut heard);
    expect(&matcher, &[("pending", 1)]);
    matcher.event(row(0, 140), &mut heard);
    assert_eq!(
        (heard.e2e.as_slice(), heard.propagation.as_slice()),
        (&[40][..], &[-10][..]),
        "the event beat the acknowledgement"
    );
    assert_eq!(heard.settled.get(&0), Some(&true));
    matcher.opened(0, opened(1, Operation::Delete, "k", 200), &mut heard);
    matcher.event(gone("k", 300), &mut heard);
    matcher.closed(0, committed(1, 310), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2)]);
    matcher.event(row(0, 400), &mut heard);
    matcher.event(gone("k", 410), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2), ("duplicate", 2)]);
    assert_eq!(heard.duplicates, BTreeMap::from([(0, 1), (1, 1)]), "each told with its operation");
    assert!(matches!(matcher.find(0, 0), Found::Left(Phase::Run)));
    assert!(matches!(matcher.find(0, 2), Found::NotYet) && matches!(matcher.find(1, 0), Found::NoWriter));
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    assert!(matcher.is_idle());
}

#[test]
fn an_event_before_its_entry_is_early_until_the_entry_comes() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.event(row(0, 140), &mut heard);
    matcher.event(gone("k", 160), &mut heard);
    expect(&matcher, &[("early", 2)]);
    matcher.opened(0, opened(0, Operation::Create, "k", 100), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("early", 1)]);
    // The records up to 155 say nothing about an event of 160.
    matcher.passed(0, UnixNanos(155));
    matcher.opened(0, opened(1, Operation::Delete, "k", 150), &mut heard);
    // A delete carries no stamp: PostgreSQL's answer says whose event it is.
    expect(&matcher, &[("delivered", 1), ("first", 1), ("pending", 1), ("early", 1)]);
    matcher.closed(0, committed(1, 155), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2)]);
    assert_eq!(heard.e2e, [40, 10]);
}

#[test]
fn the_event_of_a_retry_waits_for_its_own_record() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 100), &mut heard);
    // The link is cut, PostgreSQL serialises anew, and the event overtakes the record of the second attempt.
    let stamp = Stamp { run: RUN, writer: 0, sequence: 0, sent: UnixNanos(5_000) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]), document: None };
    matcher.event(Event { change, ..row(0, 5_040) }, &mut heard);
    expect(&matcher, &[("pending", 1), ("early", 1)]);
    matcher.opened(0, opened(0, Operation::Create, "k", 5_000), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1)]);
    assert_eq!(heard.e2e, [40], "not the 4,940 since the first attempt");
}

#[test]
fn a_retry_whose_record_never_came_arrives_unmeasured_at_the_close() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 100), &mut heard);
    let stamp = Stamp { run: RUN, writer: 0, sequence: 0, sent: UnixNanos(5_000) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]), document: None };
    matcher.event(Event { change, ..row(0, 5_040) }, &mut heard);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    expect(&matcher, &[("delivered", 1), ("first", 1)]);
    assert_eq!((heard.e2e.len(), heard.unmeasured, matcher.limits().contradictions), (0, 1, 1));
}

#[test]
fn what_arrives_only_at_the_close_is_counted_whole_and_supersedes() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 100), &mut heard);
    matcher.closed(0, committed(0, 150), &mut heard);
    // The writer dies: the record of the last attempt never comes, and its event does, twice.
    matcher.opened(0, opened(1, Operation::Update, "k", 200), &mut heard);
    let stamp = Stamp { run: RUN, writer: 0, sequence: 1, sent: UnixNanos(5_000) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]), document: None };
    for observed in [5_040, 5_050] {
        matcher.event(Event { change: change.clone(), ..row(1, observed) }, &mut heard);
    }
    matcher.advance(UnixNanos(700 * SECOND), &mut heard);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    assert_eq!(matcher.events(Phase::Run).total(), 2, "no event vanishes");
    assert_eq!(sums(&matcher)["duplicate"], 1);
    let (mut matcher, mut heard) = (self::matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 100), &mut heard);
    matcher.opened(0, opened(1, Operation::Update, "k", 200), &mut heard);
    matcher.event(Event { change, ..row(1, 5_040) }, &mut heard);
    matcher.close(&mut heard);
    expect(&matcher, &[("delivered", 1), ("superseded", 1), ("first", 1)]);
}

#[test]
fn an_await_moves_the_deadline_of_one_that_was_superseded_and_arrives_after_all() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.closed(0, committed(0, 5), &mut heard);
    matcher.opened(0, opened(1, Operation::Update, "k", 10), &mut heard);
    matcher.closed(0, committed(1, 15), &mut heard);
    matcher.event(row(1, 20), &mut heard);
    matcher.awaited(0, Awaited { sequence: 0, deadline: UnixNanos(100) }, &mut heard);
    assert_eq!(heard.settled.get(&0), Some(&false));
    matcher.event(row(0, 200), &mut heard);
    expect(&matcher, &[("delivered", 1), ("late", 1), ("first", 1), ("out_of_order", 1)]);
}

#[test]
fn a_refused_delete_does_not_take_the_event_of_the_next_one() {
    for answered_first in [true, false] {
        let (mut matcher, mut heard) = (matcher(), Heard::default());
        matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
        matcher.closed(0, committed(0, 5), &mut heard);
        matcher.event(row(0, 10), &mut heard);
        if !answered_first {
            matcher.event(gone("k", 300), &mut heard);
        }
        matcher.opened(0, opened(1, Operation::Delete, "k", 100), &mut heard);
        matcher.closed(0, Closed::new(1, Written::Rejected), &mut heard);
        matcher.opened(0, opened(2, Operation::Delete, "k", 200), &mut heard);
        matcher.closed(0, committed(2, 250), &mut heard);
        if answered_first {
            matcher.event(gone("k", 300), &mut heard);
        }
        expect(&matcher, &[("delivered", 2), ("rejected", 1), ("first", 2)]);
        assert_eq!(heard.e2e, [10, 100], "of the second delete");
    }
}

#[test]
fn a_lost_delete_of_a_row_that_arrived_is_not_for_want_of_the_row() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "there", 0), &mut heard);
    matcher.closed(0, committed(0, 5), &mut heard);
    matcher.event(row(0, 10), &mut heard);
    for (sequence, operation) in [(1, Operation::Update), (2, Operation::Delete)] {
        matcher.opened(0, opened(sequence, operation, "there", 20), &mut heard);
        matcher.closed(0, committed(sequence, 25), &mut heard);
    }
    for (sequence, operation) in [(3, Operation::Create), (4, Operation::Delete)] {
        matcher.opened(0, opened(sequence, operation, "never", 30), &mut heard);
        matcher.closed(0, committed(sequence, 35), &mut heard);
    }
    matcher.close(&mut heard);
    let no_row =
        matcher.series().all().map(|series| matcher.cause(series, Phase::Run, Cause::NoRow)).sum::<u64>();
    expect(&matcher, &[("delivered", 1), ("lost", 4), ("first", 1)]);
    assert_eq!(no_row, 1, "of the row whose create was lost too");
}

#[test]
fn an_answer_that_comes_after_an_operation_was_given_up_still_counts() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    for sequence in 0..3 {
        matcher.opened(0, opened(sequence, Operation::Create, &sequence.to_string(), 100), &mut heard);
    }
    matcher.advance(UnixNanos(700 * SECOND), &mut heard);
    expect(&matcher, &[("lost", 3)]);
    matcher.closed(0, Closed::new(0, Written::Rejected), &mut heard);
    matcher.closed(0, Closed::new(1, Written::Unknown), &mut heard);
    matcher.closed(0, committed(2, 650 * SECOND), &mut heard);
    expect(&matcher, &[("lost", 1), ("rejected", 1), ("unknown", 1)]);
    // Sent again although it was given up: still one entry, which may arrive.
    matcher.opened(0, opened(2, Operation::Create, "2", 690 * SECOND), &mut heard);
    matcher.event(row(2, 701 * SECOND), &mut heard);
    expect(&matcher, &[("late", 1), ("rejected", 1), ("unknown", 1), ("first", 1)]);
    assert_eq!(heard.e2e, [11 * SECOND]);
}

#[test]
fn a_delete_from_before_our_own_was_sent_is_another_runs() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "7", 100), &mut heard);
    matcher.event(row(0, 140), &mut heard);
    matcher.closed(0, committed(0, 150), &mut heard);
    // An earlier run deleted a row of the same key, and its pipeline is slow: before our delete's record...
    matcher.event(gone("7", 180), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("early", 1)]);
    matcher.opened(0, opened(1, Operation::Delete, "7", 200), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("pending", 1), ("foreign", 1)]);
    matcher.closed(0, committed(1, 210), &mut heard);
    // ... and after it, in a reply that was read before it was sent.
    matcher.event(gone("7", 199), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("pending", 1), ("foreign", 1), ("early", 1)]);
    matcher.event(gone("7", 240), &mut heard);
    matcher.passed(0, UnixNanos(300));
    expect(&matcher, &[("delivered", 2), ("first", 2), ("foreign", 2)]);
    assert_eq!(heard.e2e, [40, 40], "of our own delete");
}

#[test]
fn a_wrong_clock_loses_no_delete_of_a_key_that_no_other_run_can_have() {
    let (mut matcher, mut heard) = (matcher().with_unrepeated([true]), Heard::default());
    // Its writer's clock is ahead: the event seems older than the statement that made it, with and without its record.
    matcher.event(gone("7", 150), &mut heard);
    for (sequence, key) in [(0, "7"), (1, "8")] {
        matcher.opened(0, opened(sequence, Operation::Delete, key, 200), &mut heard);
    }
    matcher.event(gone("8", 160), &mut heard);
    for sequence in [0, 1] {
        matcher.closed(0, committed(sequence, 210), &mut heard);
    }
    expect(&matcher, &[("delivered", 2), ("first", 2)]);
}

#[test]
fn how_old_a_delete_may_be_is_told_only_as_far_as_the_clocks_agree() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.clock_bound(0, Nanos(50));
    for (key, observed) in [("7", 160), ("8", 149)] {
        matcher.event(gone(key, observed), &mut heard);
    }
    for (sequence, key) in [(0, "7"), (1, "8")] {
        matcher.opened(0, opened(sequence, Operation::Delete, key, 200), &mut heard);
        matcher.closed(0, committed(sequence, 210), &mut heard);
    }
    expect(&matcher, &[("delivered", 1), ("first", 1), ("pending", 1), ("foreign", 1)]);
}

#[test]
fn a_delete_that_no_record_explains_is_foreign_once_the_records_have_passed_its_time() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.event(gone("theirs", 160), &mut heard);
    matcher.passed(0, UnixNanos(160));
    expect(&matcher, &[("early", 1)]);
    matcher.passed(0, UnixNanos(161));
    expect(&matcher, &[("foreign", 1)]);
    let theirs = Stamp { run: RunId::from_bits(1), writer: 0, sequence: 0, sent: UnixNanos(0) };
    let change = Change::Stamped { entity: 0, stamp: theirs, content: Content::default(), document: None };
    matcher.event(Event { change, ..row(0, 170) }, &mut heard);
    matcher.event(Event { change: Change::Unstamped, ..row(0, 170) }, &mut heard);
    matcher.event(Event { change: Change::Undecodable(Undecodable::NoContent), ..row(0, 170) }, &mut heard);
    expect(&matcher, &[("foreign", 3), ("undecodable", 1)]);
    assert_eq!(matcher.undecodable(Undecodable::NoContent), 1);
}

#[test]
fn a_row_past_its_deadline_is_late_with_its_real_latency() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.awaited(0, Awaited { sequence: 0, deadline: UnixNanos(SECOND) }, &mut heard);
    matcher.closed(0, committed(0, 10), &mut heard);
    matcher.event(row(0, SECOND + 1), &mut heard);
    expect(&matcher, &[("late", 1), ("first", 1)]);
    assert_eq!(heard.e2e, [SECOND + 1]);
    assert_eq!(
        heard.settled.get(&0),
        Some(&true),
        "the user may have stopped waiting; it is told all the same"
    );
}

#[test]
fn what_never_comes_is_lost_and_late_when_it_comes_after_all() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.closed(0, committed(0, 10), &mut heard);
    matcher.opened(0, opened(1, Operation::Delete, "k", 20), &mut heard);
    matcher.closed(0, committed(1, 30), &mut heard);
    matcher.advance(UnixNanos(599 * SECOND), &mut heard);
    expect(&matcher, &[("pending", 2)]);
    matcher.advance(UnixNanos(601 * SECOND), &mut heard);
    expect(&matcher, &[("lost", 2)]);
    let delete = matcher.series().at(0, 0, Operation::Delete);
    assert_eq!(matcher.cause(delete, Phase::Run, Cause::NoRow), 1, "the delete had no row to delete");
    matcher.event(row(0, 700 * SECOND), &mut heard);
    matcher.event(gone("k", 701 * SECOND), &mut heard);
    expect(&matcher, &[("late", 2), ("first", 2)]);
    assert_eq!(matcher.cause(delete, Phase::Run, Cause::NoRow), 0);
    matcher.event(row(0, 702 * SECOND), &mut heard);
    expect(&matcher, &[("late", 2), ("first", 2), ("duplicate", 1)]);
}

#[test]
fn a_later_operation_supersedes_and_an_overtaken_one_is_out_of_order() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.opened(0, opened(1, Operation::Update, "k", 20), &mut heard);
    matcher.event(row(1, 50), &mut heard);
    expect(&matcher, &[("superseded", 1), ("delivered", 1), ("first", 1)]);
    matcher.event(row(0, 60), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 1), ("out_of_order", 1)]);
}

#[test]
fn a_refused_row_is_rejected_and_an_unknown_one_waits_for_its_event() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    for (sequence, written) in [(0, Written::Rejected), (1, Written::Unknown), (2, Written::Unknown)] {
        matcher.opened(0, opened(sequence, Operation::Create, &format!("k{sequence}"), 0), &mut heard);
        matcher.closed(0, Closed::new(sequence, written), &mut heard);
    }
    expect(&matcher, &[("rejected", 1), ("unknown", 2)]);
    assert!(!matcher.is_idle(), "an unknown one may still arrive");
    matcher.event(row(1, 50), &mut heard);
    matcher.close(&mut heard);
    expect(&matcher, &[("rejected", 1), ("unknown", 1), ("delivered", 1), ("first", 1)]);
    matcher.assert_sums(true);
}

#[test]
fn a_retry_counts_from_its_last_attempt() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.opened(0, opened(0, Operation::Create, "k", 500), &mut heard);
    matcher.closed(0, committed(0, 600), &mut heard);
    matcher.event(row(0, 700), &mut heard);
    assert_eq!(heard.e2e, [200]);
    expect(&matcher, &[("delivered", 1), ("first", 1)]);
}

#[test]
fn an_arrival_whose_time_cannot_be_believed_is_delivered_and_unmeasured() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.event(Event { measured: false, ..row(0, 50) }, &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1)]);
    assert_eq!((heard.e2e.len(), heard.unmeasured), (0, 1));
}

#[test]
fn an_event_that_the_ledger_never_explains_is_recovered_at_the_close() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    for observed in [50, 60] {
        matcher.event(row(3, observed), &mut heard);
    }
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    expect(&matcher, &[("lost", 1), ("delivered", 1), ("first", 1), ("duplicate", 1)]);
    assert_eq!((matcher.recovered(), matcher.missing(0, 4)), (1, 3));
}

#[test]
fn updates_of_one_row_arrive_in_their_order_each_by_its_own_stamp() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    for sequence in 1..4 {
        let sent = i64::try_from(sequence).expect("small") * 100;
        matcher.opened(0, opened(sequence, Operation::Update, "k", sent), &mut heard);
        matcher.closed(0, committed(sequence, sent + 10), &mut heard);
    }
    for (sequence, observed) in [(0, 40), (1, 150), (3, 380), (2, 390)] {
        matcher.event(row(sequence, observed), &mut heard);
    }
    expect(&matcher, &[("delivered", 4), ("first", 3), ("out_of_order", 1)]);
    assert_eq!(heard.e2e, [40, 50, 80, 190]);
    let series = matcher.series().at(0, 0, Operation::Update);
    assert_eq!(matcher.account(series, Phase::Run).count(Outcome::Delivered), 3);
}

fn never_sent(sequence: u64, operation: Operation, key: &str, cause: NotSentCause) -> NotSent {
    let Opened { phase, scenario, entity, key, group, stage, intended, .. } =
        opened(sequence, operation, key, 500);
    NotSent { sequence, phase, scenario, entity, operation, key, group, stage, intended, cause }
}

#[test]
fn what_was_never_sent_is_rejected_with_its_cause_and_in_no_latency() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.not_sent(0, &never_sent(0, Operation::Create, "a", NotSentCause::NotConnected), &mut heard);
    matcher.not_sent(0, &never_sent(1, Operation::Update, "b", NotSentCause::Cut), &mut heard);
    expect(&matcher, &[("rejected", 2)]);
    assert_eq!(matcher.causes(Phase::Run), [(Cause::NotConnected, 1), (Cause::Cut, 1)]);
    assert_eq!(heard.lags, 0, "it was never sent, so it has no schedule lag");
    assert_eq!(heard.never_sent, [(0, 490), (1, 490)], "it is told by its intended time");
    assert!(heard.done.is_empty() && heard.sent == 0);
    let tally = *matcher.tally(matcher.series().at(0, 0, Operation::Create));
    assert_eq!(tally.rate(Rate::PgWriteFailed), (1, 1));
    assert_eq!(tally.rate(Rate::CdcSuccessRate), (0, 1));
    assert_eq!(tally.rate(Rate::Checks), (0, 1), "a write that failed");
    // Its sequence is here, and once only.
    assert_eq!((matcher.missing(0, 2), matcher.unclosed(0)), (0, 0));
    matcher.not_sent(0, &never_sent(0, Operation::Create, "a", NotSentCause::NotConnected), &mut heard);
    matcher.opened(0, opened(1, Operation::Update, "b", 600), &mut heard);
    expect(&matcher, &[("rejected", 2)]);
    assert_eq!(matcher.limits().contradictions, 2);
    assert!(matcher.is_idle() && matches!(matcher.find(0, 1), Found::Left(Phase::Run)));
    // The key is as if it had never been: a delete of it that is sent is lost for itself.
    matcher.opened(0, opened(2, Operation::Delete, "a", 700), &mut heard);
    matcher.close(&mut heard);
    expect(&matcher, &[("rejected", 2), ("lost", 1)]);
    assert_eq!(matcher.cause(matcher.series().at(0, 0, Operation::Delete), Phase::Run, Cause::NoRow), 0);
    matcher.assert_sums(true);
}

#[test]
fn an_answer_that_never_comes_is_counted_for_its_writer() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    for sequence in 0..4 {
        matcher.opened(0, opened(sequence, Operation::Create, &format!("k{sequence}"), 0), &mut heard);
    }
    matcher.closed(0, committed(0, 10), &mut heard);
    matcher.closed(0, Closed::new(1, Written::Unknown), &mut heard);
    matcher.event(row(2, 20), &mut heard);
    assert_eq!((matcher.unclosed(0), matcher.unclosed(1)), (2, 0), "arrived or not");
    matcher.advance(UnixNanos(700 * SECOND), &mut heard);
    matcher.closed(0, committed(3, 30), &mut heard);
    matcher.close(&mut heard);
    assert_eq!(matcher.unclosed(0), 1);
}

#[test]
fn an_event_of_a_refused_operation_that_has_left_is_a_contradiction() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    matcher.closed(0, Closed::new(0, Written::Rejected), &mut heard);
    matcher.event(row(0, 50), &mut heard);
    expect(&matcher, &[("rejected", 1), ("duplicate", 1)]);
    assert_eq!(matcher.limits().contradictions, 1);
}

#[test]
fn an_operation_whose_record_comes_after_a_later_one_arrived_is_superseded() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, opened(1, Operation::Update, "k", 20), &mut heard);
    matcher.event(row(1, 50), &mut heard);
    matcher.opened(0, opened(0, Operation::Create, "k", 0), &mut heard);
    expect(&matcher, &[("superseded", 1), ("delivered", 1), ("first", 1)]);
    matcher.event(row(0, 60), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 1), ("out_of_order", 1)]);
}

#[test]
fn what_is_on_its_way_is_told_by_scenario_with_what_is_overdue() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    for (sequence, sent) in [(0, 100), (1, 50), (2, SECOND)] {
        matcher.opened(0, opened(sequence, Operation::Create, &format!("k{sequence}"), sent), &mut heard);
    }
    let set_up = Opened { phase: Phase::Setup, ..opened(3, Operation::Create, "s", 0) };
    matcher.opened(0, set_up, &mut heard);
    let waiting =
        |pending, overdue, oldest: i64| Waiting { pending, overdue, oldest_sent: Some(UnixNanos(oldest)) };
    matcher.advance(UnixNanos(5 * SECOND + 100), &mut heard);
    assert_eq!(matcher.waiting(0), waiting(3, 1, 50), "one is due right now, which is not overdue");
    matcher.event(row(1, 5 * SECOND + 110), &mut heard);
    assert_eq!(matcher.waiting(0), waiting(2, 0, 100));
    matcher.advance(UnixNanos(6 * SECOND + 1), &mut heard);
    assert_eq!(matcher.waiting(0), waiting(2, 2, 100));
    // A retry, and an await: both are due later, and overdue no more.
    matcher.opened(0, opened(0, Operation::Create, "k0", 6 * SECOND), &mut heard);
    matcher.awaited(0, Awaited { sequence: 2, deadline: UnixNanos(9 * SECOND) }, &mut heard);
    assert_eq!(matcher.waiting(0), waiting(2, 0, SECOND));
    matcher.close(&mut heard);
    assert_eq!(matcher.waiting(0), Waiting::default());
}
