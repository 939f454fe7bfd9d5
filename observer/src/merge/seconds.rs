//! The course of several runs as that of one: steps of equal width from the first one's beginning.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::histogram::CompactHistogram;
use streamgauge_shared::report::Second;
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos};
use streamgauge_shared::timeline::Latency;

use super::{Side, Sides};
use crate::measure::OverTime;

/// Steps at most.
const STEPS_MAX: usize = 3_600;

/// The steps, oldest first. A step between runs has nothing in it: no gauge either.
pub(super) fn course(sides: &Sides) -> Vec<Second> {
    let Some(base) = sides.sides.first().map(Side::begins) else { return Vec::new() };
    let ends = sides.sides.iter().map(Side::ends).max().unwrap_or(base);
    let mut latencies = OverTime::new(STEPS_MAX);
    latencies.extend(ends - base);
    let widest =
        sides.sides.iter().flat_map(|side| &side.report.load.seconds).map(|second| second.width_s).max();
    let mut width_s = widest.unwrap_or(1).max(1);
    let span_s = u64::try_from((ends - base).0.max(0) / NANOS_PER_SECOND).unwrap_or(0);
    while span_s / width_s >= STEPS_MAX as u64 {
        width_s *= 2;
    }
    for interval in sides.sides.iter().flat_map(|side| &side.intervals) {
        if interval.latency == Latency::CdcE2eLatency {
            // A line of several seconds stands in the step of its middle.
            let middle = interval.start + Nanos(interval.length.0 / 2);
            latencies.add(middle - base, (), &interval.histogram);
        }
    }
    let count = usize::try_from(span_s / width_s).unwrap_or(0) + 1;
    let mut steps: Vec<Step> = vec![Step::default(); count];
    for side in &sides.sides {
        let offset_s = u64::try_from((side.begins() - base).0 / NANOS_PER_SECOND).unwrap_or(0);
        let mut last: Vec<Option<&Second>> = vec![None; count];
        for second in &side.report.load.seconds {
            let index =
                usize::try_from((offset_s + second.at_s) / width_s).unwrap_or(usize::MAX).min(count - 1);
            steps[index].add(second, offset_s);
            if second.pending.is_some() {
                last[index] = Some(second);
            }
        }
        steps.iter_mut().zip(last).for_each(|(step, last)| step.look(last));
    }
    let latencies = latencies.sealed();
    let mut of_slot = vec![CompactHistogram::default(); count];
    for (start, slot) in latencies.slots() {
        let index =
            usize::try_from(start.0 / NANOS_PER_SECOND).unwrap_or(0) / usize::try_from(width_s).unwrap_or(1);
        of_slot[index.min(count - 1)].merge(&CompactHistogram::from(&slot.merged(|()| true)));
    }
    (0_u64..)
        .zip(steps)
        .zip(of_slot)
        .map(|((index, step), histogram)| {
            let millis = |q: f64| histogram.quantile(q).map(Nanos::as_millis_f64);
            Second {
                at_s: index * width_s,
                width_s,
                e2e_p50: millis(0.5),
                e2e_p95: millis(0.95),
                e2e_p99: millis(0.99),
                ..step.shown()
            }
        })
        .collect()
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    sum: Second,
    e2e_sum_ms: f64,
    iteration_sum_ms: f64,
}

impl Step {
    fn add(&mut self, second: &Second, offset_s: u64) {
        let sum = &mut self.sum;
        sum.sent += second.sent;
        sum.arrived += second.arrived;
        sum.arrived_of_sent += second.arrived_of_sent;
        sum.iterations += second.iterations;
        sum.e2e_max = largest(sum.e2e_max, second.e2e_max);
        sum.last_of_sent_s =
            largest(sum.last_of_sent_s, second.last_of_sent_s.map(|at| at + as_f64(offset_s)));
        self.e2e_sum_ms += second.e2e_mean.unwrap_or(0.0) * as_f64(second.arrived);
        self.iteration_sum_ms += second.iteration_mean.unwrap_or(0.0) * as_f64(second.iterations);
    }

    /// Adds how one of the runs stood at the end of the step.
    fn look(&mut self, second: Option<&Second>) {
        let Some(second) = second else { return };
        let sum = &mut self.sum;
        sum.pending = added(sum.pending, second.pending);
        sum.active_users = added(sum.active_users, second.active_users);
        sum.errors = added(sum.errors, second.errors);
        sum.writer_rss_bytes = added(sum.writer_rss_bytes, second.writer_rss_bytes);
        sum.observer_rss_bytes = added(sum.observer_rss_bytes, second.observer_rss_bytes);
    }

    fn shown(self) -> Second {
        let mean = |sum: f64, count: u64| (count > 0).then(|| sum / as_f64(count));
        Second {
            e2e_mean: mean(self.e2e_sum_ms, self.sum.arrived),
            iteration_mean: mean(self.iteration_sum_ms, self.sum.iterations),
            ..self.sum
        }
    }
}

fn largest(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

fn added<N: std::ops::Add<Output = N>>(one: Option<N>, other: Option<N>) -> Option<N> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}
