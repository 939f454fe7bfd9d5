//! Rows whose documents have keys of the sink's own: the stamp says which row a document is, and the document its delete.

use super::*;
use crate::stream::DocumentId;

fn matcher() -> Matcher {
    super::matcher().with_learned([true])
}

fn document(number: u8) -> DocumentId {
    DocumentId::of(0, &[number])
}

/// The event of an operation on a row in this document.
fn lies_in(number: u8, sequence: u64, observed: i64) -> Event {
    let Event { change, .. } = row(sequence, observed);
    let Change::Stamped { entity, stamp, content, .. } = change else { unreachable!() };
    let change = Change::Stamped { entity, stamp, content, document: Some(document(number)) };
    Event { change, ..row(sequence, observed) }
}

fn removed(number: u8, observed: i64) -> Event {
    Event { change: Change::Removed { document: document(number) }, ..gone("", observed) }
}

/// An operation that committed.
fn written(matcher: &mut Matcher, heard: &mut Heard, sequence: u64, operation: Operation, sent: i64) {
    matcher.opened(0, opened(sequence, operation, "k", sent), heard);
    matcher.closed(0, committed(sequence, sent + 5), heard);
}

#[test]
fn a_delete_is_known_by_what_the_create_or_an_update_said() {
    for by_update in [false, true] {
        let (mut matcher, mut heard) = (matcher(), Heard::default());
        written(&mut matcher, &mut heard, 0, Operation::Create, 100);
        written(&mut matcher, &mut heard, 1, Operation::Update, 200);
        written(&mut matcher, &mut heard, 2, Operation::Delete, 300);
        if !by_update {
            matcher.event(lies_in(1, 0, 140), &mut heard);
        }
        matcher.event(lies_in(1, 1, 240), &mut heard);
        matcher.event(removed(1, 350), &mut heard);
        matcher.event(removed(1, 360), &mut heard);
        assert_eq!(matcher.outcome(0, 2), None, "it has arrived");
        assert_eq!(heard.e2e.last(), Some(&50));
        let create = if by_update { "superseded" } else { "delivered" };
        let first = if by_update { 2 } else { 3 };
        let sums = sums(&matcher);
        assert_eq!((sums["first"], sums["duplicate"]), (first, 1), "{sums:?}");
        assert!(sums[create] >= 1, "{sums:?}");
        matcher.close(&mut heard);
        matcher.assert_sums(true);
    }
}

#[test]
fn whatever_comes_first_of_records_and_events_the_delete_is_matched() {
    // Events before any record: they are held until it is known what they are.
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    matcher.event(lies_in(1, 0, 140), &mut heard);
    matcher.event(removed(1, 350), &mut heard);
    expect(&matcher, &[("early", 2)]);
    written(&mut matcher, &mut heard, 0, Operation::Create, 100);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("early", 1)]);
    matcher.opened(0, opened(1, Operation::Delete, "k", 300), &mut heard);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("early", 1), ("pending", 1)]);
    matcher.closed(0, committed(1, 310), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2)]);
    assert_eq!(heard.e2e, [40, 50]);
}

#[test]
fn the_document_of_a_row_whose_key_the_database_makes_is_learned_with_its_answer() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    let create = Opened { key: None, ..opened(0, Operation::Create, "", 100) };
    matcher.opened(0, create, &mut heard);
    matcher.event(lies_in(1, 0, 140), &mut heard);
    let made = streamgauge_shared::ledger::Made { key: "k".into(), content: Vec::new(), check: Vec::new() };
    matcher.closed(0, Closed { made: Some(Box::new(made)), ..committed(0, 150) }, &mut heard);
    written(&mut matcher, &mut heard, 1, Operation::Delete, 200);
    matcher.event(removed(1, 240), &mut heard);
    expect(&matcher, &[("delivered", 2), ("first", 2)]);
}

#[test]
fn a_delete_whose_document_was_never_learned_is_no_entry_and_its_event_is_foreign() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    written(&mut matcher, &mut heard, 0, Operation::Create, 100);
    written(&mut matcher, &mut heard, 1, Operation::Delete, 200);
    matcher.event(removed(7, 250), &mut heard);
    expect(&matcher, &[("pending", 2), ("early", 1)]);
    let later = UnixNanos(700 * SECOND);
    matcher.awaited(0, Awaited { sequence: 1, deadline: later }, &mut heard);
    matcher.advance(later, &mut heard);
    matcher.passed(0, later);
    expect(&matcher, &[("lost", 1), ("foreign", 1)]);
    assert_eq!(heard.settled, HashMap::from([(1, false)]), "whoever waited is told");
    assert_eq!(matcher.waiting(0).pending, 0);
    assert_eq!(heard.not_expected, 1);
    let delete = matcher.series().at(0, 0, Operation::Delete);
    // What PostgreSQL said of it has its figures; of its way there are none.
    let checks = Checks { closed: 1, committed: 1, not_expected: 1, ..Checks::default() };
    assert_eq!(matcher.tally(delete), &Tally { checks, ..Tally::default() });
    // Whatever else comes of it changes nothing.
    matcher.opened(0, opened(1, Operation::Delete, "k", 300), &mut heard);
    matcher.closed(0, committed(1, 310), &mut heard);
    matcher.awaited(0, Awaited { sequence: 1, deadline: later }, &mut heard);
    assert_eq!(heard.settled, HashMap::from([(1, false)]));
    assert_eq!((matcher.limits(), matcher.missing(0, 2)), (Limits::default(), 0));
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    expect(&matcher, &[("lost", 1), ("foreign", 1)]);
    assert_eq!(heard.done, BTreeMap::from([(0, Outcome::Lost)]), "it is no row");
}

#[test]
fn a_delete_of_a_document_that_is_known_and_that_never_comes_is_lost() {
    let (mut matcher, mut heard) = (matcher(), Heard::default());
    written(&mut matcher, &mut heard, 0, Operation::Create, 100);
    matcher.event(lies_in(1, 0, 140), &mut heard);
    written(&mut matcher, &mut heard, 1, Operation::Delete, 200);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    expect(&matcher, &[("delivered", 1), ("first", 1), ("lost", 1)]);
    assert_eq!(heard.not_expected, 0);
}

#[test]
fn a_document_that_was_forgotten_makes_its_delete_one_that_is_not_expected() {
    let bounds = Bounds { documents: 1, ..Bounds::default() };
    let (index, after) = (SeriesIndex::new(1, 1), Nanos::from_secs(600));
    let mut matcher = Matcher::bounded(RUN, index, Slices::default(), 1, after, bounds).with_learned([true]);
    let mut heard = Heard::default();
    for (sequence, key) in [(0, "a"), (1, "b")] {
        matcher.opened(0, opened(sequence, Operation::Create, key, 100), &mut heard);
        matcher.closed(0, committed(sequence, 110), &mut heard);
        matcher.event(lies_in(u8::try_from(sequence).expect("small"), sequence, 140), &mut heard);
    }
    assert_eq!(matcher.limits().documents_forgotten, 1);
    for (sequence, key) in [(2, "a"), (3, "b")] {
        matcher.opened(0, opened(sequence, Operation::Delete, key, 200), &mut heard);
        matcher.closed(0, committed(sequence, 210), &mut heard);
    }
    matcher.event(removed(0, 240), &mut heard);
    matcher.event(removed(1, 240), &mut heard);
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    expect(&matcher, &[("delivered", 3), ("first", 3), ("foreign", 1)]);
    assert_eq!(heard.not_expected, 1);
}
