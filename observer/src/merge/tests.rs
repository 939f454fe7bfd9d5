//! Merging is counting all rows at once.

use proptest::prelude::*;
use streamgauge_shared::histogram::{CompactHistogram, SignedHistogram, interval_log};
use streamgauge_shared::report::{Figure, LatencyReport, Stats, ValidityState};
use streamgauge_shared::timeline::Latency;

use super::*;
use crate::measure::fixture::{Fixture, opened};

const TEST: &str = include_str!("../../../scenarios/e2e-latency.toml");
const MODEL: &str = include_str!("../../../scenarios/models/shop.toml");

/// A run of rows that arrive after so many milliseconds, or not, or at a time that cannot be believed.
fn side(id: &str, began_s: i64, rows: &[(i64, u8)]) -> Side {
    let mut run = Fixture::of(|_| {});
    let mut log = interval_log::header(UnixNanos::from_millis(began_s * 1_000)).into_bytes();
    let mut arrived = SignedHistogram::default();
    for (sequence, (millis, kind)) in (0..).zip(rows) {
        run.row(opened(sequence, 0), None);
        match kind {
            0 => {}
            1 => run.arrive_unmeasured(sequence, *millis),
            _ => {
                run.arrive(sequence, *millis);
                arrived.record(Nanos::from_millis(*millis));
            }
        }
    }
    interval_log::append(&mut log, "cdc_e2e_latency.create", &arrived, Nanos::ZERO, Nanos::from_secs(1));
    let snapshot = run.close();
    let mut report = snapshot.report;
    report.run.id = id.to_owned();
    report.run.measured_from = Some(UnixNanos::from_millis(began_s * 1_000).to_rfc3339());
    report.validity.state = ValidityState::Valid;
    let commented = MODEL.trim_end().replace('\n', "\n#");
    let log = interval_log::read(std::str::from_utf8(&log).expect("text")).expect("a log");
    let intervals = log.into_iter().map(|line| KeptInterval {
        start: line.start,
        length: line.length,
        latency: Latency::CdcE2eLatency,
        operation: streamgauge_shared::account::Operation::Create,
        histogram: CompactHistogram::from(&line.histogram),
    });
    Side {
        name: id.to_owned(),
        report,
        totals: Some(snapshot.totals),
        intervals: intervals.collect(),
        test_text: format!("{TEST}\n# ---- the model, models/shop.toml ----\n#{commented}\n"),
    }
}

fn same(found: &LatencyReport, expected: &LatencyReport) {
    let close = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= other.abs() * 1e-9,
        (one, other) => one == other,
    };
    let stats = |found: &Stats, expected: &Stats| {
        let percentiles =
            |stats: &Stats| [stats.p50, stats.p90, stats.p95, stats.p99, stats.p99_9, stats.max];
        assert_eq!(percentiles(found), percentiles(expected));
        assert_eq!(
            (found.count, found.censored, found.unmeasured),
            (expected.count, expected.censored, expected.unmeasured)
        );
        assert!(
            close(found.min, expected.min) && close(found.mean, expected.mean),
            "{found:?} for {expected:?}"
        );
        assert!(close(found.stddev, expected.stddev), "{found:?} for {expected:?}");
    };
    stats(&found.all, &expected.all);
    assert_eq!(found.by.len(), expected.by.len());
    found.by.iter().zip(&expected.by).for_each(|(found, expected)| stats(&found.stats, &expected.stats));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn merging_is_counting_all_rows_at_once(one in prop::collection::vec((20..900_i64, 0..9_u8), 1..60), other in prop::collection::vec((20..900_i64, 0..9_u8), 1..60)) {
        let whole = side("c", 0, &[one.clone(), other.clone()].concat()).report;
        let sides = conditions::merged(vec![side("b", 10, &other), side("a", 0, &one)]).expect("one test");
        let merged = combine::report(&sides, "00000000000c");
        for latency in [Latency::CdcE2eLatency, Latency::PgWriteDuration, Latency::CdcPropagation] {
            same(&merged.latency[latency.name()], &whole.latency[latency.name()]);
        }
        prop_assert_eq!(merged.account, whole.account);
        prop_assert_eq!(merged.events, whole.events);
        prop_assert_eq!(&merged.rates, &whole.rates);
        for (found, expected) in merged.thresholds.iter().zip(&whole.thresholds) {
            prop_assert_eq!((found.passed, found.observed, found.at_most, found.samples), (expected.passed, expected.observed, expected.at_most, expected.samples));
        }
        let sent: u64 = merged.load.seconds.iter().map(|second| second.sent).sum();
        prop_assert_eq!(sent, (one.len() + other.len()) as u64);
        prop_assert_eq!(merged.load.seconds[10].sent, other.len() as u64);
        let ids: Vec<&str> = merged.run.merged.as_ref().expect("said").from.iter().map(|run| run.id.as_str()).collect();
        prop_assert_eq!(ids, ["a", "b"]);
    }
}

#[test]
fn what_cannot_be_merged_is_refused_with_every_reason_at_once() {
    let rows = [(25, 9), (30, 9)];
    let mut invalid = side("b", 10, &rows);
    invalid.report.validity.state = ValidityState::Invalid;
    let mut scaled = side("c", 20, &rows);
    scaled.report.run.load_scale = 2.0;
    let mut changed = side("d", 30, &rows);
    changed.test_text.push('#');
    let mut open = side("e", 40, &rows);
    open.report.run.complete = false;
    let first = || side("a", 0, &rows);
    let refused = conditions::merged(vec![first(), invalid, scaled, changed, open, first()]);
    let sentence = refused.expect_err("many reasons").sentence;
    for said in [
        "run a is given twice",
        "run b is INVALID",
        "run c has the load scale 2",
        "was changed",
        "run e did not end",
    ] {
        assert!(sentence.contains(said), "{said}: {sentence}");
    }
    assert!(conditions::merged(vec![first()]).expect_err("one").sentence.contains("two runs"));
}

#[test]
fn an_older_folder_leaves_open_what_it_did_not_keep() {
    let mut older = side("a", 0, &[(25, 9), (30, 9), (0, 0)]);
    older.totals = None;
    let sides = conditions::merged(vec![older, side("b", 10, &[(27, 9)])]).expect("one test");
    let merged = combine::report(&sides, "00000000000c");
    let stats = &merged.latency["cdc_e2e_latency"].all;
    assert_eq!((stats.count, stats.censored), (3, 1));
    assert!(matches!(stats.max, Figure::AtLeast(low) if low >= 30.0), "{stats:?}");
    let notes = merged.run.merged.expect("said").notes.join("\n");
    assert!(notes.contains("run a has no histograms.jsonl"), "{notes}");
    assert!(merged.latency["cdc_e2e_latency"].by.is_empty(), "nothing is told by entity");
}

#[test]
fn runs_side_by_side_are_added_up_and_runs_in_turn_leave_their_gap() {
    let rows = [(25, 9), (30, 9)];
    let course = |began_s: i64| {
        let mut one = side("a", 0, &rows);
        let mut other = side("b", began_s, &rows);
        for side in [&mut one, &mut other] {
            side.report.run.duration_s = 5.0;
            side.report.load.peak_users = 3;
        }
        combine::report(&conditions::merged(vec![one, other]).expect("one test"), "c")
    };
    let (beside, after) = (course(1), course(60));
    assert_eq!((beside.load.peak_users, after.load.peak_users), (6, 3));
    let notes = |report: &Report| report.run.merged.clone().expect("said").notes.join("\n");
    assert!(notes(&beside).contains("at the same time"), "{}", notes(&beside));
    assert!(notes(&after).contains("10 s of the 65 s"), "{}", notes(&after));
    let between = &after.load.seconds[30];
    assert_eq!((between.sent, between.pending, between.e2e_p50), (0, None, None));
}
