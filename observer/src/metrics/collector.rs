//! Encodes a snapshot through prometheus-client's collector interface.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};
use streamgauge_shared::account::{Outcome, as_f64};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::report::{BreakingPoint, ThresholdResult, ValidityState};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::buckets::{self, COARSE, FINE};
use crate::measure::{LatencySeries, ScenarioGauges, Snapshot, StageSeries};

/// Labels as pairs of a fixed name and a value from a closed set of the test's.
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// The page of a snapshot in OpenMetrics; without one only the build is known.
pub(super) fn render(snapshot: Option<Arc<Snapshot>>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("streamgauge");
    registry.register_collector(Box::new(Page { snapshot }));
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Page {
    snapshot: Option<Arc<Snapshot>>,
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        info(&mut encoder, "build", "The observer's version", &build)?;
        let Some(snapshot) = &self.snapshot else { return Ok(()) };
        let run = [("run", snapshot.report.run.id.as_str()), ("test", snapshot.report.run.test.as_str())];
        info(&mut encoder, "run", "The run that the other series belong to", &run)?;
        latencies(&mut encoder, &snapshot.latencies)?;
        stages(&mut encoder, &snapshot.stages)?;
        scenarios(&mut encoder, &snapshot.scenarios)?;
        whole_run(&mut encoder, snapshot)
    }
}

fn info(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, labels: &[(&str, &str)]) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Info)?;
    metric.encode_info(&labels)
}

/// A family for each latency that a threshold can name, and one for the magnitudes of negative propagations.
fn latencies(encoder: &mut DescriptorEncoder<'_>, series: &[LatencySeries]) -> fmt::Result {
    for latency in Latency::ALL {
        let of_latency = || series.iter().filter(move |series| series.latency == latency).map(labelled);
        let bounds = buckets::of(latency);
        histograms(encoder, latency.name(), latency.formula(), (false, bounds), of_latency())?;
        if latency == Latency::CdcPropagation {
            let help = "committed minus observed, where the event beat the acknowledgement";
            histograms(encoder, "cdc_early", help, (true, COARSE), of_latency())?;
        }
    }
    Ok(())
}

fn labelled(series: &LatencySeries) -> (Labels<'_>, &SignedHistogram) {
    let mut labels = vec![("scenario", series.scenario.as_str())];
    if let Some((entity, operation)) = &series.of {
        labels.extend([("entity", entity.as_str()), ("operation", operation.name())]);
    }
    (labels, &series.histogram)
}

/// The stages between marks; no family where no model names any.
fn stages(encoder: &mut DescriptorEncoder<'_>, series: &[StageSeries]) -> fmt::Result {
    if series.is_empty() {
        return Ok(());
    }
    let families = [
        (false, "stage_latency", "A part of the way between two marks, not below zero"),
        (true, "stage_early", "Its magnitude where the later mark shows an earlier time"),
    ];
    for (negative, name, help) in families {
        let labelled = series.iter().map(|series| {
            let labels = vec![
                ("scenario", series.scenario.as_str()),
                ("entity", &series.entity),
                ("operation", series.operation.name()),
                ("stage", series.stage),
                ("from", series.from),
            ];
            (labels, &series.histogram)
        });
        histograms(encoder, name, help, (negative, COARSE), labelled)?;
    }
    Ok(())
}

/// A family of histograms in seconds: of what is not negative, or of the magnitudes of what is (`true`), with buckets
/// that end at these bounds.
fn histograms<'a>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    (negative, bounds): (bool, &[Nanos]),
    labelled: impl Iterator<Item = (Labels<'a>, &'a SignedHistogram)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for (labels, signed) in labelled {
        let (sum, count, buckets) = histogram(signed, negative, bounds);
        let none: Option<&std::collections::HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
        metric.encode_family(&labels)?.encode_histogram(sum, count, &buckets, none)?;
    }
    Ok(())
}

/// Sum, count and the count of each bucket alone, as the encoder wants them.
fn histogram(histogram: &SignedHistogram, negative: bool, bounds: &[Nanos]) -> (f64, u64, Vec<(f64, u64)>) {
    let (positive_sum, negative_sum) = histogram.sums_s();
    let negatives = histogram.negatives();
    let (sum, count) =
        if negative { (negative_sum, negatives) } else { (positive_sum, histogram.count() - negatives) };
    let mut below = 0;
    let mut buckets = Vec::with_capacity(bounds.len() + 1);
    for bound in bounds {
        let (edge, cumulative) = histogram.cumulative(*bound, negative);
        buckets.push((edge.as_secs_f64(), cumulative - below));
        below = cumulative;
    }
    buckets.push((f64::INFINITY, count - below));
    (sum, count, buckets)
}

fn scenarios(encoder: &mut DescriptorEncoder<'_>, scenarios: &[ScenarioGauges]) -> fmt::Result {
    for (name, help, take) in [
        ("operations", "Operations sent", (|sent, _| sent) as fn(u64, u64) -> u64),
        ("arrivals", "Operations that arrived", |_, arrived| arrived),
    ] {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for scenario in scenarios {
            for (entity, operation, sent, arrived) in &scenario.operations {
                let labels: Labels<'_> =
                    vec![("scenario", &scenario.name), ("entity", entity), ("operation", operation.name())];
                counter(metric.encode_family(&labels)?, take(*sent, *arrived))?;
            }
        }
    }
    let mut metric =
        encoder.encode_descriptor("entries", "Entries of the ledger by outcome", None, MetricType::Gauge)?;
    for scenario in scenarios {
        for outcome in Outcome::ALL {
            let labels: Labels<'_> = vec![("scenario", &scenario.name), ("outcome", outcome.name())];
            gauge(metric.encode_family(&labels)?, as_f64(scenario.outcomes[outcome as usize]))?;
        }
    }
    type Take = fn(&ScenarioGauges) -> Option<f64>;
    let gauges: [(&str, &str, Option<Unit>, Take); 4] = [
        ("pending_entries", "Entries that have not arrived and are not given up", None, |s| {
            Some(as_f64(s.pending))
        }),
        ("overdue_entries", "Pending entries past their deadline", None, |s| Some(as_f64(s.overdue))),
        (
            "oldest_pending_age",
            "Age of the oldest pending entry; absent while there is none",
            Some(Unit::Seconds),
            |s| s.oldest_pending_age.map(Nanos::as_secs_f64),
        ),
        ("active_users", "Virtual users in an iteration", None, |s| Some(f64::from(s.load.active_users))),
    ];
    for (name, help, unit, take) in gauges {
        let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        for (scenario, value) in scenarios.iter().filter_map(|scenario| Some((scenario, take(scenario)?))) {
            gauge(metric.encode_family(&vec![("scenario", scenario.name.as_str())])?, value)?;
        }
    }
    // A family whose members come and go with the stages; absent as a whole where no scenario is in one.
    let running: Vec<(&str, &str)> = scenarios
        .iter()
        .filter_map(|scenario| Some((scenario.name.as_str(), scenario.stage.as_deref()?)))
        .collect();
    if !running.is_empty() {
        let help = "1 for the stage that the schedule is in";
        let mut metric = encoder.encode_descriptor("scenario_stage", help, None, MetricType::Gauge)?;
        for (scenario, stage) in running {
            gauge(metric.encode_family(&vec![("scenario", scenario), ("stage", stage)])?, 1.0)?;
        }
    }
    type Count = fn(&ScenarioGauges) -> u64;
    let counters: [(&str, &str, Count); 3] = [
        ("iterations", "Iterations that ran to their end", |s| s.load.iterations),
        ("failed_iterations", "Iterations that ended because an operation did not commit", |s| s.load.failed),
        ("dropped_iterations", "Ticks for which no virtual user was free", |s| s.load.dropped),
    ];
    for (name, help, take) in counters {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for scenario in scenarios {
            counter(metric.encode_family(&vec![("scenario", scenario.name.as_str())])?, take(scenario))?;
        }
    }
    Ok(())
}

fn whole_run(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(
        "events",
        "Events of the change stream by kind",
        None,
        MetricType::Gauge,
    )?;
    for (kind, count) in snapshot.report.events.kinds() {
        gauge(metric.encode_family(&vec![("kind", kind)])?, as_f64(count))?;
    }
    thresholds(encoder, &snapshot.report.thresholds)?;
    if let Some(found) = snapshot.report.findings.as_ref().and_then(|found| found.breaking_point.as_ref()) {
        breaking_point(encoder, found)?;
    }
    let mut metric = encoder.encode_descriptor(
        "validity",
        "1 for the state that the measurement is in",
        None,
        MetricType::Gauge,
    )?;
    for state in ValidityState::ALL {
        let is = state == snapshot.report.validity.state;
        gauge(metric.encode_family(&vec![("state", state.name())])?, f64::from(u8::from(is)))?;
    }
    if let Some(bound) = snapshot.report.clock.error_bound_ms {
        let help = "How far a latency between the two programs can be off";
        let metric =
            encoder.encode_descriptor("clock_error_bound", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        gauge(metric, bound / 1e3)?;
    }
    if let Some(floor) = &snapshot.floor {
        let help = "The canary's observed minus sent: what MongoDB and the observer take by themselves";
        let mut metric = encoder.encode_descriptor(
            "measurement_floor",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        let (sum, count, buckets) = histogram(floor, false, FINE);
        let none: Option<&std::collections::HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
        metric.encode_histogram(sum, count, &buckets, none)?;
    }
    let mut metric =
        encoder.encode_descriptor("writer_up", "1 while the writer is connected", None, MetricType::Gauge)?;
    for (index, writer) in snapshot.writers.iter().enumerate() {
        gauge(metric.encode_family(&vec![("writer", index.to_string())])?, f64::from(u8::from(writer.up)))?;
    }
    Ok(())
}

/// Each threshold: whether it holds, its bound, and what is compared with it, in base units.
fn thresholds(encoder: &mut DescriptorEncoder<'_>, thresholds: &[ThresholdResult]) -> fmt::Result {
    fn in_base_unit(threshold: &ThresholdResult, value: f64) -> f64 {
        if threshold.is_time { value / 1e3 } else { value }
    }
    type Take = fn(&ThresholdResult) -> Option<f64>;
    let families: [(&str, &str, Take); 3] = [
        ("threshold_ok", "1 while the threshold holds", |one| Some(f64::from(u8::from(one.passed)))),
        ("threshold_bound", "What the threshold compares with, seconds for a latency", |one| {
            one.bound.map(|bound| in_base_unit(one, bound))
        }),
        (
            "threshold_value",
            "What is compared with the bound; absent where there is no data or only a lower bound of it",
            |one| one.observed.filter(|_| !one.at_least).map(|value| in_base_unit(one, value)),
        ),
    ];
    for (name, help, take) in families {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (threshold, value) in thresholds.iter().filter_map(|one| Some((one, take(one)?))) {
            let labels: Labels<'_> =
                vec![("metric", &threshold.metric), ("expression", &threshold.expression)];
            gauge(metric.encode_family(&labels)?, value)?;
        }
    }
    Ok(())
}

/// The load at which the first threshold broke; nothing before that.
fn breaking_point(encoder: &mut DescriptorEncoder<'_>, found: &BreakingPoint) -> fmt::Result {
    let (Some(first), Some(load)) = (found.broken.first(), &found.load) else { return Ok(()) };
    let labels: Labels<'_> = vec![("metric", &first.metric), ("expression", &first.expression)];
    for (name, help, value) in [
        ("breaking_point_users", "Virtual users in an iteration when a threshold broke", load.users),
        (
            "breaking_point_arrived_rows_per_second",
            "Rows that arrived each second when a threshold broke",
            load.arrived_per_s,
        ),
    ] {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge(metric.encode_family(&labels)?, value)?;
    }
    Ok(())
}

fn gauge(mut metric: prometheus_client::encoding::MetricEncoder<'_>, value: f64) -> fmt::Result {
    metric.encode_gauge(&value)
}

fn counter(mut metric: prometheus_client::encoding::MetricEncoder<'_>, value: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
}
