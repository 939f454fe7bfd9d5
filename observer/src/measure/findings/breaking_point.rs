//! At which load a threshold was first crossed and stayed crossed.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::{BreakingPoint, Broken, HighestLoad, LoadThere, Second};

use super::{Config, Course, Crossings, nanos};

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

/// The first time this threshold was crossed and stayed crossed for its window and `hold_s` more.
///
/// One slow row crosses a percentile of few rows for as long as the window holds it: that is no breaking point.
/// Seconds without data neither end a crossing nor make it longer: a saturated pipeline may deliver nothing.
fn broken(threshold: &Crossings, points: &[Second], hold_s: f64) -> Option<Broken> {
    let hold_s = threshold.window_s + hold_s;
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
    let users = points[index_at(points, at_s)?].users();
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
        let waiting = if index == 0 { 0 } else { points[index - 1].waiting() };
        waiting * 2 >= there.waiting()
    };
    let (mut first, mut last) = (centre, centre);
    while first > 0 && points[first - 1].start_s() >= at_s - window_s && saturated(first - 1) {
        first -= 1;
    }
    while last + 1 < points.len() && points[last + 1].end_s() <= at_s + window_s && saturated(last + 1) {
        last += 1;
    }
    let around = &points[first..=last];
    let (sent_per_s, arrived_per_s) = rates(around);
    let stage = course.stage_at(at_s);
    Some(LoadThere {
        at_s,
        users: there.users(),
        planned: stage.map(|stage| stage.load_at(nanos(at_s))),
        stage: stage.and_then(|stage| course.stage_names.get(usize::from(stage.name)).cloned()),
        sent_per_s,
        arrived_per_s,
        pending: there.waiting(),
        rates_from_s: points[first].start_s(),
        rates_to_s: points[last].end_s(),
    })
}

/// The highest means over `over_s`, or over the whole run if it is shorter.
fn highest_load(points: &[Second], over_s: f64) -> HighestLoad {
    let span = points.iter().map(|point| point.length_s()).sum::<f64>();
    let over_s = over_s.min(span);
    let mut highest = HighestLoad { over_s, ..HighestLoad::default() };
    let mut first = 0;
    for last in 0..points.len() {
        highest.users = highest.users.max(points[last].users());
        while first < last && points[last].end_s() - points[first + 1].start_s() >= over_s {
            first += 1;
        }
        if points[last].end_s() - points[first].start_s() >= over_s {
            let (sent, arrived) = rates(&points[first..=last]);
            highest.sent_per_s = highest.sent_per_s.max(sent);
            highest.arrived_per_s = highest.arrived_per_s.max(arrived);
        }
    }
    highest
}

/// Rows sent and arrived per second over these points.
fn rates(points: &[Second]) -> (f64, f64) {
    let seconds: f64 = points.iter().map(|point| point.length_s()).sum();
    let per_s = |count: fn(&Second) -> u64| as_f64(points.iter().map(count).sum()) / seconds;
    if seconds > 0.0 { (per_s(|point| point.sent), per_s(|point| point.arrived)) } else { (0.0, 0.0) }
}

/// The point that a time falls into, or the last one before it.
fn index_at(points: &[Second], at_s: f64) -> Option<usize> {
    points.partition_point(|point| point.start_s() <= at_s).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Pipeline, course, stages, stress_stages};
    use super::*;
    use proptest::prelude::*;
    use streamgauge_shared::time::Nanos;

    fn crossings(seconds: Vec<Option<bool>>) -> Crossings {
        Crossings {
            metric: "cdc_e2e_latency".to_owned(),
            expression: "p(95)<5000".to_owned(),
            seconds,
            window_s: 0.0,
        }
    }

    /// A threshold on the p95 of the last ten seconds, each second.
    fn judged(points: &[Second], limit_ms: f64) -> Crossings {
        let window = |end: usize| &points[end.saturating_sub(9)..=end];
        let worst = |end: usize| window(end).iter().filter_map(|point| point.e2e_p95).reduce(f64::max);
        let seconds = (0..points.len()).map(|end| worst(end).map(|worst| worst >= limit_ms)).collect();
        Crossings { window_s: 10.0, ..crossings(seconds) }
    }

    fn seconds(word: &str) -> Vec<Option<bool>> {
        word.chars().map(|letter| if letter == '?' { None } else { Some(letter == 'x') }).collect()
    }

    fn steady(count: u32) -> Vec<Second> {
        (0..count)
            .map(|second| Second {
                at_s: u64::from(second),
                width_s: 1,
                sent: 10,
                arrived: 10,
                active_users: Some(second),
                ..Second::default()
            })
            .collect()
    }

    /// Where a threshold with these seconds broke, and for how long.
    fn broke(word: &str, hold_s: f64) -> Option<(f64, f64)> {
        let points = steady(u32::try_from(word.len()).unwrap());
        broken(&crossings(seconds(word)), &points, hold_s).map(|broken| (broken.at_s, broken.crossed_for_s))
    }

    #[test]
    fn a_threshold_is_broken_only_if_it_stays_crossed() {
        assert_eq!(broke("...xx..xxx.x", 3.0), Some((7.0, 3.0)));
        assert_eq!(broke("...xx..xx.xx", 3.0), None);
        assert_eq!(broke("xxxxxx", 3.0), Some((0.0, 6.0)));
        assert_eq!(broke("......", 3.0), None);
        assert_eq!(broke("", 3.0), None);
        assert_eq!(broke("..xxx..xxxxxx", 3.0), Some((2.0, 3.0)), "the first one counts, not the longest");
    }

    #[test]
    fn one_slow_row_that_its_window_remembers_breaks_nothing() {
        // A write of 318 ms among the first nine crosses the p95 of the last ten seconds for ten seconds.
        let slow = seconds(&format!(".{}{}", "x".repeat(10), ".".repeat(20)));
        let windowed = |seconds| Crossings { window_s: 10.0, ..crossings(seconds) };
        assert!(broken(&windowed(slow), &steady(31), 3.0).is_none());
        let saturated = seconds(&format!(".{}", "x".repeat(13)));
        let found = broken(&windowed(saturated), &steady(14), 3.0).expect("it stays");
        assert_eq!((found.at_s, found.crossed_for_s), (1.0, 13.0));
    }

    #[test]
    fn seconds_without_data_neither_end_a_crossing_nor_lengthen_it() {
        assert_eq!(broke("..x?x..", 3.0), Some((2.0, 3.0)));
        assert_eq!(broke("..x????", 3.0), None);
        assert_eq!(broke("???????", 3.0), None);
        assert_eq!(broke("..x??.x", 3.0), None);
    }

    #[test]
    fn a_stress_run_on_a_relay_of_20_rows_a_second_breaks_at_20_rows_a_second() {
        // Scaled to a tenth: 90 s, the thresholds as they are, so 100 users and more wait for 5 s.
        for (scale, limit_ms) in [(0.1, 1_000.0), (0.1, 2_000.0), (1.0, 1_000.0), (1.0, 5_000.0)] {
            let mut stages = stress_stages();
            for stage in &mut stages {
                let scaled = |at: Nanos| nanos(at.as_secs_f64() * scale);
                (stage.from, stage.to) = (scaled(stage.from), scaled(stage.to));
            }
            let pipeline = Pipeline { limit_per_s: 20.0, ..Pipeline::default() };
            let points = pipeline.users(&stages, 0.35, 30.0);
            let thresholds = [judged(&points, limit_ms)];
            let course = Course { crossings: &thresholds, ..course(&points, &stages) };
            let found = breaking_point(&course, &Config::default().scaled(scale));
            let load =
                found.load.unwrap_or_else(|| panic!("scale {scale}, limit {limit_ms} ms: not reached"));
            assert!((load.arrived_per_s - 20.0).abs() < 2.0, "{load:?}");
            assert!(load.sent_per_s < 30.0, "a closed loop cannot offer much more: {load:?}");
            // 20 rows/s and a pause of 0.35 s: the p95 passes the limit at about 20 × (limit + 0.35) users.
            let users = 20.0 * (limit_ms / 1_000.0 + 0.35);
            assert!((load.users - users).abs() < users * 0.35 + 10.0, "{users} expected, {load:?}");
            assert!(load.stage.is_some() && load.planned.is_some());
        }
    }

    #[test]
    fn an_open_loop_reports_what_was_offered_beside_what_arrived() {
        let points = Pipeline { limit_per_s: 20.0, ..Pipeline::default() }.rate(50.0, 60.0);
        let thresholds = [judged(&points, 1_000.0)];
        let found =
            breaking_point(&Course { crossings: &thresholds, ..course(&points, &[]) }, &Config::default());
        let load = found.load.unwrap();
        assert!((load.arrived_per_s - 20.0).abs() < 1.0, "{load:?}");
        assert!((load.sent_per_s - 50.0).abs() < 1.0, "{load:?}");
        assert_eq!((load.stage, load.planned), (None, None));
    }

    #[test]
    fn arrivals_in_bursts_do_not_pass_for_a_higher_rate() {
        // 40 rows every other second: the pipeline carries 20.
        let rows: Vec<(f64, f64)> = (0..3_000_u32)
            .map(|row| (f64::from(row) / 50.0, 2.0 + 2.0 * f64::from(row / 40) + 0.5))
            .collect();
        let points = super::super::fixture::points(&rows, 60.0, |_| 10.0);
        let thresholds = [judged(&points, 5_000.0)];
        let found =
            breaking_point(&Course { crossings: &thresholds, ..course(&points, &[]) }, &Config::default());
        let load = found.load.unwrap();
        assert!((load.arrived_per_s - 20.0).abs() <= 2.0, "{load:?}");
    }

    #[test]
    fn a_run_that_holds_says_how_far_it_got() {
        let stages = stages(0.0, &[(60.0, 30.0), (60.0, 30.0)]);
        let points = Pipeline::default().users(&stages, 1.0, 5.0);
        let thresholds = [judged(&points, 1_000.0)];
        let course = Course { crossings: &thresholds, ..course(&points, &stages) };
        let found = breaking_point(&course, &Config::default());
        assert_eq!((found.broken.len(), found.load), (0, None));
        assert!((found.highest.users - 30.0).abs() < 1.0, "{:?}", found.highest);
        // 30 users with a pause of about a second.
        assert!((found.highest.arrived_per_s - 29.0).abs() < 3.0, "{:?}", found.highest);
        assert_eq!(found.highest.over_s, 10.0);
    }

    #[test]
    fn the_first_threshold_leads_and_the_others_follow() {
        let points = steady(40);
        let thresholds = [
            crossings(seconds(&format!("{}{}", ".".repeat(20), "x".repeat(20)))),
            Crossings {
                metric: "pg_write_failed".to_owned(),
                ..crossings(seconds(&format!("{}{}", ".".repeat(10), "x".repeat(30))))
            },
        ];
        let found =
            breaking_point(&Course { crossings: &thresholds, ..course(&points, &[]) }, &Config::default());
        let order: Vec<(&str, f64)> =
            found.broken.iter().map(|broken| (broken.metric.as_str(), broken.at_s)).collect();
        assert_eq!(order, [("pg_write_failed", 10.0), ("cdc_e2e_latency", 20.0)]);
        let load = found.load.unwrap();
        assert_eq!((load.users, load.sent_per_s, load.arrived_per_s), (10.0, 10.0, 10.0));
    }

    #[test]
    fn an_empty_run_has_no_breaking_point() {
        let thresholds = [crossings(seconds("xxxxxxxxxxxxxxx"))];
        let found =
            breaking_point(&Course { crossings: &thresholds, ..course(&[], &[]) }, &Config::default());
        assert_eq!((found.broken.len(), found.load, found.highest), (0, None, HighestLoad::default()));
    }

    proptest! {
        /// What is called broken was crossed for the hold, and nothing was before it.
        #[test]
        fn broken_means_crossed_for_the_hold(word in "[x.]{0,60}", hold in 1_u32..8) {
            let needle = "x".repeat(hold as usize);
            let expected = word.find(&needle).map(|at| at as f64);
            prop_assert_eq!(broke(&word, f64::from(hold)).map(|(at_s, _)| at_s), expected);
        }
    }
}
