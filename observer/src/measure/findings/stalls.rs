//! Times in which rows waited and none arrived.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::{Second, Stall};

use streamgauge_shared::test_file::RampStage;

use super::recovery::{back, band, states};
use super::{Config, Course, median};

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
fn waiting(points: &[Second]) -> Vec<bool> {
    let last_arrival = points.iter().rposition(|point| point.arrived > 0).unwrap_or(0);
    let before = points.iter().take(last_arrival + 1).map(|point| point.waiting()).min().unwrap_or(0);
    let mut lowest_later = u64::MAX;
    let mut waiting = vec![false; points.len()];
    for (index, point) in points.iter().enumerate().rev() {
        let lost = if index > last_arrival { before } else { lowest_later };
        waiting[index] = point.arrived == 0 && point.waiting() > lost;
        lowest_later = lowest_later.min(point.waiting());
    }
    waiting
}

/// The gap of the points from `first` to before `next`, if it is a stall.
fn stall(course: &Course<'_>, first: usize, next: usize, config: &Config) -> Option<Stall> {
    let points = course.points;
    let partial = &points[first.checked_sub(1)?];
    let from = usual_from(course, first - 1);
    let usual = &points[from..first - 1];
    let seconds: f64 = usual.iter().map(|point| point.length_s()).sum();
    let rate_per_s = as_f64(usual.iter().map(|point| point.arrived).sum()) / seconds.max(f64::MIN_POSITIVE);
    let ended = next < points.len();
    let gap = &points[first..next];
    // Arrivals of the point before the gap say how far into it rows still came; those of the point after it come
    // as a burst and say nothing, so the middle of that point is the best guess.
    let came = (as_f64(partial.arrived) / (rate_per_s * partial.length_s()).max(1.0)).min(1.0);
    let at_s = partial.start_s() + came * partial.length_s();
    let end_s = if ended { points[next].middle_s() } else { points.last()?.end_s() };
    let length_s = end_s - at_s;
    let band = band(&points[stage_from(course, first - 1).max(from)..first - 1]);
    let mut p95: Vec<f64> = points[from..first].iter().filter_map(|point| point.e2e_p95).collect();
    let latency_s = median(&mut p95).unwrap_or(0.0) / 1_000.0;
    let rows_waiting = gap.last()?.waiting();
    let goes_on = ended || gap.iter().any(|point| point.sent > 0) || as_f64(rows_waiting) >= rate_per_s;
    let long = length_s >= config.stall_min_s.max(TIMES_P95 * latency_s);
    if !long || !goes_on || rate_per_s * length_s < ROWS_EXPECTED {
        return None;
    }
    let usually_waiting = usual.iter().map(|point| point.waiting()).max().unwrap_or(0);
    let caught_up = points[next..].iter().find(|point| point.waiting() <= usually_waiting);
    let caught_up_after_s = caught_up.filter(|_| ended).map(|point| point.end_s() - end_s);
    Some(Stall { at_s, length_s, ended, rows_waiting, caught_up_after_s, recovered_after_s: None, band })
}

/// The first of the points that say what is usual before this one: the last minute, but not from before the
/// present stage if that has enough of them.
fn usual_from(course: &Course<'_>, end: usize) -> usize {
    let points = &course.points[..end];
    let end_s = points.last().map_or(0.0, Second::end_s);
    let from = |at_s: f64| points.partition_point(|point| point.start_s() < at_s);
    let minute = from(end_s - BEFORE_S).min(end.saturating_sub(BEFORE_POINTS));
    let stage = stage_from(course, end);
    if stage + BEFORE_POINTS <= end { minute.max(stage) } else { minute }
}

/// The first of the points before this one that lie in the present stage, or, after the load, in its last one; the very
/// first where there is none. Only they say which latency is usual: that of another load is another.
fn stage_from(course: &Course<'_>, end: usize) -> usize {
    let points = &course.points[..end];
    let end_s = points.last().map_or(0.0, Second::end_s);
    let over = || course.stages.last().filter(|last| last.to.as_secs_f64() <= end_s);
    let stage = course.stage_at(end_s).or_else(over);
    let from_s = |stage: &RampStage| stage.from.as_secs_f64();
    stage.map_or(0, |stage| points.partition_point(|point| point.start_s() < from_s(stage)))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Pipeline, course, points, spike_stages, stages};
    use super::*;

    fn of(points: &[Second], stages: &[RampStage]) -> Vec<Stall> {
        stalls(&course(points, stages), &Config::default())
    }

    /// The injected stall from `from_s` to `to_s` is the only one found, its length right within 2 s.
    fn finds(found: &[Stall], from_s: f64, to_s: f64) {
        let [stall] = found else { panic!("one stall expected: {found:?}") };
        assert!((stall.length_s - (to_s - from_s)).abs() <= 1.5, "{from_s} to {to_s}: {stall:?}");
        assert!((stall.at_s - from_s).abs() <= 1.0, "{from_s} to {to_s}: {stall:?}");
        assert!(stall.ended && stall.rows_waiting > 0, "{stall:?}");
        let back_s = stall.length_s + stall.recovered_after_s.expect("recovered");
        assert!((back_s - (to_s - from_s)).abs() <= 2.0, "{from_s} to {to_s}: {stall:?}");
        assert!(stall.caught_up_after_s.expect("caught up") <= 2.0, "{stall:?}");
    }

    #[test]
    fn a_stall_in_a_soak_is_found_wherever_in_a_second_it_begins_and_ends() {
        let stages = stages(50.0, &[(120.0, 50.0)]);
        for step in 0..10_u32 {
            let from_s = 50.0 + f64::from(step) * 0.37;
            let to_s = from_s + 20.0;
            let pipeline =
                Pipeline { stalls: vec![(from_s, to_s)], seed: u64::from(step), ..Pipeline::default() };
            finds(&of(&pipeline.users(&stages, 4.0, 5.0), &stages), from_s, to_s);
            finds(&of(&pipeline.users(&stages, 4.0, 5.0), &[]), from_s, to_s);
            finds(&of(&pipeline.rate(10.0, 120.0), &[]), from_s, to_s);
        }
    }

    #[test]
    fn a_stall_in_a_spike_is_found_even_if_every_user_waits() {
        let stages = spike_stages();
        for step in 0..4_u32 {
            let from_s = 100.0 + f64::from(step) * 0.3;
            let pipeline = Pipeline {
                stalls: vec![(from_s, from_s + 20.0)],
                seed: u64::from(step),
                ..Pipeline::default()
            };
            finds(&of(&pipeline.users(&stages, 0.5, 5.0), &stages), from_s, from_s + 20.0);
        }
        let limited = Pipeline { stalls: vec![(100.0, 120.0)], limit_per_s: 100.0, ..Pipeline::default() };
        let found = of(&limited.users(&stages, 0.5, 30.0), &stages);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].length_s - 20.0).abs() <= 1.5, "{found:?}");
    }

    /// A base load with a p95 of 5 ms and, from 15 to 45 s, a spike with one of 12 or 18 ms in turn; a stall of 20 s in it.
    fn spike_with_a_stall_at(from: u32) -> Vec<Stall> {
        let stages = stages(10.0, &[(15.0, 10.0), (0.0, 50.0), (60.0, 50.0)]);
        let stalled = from..from + 20;
        let second = |second: u32| {
            let (rows, p95) = if second < 15 { (20, 5.0) } else { (200, f64::from(12 + second % 2 * 6)) };
            let waits = stalled.contains(&second);
            Second {
                at_s: u64::from(second),
                width_s: 1,
                sent: if waits { 0 } else { rows },
                arrived: if waits { 0 } else { rows },
                pending: Some(if waits { 50 } else { 0 }),
                e2e_p95: (!waits).then_some(p95),
                ..Second::default()
            }
        };
        let points: Vec<Second> = (0..75).map(second).collect();
        stalls(&course(&points, &stages), &Config::default().scaled(0.25))
    }

    #[test]
    fn the_latency_is_back_where_it_was_at_this_load_and_not_at_another() {
        let [stall] = &spike_with_a_stall_at(24)[..] else { panic!("one stall expected") };
        let band = stall.band.expect("eight seconds of the spike");
        assert_eq!((band.from_s, band.median_p95_ms), (15.0, 15.0));
        assert!(stall.recovered_after_s.expect("it was never away but for the stall") <= 0.5, "{stall:?}");
        // Four seconds of the spike say too little, and the base load says nothing of it: not known.
        let [stall] = &spike_with_a_stall_at(20)[..] else { panic!("one stall expected") };
        assert!((stall.length_s - 20.0).abs() <= 1.0, "{stall:?}");
        assert_eq!((stall.band, stall.recovered_after_s), (None, None));
    }

    #[test]
    fn two_stalls_are_two() {
        let pipeline = Pipeline { stalls: vec![(40.0, 50.0), (80.0, 95.0)], ..Pipeline::default() };
        let found = of(&pipeline.rate(20.0, 150.0), &[]);
        let lengths: Vec<f64> = found.iter().map(|stall| stall.length_s.round()).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!((lengths[0] - 10.0).abs() <= 1.0 && (lengths[1] - 15.0).abs() <= 1.0, "{found:?}");
    }

    #[test]
    fn a_slow_worked_off_backlog_is_timed() {
        // 20 s at 20 rows/s wait; 40 rows/s carry off 20 more than come: 20 s.
        let pipeline = Pipeline { stalls: vec![(60.0, 80.0)], limit_per_s: 40.0, ..Pipeline::default() };
        let [stall] = &of(&pipeline.rate(20.0, 150.0), &[])[..] else { panic!("one stall expected") };
        assert!((stall.caught_up_after_s.unwrap() - 20.0).abs() <= 2.0, "{stall:?}");
        assert!((stall.recovered_after_s.unwrap() - 20.0).abs() <= 2.0, "{stall:?}");
        assert!((380..=420).contains(&stall.rows_waiting), "{stall:?}");
    }

    #[test]
    fn a_stall_that_does_not_end_is_said_to_go_on() {
        let pipeline = Pipeline { stalls: vec![(60.0, 1_000.0)], ..Pipeline::default() };
        for found in [of(&pipeline.rate(20.0, 100.0), &[]), {
            let stages = stages(50.0, &[(100.0, 50.0)]);
            of(&pipeline.users(&stages, 1.0, 0.0), &stages)
        }] {
            let [stall] = &found[..] else { panic!("one stall expected: {found:?}") };
            assert!(!stall.ended && (stall.length_s - 40.0).abs() <= 1.5, "{stall:?}");
            assert_eq!((stall.caught_up_after_s, stall.recovered_after_s), (None, None));
        }
    }

    #[test]
    fn an_even_pipeline_has_none() {
        for seed in 0..20 {
            let pipeline = Pipeline { seed, jitter: 0.9, ..Pipeline::default() };
            assert_eq!(of(&pipeline.rate(10.0, 120.0), &[]), []);
            assert_eq!(of(&pipeline.users(&spike_stages(), 0.5, 30.0), &spike_stages()), []);
        }
    }

    #[test]
    fn a_pause_of_the_load_is_none_though_a_row_was_lost() {
        // Rows from 0 to 30 s and from 60 to 90 s; one of the first never arrives.
        let rows: Vec<(f64, f64)> = (0..1_200_u32)
            .map(|row| f64::from(row) / 20.0)
            .map(|at_s| if at_s < 30.0 { at_s } else { at_s + 30.0 })
            .map(|at_s| (at_s, if at_s == 12.0 { 1e6 } else { at_s + 0.03 }))
            .collect();
        assert_eq!(of(&points(&rows, 90.0, |_| 10.0), &[]), []);
        assert_eq!(of(&points(&rows, 200.0, |_| 10.0), &[]), [], "nor is the drain that waits for it");
    }

    #[test]
    fn a_pipeline_that_delivers_in_batches_has_none() {
        // Every 20 s what came before: its gaps are its latency.
        let rows: Vec<(f64, f64)> = (0..3_000_u32)
            .map(|row| f64::from(row) / 10.0)
            .map(|at_s| (at_s, ((at_s / 20.0).floor() + 1.0) * 20.0 + 0.1))
            .collect();
        assert_eq!(of(&points(&rows, 300.0, |_| 10.0), &[]), []);
    }

    #[test]
    fn one_slow_row_of_few_is_none() {
        // A row every ten seconds, one of which takes nine.
        let rows: Vec<(f64, f64)> = (0..30_u32)
            .map(|row| (f64::from(row) * 10.0, f64::from(row) * 10.0 + if row == 15 { 9.0 } else { 0.05 }))
            .collect();
        assert_eq!(of(&points(&rows, 300.0, |_| 10.0), &[]), []);
        assert_eq!(of(&[], &[]), []);
    }
}
