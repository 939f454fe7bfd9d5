//! What became of the rows of a spike: those sent before it, during it and after it.

use streamgauge_shared::report::{CatchUp, Part};

use super::shape::Shape;
use super::{Config, Point};

/// The rows of the three parts. A point belongs to the part that its middle lies in.
pub(super) fn catch_up(points: &[Point], shape: Shape, config: &Config) -> CatchUp {
    let split = |at_s: f64| points.partition_point(|point| point.middle_s() < at_s);
    let (rose, fell) = (split(shape.rose_s), split(shape.fell_s));
    let (ended, window) = (split(shape.ended_s), split(shape.ended_s + config.catch_up_window_s));
    let (before, during, after) =
        (part(&points[..rose]), part(&points[rose..fell.max(rose)]), part(&points[fell.max(rose)..]));
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
        pending_after_window: points[..window].last().map_or(0, |point| point.pending),
        caught_up_after_s: last.filter(|_| caught_up).map(|last| (last - shape.fell_s).max(0.0)),
    }
}

fn part(points: &[Point]) -> Part {
    Part {
        sent: points.iter().map(|point| point.sent).sum(),
        arrived: points.iter().map(|point| point.cohort.arrived).sum(),
        pending: points.iter().map(|point| point.cohort.pending).sum(),
        last_arrival_s: points.iter().filter_map(|point| point.cohort.last_arrival_s).reduce(f64::max),
    }
}
