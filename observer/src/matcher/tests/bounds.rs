//! What is held, and what it costs, when rows never arrive or the ledger's link is away.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use streamgauge_shared::test_file::ENTRY_BYTES;
use streamgauge_shared::threshold::Tags;

use super::*;

const CREATE: Operation = Operation::Create;

fn bounded(bounds: Bounds, slices: &[Tags]) -> Matcher {
    let slices = Slices::of_tags(slices);
    Matcher::bounded(RUN, SeriesIndex::new(1, 1), slices, 1, Nanos::from_secs(60), bounds)
}

/// A key as long as a UUID.
fn key(sequence: u64) -> String {
    format!("{sequence:036}")
}

#[test]
fn one_lost_row_of_a_hundred_holds_nothing_that_was_sent_after_it() {
    const PER_SECOND: i64 = 5_000;
    let mut random = StdRng::seed_from_u64(14);
    let (mut matcher, mut heard) = (bounded(Bounds::default(), &[]), Heard::default());
    let mut arriving: BTreeMap<(i64, u64), ()> = BTreeMap::new();
    let (mut most, mut most_bytes, mut most_steps) = (0, 0, 0);
    let seconds = 180;
    for tick in 0..seconds * PER_SECOND {
        let (now, sequence) = (tick * SECOND / PER_SECOND, u64::try_from(tick).expect("not negative"));
        let before = matcher.holding().steps;
        matcher.opened(0, opened(sequence, CREATE, &key(sequence), now), &mut heard);
        matcher.closed(0, committed(sequence, now + MILLI), &mut heard);
        if sequence % 100 != 13 {
            arriving.insert((now + random.random_range(50..350) * MILLI, sequence), ());
        }
        while let Some(((at, arrived), ())) = arriving.first_key_value().map(|(id, ())| (*id, ()))
            && at <= now
        {
            arriving.pop_first();
            matcher.event(row(arrived, at), &mut heard);
        }
        if tick % PER_SECOND == 0 {
            matcher.advance(UnixNanos(now), &mut heard);
            most_bytes = most_bytes.max(matcher.holding().bytes);
            heard = Heard::default();
        }
        most = most.max(matcher.holding().entries);
        most_steps = most_steps.max(matcher.holding().steps - before);
    }
    let (lost, holding) = (usize::try_from(seconds * PER_SECOND / 100).expect("small"), matcher.holding());
    // A third of a second is on its way.
    assert!(most < lost + 1_750, "{most} entries are held, of {lost} that are lost");
    assert!((holding.lost + 3_100).abs_diff(lost) < 200, "{holding:?}: a minute's worth is not given up yet");
    // Fixed: blocks and tables grow in steps.
    assert!(
        (most_bytes as u64) < most as u64 * ENTRY_BYTES + (1 << 20),
        "{most_bytes} bytes for {most} entries"
    );
    let each = holding.steps / u64::try_from(seconds * PER_SECOND).expect("positive");
    assert!(each < 12, "{each} steps for each row, its answer and its event");
    assert!(most_steps < 60_000, "{most_steps} steps at once: no more than a queue is made anew");
    let pending = matcher.total(Phase::Run).count(Outcome::Pending);
    assert_eq!(pending + holding.lost as u64, holding.entries as u64);
    assert_eq!(matcher.waiting(0).pending, pending);
}

#[test]
fn what_is_pending_takes_as_many_bytes_as_is_said() {
    let (mut matcher, mut heard) = (bounded(Bounds::default(), &[]), Heard::default());
    for sequence in 0..200_000 {
        matcher.opened(0, opened(sequence, CREATE, &key(sequence), 10), &mut heard);
    }
    let each = matcher.holding().bytes as u64 / 200_000;
    assert!((ENTRY_BYTES / 2..ENTRY_BYTES).contains(&each), "{each} bytes each, said to be {ENTRY_BYTES}");
}

#[test]
fn what_is_forgotten_stays_in_the_counts_and_in_the_percentiles() {
    let group = Tags { group: Some(1), ..Tags::default() };
    let (mut matcher, mut heard) =
        (bounded(Bounds { kept: 50, ..Bounds::default() }, &[group]), Heard::default());
    // 200 are lost, half of them in a group; 80 are superseded; of 60 PostgreSQL's answer is not known.
    for sequence in 0..200 {
        let entry = Opened {
            group: Some(u16::from(sequence % 2 == 0)),
            ..opened(sequence, CREATE, &key(sequence), 1_000)
        };
        matcher.opened(0, entry, &mut heard);
        matcher.closed(0, committed(sequence, 1_500), &mut heard);
    }
    for pair in 0..80 {
        let (first, second) = (200 + 2 * pair, 201 + 2 * pair);
        matcher.opened(0, opened(first, CREATE, &key(first), 2_000), &mut heard);
        matcher.opened(0, opened(second, Operation::Update, &key(first), 2_010), &mut heard);
        matcher.closed(0, committed(first, 2_020), &mut heard);
        matcher.closed(0, committed(second, 2_020), &mut heard);
        matcher.event(row(second, 2_030), &mut heard);
    }
    for sequence in 360..420 {
        matcher.opened(0, opened(sequence, CREATE, &key(sequence), 3_000), &mut heard);
        matcher.closed(0, Closed::new(sequence, Written::Unknown), &mut heard);
    }
    assert_eq!(
        matcher.limits(),
        Limits { lost_forgotten: 10, superseded_forgotten: 30, ..Limits::default() }
    );
    let now = UnixNanos(61 * SECOND);
    matcher.advance(now, &mut heard);
    let expected = [("lost", 200), ("superseded", 80), ("unknown", 60), ("delivered", 80), ("first", 80)];
    expect(&matcher, &expected);
    assert_eq!(matcher.limits().lost_forgotten, 160, "superseded ones take no place of lost ones");
    assert_eq!(matcher.holding().entries, 150, "fifty of each kind");
    let ages = |tags| matcher.ages_of(Latency::CdcE2eLatency, tags, false, now);
    let all = ages(Tags::default());
    assert_eq!((all.count(), ages(group).count()), (260, 100), "nothing left the percentiles");
    assert_eq!(all.max(), Some(Nanos(61 * SECOND - 1_000)));
    assert_eq!(
        ages(group).min(),
        Some(Nanos(61 * SECOND - 1_000)),
        "at least as old as when it was given up"
    );
    let mut by_series = vec![Default::default(); matcher.series().count()];
    matcher.ages(Latency::CdcPropagation, now, &mut by_series);
    assert_eq!(by_series[CREATE as usize].count(), 200, "of those that committed");
    let forgotten = matcher.forgotten(matcher.series().at(0, 0, CREATE)).expect("some were");
    assert_eq!(
        [Outcome::Lost, Outcome::Unknown, Outcome::Superseded].map(|outcome| forgotten.count(outcome)),
        [150, 10, 30]
    );
    // The oldest were forgotten: an event of one is a duplicate, of one that is kept an arrival.
    matcher.event(row(0, 62 * SECOND), &mut heard);
    matcher.event(row(199, 62 * SECOND), &mut heard);
    assert_eq!((sums(&matcher)["duplicate"], sums(&matcher)["late"]), (1, 1));
    matcher.close(&mut heard);
    matcher.assert_sums(true);
    assert_eq!(heard.done.len(), 420, "each is done once");
}

#[test]
fn the_events_of_a_link_that_is_away_wait_for_their_records() {
    // 30 s at 5,000 events a second.
    let (mut matcher, mut heard) = (bounded(Bounds::default(), &[]), Heard::default());
    let events = 150_000;
    for sequence in 0..events {
        matcher.event(row(sequence, 2_000), &mut heard);
    }
    // Somebody deletes rows of his own all the while.
    for sequence in 0..150_000 {
        matcher.event(gone(&format!("theirs-{sequence}"), 2_000), &mut heard);
    }
    for sequence in 0..events {
        matcher.opened(0, opened(sequence, CREATE, &key(sequence), 1_000), &mut heard);
    }
    matcher.passed(0, UnixNanos(2_001));
    expect(&matcher, &[("delivered", events), ("first", events), ("foreign", 150_000)]);
    assert_eq!(matcher.limits(), Limits::default());
    assert!(matcher.is_idle());
}

#[test]
fn an_event_that_is_let_go_is_told_apart_and_foreign_deletes_let_none_go() {
    let bounds = Bounds { early_bytes: 20_000, early_deletes_bytes: 20_000, ..Bounds::default() };
    let (mut matcher, mut heard) = (bounded(bounds, &[]), Heard::default());
    for sequence in 0..50 {
        matcher.event(row(sequence, 2_000), &mut heard);
    }
    for sequence in 0..10_000 {
        matcher.event(gone(&format!("theirs-{sequence}"), 2_000), &mut heard);
    }
    assert_eq!(matcher.limits().events_let_go, 0, "deletes take no place of stamped events");
    assert!(matcher.limits().deletes_let_go > 9_000 && matcher.holding().bytes < 64_000);
    for sequence in 50..1_000 {
        matcher.event(row(sequence, 2_000), &mut heard);
    }
    let let_go = matcher.limits().events_let_go;
    assert!(let_go > 800, "{let_go}");
    assert_eq!(sums(&matcher)["foreign"], let_go + matcher.limits().deletes_let_go);
    // Those that are held are not touched.
    for sequence in 0..50 {
        matcher.opened(0, opened(sequence, CREATE, &key(sequence), 1_000), &mut heard);
    }
    assert_eq!(sums(&matcher)["first"], 50);
}

#[test]
fn a_delete_finds_its_event_among_those_of_others_at_once() {
    let (mut matcher, mut heard) = (bounded(Bounds::default(), &[]), Heard::default());
    for sequence in 0..50_000 {
        matcher.event(gone(&key(sequence), 2_000), &mut heard);
    }
    // In the opposite order: a search from the front would be quadratic, and this test would not end.
    for (sequence, deleted) in (0..50_000).rev().enumerate() {
        let sequence = sequence as u64;
        matcher.opened(0, opened(sequence, Operation::Delete, &key(deleted), 1_000), &mut heard);
        matcher.closed(0, committed(sequence, 1_500), &mut heard);
    }
    expect(&matcher, &[("delivered", 50_000), ("first", 50_000)]);
}

#[test]
fn a_hot_key_costs_no_more_for_each_event_than_any_other() {
    let (mut matcher, mut heard) = (bounded(Bounds::default(), &[]), Heard::default());
    matcher.opened(0, opened(0, CREATE, "hot", 1_000), &mut heard);
    for sequence in 1..50_000 {
        matcher.opened(0, opened(sequence, Operation::Update, "hot", 1_000), &mut heard);
        matcher.closed(0, committed(sequence, 1_500), &mut heard);
    }
    (0..50_000).for_each(|sequence| matcher.event(row(sequence, 2_000), &mut heard));
    expect(&matcher, &[("delivered", 50_000), ("first", 50_000)]);
    assert!(matcher.holding().steps < 400_000, "{:?}", matcher.holding());
    assert_eq!(matcher.holding().entries, 1, "the create's answer has not come");
}
