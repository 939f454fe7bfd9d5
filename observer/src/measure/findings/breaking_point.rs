//! At which load a threshold was first crossed and stayed crossed.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::{BreakingPoint, Broken, HighestLoad, LoadThere};

use super::shape::stage_at;
use super::{Config, Course, Crossings, Point};

/// The breaking point, or the highest load seen if there was none.
pub(super) fn breaking_point(course: &Course<'_>, config: &Config) -> BreakingPoint {
    let mut broken: Vec<Broken> = course
        .crossings
        .iter()
        .filter_map(|threshold| broken(threshold, course.points, config.hold_s))
        .collect();
    broken.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    BreakingPoint {
        hold_s: config.hold_s,
        load: broken.first().and_then(|first| load_there(course, first.at_s, config.rate_window_s)),
        broken,
        highest: highest_load(course.points, config.rate_window_s),
    }
}

/// The first time this threshold was crossed and stayed crossed for `hold_s`.
///
/// Seconds without data neither end a crossing nor make it longer: a saturated pipeline may deliver nothing.
fn broken(threshold: &Crossings, points: &[Point], hold_s: f64) -> Option<Broken> {
    let mut since: Option<f64> = None;
    let mut found: Option<(f64, f64)> = None;
    for (second, crossed) in (0_u32..).zip(&threshold.seconds) {
        let second = f64::from(second);
        match crossed {
            Some(true) => {
                let start = *since.get_or_insert(second);
                if second + 1.0 - start >= hold_s {
                    found = Some((start, second + 1.0 - start));
                }
            }
            Some(false) if found.is_some() => break,
            Some(false) => since = None,
            None => {}
        }
    }
    let (at_s, crossed_for_s) = found?;
    let users = points[index_at(points, at_s)?].users;
    let (metric, expression) = (threshold.metric.clone(), threshold.expression.clone());
    Some(Broken { metric, expression, at_s, crossed_for_s, users })
}

/// The load at a time. The rates are means over the time around it in which the pipeline was as saturated as
/// there: each point begins with at least half as many rows waiting. Outside it the load, not the pipeline, would set
/// the rate of arrival; and one second alone would show its bursts.
fn load_there(course: &Course<'_>, at_s: f64, window_s: f64) -> Option<LoadThere> {
    let points = course.points;
    let centre = index_at(points, at_s)?;
    let there = &points[centre];
    let saturated = |index: usize| {
        let waiting = if index == 0 { 0 } else { points[index - 1].pending };
        waiting * 2 >= there.pending
    };
    let (mut first, mut last) = (centre, centre);
    while first > 0 && points[first - 1].at_s >= at_s - window_s && saturated(first - 1) {
        first -= 1;
    }
    while last + 1 < points.len() && points[last + 1].end_s() <= at_s + window_s && saturated(last + 1) {
        last += 1;
    }
    let around = &points[first..=last];
    let (sent_per_s, arrived_per_s) = rates(around);
    let stage = stage_at(course.stages, at_s);
    Some(LoadThere {
        at_s,
        users: there.users,
        planned: stage.map(|(_, load)| load),
        stage: stage.map(|(stage, _)| stage.name.clone()),
        sent_per_s,
        arrived_per_s,
        pending: there.pending,
        rates_from_s: points[first].at_s,
        rates_to_s: points[last].end_s(),
    })
}

/// The highest means over `over_s`, or over the whole run if it is shorter.
fn highest_load(points: &[Point], over_s: f64) -> HighestLoad {
    let span = points.iter().map(|point| point.width_s).sum::<f64>();
    let over_s = over_s.min(span);
    let mut highest = HighestLoad { over_s, ..HighestLoad::default() };
    let mut first = 0;
    for last in 0..points.len() {
        highest.users = highest.users.max(points[last].users);
        while first < last && points[last].end_s() - points[first + 1].at_s >= over_s {
            first += 1;
        }
        if points[last].end_s() - points[first].at_s >= over_s {
            let (sent, arrived) = rates(&points[first..=last]);
            highest.sent_per_s = highest.sent_per_s.max(sent);
            highest.arrived_per_s = highest.arrived_per_s.max(arrived);
        }
    }
    highest
}

/// Rows sent and arrived per second over these points.
fn rates(points: &[Point]) -> (f64, f64) {
    let seconds: f64 = points.iter().map(|point| point.width_s).sum();
    let per_s = |count: fn(&Point) -> u64| as_f64(points.iter().map(count).sum()) / seconds;
    if seconds > 0.0 { (per_s(|point| point.sent), per_s(|point| point.arrived)) } else { (0.0, 0.0) }
}

/// The point that a time falls into, or the last one before it.
fn index_at(points: &[Point], at_s: f64) -> Option<usize> {
    points.partition_point(|point| point.at_s <= at_s).checked_sub(1)
}
