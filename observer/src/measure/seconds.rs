//! The course of a run: one point a second, thinned so that 48 hours stay bounded.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Second;
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos};

/// Points kept at most. Past it two neighbours become one of twice the width: an hour at one second each,
/// 48 hours at 64.
const POINTS_MAX: usize = 3_600;

/// Points of equal width from the start of the measured phase.
#[derive(Clone, Debug)]
pub struct Seconds {
    width_s: u64,
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    sent: u64,
    arrived: u64,
    e2e_sum_ms: f64,
    e2e_max: Nanos,
}

impl Default for Seconds {
    fn default() -> Self {
        Self { width_s: 1, points: Vec::new() }
    }
}

impl Seconds {
    /// A row was sent this long after the start.
    pub fn sent(&mut self, after: Nanos) {
        self.point(after).sent += 1;
    }

    /// A row arrived this long after the start.
    pub fn arrived(&mut self, after: Nanos, e2e: Nanos) {
        let point = self.point(after);
        point.e2e_max = if point.arrived == 0 { e2e } else { point.e2e_max.max(e2e) };
        point.arrived += 1;
        point.e2e_sum_ms += e2e.as_millis_f64();
    }

    fn point(&mut self, after: Nanos) -> &mut Point {
        let second = u64::try_from(after.0.max(0) / NANOS_PER_SECOND).expect("not negative");
        while second / self.width_s >= POINTS_MAX as u64 {
            self.points = self.points.chunks(2).map(Point::join).collect();
            self.width_s *= 2;
        }
        let index = usize::try_from(second / self.width_s).expect("below the number of points kept");
        if index >= self.points.len() {
            self.points.resize(index + 1, Point::default());
        }
        &mut self.points[index]
    }

    /// The points for the report, oldest first.
    #[must_use]
    pub fn points(&self) -> Vec<Second> {
        let shown = |(index, point): (u64, &Point)| Second {
            at_s: index * self.width_s,
            width_s: self.width_s,
            sent: point.sent,
            arrived: point.arrived,
            e2e_mean: (point.arrived > 0).then(|| point.e2e_sum_ms / as_f64(point.arrived)),
            e2e_max: (point.arrived > 0).then(|| point.e2e_max.as_millis_f64()),
        };
        (0..).zip(&self.points).map(shown).collect()
    }

    /// Rows sent per second in the busiest step.
    #[must_use]
    pub fn peak_rate_per_s(&self) -> f64 {
        self.points.iter().map(|point| as_f64(point.sent) / as_f64(self.width_s)).fold(0.0, f64::max)
    }
}

impl Point {
    fn join(pair: &[Self]) -> Self {
        let arrived = pair.iter().filter(|point| point.arrived > 0);
        Self {
            sent: pair.iter().map(|point| point.sent).sum(),
            arrived: pair.iter().map(|point| point.arrived).sum(),
            e2e_sum_ms: pair.iter().map(|point| point.e2e_sum_ms).sum(),
            e2e_max: arrived.map(|point| point.e2e_max).max().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_days_stay_bounded_and_lose_no_row() {
        let mut seconds = Seconds::default();
        for second in 0..48 * 3_600 {
            seconds.sent(Nanos::from_secs(second));
            seconds.arrived(Nanos::from_secs(second), Nanos::from_millis(second % 7));
        }
        let points = seconds.points();
        assert!(points.len() <= POINTS_MAX, "{}", points.len());
        assert_eq!(points.iter().map(|point| point.arrived).sum::<u64>(), 48 * 3_600);
        assert_eq!(points[1].at_s, points[0].width_s);
        assert_eq!(points[0].e2e_max, Some(6.0));
        assert!((seconds.peak_rate_per_s() - 1.0).abs() < 1e-9);
    }
}
