//! What is compared, and what slices count.

use streamgauge_shared::content::NotCompared;
use streamgauge_shared::threshold::Tags;

use super::*;
use crate::stream::{ColumnSeen, ColumnValue, RowKey};

fn stamped(sequence: u64, content: Content) -> Change {
    let stamp = Stamp { run: RUN, writer: 0, sequence, sent: UnixNanos(0) };
    Change::Stamped { entity: 0, stamp, content, document: None }
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
    let closed = |sequence, written| Closed::new(sequence, written);
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
