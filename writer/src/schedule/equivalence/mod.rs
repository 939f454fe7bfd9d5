//! The schedules against k6's algorithms, configuration by configuration.
//!
//! Where an untruncated period or exact arithmetic makes us differ from k6's own times, the differences stand
//! in `docs/k6-equivalence.md`, whose tables these tests generate and compare.

mod k6;

use k6::Corner;
use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::{
    Arrivals, ConstantArrivalRate, Executor, RampingArrivalRate, RampingVus, Rate, Stage,
};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::{Occurrence, Schedule, Shard};
use crate::test_source::tests::shop;

const S: i64 = 1_000_000_000;
const MS: i64 = 1_000_000;

/// Rate, time unit and duration.
const CONSTANT: [(u64, i64, i64); 16] = [
    (10, S, 5 * S),
    (1, S, 3 * S),
    (3, S, 10 * S),
    (7, S, 10 * S),
    (9, S, 1_500 * MS),
    (11, 60 * S, 120 * S),
    (13, 7 * S, 100 * S),
    (100, 3 * S, 10 * S),
    (333, S, 10 * S),
    (3_000, S, 10 * S),
    (9_999, S, 3 * S),
    (70_001, S, 2 * S),
    (1, 3_600 * S, 7_200 * S),
    (7, 3_600 * S, 7_200 * S),
    (3, S, 1_000_000_001),
    (1_000_000, 1_500 * MS, 100 * MS),
];

/// Start rate, time unit and stages.
const RAMPING: [(u64, i64, &[Corner]); 19] = [
    (0, S, &[(2 * S, 4)]),
    (4, S, &[(2 * S, 0)]),
    (0, S, &[(2 * S, 4), (2 * S, 0)]),
    (10, S, &[(S, 10)]),
    (3, S, &[(3_333 * MS, 3)]),
    (0, S, &[(10 * S, 100), (10 * S, 0)]),
    (50, S, &[(30 * S, 200)]),
    (200, S, &[(30 * S, 50)]),
    (0, S, &[(0, 10), (2 * S, 10)]),
    (10, S, &[(S, 10), (0, 0), (3 * S, 0), (0, 5), (S, 5)]),
    (1, S, &[(1_500 * MS, 2), (2_750 * MS, 9), (333 * MS, 1)]),
    (1, 60 * S, &[(60 * S, 60), (60 * S, 60), (60 * S, 0)]),
    (7, 7 * S, &[(70 * S, 77)]),
    (100, S, &[(10 * S, 1_000), (0, 500), (5 * S, 500), (5 * S, 0)]),
    (0, S, &[(S, 1), (S, 0)]),
    (5, S, &[(100 * MS, 5), (100 * MS, 0), (800 * MS, 0), (1_900 * MS, 17)]),
    (0, 3 * S, &[(10 * S, 10), (0, 20), (1_234_567_891, 3), (0, 0), (5 * S, 30)]),
    (3_000, S, &[(3 * S, 3_000), (S, 10_001)]),
    (0, S, &[(5 * S, 0)]),
];

/// Users at the start, stages, graceful ramp-down and graceful stop.
const USERS: [(u32, &[Corner], i64, i64); 20] = [
    (1, &[(10 * S, 1)], 30 * S, 30 * S),
    (0, &[(10 * S, 10)], 30 * S, 30 * S),
    (0, &[(10 * S, 10), (10 * S, 0)], 2 * S, 30 * S),
    (10, &[(10 * S, 0)], 0, 0),
    (0, &[(S, 3)], S, S),
    (0, &[(S, 7), (S, 0)], 100 * MS, S),
    (5, &[(S, 5), (0, 3), (S, 3)], 0, 0),
    (5, &[(S, 5), (0, 3), (S, 3)], 500 * MS, 0),
    (10, &[(60 * S, 10), (0, 500), (120 * S, 500), (0, 10), (120 * S, 10)], 30 * S, 30 * S),
    (
        4,
        &[(2 * S, 6), (5 * S, 1), (4 * S, 5), (4 * S, 1), (3 * S, 4), (3 * S, 1), (5 * S, 1)],
        30 * S,
        30 * S,
    ),
    (4, &[(2 * S, 6), (5 * S, 1), (4 * S, 5), (4 * S, 1), (3 * S, 4), (3 * S, 1), (5 * S, 1)], 3 * S, 2 * S),
    (
        0,
        &[(2 * S, 50), (2 * S, 50), (2 * S, 100), (2 * S, 100), (2 * S, 150), (3 * S, 150), (2 * S, 0)],
        S,
        S,
    ),
    (0, &[(1_500 * MS, 11), (750 * MS, 4), (333 * MS, 9)], 250 * MS, 5 * S),
    (3, &[(1_000_000_001, 10), (999_999_999, 0)], 1, 10 * S),
    (20, &[(3 * S, 20), (0, 0), (2 * S, 0), (0, 20), (S, 20)], S, S),
    (20, &[(3 * S, 20), (0, 0), (2 * S, 0), (0, 20), (S, 20)], 2 * S, S),
    (0, &[(0, 5), (0, 2), (S, 8), (0, 8), (S, 8)], 0, S),
    (2, &[(S, 4), (S, 8), (S, 6), (S, 2)], 10 * S, S),
    (1, &[(7 * S, 3), (11 * S, 2), (13 * S, 100)], 30 * S, S),
    (150, &[(10 * S, 20), (10 * S, 150)], 12 * S, 30 * S),
];

fn events(executor: Executor, graceful_stop: i64) -> Vec<(i64, Occurrence)> {
    let mut test = shop();
    test.warm_up = Nanos::ZERO;
    test.scenarios[0].executor = executor;
    test.scenarios[0].graceful_stop = Nanos(graceful_stop);
    Schedule::new(&test, Shard::WHOLE, 1, UnixNanos(0), None)
        .map(|event| (event.at.0, event.occurrence))
        .collect()
}

fn starts(executor: Executor) -> Vec<i64> {
    let is_start = |(at, occurrence): (i64, Occurrence)| {
        matches!(occurrence, Occurrence::Start(Phase::Run, _)).then_some(at)
    };
    events(executor, 0).into_iter().filter_map(is_start).collect()
}

fn constant((rate, unit, duration): (u64, i64, i64)) -> Executor {
    Executor::ConstantArrivalRate(ConstantArrivalRate {
        rate: Rate { iterations: rate, per: Nanos(unit) },
        duration: Nanos(duration),
        pre_allocated_vus: 1,
        max_vus: 1,
        arrivals: Arrivals::Even,
    })
}

fn stages<T>(corners: &[Corner], target: impl Fn(u64) -> T) -> Vec<Stage<T>> {
    let stage = |(length, to): &Corner| Stage { name: 0, duration: Nanos(*length), target: target(*to) };
    corners.iter().map(stage).collect()
}

fn ramping((start, unit, corners): (u64, i64, &[Corner])) -> Executor {
    Executor::RampingArrivalRate(RampingArrivalRate {
        per: Nanos(unit),
        start,
        stages: stages(corners, |to| to),
        pre_allocated_vus: 1,
        max_vus: 1,
        arrivals: Arrivals::Even,
    })
}

/// The plan, and whom the ramp cuts, of a ramping number of users.
#[expect(clippy::type_complexity, reason = "two lists of moments")]
fn users(start_vus: u32, corners: &[Corner], graceful: i64, stop: i64) -> (Vec<(i64, u32)>, Vec<(i64, u32)>) {
    let stages = stages(corners, |to| u32::try_from(to).expect("few"));
    let load = RampingVus { start_vus, stages, graceful_ramp_down: Nanos(graceful) };
    let (mut plan, mut cuts) = (Vec::new(), Vec::new());
    for (at, occurrence) in events(Executor::RampingVus(load), stop) {
        match occurrence {
            Occurrence::Planned(number) => plan.push((at, number)),
            Occurrence::Cut { above, up_to } => cuts.extend((above + 1..=up_to).rev().map(|user| (at, user))),
            Occurrence::End | Occurrence::CutAll | Occurrence::Start(..) => {}
        }
    }
    (plan, cuts)
}

fn length(corners: &[Corner]) -> i64 {
    corners.iter().map(|(length, _)| length).sum()
}

#[test]
fn constant_rates_start_when_k6_would_with_an_untruncated_period() {
    for config @ (rate, unit, duration) in CONSTANT {
        assert_eq!(starts(constant(config)), k6::constant(rate, unit, duration), "{config:?}");
    }
}

#[test]
fn ramping_rates_start_when_k6s_quadratic_says() {
    for config @ (start, unit, corners) in RAMPING {
        assert_eq!(starts(ramping(config)), k6::ramping(start, unit, corners), "{config:?}");
    }
}

#[test]
fn users_come_and_go_and_are_cut_when_k6_would() {
    for (start, corners, graceful, stop) in USERS {
        let (plan, mut cuts) = users(start, corners, graceful, stop);
        let mut expected = k6::plan(start, corners);
        // Nobody is told that nobody is planned at the start.
        expected.retain(|step| *step != (0, 0) || start > 0);
        assert_eq!(plan, expected, "{start} {corners:?}");
        // At the end of the graceful stop everybody is cut, whoever is named.
        let over = length(corners) + stop;
        let mut expected = k6::cuts(&k6::kept(&k6::plan(start, corners), graceful, over));
        cuts.retain(|(at, _)| *at < over);
        expected.retain(|(at, _)| *at < over);
        assert_eq!(cuts, expected, "{start} {corners:?} {graceful}");
    }
}

#[test]
fn these_were_worked_out_by_hand() {
    // Period 1/3 s, 1/7 s, 60/11 s, 7/13 s, 1/9 s.
    assert_eq!(starts(constant((3, S, S))), [0, 333_333_333, 666_666_666]);
    assert_eq!(starts(constant((3, S, S + 1))), [0, 333_333_333, 666_666_666, S]);
    assert_eq!(starts(constant((7, S, S / 2))), [0, 142_857_142, 285_714_285, 428_571_428]);
    assert_eq!(starts(constant((11, 60 * S, 12 * S))), [0, 5_454_545_454, 10_909_090_909]);
    assert_eq!(starts(constant((13, 7 * S, 2 * S))), [0, 538_461_538, 1_076_923_076, 1_615_384_615]);
    assert_eq!(starts(constant((9, S, 400 * MS))), [0, 111_111_111, 222_222_222, 333_333_333]);
    assert_eq!(starts(constant((1, 3_600 * S, 7_200 * S))), [0, 3_600 * S]);
    assert_eq!(starts(constant((1, 3_600 * S, S))), [0]);
    // t²: the k-th at √k; mirrored at 2 − √(4 − k); both in a row.
    assert_eq!(starts(ramping(RAMPING[0])), [S, 1_414_213_562, 1_732_050_807, 2 * S]);
    assert_eq!(starts(ramping(RAMPING[1])), [267_949_192, 585_786_437, S, 2 * S]);
    let expected = [S, 1_414_213_562, 1_732_050_807, 2 * S, 2_267_949_192, 2_585_786_437, 3 * S, 4 * S];
    assert_eq!(starts(ramping(RAMPING[2])), expected);
    // A level starts its first iteration after a period, not at once as a constant rate does.
    assert_eq!(starts(ramping((2, S, &[(2 * S, 2)]))), [S / 2, S, 3 * S / 2, 2 * S]);
    assert_eq!(starts(ramping((3, S, &[(S, 3)]))), [333_333_333, 666_666_666, S]);
    // Half an iteration before the jump and half a second at 1/s after it.
    assert_eq!(starts(ramping((1, S, &[(S / 2, 1), (0, 3), (S / 2, 3)]))), [666_666_666, S]);
    // Up to 1/s and down again: t²/2 = 1/2 at the top, 1 at the very end.
    assert_eq!(starts(ramping(RAMPING[14])), [2 * S]);
    // Stopped at 10, nothing for 3 s, then five a second.
    let stopped = starts(ramping(RAMPING[9]));
    assert_eq!((stopped.len(), stopped[9], stopped[10]), (15, S, 4_200 * MS));
    assert_eq!(starts(ramping(RAMPING[18])), [0_i64; 0]);
    // From 1/s to 2/s in 1.5 s: t + t²/3 = 1 at (√21 − 3)/2; 2 at (√33 − 3)/2.
    assert_eq!(starts(ramping((1, S, &[(1_500 * MS, 2)]))), [791_287_847, 1_372_281_323]);
    // One in three seconds, rising to ten in ten: t²·0.5/3 = 1 at √6.
    assert_eq!(starts(ramping(RAMPING[16]))[0], 2_449_489_742);

    let planned = |start, corners: &[Corner]| users(start, corners, 0, 0).0;
    let thirds = [(333_333_334, 1), (666_666_667, 2), (S, 3)];
    assert_eq!(planned(0, &[(S, 3)]), thirds);
    assert_eq!(planned(3, &[(S, 0)]), [(0, 3), (333_333_334, 2), (666_666_667, 1), (S, 0)]);
    assert_eq!(planned(5, &[(S, 5), (0, 3), (S, 3)]), [(0, 5), (S, 3)]);
    assert_eq!(planned(0, &[(0, 2), (S, 2)]), [(0, 2)]);
    assert_eq!(planned(1, &[(S, 2), (S, 1), (S, 1)]), [(0, 1), (S, 2), (2 * S, 1)]);
    assert_eq!(planned(2, &[(1_001, 4)]), [(0, 2), (501, 3), (1_001, 4)]);
    // They go after 1, 2 and 3 s and have two seconds; the first is needed again after 4 s and stays.
    let (_, cuts) = users(3, &[(3 * S, 0), (3 * S, 3)], 2 * S, S);
    assert_eq!(cuts, [(3 * S, 3), (4 * S, 2)]);
    // The graceful stop ends before the second's time is over.
    let (_, cuts) = users(2, &[(2 * S, 0)], 2 * S, 1_500 * MS);
    assert_eq!(cuts, [(3 * S, 2)]);
    // k6's own example: cut at 33 s (the sixth), 42 s (the fifth), then the end of the graceful stop.
    let example: [Corner; 11] = [
        (S, 5),
        (S, 6),
        (5 * S, 1),
        (4 * S, 5),
        (4 * S, 1),
        (0, 1),
        (S, 1),
        (3 * S, 4),
        (3 * S, 1),
        (S, 1),
        (0, 1),
    ];
    let (_, cuts) = users(4, &example, 30 * S, 30 * S);
    assert_eq!(cuts[..2], [(33 * S, 6), (42 * S, 5)]);
}

#[test]
fn where_a_rise_follows_a_jump_down_nobody_it_brought_back_is_cut() {
    // From 5 to 1 at once, to 3 after two seconds: k6 cuts 2 and 3 while they are planned.
    let corners: [Corner; 4] = [(0, 1), (2 * S, 1), (0, 3), (10 * S, 3)];
    let (plan, cuts) = users(5, &corners, 5 * S, 30 * S);
    assert_eq!(plan, [(0, 5), (0, 1), (2 * S, 3)]);
    assert_eq!(cuts, [(5 * S, 5), (5 * S, 4)]);
    let kept = k6::kept(&k6::plan(5, &corners), 5 * S, 42 * S);
    assert_eq!(k6::cuts(&kept), [(5 * S, 5), (5 * S, 4), (5 * S, 3), (5 * S, 2)]);
}

/// `2.5 s`, `100 ms`, or nanoseconds where nothing coarser is exact.
fn span(ns: i64) -> String {
    match ns {
        ns if ns % S == 0 => format!("{} s", ns / S),
        ns if ns % MS == 0 => format!("{} ms", ns / MS),
        ns => format!("{ns} ns"),
    }
}

fn line(name: &str, ours: &[i64], theirs: &[i64]) -> String {
    let largest = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).max_by_key(|by| by.abs());
    format!("| {name} | {} | {} | {} |\n", ours.len(), theirs.len(), largest.unwrap_or(0))
}

#[test]
fn the_documented_differences_are_those_that_there_are() {
    let head = |name| {
        format!("| {name} | iterations | in k6 | largest difference, ns |\n| --- | --- | --- | --- |\n")
    };
    let mut text = head("constant-arrival-rate");
    for config @ (rate, unit, duration) in CONSTANT {
        let name = format!("{rate} per {} for {}", span(unit), span(duration));
        text.push_str(&line(&name, &starts(constant(config)), &k6::constant_truncated(rate, unit, duration)));
    }
    text.push('\n');
    text.push_str(&head("ramping-arrival-rate"));
    for config @ (start, unit, corners) in RAMPING {
        let mut name = format!("from {start} per {}", span(unit));
        corners.iter().for_each(|(length, to)| name.push_str(&format!(", {}→{to}", span(*length))));
        text.push_str(&line(&name, &starts(ramping(config)), &k6::ramping_floating(start, unit, corners)));
    }
    let document = include_str!("../../../../docs/k6-equivalence.md");
    assert!(document.contains(&text), "docs/k6-equivalence.md must contain:\n{text}");
}
