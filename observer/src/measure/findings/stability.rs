//! Whether latency, iteration time and memory kept their level over the run.

use streamgauge_shared::report::{Fit, Second, Stability, StabilityVerdict, Trend, TrendUnit};

use super::config::TrendRule;
use super::trend::{Sample, fit};
use super::{Config, Course};

/// The trends and the gravest of their verdicts. Only points of the time under load count: in the drain after it
/// the rows that arrive are the slow ones.
pub(super) fn stability(course: &Course<'_>, config: &Config) -> Stability {
    let end_s = course.load_end_s();
    let under_load = |point: &&Second| end_s.is_none_or(|end_s| point.middle_s() < end_s);
    let points: Vec<&Second> = course.points.iter().filter(under_load).collect();
    let times = |name: &str, value: fn(&Second) -> Option<f64>| {
        trend(name, TrendUnit::Ms, &points, value, config.latency_trend)
    };
    let memory = |name: &str, value: fn(&Second) -> Option<f64>| {
        trend(name, TrendUnit::Bytes, &points, value, config.memory_trend)
    };
    let trends = vec![
        times("cdc_e2e_latency p50", |point| point.e2e_p50),
        times("cdc_e2e_latency p95", |point| point.e2e_p95),
        times("iteration_duration", |point| point.iteration_mean),
        memory("writer memory", |point| bytes(point.writer_rss_bytes)),
        memory("observer memory", |point| bytes(point.observer_rss_bytes)),
    ];
    let gravest = trends.iter().map(|trend| trend.verdict).max();
    Stability { verdict: gravest.unwrap_or(StabilityVerdict::NotEnoughData), trends }
}

fn bytes(bytes: Option<u64>) -> Option<f64> {
    bytes.map(streamgauge_shared::account::as_f64)
}

fn trend(
    series: &str,
    unit: TrendUnit,
    points: &[&Second],
    value: fn(&Second) -> Option<f64>,
    rule: TrendRule,
) -> Trend {
    let span_s =
        points.last().map_or(0.0, |last| last.end_s()) - points.first().map_or(0.0, |first| first.start_s());
    let from_s = points.first().map_or(0.0, |first| first.start_s()) + span_s * rule.left_out;
    let samples: Vec<Sample> = points
        .iter()
        .filter(|point| point.start_s() >= from_s)
        .filter_map(|point| {
            Some(Sample { at_s: point.start_s(), width_s: point.length_s(), value: value(point)? })
        })
        .collect();
    let (verdict, missing, fit) = match fit(&samples, rule) {
        Ok(fit) => (verdict(&fit, &samples, unit, rule), None, Some(fit)),
        Err(missing) => (StabilityVerdict::NotEnoughData, Some(missing), None),
    };
    let span_s = match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => last.at_s + last.width_s - first.at_s,
        _ => 0.0,
    };
    Trend { series: series.to_owned(), unit, verdict, missing, points: samples.len() as u64, span_s, fit }
}

/// A trend has to be clear (its interval excludes 0) and to matter (the change is large enough); memory has to
/// grow, and to go on growing.
fn verdict(fit: &Fit, samples: &[Sample], unit: TrendUnit, rule: TrendRule) -> StabilityVerdict {
    let clear = match (fit.slope_low_per_s, fit.slope_high_per_s) {
        (Some(low), Some(high)) => low > 0.0 || high < 0.0,
        _ => false,
    };
    if !clear || (fit.end - fit.start).abs() <= fit.matters_from {
        return StabilityVerdict::Stable;
    }
    match unit {
        TrendUnit::Ms => StabilityVerdict::Drifting,
        TrendUnit::Bytes if fit.slope_per_s > 0.0 && goes_on(fit, samples, rule) => StabilityVerdict::Leaking,
        TrendUnit::Bytes => StabilityVerdict::Stable,
    }
}

/// Whether the second half grows nearly as the whole does. What fills up and then stays is no leak.
fn goes_on(whole: &Fit, samples: &[Sample], rule: TrendRule) -> bool {
    let middle_s = f64::midpoint(whole.from_s, whole.to_s);
    let half = &samples[samples.partition_point(|sample| sample.at_s < middle_s)..];
    let shorter = TrendRule { span_min_s: 0.0, ..rule };
    fit(half, shorter).is_ok_and(|half| half.slope_per_s >= whole.slope_per_s * rule.goes_on)
}

#[cfg(test)]
mod tests;
