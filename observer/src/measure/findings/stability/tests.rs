//! Series that must and series that must not have a trend.

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers above 0")]

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::super::fixture::{Pipeline, course, stages};
use super::*;

const MIB: f64 = 1_048_576.0;

/// Noise of the kind latencies have: neighbours resemble each other, few values are far too high.
#[derive(Clone, Copy, Debug)]
struct Noise {
    /// Standard deviation, as a share of the level.
    share: f64,
    /// Of neighbouring seconds, 0 to 1.
    correlation: f64,
    /// Share of seconds that are five times as high.
    outliers: f64,
    /// A burst of three high seconds each so many; 0: none.
    bursts_every: u32,
}

const CALM: Noise = Noise { share: 0.1, correlation: 0.0, outliers: 0.0, bursts_every: 0 };
const NOISES: [Noise; 5] = [
    CALM,
    Noise { share: 0.3, correlation: 0.0, outliers: 0.05, bursts_every: 0 },
    Noise { share: 0.2, correlation: 0.6, outliers: 0.02, bursts_every: 30 },
    Noise { share: 0.2, correlation: 0.9, outliers: 0.02, bursts_every: 0 },
    Noise { share: 0.1, correlation: 0.95, outliers: 0.0, bursts_every: 60 },
];

impl Noise {
    /// Factors around 1, one for each second: an AR(1) process with its stationary spread from the start.
    fn factors(self, seed: u64, count: usize) -> Vec<f64> {
        let mut random = StdRng::seed_from_u64(seed);
        let mut normal = move || {
            let (a, b): (f64, f64) = (random.random_range(f64::EPSILON..1.0), random.random());
            (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
        };
        let mut random = StdRng::seed_from_u64(!seed);
        let mut state = normal();
        (0..count)
            .map(|second| {
                state = self.correlation * state + (1.0 - self.correlation.powi(2)).sqrt() * normal();
                let burst = self.bursts_every > 0 && second % (self.bursts_every as usize) < 3;
                let high = burst || random.random_bool(self.outliers);
                (self.share * state).exp() * if high { 5.0 } else { 1.0 }
            })
            .collect()
    }
}

/// A point each `width_s` with all five series: times at `latency` (ms), memory at `memory` (bytes) of the time.
fn run(
    span_s: u32,
    width_s: u32,
    noise: Noise,
    seed: u64,
    latency: impl Fn(f64) -> f64,
    memory: impl Fn(f64) -> f64,
) -> Vec<Second> {
    let count = span_s / width_s;
    let factors: Vec<Vec<f64>> =
        (0..3).map(|series| noise.factors(seed * 3 + series, count as usize)).collect();
    (0..count)
        .map(|number| {
            let at = number * width_s;
            let at_s = f64::from(at);
            let [p50, p95, iteration] = [0, 1, 2].map(|series| factors[series][number as usize]);
            // Resident memory moves in steps, and up and down by pages.
            let rss = (memory(at_s) / MIB).round() * MIB + f64::from(number % 3) * 4_096.0;
            Second {
                at_s: u64::from(at),
                width_s: u64::from(width_s),
                sent: 20,
                arrived: 20,
                e2e_p50: Some(latency(at_s) * p50),
                e2e_p95: Some(2.0 * latency(at_s) * p95),
                iteration_mean: Some(5.0 * latency(at_s) * iteration),
                writer_rss_bytes: Some(rss as u64),
                observer_rss_bytes: Some((rss * 1.5) as u64),
                ..Second::default()
            }
        })
        .collect()
}

fn of(points: &[Second]) -> Stability {
    stability(&course(points, &[]), &Config::default())
}

fn flat_memory(_: f64) -> f64 {
    60.0 * MIB
}

fn growing(span_s: u32, latency: impl Fn(f64) -> f64, seed: u64) -> Stability {
    of(&run(span_s, 1, CALM, seed, latency, flat_memory))
}

fn memory_verdict(span_s: u32, memory: impl Fn(f64) -> f64) -> StabilityVerdict {
    of(&run(span_s, 1, CALM, 1, |_| 30.0, memory)).verdict
}

#[test]
fn stable_runs_are_called_stable_in_99_of_100_seeds() {
    for (span_s, width_s) in [(60, 1), (120, 1), (300, 1), (900, 1), (7_200, 2), (172_800, 64)] {
        for noise in NOISES {
            // A run has to be longer than what it is to tell from chance: noise that stays up or down for a
            // quarter of the run cannot be told from a drift of the run.
            let memory_of_noise_s = (1.0 + noise.correlation) / (1.0 - noise.correlation);
            if f64::from(span_s) < 8.0 * memory_of_noise_s {
                continue;
            }
            let stable = |seed: &u64| {
                let found = of(&run(span_s, width_s, noise, *seed, |_| 30.0, flat_memory));
                found.verdict == StabilityVerdict::Stable
            };
            let count = (0..100).filter(stable).count();
            assert!(count >= 99, "{span_s} s, {noise:?}: {count} of 100");
        }
    }
}

#[test]
fn a_delay_that_grows_by_a_millisecond_a_second_is_drifting_at_that_slope() {
    for seed in 0..10 {
        for span_s in [60.0, 90.0, 120.0] {
            let pipeline = Pipeline { growth: 0.001, seed, ..Pipeline::default() };
            let found = of(&pipeline.rate(20.0, span_s));
            assert_eq!(found.verdict, StabilityVerdict::Drifting, "seed {seed}, {span_s} s: {found:?}");
            let p50 = &found.trends[0];
            assert_eq!(p50.verdict, StabilityVerdict::Drifting, "{p50:?}");
            let fit = p50.fit.unwrap();
            assert!((fit.slope_per_s - 1.0).abs() < 0.15, "seed {seed}, {span_s} s: {fit:?}");
            assert!((fit.end - fit.start - span_s).abs() < 0.15 * span_s, "{fit:?}");
        }
    }
}

#[test]
fn the_same_soak_without_growth_is_stable_in_ten_of_ten_seeds() {
    let stages = stages(50.0, &[(120.0, 50.0)]);
    for seed in 0..10 {
        let points = Pipeline { seed, ..Pipeline::default() }.users(&stages, 3.0, 10.0);
        assert_eq!(
            stability(&course(&points, &stages), &Config::default()).verdict,
            StabilityVerdict::Stable
        );
        let found = of(&Pipeline { seed, ..Pipeline::default() }.rate(20.0, 120.0));
        assert_eq!(found.verdict, StabilityVerdict::Stable, "seed {seed}: {found:?}");
    }
}

#[test]
fn a_stall_is_no_drift() {
    let stages = stages(50.0, &[(120.0, 50.0)]);
    for (seed, from_s) in [(1, 30.0), (2, 50.0), (3, 80.0)] {
        let pipeline = Pipeline { stalls: vec![(from_s, from_s + 20.0)], seed, ..Pipeline::default() };
        let points = pipeline.users(&stages, 3.0, 10.0);
        let found = stability(&course(&points, &stages), &Config::default());
        assert_eq!(found.verdict, StabilityVerdict::Stable, "{found:?}");
    }
}

#[test]
fn curved_and_falling_trends_and_steps_are_drifts_too() {
    for seed in 0..10 {
        let verdicts = [
            growing(120, |at_s| 30.0 + (at_s / 10.0).powi(2), seed),
            growing(120, |at_s| 30.0 + 20.0 * at_s.sqrt(), seed),
            growing(120, |at_s| 200.0 - at_s, seed),
            growing(7_200, |at_s| if at_s < 3_600.0 { 30.0 } else { 60.0 }, seed),
            growing(7_200, |at_s| 30.0 + at_s / 1_000.0, seed),
            growing(1_800, |at_s| if at_s < 800.0 { 30.0 } else { 60.0 }, seed),
            growing(120, |at_s| 30.0 + (at_s - 60.0).max(0.0), seed),
        ]
        .map(|found| found.verdict);
        assert_eq!(verdicts, [StabilityVerdict::Drifting; 7], "seed {seed}");
    }
}

#[test]
fn a_clear_change_that_does_not_matter_is_stable() {
    // 5 % over two hours is clear, but less than two soaks of one pipeline differ by.
    let found = growing(7_200, |at_s| 100.0 + at_s / 1_440.0, 1);
    assert_eq!(found.verdict, StabilityVerdict::Stable);
    assert!(found.trends[0].fit.unwrap().slope_low_per_s.unwrap() > 0.0, "{found:?}");
    // A fifth of 3 ms is a share that matters, but no time that does.
    let fast = growing(7_200, |at_s| 3.0 + at_s / 12_000.0, 1);
    assert_eq!(fast.trends[0].verdict, StabilityVerdict::Stable, "{fast:?}");
    assert!(fast.trends[0].fit.unwrap().relative_change.unwrap() > 0.15, "{fast:?}");
}

#[test]
fn memory_that_grows_and_goes_on_growing_is_leaking() {
    assert_eq!(memory_verdict(7_200, |at_s| 60.0 * MIB + at_s * 4_096.0), StabilityVerdict::Leaking);
    let staircase = |at_s: f64| 60.0 * MIB + (at_s / 600.0).floor() * 4.0 * MIB;
    assert_eq!(memory_verdict(7_200, staircase), StabilityVerdict::Leaking);
    assert_eq!(memory_verdict(172_800, |at_s| 200.0 * MIB + at_s * 1_024.0), StabilityVerdict::Leaking);
}

#[test]
fn memory_that_fills_up_and_stays_or_shrinks_is_stable() {
    let fills = |at_s: f64| 60.0 * MIB + 100.0 * MIB * (1.0 - (-at_s / 900.0).exp());
    assert_eq!(memory_verdict(7_200, fills), StabilityVerdict::Stable);
    let once = |at_s: f64| if at_s < 3_600.0 { 60.0 * MIB } else { 100.0 * MIB };
    assert_eq!(memory_verdict(7_200, once), StabilityVerdict::Stable);
    assert_eq!(memory_verdict(7_200, |at_s| 160.0 * MIB - at_s * 8_192.0), StabilityVerdict::Stable);
    let slowly = |at_s: f64| 60.0 * MIB + at_s * 512.0;
    assert_eq!(
        memory_verdict(7_200, slowly),
        StabilityVerdict::Stable,
        "3.5 MiB are below what allocators do"
    );
}

#[test]
fn what_is_too_short_is_not_judged_but_does_not_hide_what_is_not() {
    let short = growing(59, |at_s| 30.0 + at_s, 1);
    assert_eq!(short.verdict, StabilityVerdict::NotEnoughData);
    assert!(short.trends.iter().all(|trend| trend.missing.is_some() && trend.fit.is_none()), "{short:?}");
    let two_minutes = growing(120, |_| 30.0, 1);
    let verdicts: Vec<StabilityVerdict> = two_minutes.trends.iter().map(|trend| trend.verdict).collect();
    let (stable, unknown) = (StabilityVerdict::Stable, StabilityVerdict::NotEnoughData);
    assert_eq!(verdicts, [stable, stable, stable, unknown, unknown], "memory needs ten minutes");
    assert_eq!(two_minutes.verdict, stable);
    assert_eq!(of(&[]).verdict, unknown);
}

#[test]
fn the_drain_does_not_count() {
    let mut points = run(100, 1, CALM, 1, |_| 30.0, flat_memory);
    points.extend(run(100, 1, CALM, 2, |at_s| 30.0 + 10.0 * at_s, flat_memory).into_iter().map(
        |mut point| {
            point.at_s += 100;
            point
        },
    ));
    let under_load = Course { load_end_s: Some(100.0), ..course(&points, &[]) };
    assert_eq!(stability(&under_load, &Config::default()).verdict, StabilityVerdict::Stable);
    assert_eq!(of(&points).verdict, StabilityVerdict::Drifting);
}
