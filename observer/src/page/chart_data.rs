//! From a view to what the charts take.

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Second;
use streamgauge_shared::time::Nanos;

use super::Shown;
use crate::chart::{Caption, Point, Span, SpanKind, TimeAxis};

/// Points of one line that an event holds at most.
const POINTS_MAX: usize = 150;

impl Shown<'_> {
    /// What stands above the chart of a section.
    pub(super) fn caption(&self, section: &str, title: &str, scope: String, description: String) -> Caption {
        Caption { id: format!("{section}-chart"), title: title.to_owned(), scope, description }
    }

    /// The axis of time.
    pub(super) fn axis(&self) -> TimeAxis {
        let (from_s, to_s) = self.time();
        TimeAxis { from_s, to_s, utc: self.zero() }
    }

    /// What is marked over time: the stages of the scenario that is shown, or of the first that has any, and when
    /// something disturbed the measurement.
    pub(super) fn spans(&self) -> Vec<Span> {
        let stages = &self.snapshot.planned_stages;
        let scenario = self.view.scenario.as_ref().or(stages.first().map(|stage| &stage.scenario));
        let stages = stages.iter().filter(|stage| Some(&stage.scenario) == scenario).map(|stage| Span {
            from_s: stage.from.as_secs_f64(),
            to_s: stage.until.as_secs_f64(),
            name: stage.name.clone(),
            kind: SpanKind::Stage,
        });
        // Validity counts from the start of the run, charts from that of the measured phase.
        let offset = self.snapshot.measured_after.map_or(0.0, |after| after.as_secs_f64());
        let reasons = self.report().validity.reasons.iter().flat_map(|reason| {
            reason.spans.iter().map(move |span| Span {
                from_s: span.from_s - offset,
                to_s: span.until_s - offset,
                name: reason.code.clone(),
                kind: SpanKind::Interruption,
            })
        });
        let stalls = self.report().findings.iter().flat_map(|findings| findings.stalls.iter().flatten());
        let stalls = stalls.map(|stall| Span {
            from_s: stall.at_s,
            to_s: stall.at_s + stall.length_s,
            name: "stall: rows waited and none arrived".to_owned(),
            kind: SpanKind::Interruption,
        });
        let (from, to) = self.time();
        let all = stages.chain(reasons).chain(stalls);
        all.filter(|span| span.to_s >= from && span.from_s <= to).collect()
    }

    /// One of the lines over the headline's slots; a slot in which nothing arrived has no value.
    pub(super) fn line(&self, line: usize) -> Vec<Point> {
        let points = self.slots().map(|slot| Point {
            at_s: slot.from_s,
            width_s: slot.to_s - slot.from_s,
            value: slot.arrived.lines[line].map(Nanos::as_millis_f64),
        });
        points.collect()
    }

    /// The steps of the course of time that are shown, as few as an event can hold: neighbours together. The one that goes
    /// on is left out, because its rate is not one yet.
    pub(super) fn steps(&self) -> Vec<Vec<Second>> {
        let (from, to) = self.time();
        let seconds = &self.report().load.seconds;
        let over = if self.is_live() { seconds.len().saturating_sub(1) } else { seconds.len() };
        let within: Vec<Second> = seconds[..over]
            .iter()
            .filter(|second| second.end_s() > from && second.start_s() < to)
            .copied()
            .collect();
        let together = within.len().div_ceil(POINTS_MAX).max(1);
        within.chunks(together).map(<[Second]>::to_vec).collect()
    }

    /// How long each of [`Self::steps`] is, in words: `1 s`.
    pub(super) fn step_words(steps: &[Vec<Second>]) -> String {
        steps.first().map_or("1 s".to_owned(), |step| format!("{} s", length_s(step)))
    }
}

fn length_s(step: &[Second]) -> f64 {
    step.iter().map(Second::length_s).sum()
}

fn point(step: &[Second], value: Option<f64>) -> Point {
    Point { at_s: step.first().map_or(0.0, Second::start_s), width_s: length_s(step), value }
}

/// A count per second.
pub(super) fn per_second(steps: &[Vec<Second>], count: impl Fn(&Second) -> Option<u64>) -> Vec<Point> {
    let of = |step: &Vec<Second>| {
        let sum: Option<u64> = step.iter().map(&count).sum();
        point(step, sum.map(|sum| as_f64(sum) / length_s(step)))
    };
    steps.iter().map(of).collect()
}

/// The largest value of a gauge; no value where nobody looked.
pub(super) fn largest(steps: &[Vec<Second>], gauge: impl Fn(&Second) -> Option<f64>) -> Vec<Point> {
    let of = |step: &Vec<Second>| point(step, step.iter().filter_map(&gauge).reduce(f64::max));
    steps.iter().map(of).collect()
}

/// Buckets as charts take them, in milliseconds.
pub(super) fn in_millis(buckets: impl IntoIterator<Item = (Nanos, u64)>) -> Vec<(f64, u64)> {
    buckets.into_iter().map(|(value, count)| (value.as_millis_f64(), count)).collect()
}
