//! How long the latency took to come back to its earlier band.

use streamgauge_shared::report::{Band, Recovery, RecoveryState, Stall};

use super::shape::Shape;
use super::{Config, Point, median};

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
pub(super) fn recovery(points: &[Point], shape: Shape, stalls: &[Stall], config: &Config) -> Recovery {
    let split = |at_s: f64| points.partition_point(|point| point.at_s < at_s);
    let before = &points[..points.partition_point(|point| point.end_s() <= shape.rose_s)];
    let risen = &points[split(shape.rose_s)..];
    let band = band(before);
    let worst_p95_ms = risen.iter().filter_map(|point| point.e2e_p95_ms).reduce(f64::max);
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
        _ if seen_after < IN_A_ROW && points.last().is_none_or(|last| last.pending == 0) => {
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
pub(super) fn band(points: &[Point]) -> Option<Band> {
    let mut p95: Vec<f64> = points.iter().filter_map(|point| point.e2e_p95_ms).collect();
    if p95.len() < BAND_POINTS {
        return None;
    }
    let middle = median(&mut p95)?;
    let mut away: Vec<f64> = p95.iter().map(|value| (value - middle).abs()).collect();
    let deviation = DEVIATION_PER_MAD * median(&mut away)?;
    let upper_ms = (middle + BAND_DEVIATIONS * deviation).max(BAND_FACTOR * middle).max(middle + BAND_MS);
    let (first, last) = (points.first()?, points.last()?);
    let (from_s, to_s) = (first.at_s, last.end_s());
    Some(Band { from_s, to_s, points: p95.len() as u64, median_p95_ms: middle, upper_ms })
}

/// The points that say something, and whether they are inside the band: those with a latency, and those of a
/// stall, which are outside.
pub(super) fn states<'a>(points: &'a [Point], band: &Band, stalls: &[Stall]) -> Vec<(&'a Point, bool)> {
    let stalled = |point: &Point| {
        stalls.iter().any(|stall| (stall.at_s..stall.at_s + stall.length_s).contains(&point.middle_s()))
    };
    let inside = |point: &Point| match point.e2e_p95_ms {
        Some(p95) => Some(p95 <= band.upper_ms),
        None => stalled(point).then_some(false),
    };
    points.iter().filter_map(|point| Some((point, inside(point)?))).collect()
}

/// When the latency was inside from `from_s` on and stayed there, and for how long it was seen to. To stay: nine
/// of ten points of the next `settle_s`, at least three, are inside. A run that ends sooner has to have been
/// inside to its end.
pub(super) fn back(states: &[(&Point, bool)], from_s: f64, settle_s: f64) -> Option<(f64, f64)> {
    let first = states.partition_point(|(point, _)| point.end_s() <= from_s);
    for start in first..states.len() {
        let (point, true) = states[start] else { continue };
        let settled = states[start..].partition_point(|(later, _)| later.end_s() <= point.at_s + settle_s);
        let end = (start + settled.max(IN_A_ROW)).min(states.len());
        let window = &states[start..end];
        let inside = window.iter().filter(|(_, inside)| *inside).count();
        if window.len() >= IN_A_ROW && inside * 10 >= window.len() * 9 {
            let stays = states[end..].iter().take_while(|(_, inside)| *inside).count();
            let last = states[end + stays - 1].0;
            return Some((point.at_s, last.end_s() - point.at_s));
        }
    }
    None
}
