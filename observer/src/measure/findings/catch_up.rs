//! What became of the rows of a spike: those sent before it, during it and after it.

use std::ops::Range;

use streamgauge_shared::report::{CatchUp, Second, Span};

use super::shape::Shape;
use super::{Config, Course};

/// The rows of the three spans. A point belongs to the span that its middle lies in.
pub(super) fn catch_up(course: &Course<'_>, shape: Shape, config: &Config) -> CatchUp {
    let points = course.points;
    let split = |at_s: f64| points.partition_point(|point| point.middle_s() < at_s);
    let (rose, fell) = (split(shape.rose_s), split(shape.fell_s));
    let (ended, window) = (split(shape.ended_s), split(shape.ended_s + config.catch_up_window_s));
    let (before, during, after) = (
        span(course, 0..rose),
        span(course, rose..fell.max(rose)),
        span(course, fell.max(rose)..points.len()),
    );
    let last = before.last_arrival_s.into_iter().chain(during.last_arrival_s).reduce(f64::max);
    let caught_up = points.len() > fell && before.pending + during.pending == 0;
    CatchUp {
        rose_s: shape.rose_s,
        fell_s: shape.fell_s,
        ended_s: shape.ended_s,
        window_s: config.catch_up_window_s,
        before,
        during,
        after,
        arrived_in_window: points[ended..window.max(ended)].iter().map(|point| point.arrived).sum(),
        pending_after_window: points[..window].last().map_or(0, Second::waiting),
        caught_up_after_s: last.filter(|_| caught_up).map(|last| (last - shape.fell_s).max(0.0)),
    }
}

fn span(course: &Course<'_>, of: Range<usize>) -> Span {
    let points = &course.points[of];
    let waits =
        |point: &Second| if course.closed { 0 } else { point.sent.saturating_sub(point.arrived_of_sent) };
    Span {
        sent: points.iter().map(|point| point.sent).sum(),
        arrived: points.iter().map(|point| point.arrived_of_sent).sum(),
        pending: points.iter().map(waits).sum(),
        last_arrival_s: points.iter().filter_map(|point| point.last_of_sent_s).reduce(f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Pipeline, course, points, spike_stages};
    use super::*;

    const SHAPE: Shape = Shape { rose_s: 10.0, fell_s: 20.0, ended_s: 40.0 };

    /// Ten rows a second, 100 while the load is high; the pipeline carries 50.
    fn spike(end_s: f64) -> Vec<Second> {
        let mut rows = Vec::new();
        let mut before_s = 0.0_f64;
        for tenth in 0..400_u32 {
            let at_s = f64::from(tenth) / 10.0;
            let high = (SHAPE.rose_s..SHAPE.fell_s).contains(&at_s);
            for _ in 0..if high { 10 } else { 1 } {
                before_s = (at_s + 0.03).max(before_s + 0.02);
                rows.push((at_s, before_s));
            }
        }
        points(&rows, end_s, |_| 10.0)
    }

    #[test]
    fn rows_are_counted_by_when_they_were_sent() {
        let found = catch_up(&course(&spike(80.0), &[]), SHAPE, &Config::default());
        let counts =
            [found.before, found.during, found.after].map(|part| (part.sent, part.arrived, part.pending));
        assert_eq!(counts, [(100, 100, 0), (1_000, 1_000, 0), (200, 200, 0)]);
        assert_eq!((found.before.missing(), found.pending_after_window), (0, 0));
        // 1,000 rows at 50 a second from second 10 on: the last at 30, 10 s after the fall.
        let after_s = found.caught_up_after_s.unwrap();
        assert!((after_s - 10.0).abs() < 0.1, "{after_s}");
        assert!(found.before.last_arrival_s.unwrap() < 10.1, "{:?}", found.before);
        // The backlog of those sent meanwhile is gone at 32.5, so after 40 only stragglers arrive.
        assert!(found.arrived_in_window <= 1, "{found:?}");
    }

    #[test]
    fn while_rows_of_the_spike_wait_it_has_not_caught_up() {
        let found = catch_up(&course(&spike(25.0), &[]), SHAPE, &Config::default());
        assert_eq!(found.caught_up_after_s, None);
        assert!(found.during.pending > 200, "{found:?}");
        assert_eq!(found.during.sent, found.during.arrived + found.during.pending);
        assert_eq!(found.pending_after_window, found.during.pending + found.after.pending);
    }

    #[test]
    fn before_the_load_fell_nothing_has_caught_up() {
        let mut points = spike(80.0);
        points.truncate(15);
        assert_eq!(catch_up(&course(&points, &[]), SHAPE, &Config::default()).caught_up_after_s, None);
        assert_eq!(catch_up(&course(&[], &[]), SHAPE, &Config::default()).during, Span::default());
    }

    #[test]
    fn a_fast_pipeline_has_caught_up_when_the_last_row_is_there() {
        let stages = spike_stages();
        let points = Pipeline::default().users(&stages, 0.5, 30.0);
        let shape = Shape { rose_s: 60.0, fell_s: 180.0, ended_s: 300.0 };
        let found = catch_up(&course(&points, &stages), shape, &Config::default());
        assert!(found.caught_up_after_s.unwrap() < 0.1, "{found:?}");
        assert!(found.during.sent > found.before.sent * 10 && found.after.sent > 0, "{found:?}");
        assert_eq!(found.during.arrived, found.during.sent);
    }

    #[test]
    fn rows_that_never_arrive_are_missing_not_pending() {
        let mut points = spike(80.0);
        points[15].arrived_of_sent -= 7;
        let closed = Course { closed: true, ..course(&points, &[]) };
        let found = catch_up(&closed, SHAPE, &Config::default());
        assert_eq!((found.during.missing(), found.during.pending), (7, 0));
        assert!(found.caught_up_after_s.is_some());
    }
}
