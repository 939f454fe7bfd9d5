//! Follows the thresholds that are judged on windows: those with a window of their own, and, where a breaking point is
//! looked for, the others too.

use streamgauge_shared::account::{Outcome, Phase, as_f64};
use streamgauge_shared::report::ThresholdResult;
use streamgauge_shared::test_file::{Test, cell_of};
use streamgauge_shared::threshold::{
    Counter, Figures, Judgement, LatencyFigures, Metric, Rate, Tags, Threshold, Watch, judge,
};
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::counted::{Gauges, POINTS_MAX, Recorder};
use super::facts::Facts;
use super::figures::Moment;
use super::load::LoadSpan;
use super::windowed::{Known, Reach, Windowed};
use crate::matcher::Matcher;

/// A window of which more than one in so many rows arrived unmeasured is not judged.
const UNMEASURED_PER_WINDOW: u64 = 10;

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
    /// How long its windows are; absent for one that is judged on the whole run only.
    window: Option<Nanos>,
    windows: Windowed,
    /// Of one with a window of its own.
    watch: Option<Watch>,
    keeps_crossings: bool,
    crossings: Vec<Option<bool>>,
    /// Of one without a window of its own: when it first failed for certain.
    failed_at: Option<UnixNanos>,
}

/// What has become of a threshold that is judged on windows of its own.
pub(super) struct InWindows {
    /// What it is shown with.
    pub(super) judgement: Judgement,
    /// Whether it has failed for good.
    pub(super) fails: bool,
    /// Whether it passes if nothing more comes.
    pub(super) passes: bool,
    /// Windows of which too much arrived unmeasured.
    pub(super) not_judged: u64,
    /// When the crossing began that failed it.
    pub(super) failed_since: Option<UnixNanos>,
}

impl Watcher {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(test: &Test) -> Self {
        let watched = |threshold: &Threshold| {
            let window = test.window_of(threshold);
            Watched {
                window,
                windows: window
                    .map_or_else(Windowed::default, |window| Windowed::new(window, cell_of(window))),
                watch: threshold.over.map(|_| Watch::new(threshold)),
                keeps_crossings: test.is_followed(threshold),
                crossings: Vec::new(),
                failed_at: None,
            }
        };
        Self { watched: test.thresholds.iter().map(watched).collect(), width_s: 1 }
    }

    /// The state of a threshold with a window of its own.
    pub(super) fn in_windows(&self, threshold: usize, recorder: &Recorder) -> Option<InWindows> {
        let Watched { windows, watch, .. } = self.watched.get(threshold)?;
        let watch = watch.as_ref()?;
        let origin = recorder.windows().origin().unwrap_or_default();
        // A crossing that is long enough behind a window that still waits fails it as well.
        let ahead = windows.ahead(watch, origin);
        let shown = if ahead.has_failed() { &ahead } else { watch };
        Some(InWindows {
            judgement: shown.shown(),
            fails: ahead.has_failed(),
            passes: watch.passes() && !ahead.has_failed(),
            not_judged: windows.not_judged(),
            failed_since: ahead.failed_since(),
        })
    }

    /// The thresholds as a snapshot has them at a moment of the run: notes those that fail for the first time.
    pub(crate) fn note(&mut self, now: UnixNanos, results: &[ThresholdResult]) {
        for (watched, result) in self.watched.iter_mut().zip(results) {
            // While a run goes on one with data that does not pass fails for certain.
            if !result.passed && result.observed.is_some() && watched.watch.is_none() {
                watched.failed_at.get_or_insert(now);
            }
        }
    }

    /// When a threshold without a window of its own first failed for certain, as far as it was looked at.
    pub(super) fn failed_at(&self, threshold: usize) -> Option<UnixNanos> {
        self.watched.get(threshold)?.failed_at
    }

    /// Whether a threshold, by its index in the test, was crossed in each step of time since the measured
    /// phase began: crossed in a window of its `over`, or of 10 s, that ended with the step. A step at which no window
    /// ended that was judged is `None`. Each step is [`Self::width_s`] long; a step of several seconds is crossed
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

    /// Judges every window that can be judged by now; returns what no window will look at any more.
    fn see(&mut self, test: &Test, moment: &Moment<'_>) -> Vec<(Latency, Tags, Nanos, i64)> {
        let mut needless: Vec<(Latency, Tags, Nanos, i64)> = Vec::new();
        for (index, threshold) in test.thresholds.iter().enumerate().take(self.watched.len()) {
            let Some(length) = self.watched[index].window else { continue };
            if let Metric::Counter(_) = threshold.metric {
                self.see_counter(index, threshold, length, moment);
                continue;
            }
            let Some(reach) = reach(threshold.tags, moment) else { continue };
            let width = self.watched[index].windows.width;
            let look = |from, to| look(threshold, moment, Cells { from, to, width, reach });
            let judged = self.watched[index].windows.see(reach, look);
            for (end, judgement) in judged {
                let at = self.watched[index].windows.end_at(end, reach.origin);
                self.judged(index, at, reach.origin, judgement);
            }
            if let Metric::Latency(latency) = threshold.metric {
                let from = self.watched[index].windows.needed_from();
                let same = |known: &&mut (Latency, Tags, Nanos, i64)| {
                    (known.0, known.1, known.2) == (latency, threshold.tags, width)
                };
                match needless.iter_mut().find(same) {
                    Some(known) => known.3 = known.3.min(from),
                    None => needless.push((latency, threshold.tags, width, from)),
                }
            }
        }
        needless
    }

    /// A counter's window ends now, and nothing of it is pending.
    fn see_counter(&mut self, index: usize, threshold: &Threshold, length: Nanos, moment: &Moment<'_>) {
        let Some(load) = LoadSpan::of(threshold.tags.scenario, moment.recorder, moment.facts) else { return };
        let now = moment.facts.now;
        // Readings are a second apart: a window lies inside the load to within one of them.
        let slack = Nanos(cell_of(length).0 / 2);
        if now - length < load.began - slack || now > load.until + slack || moment.facts.closed {
            return;
        }
        let figures = CounterWindow { moment, length };
        let judgement = judge(threshold, &figures);
        if let Some(watch) = &mut self.watched[index].watch {
            watch.see(now, judgement);
        }
    }

    fn judged(&mut self, index: usize, at: UnixNanos, origin: UnixNanos, judgement: Judgement) {
        let mut crossed = judgement.low.map(|_| judgement.fails);
        if let Some(watch) = &mut self.watched[index].watch {
            crossed = watch.see(at, judgement);
        }
        if !self.watched[index].keeps_crossings {
            return;
        }
        // The second that the window ends with.
        let second = u64::try_from((at - origin).0 / NANOS_PER_SECOND).unwrap_or(0).saturating_sub(1);
        while second / self.width_s >= POINTS_MAX as u64 {
            for watched in &mut self.watched {
                watched.crossings = watched.crossings.chunks(2).map(join).collect();
            }
            self.width_s *= 2;
        }
        let step = usize::try_from(second / self.width_s).expect("below the number of points kept");
        let crossings = &mut self.watched[index].crossings;
        if crossings.len() <= step {
            crossings.resize(step + 1, None);
        }
        crossings[step] = join(&[crossings[step], crossed]);
    }
}

/// Crossed if it was crossed in either; nothing only if neither was judged.
fn join(pair: &[Option<bool>]) -> Option<bool> {
    pair.iter().copied().flatten().reduce(|one, other| one || other)
}

/// Where windows of some tags may lie by now; nothing before the first row.
fn reach(tags: Tags, moment: &Moment<'_>) -> Option<Reach> {
    let (facts, recorder) = (moment.facts, moment.recorder);
    let load = LoadSpan::of(tags.scenario, recorder, facts)?;
    let origin = recorder.windows().origin()?;
    // A row's record may come late: no window is looked at before all that can be in it are here.
    let until = if facts.closed { load.until } else { load.until.min(moment.matcher.complete_until()) };
    Some(Reach { origin, from: load.began, until, now: facts.now, closed: facts.closed })
}

/// The cells of one window.
#[derive(Clone, Copy)]
struct Cells {
    from: i64,
    to: i64,
    width: Nanos,
    reach: Reach,
}

/// What is known of one window by now.
fn look(threshold: &Threshold, moment: &Moment<'_>, cells: Cells) -> Known {
    let figures = RowWindow { moment, cells };
    if let Metric::Latency(latency) = threshold.metric {
        let known = figures.known(latency, threshold.tags);
        let unmeasured = known.unmeasured.count();
        if unmeasured * UNMEASURED_PER_WINDOW > known.count() {
            return Known::Unmeasured;
        }
    }
    // Without a window of its own `min_samples` speaks of the whole run.
    let min_samples = if threshold.over.is_some() { threshold.min_samples } else { 0 };
    let judgement = judge(&Threshold { min_samples, ..threshold.clone() }, &figures);
    match threshold.metric {
        _ if figures.pending(threshold.tags) == 0 || cells.reach.closed => Known::Settled(judgement),
        // A share may go either way until the last row of it is settled.
        Metric::Rate(_) => Known::Waits(Judgement { fails: false, ..judgement }),
        _ => Known::Waits(judgement),
    }
}

/// A second has passed: reads what the windows and the course of time need, and judges the windows that can be judged.
/// To be called once a second while a run goes on, once more before its account is closed, for then what is pending is
/// still known as such, and once after that, when every window is settled.
pub fn watch(test: &Test, matcher: &Matcher, recorder: &mut Recorder, watcher: &mut Watcher, facts: &Facts) {
    let moment = Moment::at(matcher, recorder, facts);
    let counts: Vec<u64> =
        recorder.windows().counted().map(|(counter, tags)| moment.counter(counter, tags)).collect();
    let errors = moment.errors();
    let needless = watcher.see(test, &moment);
    for (latency, tags, width, before) in needless {
        recorder.windows_mut().let_go(latency, tags, width, before);
    }
    if facts.closed {
        return;
    }
    recorder.windows_mut().read(facts.now, &counts);
    let load = LoadSpan::of(None, recorder, facts);
    recorder.errors_mut().see(load.is_some(), load.is_some_and(|load| load.is_over), errors);
    if let Some(start) = recorder.first_sent() {
        recorder.seconds_mut().gauges(facts.now - start, gauges(matcher, facts));
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

/// The figures of the rows that were sent in one window.
struct RowWindow<'a> {
    moment: &'a Moment<'a>,
    cells: Cells,
}

impl RowWindow<'_> {
    fn known(&self, latency: Latency, tags: Tags) -> LatencyFigures {
        let Cells { from, to, width, .. } = self.cells;
        self.moment.recorder.windows().known(latency, tags, width, (from, to))
    }

    fn pending(&self, tags: Tags) -> u64 {
        let Cells { from, to, width, .. } = self.cells;
        let cells = self.moment.matcher.cells(tags, width, from, to);
        cells.map(|(_, tally)| tally.account.count(Outcome::Pending)).sum()
    }
}

impl Figures for RowWindow<'_> {
    /// What arrived of them, and what has not, each at the age that it has at least.
    fn latency(&self, latency: Latency, tags: Tags) -> LatencyFigures {
        let mut figures = self.known(latency, tags);
        if !latency.ends_at_arrival() || latency == Latency::MongoVisibility {
            return figures;
        }
        let Cells { from, to, width, reach } = self.cells;
        for (index, tally) in self.moment.matcher.cells(tags, width, from, to) {
            let count = |outcome| tally.account.count(outcome);
            let unarrived = count(Outcome::Pending) + count(Outcome::Lost) + count(Outcome::Unknown);
            let sent_by = reach.origin + Nanos(width.0 * (index + 1));
            let age = (reach.now - sent_by).max(Nanos::ZERO);
            if latency == Latency::CdcPropagation {
                // Of what committed; when is not kept, so nothing is known of its age.
                let arrived = tally.account.arrived() + count(Outcome::Superseded);
                let settled = arrived + tally.checks.not_expected;
                let committed = tally.checks.committed.saturating_sub(settled);
                figures.unarrived.record_n(Nanos::ZERO, unarrived.min(committed));
            } else {
                figures.unarrived.record_n(age, unarrived);
            }
        }
        figures
    }

    fn rate(&self, rate: Rate, tags: Tags) -> (u64, u64) {
        let Cells { from, to, width, .. } = self.cells;
        let rates = self.moment.matcher.cells(tags, width, from, to).map(|(_, tally)| tally.rate(rate));
        rates.fold((0, 0), |sum, (passed, total)| (sum.0 + passed, sum.1 + total))
    }

    fn counter(&self, _: Counter, _: Tags) -> u64 {
        0
    }

    fn counter_rate(&self, _: Counter, _: Tags) -> Option<f64> {
        None
    }

    fn is_final(&self) -> bool {
        true
    }
}

/// A counter in the window that ends now.
struct CounterWindow<'a> {
    moment: &'a Moment<'a>,
    length: Nanos,
}

impl CounterWindow<'_> {
    fn growth(&self, counter: Counter, tags: Tags) -> Option<(u64, Nanos)> {
        let Moment { recorder, facts, .. } = self.moment;
        let count = self.moment.counter(counter, tags);
        recorder.windows().growth(counter, tags, self.length, facts.now, count)
    }
}

impl Figures for CounterWindow<'_> {
    fn latency(&self, _: Latency, _: Tags) -> LatencyFigures {
        LatencyFigures::default()
    }

    fn rate(&self, _: Rate, _: Tags) -> (u64, u64) {
        (0, 0)
    }

    fn counter(&self, counter: Counter, tags: Tags) -> u64 {
        self.growth(counter, tags).map_or(0, |(growth, _)| growth)
    }

    fn counter_rate(&self, counter: Counter, tags: Tags) -> Option<f64> {
        let (growth, over) = self.growth(counter, tags)?;
        (over.0 > 0).then(|| as_f64(growth) / over.as_secs_f64())
    }

    /// The window has ended.
    fn is_final(&self) -> bool {
        true
    }
}
