use streamgauge_shared::ledger::ToWriter;

use super::*;

fn at(seconds: i64) -> UnixNanos {
    UnixNanos(0) + Nanos::from_secs(seconds)
}

#[test]
fn the_longest_absence_is_remembered_and_only_one_that_loads_is_missed() {
    let mut peers = Peers::new(2);
    assert!(peers.attached(0, at(0)), "its first connection");
    peers.detached(0, at(1));
    assert!(!peers.any_gone(at(41)) && peers.any_gone(at(42)));
    assert!(!peers.attached(0, at(31)), "it comes back");
    peers.detached(0, at(40));
    peers.attached(0, at(42));
    let facts = peers.facts(at(60), true);
    assert_eq!((facts[0].interruptions, facts[0].away_max), (2, Nanos::from_secs(30)));
    assert!(!facts[0].gone && facts[1].gone, "the other one never came");
    peers.detached(0, at(50));
    peers.ended(0, 9);
    assert!(!peers.any_gone(at(500)), "its load is over");
    assert!(!peers.facts(at(60), true)[0].gone);
}

#[test]
fn only_those_who_are_up_are_told_and_those_who_load_stop() {
    let mut peers = Peers::new(3);
    peers.attached(0, at(0));
    peers.attached(1, at(0));
    let stop = ToWriter::Abort(streamgauge_shared::exit_code::Failure::run("enough"));
    peers.tell_all(&stop);
    assert_eq!(peers.take_outgoing().iter().map(|(writer, _)| *writer).collect::<Vec<_>>(), [0, 1]);
    peers.tell(2, stop.clone());
    assert!(peers.take_outgoing().is_empty(), "it is not here");
    peers.ended(1, 0);
    peers.tell_others(2, &stop);
    assert_eq!(peers.take_outgoing().iter().map(|(writer, _)| *writer).collect::<Vec<_>>(), [0]);
}

#[test]
fn those_who_never_came_are_not_waited_for() {
    let mut peers = Peers::new(3);
    peers.attached(1, at(0));
    peers.prepared(1);
    assert!(!peers.all_prepared() && !peers.all_ended());
    assert_eq!(peers.give_up_absent(), ["0", "2"]);
    peers.ended(1, 4);
    assert!(peers.all_ended());
    assert_eq!(peers.operations().collect::<Vec<_>>(), [(0, 0), (1, 4), (2, 0)]);
}

#[test]
fn a_gap_in_the_numbers_of_records_is_counted() {
    let mut peers = Peers::new(2);
    [0, 1, 4, 5].into_iter().for_each(|number| peers.received(0, number));
    peers.received(1, 1);
    assert_eq!(peers.missing_records(), 3);
}

#[test]
fn the_time_in_which_more_of_the_load_went_missing_is_marked_by_whose_doing_it_was() {
    let at = UnixNanos::from_millis;
    let mut peers = Peers::new(1);
    let mut status = Status { scenarios: vec![ScenarioLoad::default()], ..Status::default() };
    // At each time: dropped, of them by the writer, failed attempts to write.
    let told = [(1_000, 0, 0, 0), (2_000, 5, 5, 0), (3_000, 5, 5, 0), (9_000, 7, 5, 0), (20_000, 7, 5, 1)];
    for (ms, dropped, by_writer, errors) in told {
        (status.queued_at, status.pg_write_errors) = (at(ms), errors);
        (status.scenarios[0].dropped, status.scenarios[0].dropped_by_writer) = (dropped, by_writer);
        peers.stands(0, status.clone());
    }
    let facts = &peers.facts(at(30_000), false)[0];
    assert_eq!(facts.missed.iter().collect::<Vec<_>>(), [(at(1_000), at(2_000))]);
    assert_eq!(facts.not_written.iter().collect::<Vec<_>>(), [(at(3_000), at(20_000))]);
}
