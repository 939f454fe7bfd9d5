//! What a view shows of a snapshot: the figures of its part, its time, and what is marked in it.

use std::borrow::Cow;
use std::sync::Arc;

use streamgauge_shared::histogram::{SignedHistogram, Unmeasured};
use streamgauge_shared::report::{Report, Stats};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::View;
use super::merged::{Merged, MergedSlots};
use crate::measure::{RECENT_SECONDS, Snapshot};

/// A run of at least so long is shown by the clock, a shorter one by how long it has gone on.
const CLOCK_FROM_S: f64 = 3_600.0;

/// A snapshot as a view shows it.
pub struct Shown<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) view: &'s View,
    /// By the index of a series: whether it is shown.
    wanted: Vec<bool>,
    merged: Vec<(Nanos, Arc<Merged>)>,
}

/// What arrived in one step of time.
pub(super) struct Step<'s> {
    pub(super) from_s: f64,
    pub(super) to_s: f64,
    pub(super) arrived: &'s Merged,
}

impl<'s> Shown<'s> {
    /// A snapshot in a view; `merged` has the slots that were merged for this view before.
    pub(super) fn new(snapshot: &'s Snapshot, view: &'s View, merged: &mut MergedSlots) -> Self {
        let wanted =
            snapshot.parts.iter().map(|part| view.shows(&part.scenario, &part.entity, part.operation));
        let wanted: Vec<bool> = wanted.collect();
        let is_wanted = |series: usize| wanted.get(series).copied().unwrap_or(false);
        let merged = merged.of(&snapshot.over_time, is_wanted);
        Self { snapshot, view, wanted, merged }
    }

    pub(super) fn report(&self) -> &'s Report {
        &self.snapshot.report
    }

    /// Whether the run goes on.
    pub(super) fn is_live(&self) -> bool {
        !self.report().run.complete
    }

    fn wants(&self, series: usize) -> bool {
        self.wanted.get(series).copied().unwrap_or(false)
    }

    /// The statistics of a latency of the part, with their JSON pointer in the report; the pointer is empty for a part
    /// that the report does not have.
    pub(super) fn stats(&self, latency: Latency) -> (String, Cow<'s, Stats>) {
        let name = latency.name();
        let reported = self.report().latency.get(name);
        match (&self.view.scenario, &self.view.entity, self.view.operation) {
            (None, None, None) => {
                if let Some(reported) = reported {
                    return (format!("/latency/{name}/all"), Cow::Borrowed(&reported.all));
                }
            }
            (None, Some(entity), Some(operation)) => {
                let by = reported.map(|reported| reported.by.as_slice()).unwrap_or_default();
                let place = by.iter().position(|by| by.entity == *entity && by.operation == operation.name());
                if let Some(place) = place {
                    return (format!("/latency/{name}/by/{place}"), Cow::Borrowed(&by[place].stats));
                }
            }
            _ => {}
        }
        let (arrived, unarrived, unmeasured) = self.histograms(latency);
        (String::new(), Cow::Owned(Stats::of(&arrived, &unarrived, &unmeasured)))
    }

    /// What is known of a latency of the part: what arrived, the ages of what has not, and what arrived unmeasured.
    pub(super) fn histograms(&self, latency: Latency) -> (SignedHistogram, SignedHistogram, Unmeasured) {
        let mut known = (SignedHistogram::default(), SignedHistogram::default(), Unmeasured::default());
        for series in self.snapshot.latencies.iter().filter(|series| series.latency == latency) {
            let is_shown = match &series.of {
                Some((entity, operation)) => self.view.shows(&series.scenario, entity, *operation),
                // Iterations have neither.
                None => self.view.scenario.as_ref().is_none_or(|wanted| *wanted == series.scenario),
            };
            if is_shown {
                known.0.merge(&series.histogram);
                series.unarrived.iter().for_each(|unarrived| known.1.merge(unarrived));
                known.2.merge(&series.unmeasured);
            }
        }
        known
    }

    /// What arrived in the last half minute; nothing of a run that is over.
    pub(super) fn recent(&self) -> Option<(String, SignedHistogram)> {
        if !self.is_live() || self.snapshot.elapsed <= Nanos::ZERO {
            return None;
        }
        let recent = self.snapshot.recent.before(self.snapshot.elapsed, |series| self.wants(series));
        Some((format!("last {RECENT_SECONDS} s"), recent))
    }

    /// What is shown of time: seconds since the start of the measured phase.
    pub(super) fn time(&self) -> (f64, f64) {
        let stages = self.snapshot.planned_stages.iter().filter(|stage| {
            Some(&stage.name) == self.view.stage.as_ref()
                && self.view.scenario.as_ref().is_none_or(|wanted| *wanted == stage.scenario)
        });
        let spans = stages.map(|stage| (stage.from.as_secs_f64(), stage.until.as_secs_f64()));
        let stage = spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        stage.unwrap_or_else(|| (0.0, self.end_s()))
    }

    /// Whether the time is narrowed to a stage.
    pub(super) fn stage(&self) -> Option<&str> {
        self.view.stage.as_deref().filter(|_| self.time() != (0.0, self.end_s()))
    }

    fn end_s(&self) -> f64 {
        if self.is_live() {
            return self.snapshot.elapsed.as_secs_f64();
        }
        let last = self.report().load.seconds.last().map_or(0.0, |second| second.end_s());
        last.max(self.report().run.duration_s)
    }

    /// The moment on the clock from which time is counted, of runs that are long enough to be looked at by the clock.
    pub(super) fn zero(&self) -> Option<UnixNanos> {
        let started = self.snapshot.at - self.snapshot.elapsed;
        (self.end_s() >= CLOCK_FROM_S).then_some(started)
    }

    /// Of what time charts and figures over time are: `whole run`, or `stage peak`.
    pub(super) fn scope(&self) -> String {
        self.stage().map_or("whole run".to_owned(), |stage| format!("stage {stage}"))
    }

    /// The scope with the part: `whole run; steady, create`.
    pub(super) fn scope_of_part(&self) -> String {
        let words = self.view.words();
        if words.is_empty() { self.scope() } else { format!("{}; {words}", self.scope()) }
    }

    /// The headline of the part over the time that is shown.
    pub(super) fn slots(&self) -> impl Iterator<Item = Step<'_>> {
        let width = self.snapshot.over_time.width().as_secs_f64();
        let (from, to) = self.time();
        let slots = self.merged.iter().map(|(start, merged)| (start.as_secs_f64(), merged));
        let within = slots.filter(move |(start, _)| *start + width > from && *start < to);
        within.map(move |(start, arrived)| Step { from_s: start, to_s: start + width, arrived })
    }
}
