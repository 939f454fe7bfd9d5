//! The matcher on histories with a known truth: single cases, and simulations from printed seeds.

use std::collections::{BTreeMap, HashMap};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use streamgauge_shared::content::{ColumnDigest, NotCompared};
use streamgauge_shared::threshold::{Rate, Tags};

use super::*;
use crate::stream::{ColumnSeen, ColumnValue, Content, RowKey};

const RUN: RunId = RunId::from_bits(0xc0ffee);
const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// Remembers what it is told.
#[derive(Default)]
struct Heard {
    e2e: Vec<i64>,
    unmeasured: u64,
    propagation: Vec<i64>,
    settled: HashMap<u64, bool>,
    duplicates: BTreeMap<u64, u32>,
    done: BTreeMap<u64, Outcome>,
}

impl Sink for Heard {
    fn latency(&mut self, _: Place, latency: Latency, value: Option<Nanos>, _: UnixNanos) {
        match (latency, value) {
            (Latency::CdcE2eLatency, Some(value)) => self.e2e.push(value.0),
            (Latency::CdcE2eLatency, None) => self.unmeasured += 1,
            (Latency::CdcPropagation, Some(value)) => self.propagation.push(value.0),
            _ => {}
        }
    }
    fn sent(&mut self, _: UnixNanos) {}
    fn sent_again(&mut self, _: UnixNanos, _: UnixNanos) {}
    fn arrived(&mut self, _: UnixNanos, _: Option<UnixNanos>) {}
    fn settled(&mut self, _: u16, sequence: u64, arrived: bool) {
        self.settled.insert(sequence, arrived);
    }
    fn duplicate(&mut self, _: u16, sequence: u64) {
        *self.duplicates.entry(sequence).or_default() += 1;
    }
    fn done(&mut self, _: u16, sequence: u64, entry: &Entry) {
        assert_eq!(self.done.insert(sequence, entry.outcome), None, "an operation is done once");
    }
}

/// The first column says this.
const fn says(digest: u32) -> ColumnDigest {
    ColumnDigest { column: 0, digest }
}

fn matcher() -> Matcher {
    Matcher::new(RUN, SeriesIndex::new(1, 1), Slices::default(), 1, Nanos::from_secs(600))
}

fn opened(sequence: u64, operation: Operation, key: &str, sent: i64) -> Opened {
    Opened {
        sequence,
        phase: Phase::Run,
        scenario: 0,
        entity: 0,
        operation,
        key: key.into(),
        group: None,
        stage: None,
        content: vec![says(7)],
        check: Vec::new(),
        intended: UnixNanos(sent - 10),
        connection_wait: Nanos(1),
        sent: UnixNanos(sent),
        stamped: UnixNanos(sent),
        deadline: UnixNanos(sent + 5 * SECOND),
    }
}

fn committed(sequence: u64, at: i64) -> Closed {
    Closed { sequence, written: Written::Committed(UnixNanos(at)) }
}

fn row(sequence: u64, observed: i64) -> Event {
    let stamp = Stamp { run: RUN, writer: 0, sequence, sent: UnixNanos(0) };
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]) };
    Event { observed: UnixNanos(observed), measured: true, wall: None, marks: None, change }
}

fn gone(key: &str, observed: i64) -> Event {
    let change = Change::Deleted { entity: 0, key: key.into() };
    Event { observed: UnixNanos(observed), measured: true, wall: None, marks: None, change }
}

/// Outcomes and kinds that are not zero, by name.
fn sums(matcher: &Matcher) -> BTreeMap<&'static str, u64> {
    let (account, events) = (matcher.total(Phase::Run), matcher.events(Phase::Run));
    let outcomes = Outcome::ALL.into_iter().map(|outcome| (outcome.name(), account.count(outcome)));
    let kinds = EventKind::ALL.into_iter().map(|kind| (kind.name(), events.count(kind)));
    outcomes.chain(kinds).filter(|(_, count)| *count > 0).collect()
}

fn expect(matcher: &Matcher, expected: &[(&'static str, u64)]) {
    matcher.assert_sums(false);
    assert_eq!(sums(matcher), expected.iter().copied().collect());
}

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
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]) };
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
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]) };
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
    let change = Change::Stamped { entity: 0, stamp, content: Content::saying(&[says(7)]) };
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
        matcher.closed(0, Closed { sequence: 1, written: Written::Rejected }, &mut heard);
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
    let no_row = matcher.series().all().map(|series| matcher.lost_no_row(series, Phase::Run)).sum::<u64>();
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
    matcher.closed(0, Closed { sequence: 0, written: Written::Rejected }, &mut heard);
    matcher.closed(0, Closed { sequence: 1, written: Written::Unknown }, &mut heard);
    matcher.closed(0, committed(2, 650 * SECOND), &mut heard);
    expect(&matcher, &[("lost", 1), ("rejected", 1), ("unknown", 1)]);
    // Sent again although it was given up: still one entry, which may arrive.
    matcher.opened(0, opened(2, Operation::Create, "2", 690 * SECOND), &mut heard);
    matcher.event(row(2, 701 * SECOND), &mut heard);
    expect(&matcher, &[("late", 1), ("rejected", 1), ("unknown", 1), ("first", 1)]);
    assert_eq!(heard.e2e, [11 * SECOND]);
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
    let change = Change::Stamped { entity: 0, stamp: theirs, content: Content::default() };
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
    assert_eq!(matcher.lost_no_row(delete, Phase::Run), 1, "the delete had no row to delete");
    matcher.event(row(0, 700 * SECOND), &mut heard);
    matcher.event(gone("k", 701 * SECOND), &mut heard);
    expect(&matcher, &[("late", 2), ("first", 2)]);
    assert_eq!(matcher.lost_no_row(delete, Phase::Run), 0);
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
        matcher.closed(0, Closed { sequence, written }, &mut heard);
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

fn stamped(sequence: u64, content: Content) -> Change {
    let stamp = Stamp { run: RUN, writer: 0, sequence, sent: UnixNanos(0) };
    Change::Stamped { entity: 0, stamp, content }
}

/// What stands in the first columns.
fn holding(found: &[ColumnValue]) -> Content {
    Content::new((0..).zip(found).map(|(column, found)| ColumnSeen { column, value: *found }).collect())
}

const LEFT_OUT: ColumnValue = ColumnValue::Not(NotCompared::LeftOut);

#[test]
fn what_was_written_what_arrived_and_what_matched_are_counted_apart() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    let written = vec![says(7), ColumnDigest { column: 1, digest: 9 }];
    let arrivals = [
        Some([ColumnValue::Value(7), ColumnValue::Value(9)]),
        Some([ColumnValue::Value(8), ColumnValue::Value(9)]),
        Some([ColumnValue::Value(7), LEFT_OUT]),
        Some([ColumnValue::Value(8), LEFT_OUT]),
        Some([LEFT_OUT, LEFT_OUT]),
        None,
    ];
    for (sequence, found) in (0..).zip(arrivals) {
        let entry = opened(sequence, Operation::Create, &format!("k{sequence}"), 0);
        matcher.opened(0, Opened { content: written.clone(), ..entry }, &mut heard);
        // Some answers of PostgreSQL come before the event, some behind it, one never.
        if sequence % 2 == 0 {
            matcher.closed(0, committed(sequence, 40), &mut heard);
        }
        if let Some(found) = found {
            let change = stamped(sequence, holding(&found));
            matcher.event(Event { change, ..row(sequence, 50) }, &mut heard);
        }
        if sequence == 1 || sequence == 5 {
            matcher.closed(0, committed(sequence, 60), &mut heard);
        }
        matcher.assert_sums(false);
    }
    // Nothing is verified of it.
    let plain = Opened { content: Vec::new(), ..opened(6, Operation::Create, "plain", 0) };
    matcher.opened(0, plain, &mut heard);
    matcher.closed(0, committed(6, 40), &mut heard);
    matcher.event(row(6, 50), &mut heard);
    let checks = matcher.tally(matcher.series().at(0, 0, Operation::Create)).checks;
    assert_eq!((checks.content_written, checks.content_arrived), (6, 5));
    assert_eq!((checks.compared, checks.matching, checks.compared_in_part), (4, 2, 1));
    let (first, second) = (matcher.column(0, 0), matcher.column(0, 1));
    assert_eq!((first.compared, first.matched, first.not_compared(NotCompared::LeftOut)), (4, 2, 1));
    assert_eq!((second.compared, second.matched, second.not_compared(NotCompared::LeftOut)), (2, 2, 3));
}

#[test]
fn the_old_order_of_a_uuids_bytes_is_found_whenever_its_delete_is_opened() {
    let readings = || RowKey::OneOf(Box::new(["standard", "java", "csharp"].map(str::to_owned)));
    let gone =
        |observed| Event { change: Change::Deleted { entity: 0, key: readings() }, ..gone("", observed) };
    for early in [false, true] {
        let (mut matcher, mut heard) = (matcher(), Heard::default());
        if early {
            matcher.event(gone(50), &mut heard);
        }
        matcher.opened(0, opened(0, Operation::Delete, "java", 0), &mut heard);
        matcher.closed(0, committed(0, 40), &mut heard);
        if !early {
            matcher.event(gone(50), &mut heard);
        }
        expect(&matcher, &[("delivered", 1), ("first", 1)]);
        matcher.event(gone(60), &mut heard);
        expect(&matcher, &[("delivered", 1), ("first", 1), ("duplicate", 1)]);
    }
}

/// A row whose first column holds this.
fn checked_row(sequence: u64, observed: i64, found: ColumnValue) -> Event {
    Event { change: stamped(sequence, holding(&[found])), ..row(sequence, observed) }
}

/// `check` steps that said something, and those that passed.
fn steps(matcher: &Matcher) -> (u64, u64) {
    let checks = matcher.tally(matcher.series().at(0, 0, Operation::Create)).checks;
    (checks.steps, checks.steps_passed)
}

#[test]
fn a_check_step_passes_if_its_row_came_in_time_and_says_what_it_should() {
    let late = 6 * SECOND;
    let cases: [(ColumnValue, i64, (u64, u64), u64); 5] = [
        (ColumnValue::Value(9), 50, (1, 1), 0),
        (ColumnValue::Value(8), 50, (1, 0), 0),
        (LEFT_OUT, 50, (0, 0), 1),
        (ColumnValue::Value(9), late, (1, 0), 0),
        (LEFT_OUT, late, (1, 0), 0),
    ];
    for (found, observed, expected, not_compared) in cases {
        let (mut matcher, mut heard) = (matcher(), Heard::default());
        let entry = Opened { check: vec![says(9)], ..opened(0, Operation::Create, "k", 0) };
        matcher.opened(0, entry, &mut heard);
        assert_eq!(steps(&matcher), (0, 0), "nothing is said yet");
        matcher.event(checked_row(0, observed, found), &mut heard);
        matcher.event(checked_row(0, observed, found), &mut heard);
        assert_eq!(steps(&matcher), expected, "{found:?} at {observed}");
        let checks = matcher.tally(matcher.series().at(0, 0, Operation::Create)).checks;
        assert_eq!(checks.steps_not_compared, not_compared, "{found:?} at {observed}");
        matcher.assert_sums(false);
    }
}

#[test]
fn a_check_step_of_a_row_that_does_not_come_has_failed_until_it_comes_after_all() {
    let entry =
        |sequence, key| Opened { check: vec![says(9)], ..opened(sequence, Operation::Create, key, 0) };
    let closed = |sequence, written| Closed { sequence, written };
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    for (sequence, key) in [(0, "rejected"), (1, "unknown"), (2, "superseded"), (4, "lost")] {
        matcher.opened(0, entry(sequence, key), &mut heard);
    }
    matcher.closed(0, closed(0, Written::Rejected), &mut heard);
    matcher.closed(0, closed(1, Written::Unknown), &mut heard);
    assert_eq!(steps(&matcher), (2, 0));
    matcher.opened(0, opened(3, Operation::Update, "superseded", 20), &mut heard);
    matcher.event(row(3, 50), &mut heard);
    assert_eq!(steps(&matcher), (3, 0));
    matcher.event(checked_row(1, 60, ColumnValue::Value(9)), &mut heard);
    matcher.event(checked_row(2, 70, LEFT_OUT), &mut heard);
    assert_eq!(steps(&matcher), (2, 1), "one passed after all, of one nothing can be said");
    matcher.close(&mut heard);
    assert_eq!(steps(&matcher), (3, 1));
    matcher.assert_sums(true);
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

#[test]
fn a_slice_counts_what_its_tags_name() {
    let group = Tags { group: Some(1), ..Tags::default() };
    let both = Tags { stage: Some(0), operation: Some(Operation::Create), ..group };
    let slices = Slices::of_tags(&[group, both, group]);
    let mut matcher = Matcher::new(RUN, SeriesIndex::new(1, 1), slices, 1, Nanos::from_secs(600));
    let mut heard = Heard::default();
    let places = [(Some(1), Some(0)), (Some(1), Some(1)), (Some(0), Some(0)), (None, None), (Some(1), None)];
    for (sequence, (group, stage)) in (0..).zip(places) {
        let key = format!("k{sequence}");
        let entry = Opened { group, stage, ..opened(sequence, Operation::Create, &key, 0) };
        matcher.opened(0, entry, &mut heard);
        if sequence < 4 {
            matcher.event(row(sequence, 50), &mut heard);
        }
    }
    let counts = |tags| {
        let tally = matcher.slice(tags).expect("declared");
        (tally.account.entries(), tally.account.arrived(), tally.checks.compared)
    };
    assert_eq!((counts(group), counts(both)), ((3, 2, 2), (1, 1, 1)));
    assert_eq!(matcher.slice(Tags { group: Some(0), ..Tags::default() }), None, "not declared");
    let ages = |tags| matcher.ages_of(Latency::CdcE2eLatency, tags, true, UnixNanos(1_000)).count();
    assert_eq!((ages(group), ages(both), ages(Tags::default())), (1, 0, 1));
    matcher.assert_sums(false);
}

/// What happens to one row of a simulation.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    Late,
    Lost,
    Twice,
    Rejected,
    UnknownArrives,
    UnknownGone,
}

const FATES: [Fate; 7] = [
    Fate::Arrives,
    Fate::Late,
    Fate::Lost,
    Fate::Twice,
    Fate::Rejected,
    Fate::UnknownArrives,
    Fate::UnknownGone,
];

/// An input with the time at which it happens.
enum Step {
    Open(Opened),
    Close(Closed),
    Event(Event),
}

/// What happens in a simulation, in order, and what must come out of it.
struct History {
    steps: Vec<(i64, Step)>,
    expected: BTreeMap<&'static str, u64>,
    latencies: Vec<i64>,
}

/// A history in which each row has a drawn fate, the ledger and the events interleaved at random, and what
/// must come out of it.
fn history(random: &mut StdRng) -> History {
    let mut steps = Vec::new();
    let mut expected: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut latencies = Vec::new();
    let mut count = |name, n| *expected.entry(name).or_default() += n;
    for index in 0..random.random_range(1..60_u64) {
        let (fate, key) = (FATES[random.random_range(0..FATES.len())], format!("k{index}"));
        let sent = random.random_range(0..20) * MILLI;
        // The ledger's records come at any time after they were made: before the event or long after it.
        let record_delay = random.random_range(0..40) * MILLI;
        let create = opened(2 * index, Operation::Create, &key, sent);
        let written = match fate {
            Fate::Rejected => Written::Rejected,
            Fate::UnknownArrives | Fate::UnknownGone => Written::Unknown,
            _ => Written::Committed(UnixNanos(sent + 10)),
        };
        steps.push((sent + record_delay, Step::Open(create)));
        steps.push((sent + record_delay + 1, Step::Close(Closed { sequence: 2 * index, written })));
        let latency = if fate == Fate::Late { 6 * SECOND } else { random.random_range(1..30) * MILLI };
        if matches!(fate, Fate::Arrives | Fate::Late | Fate::Twice | Fate::UnknownArrives) {
            steps.push((sent + latency, Step::Event(row(2 * index, sent + latency))));
            latencies.push(latency);
            count("first", 1);
            count(if fate == Fate::Late { "late" } else { "delivered" }, 1);
        }
        match fate {
            Fate::Twice => {
                steps.push((sent + latency + 5, Step::Event(row(2 * index, sent + latency + 5))));
                count("duplicate", 1);
            }
            Fate::Lost => count("lost", 1),
            Fate::Rejected => count("rejected", 1),
            Fate::UnknownGone => count("unknown", 1),
            _ => {}
        }
        // Every sequence must come; the second of a pair is a delete of the same row, where there is one.
        let deleted = sent + latency + SECOND;
        let delete = opened(2 * index + 1, Operation::Delete, &key, deleted);
        let removes = matches!(fate, Fate::Arrives | Fate::Twice);
        let written = if removes { Written::Committed(UnixNanos(deleted + 10)) } else { Written::Rejected };
        steps.push((deleted + record_delay, Step::Open(delete)));
        steps.push((deleted + record_delay + 1, Step::Close(Closed { sequence: 2 * index + 1, written })));
        if removes {
            let latency = random.random_range(1..30) * MILLI;
            steps.push((deleted + latency, Step::Event(gone(&key, deleted + latency))));
            latencies.push(latency);
            count("first", 1);
            count("delivered", 1);
        } else {
            count("rejected", 1);
        }
    }
    steps.shuffle(random);
    steps.sort_by_key(|(at, _)| *at);
    History { steps, expected, latencies }
}

#[test]
fn in_any_interleaving_the_outcomes_are_the_drawn_fates_and_the_sums_close() {
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let History { steps, expected, mut latencies } = history(&mut random);
        // Two groups that together are everything: their slices must add up to the series.
        let groups = [0, 1].map(|group| Tags { group: Some(group), ..Tags::default() });
        let slices = Slices::of_tags(&groups);
        let mut matcher = Matcher::new(RUN, SeriesIndex::new(1, 1), slices, 1, Nanos::from_secs(600));
        let mut heard = Heard::default();
        for (_, step) in steps {
            match step {
                Step::Open(opened) => {
                    let group = Some(u16::from(opened.sequence % 3 == 0));
                    matcher.opened(0, Opened { group, check: vec![says(7)], ..opened }, &mut heard);
                }
                Step::Close(closed) => matcher.closed(0, closed, &mut heard),
                Step::Event(event) => matcher.event(event, &mut heard),
            }
            matcher.assert_sums(false);
        }
        matcher.close(&mut heard);
        matcher.assert_sums(true);
        assert_eq!(sums(&matcher), expected, "seed {seed}");
        for rate in Rate::ALL {
            let add = |(a, b): (u64, u64), (c, d): (u64, u64)| (a + c, b + d);
            let slices = groups.map(|tags| matcher.slice(tags).expect("declared").rate(rate));
            let series = matcher.series().all().map(|series| matcher.tally(series).rate(rate));
            assert_eq!(add(slices[0], slices[1]), series.fold((0, 0), add), "seed {seed}");
        }
        latencies.sort_unstable();
        heard.e2e.sort_unstable();
        assert_eq!(heard.e2e, latencies, "seed {seed}");
        assert_eq!(
            heard.done.len() as u64,
            matcher.total(Phase::Run).entries(),
            "seed {seed}: each is done at the end"
        );
    }
}
