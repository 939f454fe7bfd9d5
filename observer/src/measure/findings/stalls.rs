//! Times in which rows waited and none arrived.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Stall;

use super::recovery::{back, band, states};
use super::shape::stage_at;
use super::{Config, Course, Point};

/// A gap is a stall only if it is longer than this many times the usual p95: a pipeline that delivers a batch a
/// minute has a gap each minute.
const TIMES_P95: f64 = 3.0;
/// And only if so many rows would have arrived in it at the usual rate: one slow row of few is a slow row.
const ROWS_EXPECTED: f64 = 10.0;
/// What "usual" means: the time before the stall, seconds, …
const BEFORE_S: f64 = 60.0;
/// … and at least so many points.
const BEFORE_POINTS: usize = 5;

/// All of the run's stalls. The time before the first arrival is latency, not a stall.
pub(super) fn stalls(course: &Course<'_>, config: &Config) -> Vec<Stall> {
    let points = course.points;
    let waiting = waiting(points);
    let mut stalls: Vec<Stall> = Vec::new();
    let mut next = points.iter().position(|point| point.arrived > 0).unwrap_or(points.len());
    while let Some(offset) = waiting[next..].iter().position(|waits| *waits) {
        let first = next + offset;
        let length = waiting[first..].iter().take_while(|waits| **waits).count();
        next = first + length;
        stalls.extend(stall(course, first, next, config));
    }
    let found = stalls.clone();
    for stall in stalls.iter_mut().filter(|stall| stall.ended) {
        let Some(band) = stall.band else { continue };
        let end_s = stall.at_s + stall.length_s;
        let later = &points[points.partition_point(|point| point.end_s() <= end_s)..];
        let recovered = back(&states(later, &band, &found), end_s, config.settle_s);
        stall.recovered_after_s = recovered.map(|(at_s, _)| (at_s - end_s).max(0.0));
    }
    stalls
}

/// For each point: nothing arrived in it though rows waited. A row that waits to the end of the run is not waited for:
/// it is lost, so only what is above the lowest number of rows waiting later counts.
fn waiting(points: &[Point]) -> Vec<bool> {
    let last_arrival = points.iter().rposition(|point| point.arrived > 0).unwrap_or(0);
    let before = points.iter().take(last_arrival + 1).map(|point| point.pending).min().unwrap_or(0);
    let mut lowest_later = u64::MAX;
    let mut waiting = vec![false; points.len()];
    for (index, point) in points.iter().enumerate().rev() {
        let lost = if index > last_arrival { before } else { lowest_later };
        waiting[index] = point.arrived == 0 && point.pending > lost;
        lowest_later = lowest_later.min(point.pending);
    }
    waiting
}

/// The gap of the points from `first` to before `next`, if it is a stall.
fn stall(course: &Course<'_>, first: usize, next: usize, config: &Config) -> Option<Stall> {
    let points = course.points;
    let partial = &points[first.checked_sub(1)?];
    let usual = &points[usual_from(course, first - 1)..first - 1];
    let seconds: f64 = usual.iter().map(|point| point.width_s).sum();
    let rate_per_s = as_f64(usual.iter().map(|point| point.arrived).sum()) / seconds.max(f64::MIN_POSITIVE);
    let ended = next < points.len();
    let gap = &points[first..next];
    // Arrivals of the point before the gap say how far into it rows still came; those of the point after it come
    // as a burst and say nothing, so the middle of that point is the best guess.
    let came = (as_f64(partial.arrived) / (rate_per_s * partial.width_s).max(1.0)).min(1.0);
    let at_s = partial.at_s + came * partial.width_s;
    let end_s = if ended { points[next].middle_s() } else { points.last()?.end_s() };
    let length_s = end_s - at_s;
    let band = band(usual);
    let latency_s = band.map_or(0.0, |band| band.median_p95_ms / 1_000.0);
    let rows_waiting = gap.last()?.pending;
    let goes_on = ended || gap.iter().any(|point| point.sent > 0) || as_f64(rows_waiting) >= rate_per_s;
    let long = length_s >= config.stall_min_s.max(TIMES_P95 * latency_s);
    if !long || !goes_on || rate_per_s * length_s < ROWS_EXPECTED {
        return None;
    }
    let usually_waiting = usual.iter().map(|point| point.pending).max().unwrap_or(0);
    let caught_up = points[next..].iter().find(|point| point.pending <= usually_waiting);
    let caught_up_after_s = caught_up.filter(|_| ended).map(|point| point.end_s() - end_s);
    Some(Stall { at_s, length_s, ended, rows_waiting, caught_up_after_s, recovered_after_s: None, band })
}

/// The first of the points that say what is usual before this one: the last minute, but not from before the
/// present stage if that has enough of them.
fn usual_from(course: &Course<'_>, end: usize) -> usize {
    let points = &course.points[..end];
    let end_s = points.last().map_or(0.0, Point::end_s);
    let from = |at_s: f64| points.partition_point(|point| point.at_s < at_s);
    let minute = from(end_s - BEFORE_S).min(end.saturating_sub(BEFORE_POINTS));
    let stage = stage_at(course.stages, end_s).map_or(minute, |(stage, _)| from(stage.from_s));
    if stage + BEFORE_POINTS <= end { minute.max(stage) } else { minute }
}
