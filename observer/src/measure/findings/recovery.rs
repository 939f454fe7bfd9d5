//! How long the latency took to come back to its earlier band.

use streamgauge_shared::report::{Band, Recovery, RecoveryState, Second, Stall};

use super::shape::Shape;
use super::{Config, median};

/// Points with a latency that a band is learned from, at least: fewer have no spread worth the name.
const BAND_POINTS: usize = 5;
/// The upper edge in robust standard deviations above the median: one normal second in 740 is above it.
const BAND_DEVIATIONS: f64 = 3.0;
/// A standard deviation, of normal noise, in median absolute deviations.
const DEVIATION_PER_MAD: f64 = 1.4826;
/// The upper edge is at least this many medians: a very even baseline must not make a narrow band.
const BAND_FACTOR: f64 = 1.5;
/// The upper edge is at least this far above the median: less is the scheduler of a shared machine.
const BAND_MS: f64 = 10.0;
/// Points in a row that are outside, or inside, before that says something.
const IN_A_ROW: usize = 3;

/// The recovery after the load fell. The earlier band is that of the points before the load rose.
pub(super) fn recovery(points: &[Second], shape: Shape, stalls: &[Stall], config: &Config) -> Recovery {
    let split = |at_s: f64| points.partition_point(|point| point.start_s() < at_s);
    let before = &points[..points.partition_point(|point| point.end_s() <= shape.rose_s)];
    let risen = &points[split(shape.rose_s)..];
    let band = band(before);
    let worst_p95_ms = risen.iter().filter_map(|point| point.e2e_p95).reduce(f64::max);
    let mut recovery = Recovery {
        state: RecoveryState::NotEnoughData,
        load_fell_s: shape.fell_s,
        after_s: None,
        stayed_s: None,
        worst_p95_ms,
        band,
    };
    let Some(band) = band else { return recovery };
    let states = states(risen, &band, stalls);
    let seen_after = states.iter().filter(|(point, _)| point.end_s() > shape.fell_s).count();
    let left = states.windows(IN_A_ROW).any(|row| row.iter().all(|(_, inside)| !inside));
    recovery.state = match back(&states, shape.fell_s, config.settle_s) {
        _ if seen_after < IN_A_ROW && points.last().is_none_or(|last| last.waiting() == 0) => {
            RecoveryState::NotEnoughData
        }
        _ if !left && seen_after >= IN_A_ROW => RecoveryState::NeverLeft,
        Some((at_s, stayed_s)) => {
            recovery.after_s = Some((at_s - shape.fell_s).max(0.0));
            recovery.stayed_s = Some(stayed_s);
            RecoveryState::Recovered
        }
        None => RecoveryState::NotRecovered,
    };
    recovery
}

/// The band of these points' p95; `None` if too few of them have one.
pub(super) fn band(points: &[Second]) -> Option<Band> {
    let mut p95: Vec<f64> = points.iter().filter_map(|point| point.e2e_p95).collect();
    if p95.len() < BAND_POINTS {
        return None;
    }
    let middle = median(&mut p95)?;
    let mut away: Vec<f64> = p95.iter().map(|value| (value - middle).abs()).collect();
    let deviation = DEVIATION_PER_MAD * median(&mut away)?;
    let upper_ms = (middle + BAND_DEVIATIONS * deviation).max(BAND_FACTOR * middle).max(middle + BAND_MS);
    let (first, last) = (points.first()?, points.last()?);
    let (from_s, to_s) = (first.start_s(), last.end_s());
    Some(Band { from_s, to_s, points: p95.len() as u64, median_p95_ms: middle, upper_ms })
}

/// The points that say something, and whether they are inside the band: those with a latency, and those of a
/// stall, which are outside.
pub(super) fn states<'a>(points: &'a [Second], band: &Band, stalls: &[Stall]) -> Vec<(&'a Second, bool)> {
    let stalled = |point: &Second| {
        stalls.iter().any(|stall| (stall.at_s..stall.at_s + stall.length_s).contains(&point.middle_s()))
    };
    let inside = |point: &Second| match point.e2e_p95 {
        Some(p95) => Some(p95 <= band.upper_ms),
        None => stalled(point).then_some(false),
    };
    points.iter().filter_map(|point| Some((point, inside(point)?))).collect()
}

/// When the latency was inside from `from_s` on and stayed there, and for how long it was seen to. To stay: nine
/// of ten points of the next `settle_s`, at least three, are inside. A run that ends sooner has to have been
/// inside to its end. Seconds without arrivals say nothing, so the latency is back when it was last seen outside.
pub(super) fn back(states: &[(&Second, bool)], from_s: f64, settle_s: f64) -> Option<(f64, f64)> {
    let first = states.partition_point(|(point, _)| point.end_s() <= from_s);
    for start in first..states.len() {
        let (point, true) = states[start] else { continue };
        let settled =
            states[start..].partition_point(|(later, _)| later.end_s() <= point.start_s() + settle_s);
        let end = (start + settled.max(IN_A_ROW)).min(states.len());
        let window = &states[start..end];
        let inside = window.iter().filter(|(_, inside)| *inside).count();
        if window.len() >= IN_A_ROW && inside * 10 >= window.len() * 9 {
            let stays = states[end..].iter().take_while(|(_, inside)| *inside).count();
            let last = states[end + stays - 1].0;
            let back_s = if start == first { from_s } else { states[start - 1].0.end_s().max(from_s) };
            return Some((back_s, last.end_s() - back_s));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Pipeline, course, spike_stages, stages, stress_stages};
    use super::super::stalls::stalls;
    use super::*;
    use streamgauge_shared::test_file::RampStage;

    fn of(points: &[Second], stages: &[RampStage]) -> Recovery {
        let course = course(points, stages);
        let config = Config::default();
        recovery(points, Shape::of(&course).unwrap(), &stalls(&course, &config), &config)
    }

    /// A p95 for each second, on the stages 60 s low, 60 s high, 60 s low.
    fn hat(p95: impl Fn(u32) -> f64) -> Recovery {
        let points: Vec<Second> = (0..180)
            .map(|second| Second {
                at_s: u64::from(second),
                width_s: 1,
                sent: 10,
                arrived: 10,
                e2e_p95: Some(p95(second)),
                ..Second::default()
            })
            .collect();
        of(&points, &stages(10.0, &[(60.0, 10.0), (0.0, 100.0), (60.0, 100.0), (0.0, 10.0), (60.0, 10.0)]))
    }

    #[test]
    fn the_time_from_the_fall_to_the_band_is_the_recovery() {
        let found = hat(|second| if (60..137).contains(&second) { 900.0 } else { 30.0 });
        assert_eq!((found.state, found.after_s), (RecoveryState::Recovered, Some(17.0)));
        assert_eq!((found.stayed_s, found.worst_p95_ms), (Some(43.0), Some(900.0)));
        assert_eq!(found.band.unwrap().upper_ms, 45.0);
    }

    #[test]
    fn a_latency_that_does_not_come_back_has_not_recovered() {
        let found = hat(|second| if second < 60 { 30.0 } else { 900.0 });
        assert_eq!((found.state, found.after_s), (RecoveryState::NotRecovered, None));
        let restless = hat(|second| if second < 60 || second % 4 == 0 { 30.0 } else { 900.0 });
        assert_eq!(restless.state, RecoveryState::NotRecovered);
    }

    #[test]
    fn a_short_dip_into_the_band_is_no_recovery() {
        let found = hat(|second| match second {
            0..60 | 125..130 | 150.. => 30.0,
            _ => 900.0,
        });
        assert_eq!(found.after_s, Some(30.0));
    }

    #[test]
    fn a_latency_that_stays_in_its_band_needs_no_recovery() {
        assert_eq!(hat(|second| 30.0 + f64::from(second % 7)).state, RecoveryState::NeverLeft);
        let blip = hat(|second| if second % 50 == 10 { 900.0 } else { 30.0 });
        assert_eq!(blip.state, RecoveryState::NeverLeft, "single seconds are chance");
    }

    #[test]
    fn a_latency_back_before_the_load_fell_recovered_at_once() {
        let found = hat(|second| if (60..90).contains(&second) { 900.0 } else { 30.0 });
        assert_eq!((found.state, found.after_s), (RecoveryState::Recovered, Some(0.0)));
    }

    #[test]
    fn single_outliers_in_the_band_do_not_postpone_it() {
        let found = hat(|second| match second {
            60..130 | 140 | 155 => 900.0,
            _ => 30.0,
        });
        assert_eq!(found.after_s, Some(10.0));
    }

    #[test]
    fn without_a_baseline_there_is_no_answer() {
        let ramp = stages(0.0, &[(3.0, 90.0), (30.0, 90.0), (3.0, 0.0)]);
        let points = Pipeline::default().users(&ramp, 1.0, 10.0);
        assert_eq!(of(&points, &ramp).state, RecoveryState::NotEnoughData);
        assert_eq!(of(&[], &ramp).state, RecoveryState::NotEnoughData);
    }

    #[test]
    fn a_spike_on_a_limited_pipeline_recovers_when_the_backlog_is_gone() {
        let stages = spike_stages();
        let points = Pipeline { limit_per_s: 100.0, ..Pipeline::default() }.users(&stages, 0.5, 10.0);
        let found = of(&points, &stages);
        assert_eq!(found.state, RecoveryState::Recovered);
        // 500 users wait for 100 rows/s: 5 s of backlog when the load falls.
        assert!((3.0..8.0).contains(&found.after_s.unwrap()), "{found:?}");
        let fast = of(&Pipeline::default().users(&stages, 0.5, 10.0), &stages);
        assert_eq!(fast.state, RecoveryState::NeverLeft, "{fast:?}");
    }

    #[test]
    fn a_stress_run_recovers_while_its_load_falls() {
        let stages = stress_stages();
        let points = Pipeline { limit_per_s: 60.0, ..Pipeline::default() }.users(&stages, 1.0, 10.0);
        let found = of(&points, &stages);
        assert_eq!(found.state, RecoveryState::Recovered, "{found:?}");
        // The pipeline carries about 60 × 1.03 users; 150 fall to these in 120 × 88/150 s.
        assert!((found.after_s.unwrap() - 70.0).abs() < 15.0, "{found:?}");
    }

    #[test]
    fn a_pipeline_that_stops_after_the_fall_has_not_recovered() {
        let stages = spike_stages();
        let pipeline = Pipeline { stalls: vec![(170.0, 1_000.0)], ..Pipeline::default() };
        let found = of(&pipeline.users(&stages, 0.5, 10.0), &stages);
        assert_eq!(found.state, RecoveryState::NotRecovered, "{found:?}");
    }
}
