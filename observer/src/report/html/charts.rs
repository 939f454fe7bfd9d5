//! The evidence as charts.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::report::{LatencyBy, Report, Second, Stats, ThresholdResult, millis};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::course::{Course, Slot};
use crate::chart::{
    Axis, Breakdown, BreakdownPart, BreakdownRow, Caption, Curve, Detail, HeatColumn, HeatMap, Limit, Lines,
    Objective, Point, Quantity, Series, SlowerThan, Span, SpanKind, ThresholdBar, ThresholdBars, TimeAxis,
    Tone,
};
use crate::html::way;

/// Points of a line at most: more than a wide screen shows.
const POINTS_MAX: usize = 500;

/// The charts, drawn.
#[derive(Debug)]
pub(super) struct Charts {
    pub(super) thresholds: String,
    pub(super) latency: String,
    pub(super) heat: String,
    pub(super) slower: String,
    pub(super) breakdown: String,
    pub(super) rate: String,
    pub(super) waiting: String,
    pub(super) users: String,
}

impl Charts {
    pub(super) fn of(report: &Report, course: &Course, stages: Vec<Span>) -> Self {
        let time = axis(report, course);
        let spans = spans(report, course, stages);
        let steps = steps(&report.load.seconds);
        let per = steps.first().map(|step| format!("per {}", words(length(step)))).unwrap_or_default();
        let over = |id: &str, title: &str, description: &str, quantity, series| Lines {
            caption: caption(id, title, &per, description),
            time,
            quantity,
            values: Axis::Linear,
            series,
            spans: spans.clone(),
            limits: Vec::new(),
            detail: Detail::Report,
        };
        let sent = series("sent", Tone::S1, rate(&steps, |second| second.sent));
        let arrived = series("arrived", Tone::S2, rate(&steps, |second| second.arrived));
        // Reports of earlier versions do not have it.
        let all = |step: &&[Second]| {
            let count = step.iter().map(|second| second.intended).sum::<Option<u64>>();
            point(step, count.map(|count| as_f64(count) / length(step).max(1e-9)))
        };
        let intended =
            Series { dashed: true, ..series("intended", Tone::Muted, steps.iter().map(all).collect()) };
        let intended = Some(intended).filter(|line| line.points.iter().any(|point| point.value.is_some()));
        let waiting = series("in flight", Tone::S3, largest(&steps, |second| second.pending.map(as_f64)));
        let users = series("users", Tone::S5, largest(&steps, |second| second.active_users.map(f64::from)));
        Self {
            thresholds: thresholds(report),
            latency: latency(report, course, time, &spans, &steps),
            heat: heat(course, time, &spans),
            slower: slower(report, course),
            breakdown: breakdown(report),
            rate: over(
                "rate",
                "Rows per second",
                "Rows intended by the schedule, sent to PostgreSQL, and arrived in MongoDB. Where arrived stays below sent, rows pile up.",
                Quantity::PerSecond,
                intended.into_iter().chain([sent, arrived]).collect(),
            )
            .draw(),
            waiting: over(
                "waiting",
                "Rows in flight",
                "Rows that were sent and had not arrived, the most of each step. A line that only rises is a pipeline that does not keep up.",
                Quantity::Count,
                vec![waiting],
            )
            .draw(),
            users: over(
                "users",
                "Users writing at the same time",
                "Virtual users in an iteration, the most of each step.",
                Quantity::Count,
                vec![users],
            )
            .draw(),
        }
    }
}

fn caption(id: &str, title: &str, scope: &str, description: &str) -> Caption {
    Caption {
        id: id.to_owned(),
        title: title.to_owned(),
        scope: scope.to_owned(),
        description: description.to_owned(),
    }
}

fn series(name: &str, tone: Tone, points: Vec<Point>) -> Series {
    Series { name: name.to_owned(), tone, dashed: false, points }
}

/// From the start of the measured phase to the last thing that is known.
fn axis(report: &Report, course: &Course) -> TimeAxis {
    let seconds = report.load.seconds.last().map_or(0.0, Second::end_s);
    let slots = course.slots.last().map_or(0.0, |slot| slot.to_s);
    TimeAxis { from_s: 0.0, to_s: seconds.max(slots), utc: None }
}

/// The stages of the load, what disturbed the measurement, and when nothing arrived.
fn spans(report: &Report, course: &Course, stages: Vec<Span>) -> Vec<Span> {
    let reasons = report.validity.reasons.iter().flat_map(|reason| {
        let placed = reason.spans.iter().filter_map(|span| course.placed(span));
        placed.map(|(from_s, to_s)| Span {
            from_s,
            to_s,
            name: reason.code.clone(),
            kind: SpanKind::Interruption,
        })
    });
    let stalls = report.findings.iter().flat_map(|findings| findings.stalls.iter().flatten());
    let stalls = stalls.map(|stall| Span {
        from_s: stall.at_s,
        to_s: stall.at_s + stall.length_s,
        name: "stall: rows waited and none arrived".to_owned(),
        kind: SpanKind::Interruption,
    });
    stages.into_iter().chain(reasons).chain(stalls).collect()
}

fn words(seconds: f64) -> String {
    Nanos::from_millis_f64(seconds * 1e3).to_string()
}

fn length(step: &[Second]) -> f64 {
    step.iter().map(Second::length_s).sum()
}

/// The course of time in few steps: neighbours together.
fn steps(seconds: &[Second]) -> Vec<&[Second]> {
    seconds.chunks(seconds.len().div_ceil(POINTS_MAX).max(1)).collect()
}

fn point(step: &[Second], value: Option<f64>) -> Point {
    Point { at_s: step.first().map_or(0.0, Second::start_s), width_s: length(step), value }
}

fn rate(steps: &[&[Second]], count: impl Fn(&Second) -> u64) -> Vec<Point> {
    let rate = |step: &&[Second]| {
        let total: u64 = step.iter().map(&count).sum();
        point(step, Some(as_f64(total) / length(step).max(1e-9)))
    };
    steps.iter().map(rate).collect()
}

fn largest(steps: &[&[Second]], value: impl Fn(&Second) -> Option<f64>) -> Vec<Point> {
    let most = |step: &&[Second]| point(step, step.iter().filter_map(&value).reduce(f64::max));
    steps.iter().map(most).collect()
}

fn latency(report: &Report, course: &Course, time: TimeAxis, spans: &[Span], steps: &[&[Second]]) -> String {
    let from_slots = |value: &dyn Fn(&SignedHistogram) -> Option<Nanos>| -> Vec<Point> {
        let point = |slot: &Slot| Point {
            at_s: slot.from_s,
            width_s: slot.to_s - slot.from_s,
            value: value(&slot.arrived).map(Nanos::as_millis_f64),
        };
        course.slots.iter().map(point).collect()
    };
    let (series, per) = if course.slots.is_empty() {
        // No interval log: the largest of each step, as percentiles of several steps cannot be put together.
        let of = |value: fn(&Second) -> Option<f64>| largest(steps, value);
        let lines = vec![
            series("p50, the largest of each step", Tone::S1, of(|second| second.e2e_p50)),
            series("p95, likewise", Tone::S2, of(|second| second.e2e_p95)),
            series("p99, likewise", Tone::S4, of(|second| second.e2e_p99)),
            series("max", Tone::Muted, of(|second| second.e2e_max)),
        ];
        (lines, steps.first().map_or(0.0, |step| length(step)))
    } else {
        let of = |q: f64| from_slots(&move |slot| slot.quantile(q));
        // The upper lines lie behind: where few rows arrived, they are one.
        let lines = vec![
            series("max", Tone::Muted, from_slots(&SignedHistogram::max)),
            series("p99", Tone::S4, of(0.99)),
            series("p95", Tone::S2, of(0.95)),
            series("p50", Tone::S1, of(0.5)),
        ];
        (lines, course.width.as_secs_f64())
    };
    let limits = report.thresholds.iter().filter(|result| result.metric == Latency::CdcE2eLatency.name());
    let limits = limits.filter_map(|result| {
        let name = result.expression.clone();
        Some(Limit { value: result.bound.filter(|_| result.is_time)?, name, held: result.passed })
    });
    let stats = report.latency.get(Latency::CdcE2eLatency.name()).map(|latency| &latency.all);
    let whole = stats.map_or(String::new(), |stats| {
        let words = streamgauge_shared::report::figure_words;
        format!(
            " Over the whole run: median {}, p(95) {}, p(99) {}.",
            words(stats.p50),
            words(stats.p95),
            words(stats.p99)
        )
    });
    Lines {
        caption: caption(
            "latency",
            "Latency over time",
            &format!("per {}, by when the rows arrived", words(per)),
            &format!("From written to visible, of the rows that arrived in each step of time; a gap is a step in which none did.{whole}"),
        ),
        time,
        quantity: Quantity::Time,
        values: Axis::Log,
        series,
        spans: spans.to_vec(),
        limits: limits.collect(),
        detail: Detail::Report,
    }
    .draw()
}

fn buckets(histogram: &SignedHistogram) -> Vec<(f64, u64)> {
    histogram.buckets().map(|(value, count)| (value.as_millis_f64(), count)).collect()
}

fn heat(course: &Course, time: TimeAxis, spans: &[Span]) -> String {
    let columns = course.slots.iter();
    let columns = columns.map(|slot| HeatColumn {
        from_s: slot.from_s,
        to_s: slot.to_s,
        values: buckets(&slot.arrived),
    });
    HeatMap {
        caption: caption(
            "heat",
            "How latencies are spread over time",
            "whole run",
            "Each column is a step of time, each row a band of latency; the darker, the more rows arrived in it. Two bands are two kinds of rows.",
        ),
        time,
        columns: columns.collect(),
        spans: spans.to_vec(),
        detail: Detail::Report,
    }
    .draw()
}

fn slower(report: &Report, course: &Course) -> String {
    let arrived = course.all();
    let stats = report.latency.get(Latency::CdcE2eLatency.name()).map(|latency| &latency.all);
    let rows = stats.map_or(0, |stats| stats.count + stats.censored + stats.unmeasured).max(arrived.count());
    SlowerThan {
        caption: caption(
            "slower",
            "Share of rows slower than x",
            "whole run",
            &format!("For each latency the share of {rows} rows that took longer. It ends at one row of {rows}: further no {rows} rows can see."),
        ),
        curves: vec![Curve { name: "all rows".to_owned(), tone: Tone::S1, values: buckets(&arrived), rows }],
        objectives: report.thresholds.iter().filter_map(objective).collect(),
    }
    .draw()
}

/// What a threshold on a percentile of the headline asks for.
fn objective(result: &ThresholdResult) -> Option<Objective> {
    let expression: String = result.expression.chars().filter(|c| !c.is_whitespace()).collect();
    let (percentile, rest) = expression.strip_prefix("p(")?.split_once(')')?;
    let percentile: f64 = percentile.parse().ok()?;
    let of_headline =
        result.metric == Latency::CdcE2eLatency.name() && result.is_time && rest.starts_with('<');
    of_headline.then_some(())?;
    let (name, held) = (result.expression.clone(), result.passed);
    Some(Objective { at_ms: result.bound?, share: 1.0 - percentile / 100.0, name, held })
}

fn thresholds(report: &Report) -> String {
    let failed = report.thresholds.iter().filter(|result| !result.passed).count();
    let said =
        format!("{} targets, of which {failed} were missed or could not be told.", report.thresholds.len());
    let bar = |result: &ThresholdResult| {
        let of_limit = |value: f64| result.bound.filter(|bound| *bound > 0.0).map(|bound| value / bound);
        let open = result.at_least.then_some(f64::INFINITY);
        ThresholdBar {
            metric: result.metric.clone(),
            expression: result.expression.clone(),
            observed: result.observed(),
            held: result.passed,
            used: result.observed.and_then(of_limit),
            used_at_most: result.at_most.and_then(of_limit).or(open),
        }
    };
    ThresholdBars {
        caption: caption("targets", "Targets and what was measured", "whole run", &said),
        bars: report.thresholds.iter().map(bar).collect(),
    }
    .draw_placed(|number| format!("/thresholds/{number}/observed"))
}

/// Means, because they add up: percentiles of parts do not.
fn breakdown(report: &Report) -> String {
    let all = |latency: Latency| report.latency.get(latency.name())?.all.mean;
    let mut rows: Vec<BreakdownRow> = way("all rows".to_owned(), all).into_iter().collect();
    let headline = report.latency.get(Latency::CdcE2eLatency.name());
    let parts = headline.map(|figures| figures.by.as_slice()).filter(|by| by.len() > 1).unwrap_or_default();
    rows.extend(parts.iter().filter_map(|part| {
        way(format!("{}, {}", part.entity, part.operation), |latency| of_part(report, latency, part)?.mean)
    }));
    let stages = report.stages.iter().zip(0..).filter_map(|(stage, number)| {
        let mean = stage.stats.mean?;
        let name = format!("{} → {}", stage.from, stage.to);
        Some(BreakdownPart { name, tone: Tone::of_series(number), value_ms: mean, words: millis(mean) })
    });
    let stages: Vec<BreakdownPart> = stages.collect();
    if !stages.is_empty() {
        let total = millis(stages.iter().map(|part| part.value_ms).sum());
        rows.push(BreakdownRow {
            name: "between the marks that the pipeline leaves".to_owned(),
            total,
            parts: stages,
        });
    }
    Breakdown {
        caption: caption(
            "breakdown",
            "Where the time goes",
            "whole run, means, which add up",
            "Schedule lag: waiting for a connection or for the writer. Write: until PostgreSQL had committed. Propagation: until it was in MongoDB. Visibility: until the change stream told of it.",
        ),
        rows,
    }
    .draw()
}

fn of_part<'r>(report: &'r Report, latency: Latency, part: &LatencyBy) -> Option<&'r Stats> {
    let all = &report.latency.get(latency.name())?.by;
    all.iter().find(|by| (&by.entity, &by.operation) == (&part.entity, &part.operation)).map(|by| &by.stats)
}
