use proptest::prelude::*;
use streamgauge_shared::time::Nanos;

use super::*;

fn known(values_ms: &[f64], log_error: f64) -> OfSide {
    let spread = Spread { log_error, freedom: 60.0, block: 1, effective: 61.0, tail_blocks: 20.0 };
    let run = |millis: &f64| RunValue { value: Nanos::from_millis_f64(*millis).0, spread };
    let mean = values_ms.iter().sum::<f64>() / values_ms.len() as f64;
    OfSide {
        figure: Figure::Value(mean),
        value: Some(Nanos::from_millis_f64(mean).0),
        runs: values_ms.iter().map(run).collect(),
        rows_above: 900.0,
        slots: 300,
    }
}

fn open(figure: Figure) -> OfSide {
    OfSide { figure, value: None, runs: Vec::new(), rows_above: 900.0, slots: 300 }
}

fn told(first: &OfSide, second: &OfSide) -> Told {
    compare(first, second, CONFIDENCE, Smallest::DEFAULT)
}

#[test]
fn the_verdict_follows_the_interval_and_what_matters() {
    let verdict =
        |from: f64, to: f64, error: f64| told(&known(&[from], error), &known(&[to], error)).verdict();
    assert_eq!(verdict(100.0, 110.0, 0.01), Verdict::Regressed);
    assert_eq!(verdict(110.0, 100.0, 0.01), Verdict::Improved);
    assert_eq!(verdict(100.0, 110.0, 0.05), Verdict::Unchanged(Unchanged::NotShown));
    assert_eq!(verdict(100.0, 101.9, 0.002), Verdict::Unchanged(Unchanged::Small));
    assert_eq!(verdict(100.0, 100.5, 0.002), Verdict::Unchanged(Unchanged::Same));
    // 10 % of 5 ms are half a millisecond.
    assert_eq!(verdict(5.0, 5.5, 0.001), Verdict::Unchanged(Unchanged::Same));
    let Told::Measured(change, _) = told(&known(&[100.0], 0.05), &known(&[110.0], 0.05)) else {
        panic!("known")
    };
    assert!(
        (change.ratio.point - 1.1).abs() < 1e-6 && (change.difference.point - 10.0).abs() < 1e-3,
        "{change:?}"
    );
    assert!((15.0..16.0).contains(&change.shown_from), "two errors of 5 % and t = 1.98: {change:?}");
}

#[test]
fn the_noise_between_runs_widens_the_interval_and_never_narrows_it() {
    let width = |first: &[f64], second: &[f64]| match told(&known(first, 0.002), &known(second, 0.002)) {
        Told::Measured(change, _) => change.ratio.high / change.ratio.low,
        other => panic!("{other:?}"),
    };
    let quiet = width(&[100.0, 100.0, 100.0], &[100.0, 100.0, 100.0]);
    assert!(quiet < width(&[100.0], &[100.0]), "three runs tell more than one");
    let noisy = width(&[95.0, 100.0, 105.0], &[96.0, 100.0, 104.0]);
    // Four degrees of freedom: t = 2.776 on 4.6 % · √(2/3).
    assert!((1.20..1.25).contains(&noisy), "{noisy}");
    let verdict =
        |second: &[f64]| told(&known(&[95.0, 100.0, 105.0], 0.002), &known(second, 0.002)).verdict();
    assert_eq!(verdict(&[101.0, 106.0, 111.0]), Verdict::Unchanged(Unchanged::NotShown));
    assert_eq!(verdict(&[125.0, 130.0, 135.0]), Verdict::Regressed);
    // The noise of the side with several runs is taken for the other side as well.
    assert!(width(&[95.0, 100.0, 105.0], &[100.0]) > noisy);
}

#[test]
fn open_figures_are_compared_as_far_as_their_bounds_allow() {
    let sure = known(&[100.0], 0.01);
    let verdict = |figure| told(&sure, &open(figure));
    assert!(
        matches!(verdict(Figure::AtLeast(200.0)), Told::ByBounds(by, Verdict::Regressed) if (90.0..100.0).contains(&by))
    );
    assert!(matches!(verdict(Figure::AtLeast(99.0)), Told::Nothing(_)));
    assert!(matches!(verdict(Figure::Between(50.0, 60.0)), Told::ByBounds(_, Verdict::Improved)));
    assert!(matches!(verdict(Figure::Between(50.0, 100.0)), Told::Nothing(_)));
    assert!(matches!(told(&open(Figure::AtLeast(5.0)), &open(Figure::AtLeast(500.0))), Told::Nothing(_)));
    assert!(matches!(told(&open(Figure::AtLeast(500.0)), &sure), Told::ByBounds(_, Verdict::Improved)));
    assert!(matches!(told(&sure, &open(Figure::Absent)), Told::Nothing(_)));
}

#[test]
fn too_few_rows_seconds_or_stretches_decline() {
    let reason = |change: fn(&mut OfSide)| {
        let mut second = known(&[150.0], 0.01);
        change(&mut second);
        match told(&known(&[100.0], 0.01), &second) {
            Told::Nothing(reason) => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(reason(|side| side.rows_above = 9.0).starts_with("too few rows in the tail: 9 above it"));
    assert!(reason(|side| side.slots = 5).starts_with("rows arrived in 5 seconds"));
    assert!(
        reason(|side| side.runs[0].spread.tail_blocks = 1.2)
            .starts_with("the tail of one side lies in so few")
    );
}

proptest! {
    /// With missing rows the figure is what the report's own rule makes of them at its widest.
    #[test]
    fn missing_rows_open_a_figure(values in prop::collection::vec(1_i64..1_000, 1..200), missing in 0_u64..100, share in 0.01_f64..1.0) {
        let slots = values.iter().map(|value| vec![(value * 1_000_000, 1)]).collect();
        let side = Side::new(&[slots]);
        let mut with_least: Vec<i64> = values.iter().copied().chain((0..missing).map(|_| 0)).collect();
        with_least.sort_unstable();
        // The smallest rank that holds the share, found without a cast.
        let wanted = share * with_least.len() as f64 * (1.0 - 1e-12);
        let rank = (1..=with_least.len()).find(|rank| *rank as f64 >= wanted).expect("the share is at most 1");
        let mut with_most: Vec<i64> = values.iter().copied().chain((0..missing).map(|_| i64::MAX)).collect();
        with_most.sort_unstable();
        let (low, high) = (with_least[rank - 1], with_most[rank - 1]);
        match figure(&side, share, missing, None) {
            Figure::AtLeast(found) => prop_assert!(high == i64::MAX && found <= (low.max(values.iter().copied().min().unwrap_or(0))) as f64),
            Figure::Between(found_low, found_high) => {
                prop_assert!(found_high == high as f64 && (found_low == low as f64 || low == 0));
            }
            Figure::Value(found) => prop_assert!(found == high as f64),
            Figure::Absent => prop_assert!(false),
        }
    }
}
