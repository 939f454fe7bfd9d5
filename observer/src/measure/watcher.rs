//! Follows the thresholds that are judged each second: those with a window, and, where a breaking point is
//! looked for, the others too.

use streamgauge_shared::test_file::{Finding, Test};
use streamgauge_shared::threshold::{
    Counter, Figures, Judgement, LatencyFigures, Metric, Rate, Tags, Threshold, Watch, judge,
};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::facts::Facts;
use super::figures::Moment;
use super::recorder::Recorder;
use super::seconds::{Gauges, POINTS_MAX, second_of};
use super::windows::Windows;
use crate::matcher::Matcher;

/// The window in which a threshold without one of its own is looked at for the breaking point: long enough
/// for a percentile of a few rows a second, short enough to place a crossing in time.
const DEFAULT_WINDOW: Nanos = Nanos::from_secs(10);

/// One [`Watch`] for each threshold that needs one, and the course of their crossings.
#[derive(Clone, Debug)]
pub(super) struct Watcher {
    /// One for each threshold of the test.
    watched: Vec<Watched>,
    /// How many seconds one step of the crossings stands for.
    width_s: u64,
}

#[derive(Clone, Debug, Default)]
struct Watched {
    /// How far back it looks; absent for one that is judged on the whole run only.
    window: Option<Nanos>,
    /// Of one with a window of its own.
    watch: Option<Watch>,
    keeps_crossings: bool,
    crossings: Vec<Option<bool>>,
}

impl Watcher {
    /// Nothing seen yet; the windows are to keep what the judgements need.
    pub(super) fn new(test: &Test, windows: &mut Windows) -> Self {
        let breaking_point =
            test.scenarios.iter().any(|scenario| scenario.findings.contains(&Finding::BreakingPoint));
        let watched = |threshold: &Threshold| {
            let keeps_crossings = breaking_point && !matches!(threshold.metric, Metric::Counter(_));
            let window = threshold.over.or(keeps_crossings.then_some(DEFAULT_WINDOW));
            if let Some(window) = window {
                windows.declare(threshold.metric, threshold.tags, window);
            }
            let watch = threshold.over.map(|_| Watch::new(threshold));
            Watched { window, watch, keeps_crossings, crossings: Vec::new() }
        };
        Self { watched: test.thresholds.iter().map(watched).collect(), width_s: 1 }
    }

    /// The state of a threshold with a window of its own.
    pub(super) fn watch(&self, threshold: usize) -> Option<&Watch> {
        self.watched.get(threshold)?.watch.as_ref()
    }

    /// Whether a threshold was crossed in each step of time; see [`Recorder::crossings`].
    pub(super) fn crossings(&self, threshold: usize) -> &[Option<bool>] {
        self.watched.get(threshold).map_or(&[], |watched| &watched.crossings)
    }

    /// How far back the judgement of a threshold looks; zero for one that is not followed.
    pub(super) fn window(&self, threshold: usize) -> Nanos {
        self.watched.get(threshold).and_then(|watched| watched.window).unwrap_or(Nanos::ZERO)
    }

    pub(super) fn width_s(&self) -> u64 {
        self.width_s
    }

    fn judgements(&self, test: &Test, moment: &Moment<'_>) -> Vec<Option<Judgement>> {
        let judgement = |(threshold, watched): (&Threshold, &Watched)| {
            let window = WindowMoment { moment, length: watched.window? };
            // Without a window of its own `min_samples` speaks of the whole run.
            let min_samples = if threshold.over.is_some() { threshold.min_samples } else { 0 };
            Some(judge(&Threshold { min_samples, ..threshold.clone() }, &window))
        };
        test.thresholds.iter().zip(&self.watched).map(judgement).collect()
    }

    fn see(&mut self, now: UnixNanos, after: Nanos, judgements: &[Option<Judgement>]) {
        let second = second_of(after);
        while second / self.width_s >= POINTS_MAX as u64 {
            for watched in &mut self.watched {
                watched.crossings = watched.crossings.chunks(2).map(join).collect();
            }
            self.width_s *= 2;
        }
        let step = usize::try_from(second / self.width_s).expect("below the number of points kept");
        for (watched, judgement) in self.watched.iter_mut().zip(judgements) {
            let Some(judgement) = judgement else { continue };
            let mut crossed = judgement.low.map(|_| judgement.fails);
            if let Some(watch) = &mut watched.watch {
                crossed = watch.see(now, *judgement);
            }
            if watched.keeps_crossings {
                if watched.crossings.len() <= step {
                    watched.crossings.resize(step + 1, None);
                }
                watched.crossings[step] = join(&[watched.crossings[step], crossed]);
            }
        }
    }
}

/// Crossed if it was crossed in either; nothing only if neither was judged.
fn join(pair: &[Option<bool>]) -> Option<bool> {
    pair.iter().copied().flatten().reduce(|one, other| one || other)
}

/// A second has passed: reads what the windows and the course of time need, and judges what is judged each
/// second. To be called once a second while a run goes on, and once more before its account is closed, for
/// then what is pending is still known as such.
pub fn watch(test: &Test, matcher: &Matcher, recorder: &mut Recorder, facts: &Facts) {
    let moment = Moment::at(matcher, recorder, facts);
    let counted = recorder.windows().counted().map(|(metric, tags)| moment.sums(metric, tags));
    let sums: Vec<(u64, u64)> = counted.collect();
    let started = recorder.first_sent().map(|start| facts.now - start);
    let judgements = started.map(|_| recorder.watcher().judgements(test, &moment)).unwrap_or_default();
    recorder.windows_mut().read(facts.now, &sums);
    if let Some(after) = started {
        recorder.watcher_mut().see(facts.now, after, &judgements);
        recorder.seconds_mut().gauges(after, Gauges::of(matcher, facts));
    }
}

/// The figures of a window that ends now.
struct WindowMoment<'a> {
    moment: &'a Moment<'a>,
    length: Nanos,
}

impl WindowMoment<'_> {
    fn growth(&self, metric: Metric, tags: Tags) -> (u64, u64) {
        let windows = self.moment.recorder.windows();
        windows.growth(metric, tags, self.length, self.moment.facts.now, self.moment.sums(metric, tags))
    }
}

impl Figures for WindowMoment<'_> {
    /// What arrived in the window, and what is pending at its present age. What was given up is not: one lost
    /// row would cross every window to the end of the run.
    fn latency(&self, latency: Latency, tags: Tags) -> LatencyFigures {
        let Moment { matcher, recorder, facts, .. } = self.moment;
        let arrived = recorder.windows().arrived(latency, tags, self.length, facts.now);
        LatencyFigures { arrived, unarrived: matcher.ages_of(latency, tags, true, facts.now) }
    }

    /// Of what was settled in the window.
    fn rate(&self, rate: Rate, tags: Tags) -> (u64, u64) {
        self.growth(Metric::Rate(rate), tags)
    }

    fn counter(&self, counter: Counter, tags: Tags) -> u64 {
        self.growth(Metric::Counter(counter), tags).0
    }

    fn elapsed(&self) -> Nanos {
        self.moment.elapsed.min(self.length)
    }
}
