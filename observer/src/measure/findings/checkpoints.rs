//! One line for each stretch of a long run.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::{Checkpoint, Second};

use super::Config;

/// A checkpoint for each stretch, and one for what is left at the end. At most one for each point.
pub(super) fn checkpoints(points: &[Second], config: &Config) -> Vec<Checkpoint> {
    let mut rest = points;
    let mut checkpoints = Vec::new();
    let mut errors_before = 0;
    let mut due_s = points.first().map_or(0.0, Second::start_s) + config.checkpoint_every_s;
    while !rest.is_empty() {
        let (stretch, later) = rest.split_at(rest.partition_point(|point| point.middle_s() < due_s));
        checkpoints.extend(checkpoint(stretch, errors_before));
        errors_before = stretch.last().and_then(|last| last.errors).unwrap_or(errors_before);
        rest = later;
        due_s += config.checkpoint_every_s;
    }
    checkpoints
}

fn checkpoint(stretch: &[Second], errors_before: u64) -> Option<Checkpoint> {
    let (first, last) = (stretch.first()?, stretch.last()?);
    let iterations: Vec<f64> = stretch.iter().filter_map(|point| point.iteration_mean).collect();
    let mean = iterations.iter().sum::<f64>() / as_f64(iterations.len() as u64);
    Some(Checkpoint {
        at_s: last.end_s(),
        width_s: last.end_s() - first.start_s(),
        sent: stretch.iter().map(|point| point.sent).sum(),
        arrived: stretch.iter().map(|point| point.arrived).sum(),
        errors: last.errors.map_or(0, |errors| errors.saturating_sub(errors_before)),
        pending: last.waiting(),
        users: last.users(),
        p50_ms: typical(stretch, |point| point.e2e_p50),
        p95_ms: typical(stretch, |point| point.e2e_p95),
        p99_ms: typical(stretch, |point| point.e2e_p99),
        iteration_ms: (!iterations.is_empty()).then_some(mean),
        writer_rss_bytes: stretch.iter().rev().find_map(|point| point.writer_rss_bytes),
        observer_rss_bytes: stretch.iter().rev().find_map(|point| point.observer_rss_bytes),
    })
}

/// The value of the typical row's point: the median over the points, each weighing as much as rows arrived in it.
fn typical(stretch: &[Second], value: fn(&Second) -> Option<f64>) -> Option<f64> {
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

#[cfg(test)]
mod tests {
    use super::super::fixture::Pipeline;
    use super::*;

    fn every(checkpoint_every_s: f64) -> Config {
        Config { checkpoint_every_s, ..Config::default() }
    }

    #[test]
    fn each_stretch_has_its_own_figures_and_no_row_is_lost() {
        let mut points = Pipeline::default().rate(20.0, 700.0);
        for (number, point) in (0_u64..).zip(&mut points) {
            point.errors = Some(u64::from(number >= 400));
            point.iteration_mean = Some(if number < 300 { 100.0 } else { 200.0 });
            point.writer_rss_bytes = (number < 650).then_some(number);
        }
        let found = checkpoints(&points, &every(300.0));
        let ends: Vec<(f64, f64)> = found.iter().map(|line| (line.at_s, line.width_s)).collect();
        assert_eq!(ends, [(300.0, 300.0), (600.0, 300.0), (700.0, 100.0)]);
        assert_eq!(found.iter().map(|line| line.sent).sum::<u64>(), 14_000);
        assert_eq!(found.iter().map(|line| line.errors).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(
            found.iter().map(|line| line.iteration_ms).collect::<Vec<_>>(),
            [100.0, 200.0, 200.0].map(Some)
        );
        assert_eq!(
            found.iter().map(|line| line.writer_rss_bytes).collect::<Vec<_>>(),
            [299, 599, 649].map(Some)
        );
        for line in &found {
            let (p50, p95) = (line.p50_ms.unwrap(), line.p95_ms.unwrap());
            assert!((p50 - 30.0).abs() < 2.0 && p95 > p50 && p95 < 36.5, "{line:?}");
        }
    }

    #[test]
    fn the_typical_second_is_that_of_the_typical_row() {
        let points: Vec<Second> = [(1, 900.0), (1, 800.0), (50, 30.0), (60, 31.0), (0, 5_000.0)]
            .iter()
            .map(|(arrived, p50)| Second { arrived: *arrived, e2e_p50: Some(*p50), ..Second::default() })
            .collect();
        assert_eq!(typical(&points, |point| point.e2e_p50), Some(31.0));
        assert_eq!(typical(&points, |point| point.e2e_p95), None);
    }

    #[test]
    fn no_points_are_no_checkpoints_and_wide_points_are_one_each() {
        assert!(checkpoints(&[], &every(300.0)).is_empty());
        let wide: Vec<Second> =
            (0..10).map(|number| Second { at_s: number * 64, width_s: 64, ..Second::default() }).collect();
        assert_eq!(checkpoints(&wide, &every(5.0)).len(), 10);
        assert_eq!(checkpoints(&wide[..1], &every(300.0))[0].iteration_ms, None);
    }
}
