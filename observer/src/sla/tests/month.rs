//! Thirty days in Berlin in which the clock is set back: bad minutes, gaps, INVALID runs, maintenance, runs side by side.

use proptest::prelude::*;
use streamgauge_shared::account::Operation;
use streamgauge_shared::time::UnixNanos;

use super::objective;
use super::oracle::{Asked, Oracle};
use super::synthetic::{Fate, Made, Row, Run};
use crate::sla::account::{Expect, Question, Source, account};
use crate::sla::result::{Account, Verdict};
use crate::sla::window::Window;
use crate::sla::zone::Zone;

/// 2026-10-10 00:00 in Berlin.
const START: i64 = 1_791_583_200;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn at(seconds: i64) -> UnixNanos {
    UnixNanos::from_millis(seconds * 1_000)
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % bound.unsigned_abs()).expect("below an i64")
    }
}

/// Rows of a run, one a minute and operation, far enough from the minute's ends for the resolution of an interval.
fn rows(from: i64, until: i64, dice: &mut Dice, bad: impl Fn(i64) -> bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for minute in (from + 59) / 60..until / 60 {
        for operation in [Operation::Create, Operation::Delete] {
            let sent = minute * 60 + 15 + dice.below(30);
            let fate = match (bad(sent), dice.below(1_000)) {
                (true, 0..600) => Fate::Known(5_100 + dice.below(60_000)),
                (true, 600..700) => Fate::Lost,
                (true, 700..750) => Fate::Rejected,
                (_, 998) => Fate::Unknown,
                (_, 997) => Fate::Superseded,
                (_, 990..997) => Fate::Unmeasured(1_000 + dice.below(20_000)),
                (_, 985..990) => Fate::Late(31_000 + dice.below(40_000)),
                _ => Fate::Known(1 + dice.below(3_000)),
            };
            rows.push(Row { sent, operation, fate });
        }
    }
    rows
}

fn month() -> Vec<Run> {
    let mut dice = Dice(15);
    let mut runs = Vec::new();
    for day in 0..30 {
        // Six hours are without a run each fifth day, and day 12 has none at all.
        let (from, until) =
            (START + day * DAY + 17, START + day * DAY + if day % 5 == 0 { 18 * HOUR } else { DAY });
        if day == 12 {
            continue;
        }
        // An hour of day 3, and twenty minutes around the change to winter time, are bad.
        let bad = |sent: i64| {
            let since = sent - START;
            (3 * DAY + 9 * HOUR..3 * DAY + 10 * HOUR).contains(&since)
                || (15 * DAY + 2 * HOUR + 50 * 60..15 * DAY + 3 * HOUR + 10 * 60).contains(&since)
        };
        let rows = rows(from, until, &mut dice, bad);
        let mut run = Run { from, until, rows, is_listed: true, ..Run::default() };
        match day {
            // All of it, and minutes of it.
            7 => run.invalid = vec![Vec::new()],
            3 => run.invalid = vec![vec![(9 * HOUR + 30 * 60, 9 * HOUR + 40 * 60 + 1), (100, 100)]],
            20 => run.invalid = vec![vec![(0, 4 * HOUR)], vec![(3 * HOUR, 5 * HOUR)]],
            _ => {}
        }
        runs.push(run);
    }
    // A second observer beside the one of day 9, whose run is INVALID for an hour, and one that drops iterations.
    let (from, until) = (START + 9 * DAY + 6 * HOUR, START + 9 * DAY + 12 * HOUR);
    let beside = rows(from, until, &mut dice, |_| false);
    runs.push(Run {
        from,
        until,
        rows: beside,
        invalid: vec![vec![(HOUR, 2 * HOUR)]],
        is_listed: true,
        ..Run::default()
    });
    let (from, until) = (START + 12 * DAY + 5 * HOUR, START + 12 * DAY + 7 * HOUR);
    runs.push(Run { from, until, dropped: 120, is_listed: true, ..Run::default() });
    runs
}

fn made(runs: &[Run]) -> Vec<Made> {
    runs.iter().zip(0..).map(|(run, index)| run.made(&format!("run-{index}"))).collect()
}

fn ask(runs: &[Run], question: &Question) -> Account {
    let made = made(runs);
    let sources: Vec<&dyn Source> = made.iter().map(|run| run as &dyn Source).collect();
    account(question, &sources).expect("an account")
}

fn question(texts: &[&str], window: &str, expect: Expect, maintenance: &[(i64, i64)]) -> Question {
    Question {
        title: None,
        objectives: texts.iter().map(|text| objective(text)).collect(),
        window: Window::parse(window).expect("a window"),
        zone: Zone::named("Europe/Berlin").expect("a zone"),
        expect,
        maintenance: maintenance.iter().map(|(from, until)| (at(*from), at(*until))).collect(),
        rows_min: None,
        until: None,
    }
}

const MAINTENANCE: [(i64, i64); 2] = [
    (START + 22 * DAY + 2 * HOUR, START + 22 * DAY + 4 * HOUR),
    (START + 5 * DAY, START + 5 * DAY + 20 * 60),
];

#[test]
fn every_figure_of_thirty_days_is_what_it_is_worked_out_to_be() {
    let runs = month();
    for (window, expect) in [
        ("30d", Expect::Runs),
        ("30d", Expect::Always),
        ("7d", Expect::Runs),
        ("day", Expect::Runs),
        ("month", Expect::Always),
    ] {
        let texts = ["p(99)<5s", "cdc_e2e_latency{operation:create}: p(99.9)<30s"];
        let account = ask(&runs, &question(&texts, window, expect, &MAINTENANCE));
        for (objective, (operation, bound_ms, budget)) in
            account.objectives.iter().zip([(None, 5_000, 0.01), (Some(Operation::Create), 30_000, 0.001)])
        {
            let until = START + 30 * DAY;
            let from = match window {
                "30d" => until - 30 * DAY,
                "7d" => until - 7 * DAY,
                // October began in summer time.
                "month" => START - 9 * DAY,
                _ => START,
            };
            let asked = Asked {
                operation,
                bound_ms,
                budget,
                maintenance: MAINTENANCE.to_vec(),
                always: expect == Expect::Always,
                from,
                until,
            };
            Oracle::new(&asked, &runs).check(&account, objective);
        }
    }
}

#[test]
fn the_story_of_the_thirty_days_is_told() {
    let account = ask(&month(), &question(&["p(99)<5s"], "30d", Expect::Runs, &MAINTENANCE));
    let objective = &account.objectives[0];
    assert_eq!(
        account.verdict,
        Verdict::CannotBeTold,
        "0.92 % are certainly bad, and with those in doubt 1.5 %"
    );
    assert_eq!(objective.worst_hours[0].label, "2026-10-13 09:00 +02:00", "the bad hour");
    let label = |hour: usize| objective.worst_hours[hour].label.as_str();
    assert!((1..4).any(|hour| label(hour) == "2026-10-22 05:00 +02:00"), "never sent");
    let day = |label: &str| objective.days.iter().find(|day| day.label == label).expect(label);
    assert_eq!(day("2026-10-17").verdict, Verdict::NoData, "an INVALID run is time not measured");
    assert_eq!((day("2026-10-25").until - day("2026-10-25").from).0 / 1_000_000_000, 25 * HOUR);
    let overlaps: i64 = account.overlaps.iter().map(|(from, until)| (*until - *from).0 / 1_000_000_000).sum();
    assert_eq!(overlaps, 6 * HOUR);
    assert!(objective.rows_not_measured > 2_500 && objective.rows_in_maintenance > 200);
    let json = serde_json::to_value(&account).expect("JSON");
    assert_eq!(json["objectives"][0]["target"], 0.99);
    assert_eq!(json["objectives"][0]["windows"][0]["verdict"], "cannot_be_told");
    assert!(json["objectives"][0]["windows"][0]["budget_left"].as_f64().is_some_and(|left| left < 1.0));
}

/// Rows of one run in proptest's hands: when in the run, which fate.
fn any_rows() -> impl Strategy<Value = Vec<(i64, u8, i64)>> {
    prop::collection::vec((0..600_i64, 0..7_u8, 1..50_000_i64), 0..60)
}

fn any_run() -> impl Strategy<Value = Run> {
    let spans = prop::collection::vec(prop::collection::vec((0..36_000_i64, 0..4_000_i64), 0..3), 0..2);
    (0..3 * DAY, 600..36_000_i64, any_rows(), spans).prop_map(|(from, length, rows, invalid)| {
        let from = START + 14 * DAY + from;
        let until = from + length;
        let rows = rows.into_iter().filter_map(|(minute, fate, millis)| {
            let sent = (from / 60 + 1 + minute) * 60 + 30;
            let fate = match fate {
                0 => Fate::Lost,
                1 => Fate::Unmeasured(millis),
                2 => Fate::Rejected,
                3 => Fate::Unknown,
                4 => Fate::Late(millis),
                // Away from the edge of a bucket.
                _ => Fate::Known(if (4_980..5_020).contains(&millis) { 4_000 } else { millis }),
            };
            (sent < until).then_some(Row { sent, operation: Operation::Create, fate })
        });
        let invalid = invalid
            .into_iter()
            .map(|spans| {
                spans
                    .into_iter()
                    .map(|(from, length)| (from, from + length))
                    .filter(|(from, _)| *from < length)
                    .collect()
            })
            .collect();
        Run { from, until, rows: rows.collect(), invalid, is_listed: true, dropped: 0 }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_runs_are_accounted_for(runs in prop::collection::vec(any_run(), 1..5), maintenance in prop::collection::vec((0..4_320_i64, 1..300_i64), 0..3), always: bool, day: bool) {
        let maintenance: Vec<(i64, i64)> = maintenance.into_iter().map(|(from, length)| {
            let from = START + 14 * DAY + from * 60;
            (from, from + length * 60)
        }).collect();
        let expect = if always { Expect::Always } else { Expect::Runs };
        let account = ask(&runs, &question(&["p(99)<5s"], if day { "day" } else { "3d" }, expect, &maintenance));
        let last = runs.iter().map(|run| run.until).max().expect("a run");
        let until = (last + 59) / 60 * 60;
        let from = if day { account.from.0 / 1_000_000_000 } else { until - 3 * DAY };
        let asked = Asked { operation: None, bound_ms: 5_000, budget: 0.01, maintenance, always, from, until };
        let oracle = Oracle::new(&asked, &runs);
        // Rows before a rolling window are in no period; that they are left out is counted all the same.
        oracle.check(&account, &account.objectives[0]);
    }
}
