//! The course of a run: one point a second, thinned so that 48 hours stay bounded.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Second;
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos};

use crate::measure::over_time::{OverTime, Percentiles};

/// Points kept at most. Past it two neighbours become one of twice the width: an hour at one second each,
/// 48 hours at 64.
pub(in crate::measure) const POINTS_MAX: usize = 3_600;

/// Points of equal width from the start of the measured phase.
#[derive(Clone, Debug)]
pub struct Seconds {
    width_s: u64,
    points: Vec<Sums>,
    /// The headline of what arrived in each point.
    latencies: OverTime<()>,
}

/// What is summed over one step, so that two steps can become one.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    intended: u64,
    sent: u64,
    arrived: u64,
    arrived_of_sent: u64,
    /// When the last of those sent in it arrived.
    last_of_sent: Option<Nanos>,
    e2e_sum_ms: f64,
    e2e_max: Nanos,
    iterations: u64,
    iteration_sum_ms: f64,
    gauges: Option<Gauges>,
}

/// How the run stands at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::measure) struct Gauges {
    pub(in crate::measure) pending: u64,
    pub(in crate::measure) active_users: u32,
    pub(in crate::measure) errors: u64,
    pub(in crate::measure) writer_rss_bytes: Option<u64>,
    pub(in crate::measure) observer_rss_bytes: Option<u64>,
}

impl Default for Seconds {
    fn default() -> Self {
        Self { width_s: 1, points: Vec::new(), latencies: OverTime::new(POINTS_MAX) }
    }
}

impl Seconds {
    /// An operation was intended for this long after the start.
    pub(super) fn intended(&mut self, after: Nanos) {
        self.point(after).intended += 1;
    }

    /// A row was sent this long after the start.
    pub(super) fn sent(&mut self, after: Nanos) {
        self.point(after).sent += 1;
    }

    /// A row that was sent before is sent again.
    pub(super) fn sent_again(&mut self, before: Nanos, after: Nanos) {
        self.not_expected(before);
        self.sent(after);
    }

    /// One that was sent this long after the start does not count.
    pub(super) fn not_expected(&mut self, after: Nanos) {
        // Its sending was counted, in this point or one that this point has become part of.
        let point = self.point(after);
        point.sent = point.sent.saturating_sub(1);
    }

    /// A row sent this long after the start arrived; `after` is when, where that can be believed.
    pub(super) fn arrived(&mut self, sent: Nanos, after: Option<Nanos>) {
        let cohort = self.point(sent);
        cohort.arrived_of_sent += 1;
        let Some(after) = after else { return };
        cohort.last_of_sent = cohort.last_of_sent.max(Some(after));
        let e2e = after - sent;
        let point = self.point(after);
        point.e2e_max = if point.arrived == 0 { e2e } else { point.e2e_max.max(e2e) };
        point.arrived += 1;
        point.e2e_sum_ms += e2e.as_millis_f64();
        self.latencies.record(after, (), e2e);
    }

    /// An iteration ended this long after the start.
    pub(super) fn iteration(&mut self, after: Nanos, duration: Nanos) {
        let point = self.point(after);
        point.iterations += 1;
        point.iteration_sum_ms += duration.as_millis_f64();
    }

    /// How the run stands this long after the start.
    pub(in crate::measure) fn gauges(&mut self, after: Nanos, gauges: Gauges) {
        self.point(after).gauges = Some(gauges);
    }

    fn point(&mut self, after: Nanos) -> &mut Sums {
        let second = second_of(after);
        while second / self.width_s >= POINTS_MAX as u64 {
            self.points = self.points.chunks(2).map(Sums::join).collect();
            self.width_s *= 2;
            self.latencies.extend(after);
        }
        let index = self.index(second);
        if index >= self.points.len() {
            self.points.resize(index + 1, Sums::default());
        }
        &mut self.points[index]
    }

    fn index(&self, second: u64) -> usize {
        usize::try_from(second / self.width_s).expect("below the number of points kept")
    }

    /// The points, oldest first and without a gap: the first begins with the measured phase, each is
    /// `width_s` long, and the last may not be over yet.
    ///
    /// `sent`, `arrived`, `arrived_of_sent`, `iterations` and what is averaged over them are of the whole
    /// step; `pending`, `active_users`, `errors` and the memory are as they were last seen in it. A step of
    /// several seconds keeps the sums of its seconds, the largest maximum, the last gauges, and the percentiles of
    /// everything that arrived in it. Arrivals whose time cannot be believed are in `arrived_of_sent` only.
    #[must_use]
    pub fn points(&self) -> Vec<Second> {
        let latencies = self.latencies.sealed();
        let percentiles = latencies.slots().map(|(_, slot)| slot.percentiles());
        let percentiles = percentiles.chain(std::iter::repeat(Percentiles::default()));
        let points = (0..).zip(&self.points).zip(percentiles);
        let shown = |((index, point), percentiles): ((u64, &Sums), Percentiles)| {
            point.shown(index * self.width_s, self.width_s, percentiles)
        };
        points.map(shown).collect()
    }

    /// Rows sent per second in the busiest step.
    #[must_use]
    pub fn peak_rate_per_s(&self) -> f64 {
        self.points.iter().map(|point| as_f64(point.sent) / as_f64(self.width_s)).fold(0.0, f64::max)
    }
}

/// The whole seconds since the start; what came before it belongs to the first.
pub(in crate::measure) fn second_of(after: Nanos) -> u64 {
    u64::try_from(after.0.max(0) / NANOS_PER_SECOND).expect("not negative")
}

impl Sums {
    fn join(pair: &[Self]) -> Self {
        let mut joined = Self::default();
        for point in pair {
            if point.arrived > 0 {
                let first = joined.arrived == 0;
                joined.e2e_max = if first { point.e2e_max } else { joined.e2e_max.max(point.e2e_max) };
            }
            joined.intended += point.intended;
            joined.sent += point.sent;
            joined.arrived += point.arrived;
            joined.arrived_of_sent += point.arrived_of_sent;
            joined.last_of_sent = joined.last_of_sent.max(point.last_of_sent);
            joined.e2e_sum_ms += point.e2e_sum_ms;
            joined.iterations += point.iterations;
            joined.iteration_sum_ms += point.iteration_sum_ms;
            joined.gauges = point.gauges.or(joined.gauges);
        }
        joined
    }

    /// The step as reports show it.
    fn shown(&self, at_s: u64, width_s: u64, percentiles: Percentiles) -> Second {
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / as_f64(count));
        Second {
            at_s,
            width_s,
            intended: Some(self.intended),
            sent: self.sent,
            arrived: self.arrived,
            e2e_mean: mean(self.e2e_sum_ms, self.arrived),
            e2e_max: (self.arrived > 0).then(|| self.e2e_max.as_millis_f64()),
            e2e_p50: percentiles.p50.map(Nanos::as_millis_f64),
            e2e_p95: percentiles.p95.map(Nanos::as_millis_f64),
            e2e_p99: percentiles.p99.map(Nanos::as_millis_f64),
            arrived_of_sent: self.arrived_of_sent,
            last_of_sent_s: self.last_of_sent.map(Nanos::as_secs_f64),
            iterations: self.iterations,
            iteration_mean: mean(self.iteration_sum_ms, self.iterations),
            pending: self.gauges.map(|gauges| gauges.pending),
            active_users: self.gauges.map(|gauges| gauges.active_users),
            errors: self.gauges.map(|gauges| gauges.errors),
            writer_rss_bytes: self.gauges.and_then(|gauges| gauges.writer_rss_bytes),
            observer_rss_bytes: self.gauges.and_then(|gauges| gauges.observer_rss_bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_days_stay_bounded_and_lose_no_row() {
        let mut seconds = Seconds::default();
        for second in 0..48 * 3_600 {
            let (sent, e2e) = (Nanos::from_secs(second), Nanos::from_millis(second % 7));
            seconds.sent(sent);
            seconds.arrived(sent, Some(sent + e2e));
            seconds.iteration(sent, Nanos::from_millis(20));
            let pending = u64::try_from(second).expect("positive");
            seconds.gauges(sent, Gauges { pending, ..Gauges::default() });
        }
        let points = seconds.points();
        assert!(points.len() <= POINTS_MAX, "{}", points.len());
        let sum = |of: fn(&Second) -> u64| points.iter().map(of).sum::<u64>();
        assert_eq!([sum(|p| p.arrived), sum(|p| p.arrived_of_sent), sum(|p| p.iterations)], [48 * 3_600; 3]);
        assert_eq!(points[1].at_s, points[0].width_s);
        assert_eq!(points[0].e2e_max, Some(6.0));
        assert_eq!((points[0].pending, points[0].iteration_mean), (Some(63), Some(20.0)), "64 s in one");
        assert!(points.iter().all(|point| point.e2e_p50.is_some_and(|p50| (2.9..3.1).contains(&p50))));
        assert!(points.iter().all(|point| point.e2e_p99.is_some_and(|p99| (6.0..6.01).contains(&p99))));
        assert!((seconds.peak_rate_per_s() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_second_has_the_quantiles_of_what_arrived_in_it() {
        let mut seconds = Seconds::default();
        for start in [0, 3_000] {
            for millis in 1..=100 {
                seconds.arrived(Nanos::ZERO, Some(Nanos::from_millis(start + millis)));
            }
        }
        // Its entry came late, when the second was over: it belongs to it all the same.
        seconds.arrived(Nanos::ZERO, Some(Nanos::from_millis(900)));
        let points = seconds.points();
        let near = |found: Option<f64>, expected: f64| {
            assert!(found.is_some_and(|found| (found - expected).abs() <= expected / 999.0), "{found:?}");
        };
        near(points[3].e2e_p50, 3_050.0);
        near(points[3].e2e_p95, 3_095.0);
        near(points[0].e2e_p95, 96.0);
        near(points[0].e2e_p99, 100.0);
        assert_eq!((points[0].e2e_max, points[0].arrived), (Some(900.0), 101));
        assert_eq!((points[1].e2e_p50, points[1].pending), (None, None));
    }

    #[test]
    fn catching_up_is_seen_where_the_rows_were_sent() {
        let mut seconds = Seconds::default();
        let at = Nanos::from_secs;
        (0..3).for_each(|second| seconds.sent(at(second)));
        seconds.arrived(at(0), Some(at(5)));
        seconds.arrived(at(2), None);
        seconds.sent_again(at(1), at(2));
        let points = seconds.points();
        let of = |take: fn(&Second) -> u64| points.iter().map(take).collect::<Vec<u64>>();
        assert_eq!(of(|point| point.sent), [1, 0, 2, 0, 0, 0]);
        assert_eq!(of(|point| point.arrived_of_sent), [1, 0, 1, 0, 0, 0]);
        assert_eq!(of(|point| point.arrived), [0, 0, 0, 0, 0, 1], "not one at a time not to be believed");
    }

    proptest! {
        #[test]
        fn thinning_keeps_every_sum(rows in prop::collection::vec((0..20_000_i64, 0..9_000_i64), 1..200)) {
            let mut seconds = Seconds::default();
            for (sent, e2e) in &rows {
                let (sent, e2e) = (Nanos::from_secs(*sent), Nanos::from_millis(*e2e));
                seconds.sent(sent);
                seconds.arrived(sent, Some(sent + e2e));
            }
            let points = seconds.points();
            prop_assert!(points.len() <= POINTS_MAX);
            for take in [|p: &Second| p.sent, |p: &Second| p.arrived, |p: &Second| p.arrived_of_sent] {
                prop_assert_eq!(points.iter().map(take).sum::<u64>(), rows.len() as u64);
            }
            let largest = rows.iter().map(|(_, e2e)| *e2e).max().expect("not empty");
            let found = points.iter().filter_map(|point| point.e2e_max).fold(0.0, f64::max);
            prop_assert!((found - Nanos::from_millis(largest).as_millis_f64()).abs() < 1e-9);
        }
    }
}
