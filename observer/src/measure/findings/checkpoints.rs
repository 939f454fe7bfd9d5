//! One line for each stretch of a long run.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Checkpoint;

use super::{Config, Point};

/// A checkpoint for each stretch, and one for what is left at the end. At most one for each point.
pub(super) fn checkpoints(points: &[Point], config: &Config) -> Vec<Checkpoint> {
    let mut rest = points;
    let mut checkpoints = Vec::new();
    let mut due_s = points.first().map_or(0.0, |point| point.at_s) + config.checkpoint_every_s;
    while !rest.is_empty() {
        let (stretch, later) = rest.split_at(rest.partition_point(|point| point.middle_s() < due_s));
        checkpoints.extend(checkpoint(stretch));
        rest = later;
        due_s += config.checkpoint_every_s;
    }
    checkpoints
}

fn checkpoint(stretch: &[Point]) -> Option<Checkpoint> {
    let (first, last) = (stretch.first()?, stretch.last()?);
    let iterations: Vec<f64> = stretch.iter().filter_map(|point| point.iteration_ms).collect();
    let mean = iterations.iter().sum::<f64>() / as_f64(iterations.len() as u64);
    Some(Checkpoint {
        at_s: last.end_s(),
        width_s: last.end_s() - first.at_s,
        sent: stretch.iter().map(|point| point.sent).sum(),
        arrived: stretch.iter().map(|point| point.arrived).sum(),
        errors: stretch.iter().map(|point| point.errors).sum(),
        pending: last.pending,
        users: last.users,
        p50_ms: typical(stretch, |point| point.e2e_p50_ms),
        p95_ms: typical(stretch, |point| point.e2e_p95_ms),
        p99_ms: typical(stretch, |point| point.e2e_p99_ms),
        iteration_ms: (!iterations.is_empty()).then_some(mean),
        writer_rss_bytes: stretch.iter().rev().find_map(|point| point.writer_rss_bytes),
        observer_rss_bytes: stretch.iter().rev().find_map(|point| point.observer_rss_bytes),
    })
}

/// The value of the typical row's point: the median over the points, each weighing as much as rows arrived in it.
fn typical(stretch: &[Point], value: fn(&Point) -> Option<f64>) -> Option<f64> {
    let mut weighted: Vec<(f64, u64)> =
        stretch.iter().filter_map(|point| Some((value(point)?, point.arrived.max(1)))).collect();
    weighted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all: u64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut below = 0;
    weighted.into_iter().find_map(|(value, weight)| {
        below += weight;
        (below * 2 >= all).then_some(value)
    })
}
