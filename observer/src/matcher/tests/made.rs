//! Rows whose key the database makes: `closed` brings what `opened` could not say.

use streamgauge_shared::ledger::Made;

use super::*;

/// A create of which only the database knows the key; the first column is verified, the second is the key.
fn unnamed(sequence: u64, sent: i64) -> Opened {
    Opened { key: None, ..opened(sequence, Operation::Create, "", sent) }
}

/// PostgreSQL's answer to it.
fn named(sequence: u64, key: &str, at: i64) -> Closed {
    let made =
        Made { key: key.into(), content: vec![ColumnDigest { column: 1, digest: 9 }], check: Vec::new() };
    Closed { made: Some(Box::new(made)), ..committed(sequence, at) }
}

/// Its event, with this in the key's column.
fn arrival(sequence: u64, key: u32, observed: i64) -> Event {
    let Event { change, .. } = row(sequence, observed);
    let Change::Stamped { entity, stamp, .. } = change else { unreachable!() };
    let content = Content::saying(&[says(7), ColumnDigest { column: 1, digest: key }]);
    let change = Change::Stamped { entity, stamp, content, document: None };
    Event { change, ..row(sequence, observed) }
}

fn checks(matcher: &Matcher) -> Checks {
    let create = matcher.series().at(0, 0, Operation::Create);
    matcher.tally(create).checks
}

#[test]
fn the_stamp_finds_a_row_before_its_key_is_known_and_the_key_its_delete() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, unnamed(0, 100), &mut heard);
    matcher.event(arrival(0, 9, 140), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1)]);
    assert_eq!(heard.e2e, [40], "nothing waits for the key");
    assert_eq!((checks(&matcher).compared, heard.done.len()), (0, 0), "what the key says is not known");
    matcher.closed(0, named(0, "41", 150), &mut heard);
    let checked = checks(&matcher);
    assert_eq!((checked.content_written, checked.content_arrived), (1, 1));
    assert_eq!((checked.compared, checked.matching, checked.compared_in_part), (1, 1, 0));
    assert_eq!(heard.done, BTreeMap::from([(0, Outcome::Delivered)]));
    matcher.opened(0, opened(1, Operation::Delete, "41", 200), &mut heard);
    matcher.closed(0, committed(1, 210), &mut heard);
    matcher.event(gone("41", 240), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2)]);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
}

#[test]
fn a_key_that_arrived_as_another_is_a_failed_check_whichever_came_first() {
    for event_first in [false, true] {
        let (mut matcher, mut heard) = (matcher(), Heard::default());
        matcher.opened(0, unnamed(0, 100), &mut heard);
        if event_first {
            matcher.event(arrival(0, 8, 140), &mut heard);
        }
        matcher.closed(0, named(0, "41", 150), &mut heard);
        if !event_first {
            matcher.event(arrival(0, 8, 160), &mut heard);
        }
        let checked = checks(&matcher);
        let seen = (checked.content_written, checked.content_arrived, checked.compared, checked.matching);
        assert_eq!(seen, (1, 1, 1, 0), "event first: {event_first}");
        matcher.assert_sums(false);
    }
}

#[test]
fn operations_on_the_row_are_in_order_once_it_has_a_key() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, unnamed(0, 100), &mut heard);
    matcher.closed(0, named(0, "41", 150), &mut heard);
    matcher.opened(0, opened(1, Operation::Update, "41", 200), &mut heard);
    matcher.closed(0, committed(1, 210), &mut heard);
    matcher.event(row(1, 240), &mut heard);
    expect(&matcher, &[("superseded", 1), ("delivered", 1), ("first", 1)]);
    matcher.event(arrival(0, 9, 250), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 1), ("out_of_order", 1)]);
    // Of a row that never arrived the delete is lost for want of it, by the key alone.
    matcher.opened(0, unnamed(2, 300), &mut heard);
    matcher.closed(0, named(2, "42", 350), &mut heard);
    matcher.opened(0, opened(3, Operation::Delete, "42", 400), &mut heard);
    matcher.closed(0, committed(3, 450), &mut heard);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    let delete = matcher.series().at(0, 0, Operation::Delete);
    assert_eq!(matcher.cause(delete, Phase::Run, Cause::NoRow), 1);
}

#[test]
fn what_is_never_answered_is_settled_by_its_stamp_and_compared_as_far_as_it_is_known() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    for sequence in 0..4 {
        matcher.opened(0, unnamed(sequence, 100), &mut heard);
    }
    matcher.event(arrival(0, 8, 140), &mut heard);
    matcher.closed(0, Closed::new(1, Written::Unknown), &mut heard);
    matcher.event(arrival(1, 8, 160), &mut heard);
    matcher.closed(0, Closed::new(2, Written::Rejected), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2), ("rejected", 1), ("pending", 1)]);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    expect(&matcher, &[("delivered", 2), ("first", 2), ("rejected", 1), ("lost", 1)]);
    let checked = checks(&matcher);
    assert_eq!((checked.content_arrived, checked.matching), (2, 2), "the key's column is not judged");
    assert!(matches!(matcher.find(0, 2), Found::Left(Phase::Run)));
}

#[test]
fn a_check_of_the_key_passes_once_it_is_known() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.opened(0, unnamed(0, 100), &mut heard);
    matcher.event(arrival(0, 9, 140), &mut heard);
    let expected = vec![ColumnDigest { column: 1, digest: 9 }];
    let made = Made { key: "41".into(), content: Vec::new(), check: expected };
    matcher.closed(0, Closed { made: Some(Box::new(made)), ..committed(0, 150) }, &mut heard);
    let checked = checks(&matcher);
    assert_eq!((checked.steps, checked.steps_passed, checked.steps_not_compared), (1, 1, 0));
    matcher.assert_sums(false);
}
