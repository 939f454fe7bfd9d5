//! Follows the thresholds that are judged each second: those with a window, and, where a breaking point is
//! looked for, the others too.

use streamgauge_shared::account::{Outcome, Phase, as_f64};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{
    Counter, Figures, Judgement, LatencyFigures, Metric, Rate, Tags, Threshold, Watch, judge,
};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::counted::{Gauges, POINTS_MAX, Recorder, is_followed, second_of, window_of};
use super::facts::Facts;
use super::figures::Moment;
use super::load::LoadSpan;
use crate::matcher::Matcher;

/// One [`Watch`] for each threshold that needs one, and the course of their crossings.
#[derive(Clone, Debug)]
pub struct Watcher {
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
    /// Nothing seen yet.
    #[must_use]
    pub fn new(test: &Test) -> Self {
        let watched = |threshold: &Threshold| Watched {
            window: window_of(test, threshold),
            watch: threshold.over.map(|_| Watch::new(threshold)),
            keeps_crossings: is_followed(test, threshold),
            crossings: Vec::new(),
        };
        Self { watched: test.thresholds.iter().map(watched).collect(), width_s: 1 }
    }

    /// The state of a threshold with a window of its own.
    pub(super) fn watch(&self, threshold: usize) -> Option<&Watch> {
        self.watched.get(threshold)?.watch.as_ref()
    }

    /// Whether a threshold, by its index in the test, was crossed in each step of time since the measured
    /// phase began: crossed in a window of its `over`, or of 10 s, that ended in the step. A step without
    /// data is `None`. Each step is [`Self::width_s`] long; a step of several seconds is crossed
    /// if one of them was. Kept for latencies and shares, and only if a scenario asks for its breaking point;
    /// otherwise empty. At most 3600 steps.
    pub(super) fn crossings(&self, threshold: usize) -> &[Option<bool>] {
        self.watched.get(threshold).map_or(&[], |watched| &watched.crossings)
    }

    /// How far back the judgement of a threshold looks; zero for one that is not followed.
    pub(super) fn window(&self, threshold: usize) -> Nanos {
        self.watched.get(threshold).and_then(|watched| watched.window).unwrap_or(Nanos::ZERO)
    }

    /// How many seconds one step of [`Self::crossings`] stands for: 1 until a run is longer than an hour.
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
pub fn watch(test: &Test, matcher: &Matcher, recorder: &mut Recorder, watcher: &mut Watcher, facts: &Facts) {
    let moment = Moment::at(matcher, recorder, facts);
    let errors = moment.errors();
    let counted = recorder.windows().counted().map(|(metric, tags)| moment.sums(metric, tags));
    let sums: Vec<(u64, u64)> = counted.collect();
    let started = recorder.first_sent().map(|start| facts.now - start);
    let judgements = started.map(|_| watcher.judgements(test, &moment)).unwrap_or_default();
    recorder.windows_mut().read(facts.now, &sums);
    let load = LoadSpan::of(None, recorder, facts);
    recorder.errors_mut().see(load.is_some(), load.is_some_and(|load| load.is_over), errors);
    if let Some(after) = started {
        watcher.see(facts.now, after, &judgements);
        recorder.seconds_mut().gauges(after, gauges(matcher, facts));
    }
}

/// How the run stands as of the moment of the facts.
fn gauges(matcher: &Matcher, facts: &Facts) -> Gauges {
    let known = |bytes: u64| (bytes > 0).then_some(bytes);
    let writers = facts.writers.iter();
    Gauges {
        pending: matcher.total(Phase::Run).count(Outcome::Pending),
        active_users: facts.loads.iter().map(|load| load.active_users).sum(),
        errors: facts.observer_errors + writers.clone().map(|writer| writer.pg_write_errors).sum::<u64>(),
        writer_rss_bytes: writers.map(|writer| known(writer.process.rss_bytes)).sum(),
        observer_rss_bytes: known(facts.observer.rss_bytes),
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
        LatencyFigures {
            arrived,
            unarrived: matcher.ages_of(latency, tags, true, facts.now),
            ..LatencyFigures::default()
        }
    }

    /// Of what was settled in the window.
    fn rate(&self, rate: Rate, tags: Tags) -> (u64, u64) {
        self.growth(Metric::Rate(rate), tags)
    }

    fn counter(&self, counter: Counter, tags: Tags) -> u64 {
        self.growth(Metric::Counter(counter), tags).0
    }

    fn counter_rate(&self, counter: Counter, tags: Tags) -> Option<f64> {
        let seconds = self.moment.elapsed.min(self.length).as_secs_f64();
        (seconds > 0.0).then(|| as_f64(self.counter(counter, tags)) / seconds)
    }

    fn is_final(&self) -> bool {
        true
    }
}
