//! The account of some runs: puts their times and rows together and judges each objective.

use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::histogram::CompactHistogram;
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::evidence::{self, Row};
use super::extent::Extent;
use super::judge::{Frame, Times, judge};
use super::objective::Objective;
use super::result::{Account, RunLine, SCHEMA, Verdict};
use super::tally::Tally;
use super::time_set::{Span, TimeSet, minute_of, minute_start, whole_minutes};
use super::window::{Period, Window};
use super::zone::Zone;

/// A shorter time between runs is no gap.
const GAP_MIN: Nanos = Nanos::from_secs(1);

/// What coverage is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The time in which runs were going.
    Runs,
    /// All of the window.
    Always,
}

impl Expect {
    /// As the option writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Always => "always",
        }
    }
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the account is called.
    pub title: Option<String>,
    /// What is to be met; at least one.
    pub objectives: Vec<Objective>,
    /// Over which time.
    pub window: Window,
    /// Whose days.
    pub zone: Zone,
    /// What coverage is held against.
    pub expect: Expect,
    /// Time that is left out, on whole minutes.
    pub maintenance: Vec<(UnixNanos, UnixNanos)>,
    /// Rows before a burn rate counts; worked out where absent.
    pub rows_min: Option<u64>,
    /// The end of the account; absent: the end of the last run.
    pub until: Option<UnixNanos>,
}

/// One interval of a run's log.
pub struct Interval<'a> {
    /// The middle of it.
    pub middle: UnixNanos,
    /// Which latency.
    pub latency: Latency,
    /// Which operation.
    pub operation: Operation,
    /// What became known in it.
    pub histogram: &'a CompactHistogram,
}

/// A run as the account needs it: its report, its single rows, and its intervals one after the other, because those of
/// days do not fit into memory.
pub trait Source {
    /// The name of its folder.
    fn name(&self) -> String;
    /// Its report.
    fn report(&self) -> &Report;
    /// What its folder does not have.
    fn lacks(&self) -> &[String];
    /// Whether it has an interval log at all.
    fn has_log(&self) -> bool;
    /// The lines of `rows.jsonl`.
    ///
    /// # Errors
    /// They cannot be read.
    fn rows(&self) -> Result<Vec<serde_json::Value>, Failure>;
    /// Each interval of some latencies, in the order of the log, until `each` returns false.
    ///
    /// # Errors
    /// The log cannot be read.
    fn intervals(
        &self,
        wanted: &dyn Fn(Latency) -> bool,
        each: &mut dyn FnMut(Interval<'_>) -> bool,
    ) -> Result<(), Failure>;
}

struct Run<'a> {
    source: &'a dyn Source,
    rows: Vec<Row>,
    extent: Extent,
}

/// Works the account out. The last run may go on: its end is when it was last heard of.
///
/// # Errors
/// A folder cannot be read, or the windows cannot be placed in time (104).
pub fn account(question: &Question, sources: &[&dyn Source]) -> Result<Account, Failure> {
    let wrong = |why: String| Failure::configuration(why);
    let mut runs = Vec::new();
    for source in sources {
        let rows: Vec<Row> = source.rows()?.iter().filter_map(Row::of).collect();
        let extent = extent(*source, &rows)?;
        runs.push(Run { source: *source, rows, extent });
    }
    runs.sort_by_key(|run| run.extent.from);
    let first = runs.iter().map(|run| run.extent.from).min();
    let last = runs.iter().map(|run| run.extent.until).max();
    let (Some(first), Some(last)) = (first, last) else {
        return Err(wrong(
            "there is no run to account for: give a folder of runs, or run folders".to_owned(),
        ));
    };
    // The end of the minute: what began in it is counted.
    let until = whole_minutes((first, question.until.unwrap_or(last))).1;
    let windows = question.window.periods(&question.zone, first, until).map_err(wrong)?;
    let from = windows.first().map_or(until, |window| window.span.0);
    let days = days(&question.zone, from, until).map_err(wrong)?;
    let maintenance = TimeSet::of(question.maintenance.iter().copied());
    let times = times(question, &runs, &maintenance, (from, until));
    let mut notes = Vec::new();
    let mut tallies: Vec<Tally> = question
        .objectives
        .iter()
        .map(|objective| Tally::new(objective, maintenance.clone(), days.iter().map(|day| day.span)))
        .collect();
    for run in &runs {
        for said in tally(run, &question.objectives, &mut tallies)? {
            notes.push(format!("{}: {said}", run.source.name()));
        }
    }
    let frame = Frame {
        zone: &question.zone,
        window: question.window,
        windows: &windows,
        days: &days,
        times: &times,
        until,
        rows_min: question.rows_min,
    };
    let judged =
        question.objectives.iter().zip(&tallies).map(|(objective, tally)| judge(objective, tally, &frame));
    let objectives: Vec<_> = judged.collect();
    let overlaps = overlaps(&runs).within(from, until);
    let gaps = gaps(&runs, &maintenance, (from, until), question.expect, first);
    Ok(Account {
        schema: SCHEMA,
        title: question.title.clone(),
        verdict: Verdict::of_all(objectives.iter().map(|objective| objective.verdict)),
        zone: question.zone.name().to_owned(),
        window: question.window.to_string(),
        expect: question.expect.name(),
        from,
        until,
        runs: runs.iter().map(line).collect(),
        gaps: gaps.spans().to_vec(),
        overlaps: overlaps.spans().to_vec(),
        maintenance: maintenance.within(from, until).spans().to_vec(),
        notes,
        objectives,
    })
}

/// The time of a run: its first row is the one that was sent first of those listed and of those that arrived first.
fn extent(source: &dyn Source, rows: &[Row]) -> Result<Extent, Failure> {
    let report = source.report();
    let started_at = Zone::utc().parse(&report.run.started_at).map_err(|error| {
        Failure::configuration(format!("run folder '{}' has no start: {error}", source.name()))
    })?;
    let mut first_interval = None;
    let mut first = rows.iter().map(Row::began).min();
    source.intervals(&|latency| latency == Latency::CdcE2eLatency, &mut |interval| {
        if *first_interval.get_or_insert(interval.middle) != interval.middle {
            return false;
        }
        let sent = interval.histogram.max().map(|slowest| interval.middle - slowest);
        first = first.into_iter().chain(sent).min();
        true
    })?;
    let first = first.map(|first| first.max(started_at));
    Ok(Extent::of(report, started_at, first, source.has_log()))
}

/// The local days of a span, cut to it.
fn days(zone: &Zone, from: UnixNanos, until: UnixNanos) -> Result<Vec<Period>, String> {
    let days = Window::Day.periods(zone, from, until)?;
    let cut = |day: Period| {
        let span = (day.span.0.max(from), day.span.1);
        Period { is_over: day.is_over && span.0 == day.span.0, span, ..day }
    };
    Ok(days.into_iter().map(cut).collect())
}

fn times(question: &Question, runs: &[Run<'_>], maintenance: &TimeSet, whole: Span) -> Times {
    let going = TimeSet::of(runs.iter().map(|run| run.extent.span()));
    let measured = runs.iter().fold(TimeSet::default(), |sum, run| sum.union(&run.extent.measured));
    let expected = match question.expect {
        Expect::Runs => going,
        Expect::Always => TimeSet::of([whole]),
    };
    Times {
        measured: measured.without(maintenance),
        expected: expected.without(maintenance),
        maintenance: maintenance.clone(),
    }
}

/// Counts the rows of a run for each objective, and returns what a reader has to be told.
fn tally(run: &Run<'_>, objectives: &[Objective], tallies: &mut [Tally]) -> Result<Vec<String>, Failure> {
    let report = run.source.report();
    let mut in_log = vec![0_u64; objectives.len()];
    let wanted = |latency: Latency| objectives.iter().any(|objective| objective.latency == latency);
    run.source.intervals(&wanted, &mut |interval| {
        for ((objective, tally), in_log) in objectives.iter().zip(tallies.iter_mut()).zip(&mut in_log) {
            let is_of = objective.operation.is_none_or(|operation| operation == interval.operation);
            if objective.latency != interval.latency || !is_of {
                continue;
            }
            for (value, count) in interval.histogram.buckets() {
                // It became known in the interval and took so long: there it began.
                tally.known(&run.extent, interval.middle - value, value, count);
                *in_log += count;
            }
        }
        true
    })?;
    let mut notes: Vec<String> = Vec::new();
    for ((objective, tally), in_log) in objectives.iter().zip(tallies).zip(in_log) {
        let found = evidence::find(report, &run.rows, &run.extent, objective);
        let missing = if run.source.has_log() {
            evidence::not_in_log(report, in_log, &run.extent, objective)
        } else {
            evidence::Found::default()
        };
        for item in found.items.into_iter().chain(missing.items) {
            tally.add(&run.extent, item);
        }
        for note in found.notes.into_iter().chain(missing.notes) {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    Ok(notes)
}

/// Time in which more than one run went on.
fn overlaps(runs: &[Run<'_>]) -> TimeSet {
    let mut seen = TimeSet::default();
    let mut twice = TimeSet::default();
    for run in runs {
        let (from, until) = run.extent.span();
        twice = twice.union(&seen.within(from, until));
        seen = seen.union(&TimeSet::of([(from, until)]));
    }
    twice
}

/// Time without a run: between the first and the last one, or in all of the window where that is expected.
fn gaps(
    runs: &[Run<'_>],
    maintenance: &TimeSet,
    (from, until): Span,
    expect: Expect,
    first: UnixNanos,
) -> TimeSet {
    let going = TimeSet::of(runs.iter().map(|run| run.extent.span()));
    let begin = match expect {
        Expect::Runs => first.max(from),
        Expect::Always => from,
    };
    let last = runs.iter().map(|run| run.extent.until).max().unwrap_or(until);
    let end = match expect {
        Expect::Runs => last.min(until),
        Expect::Always => until,
    };
    let gaps = TimeSet::of([(begin, end)]).without(&going).without(maintenance);
    // When a run began is known to half a second: less than one is no gap.
    TimeSet::of(gaps.spans().iter().copied().filter(|(from, until)| *until - *from >= GAP_MIN))
}

fn line(run: &Run<'_>) -> RunLine {
    let report = run.source.report();
    let degraded = report.validity.reasons.iter().filter(|reason| reason.grade == ValidityState::Degraded);
    RunLine {
        name: run.source.name(),
        id: report.run.id.clone(),
        test: report.run.test.clone(),
        complete: report.run.complete,
        validity: report.validity.state,
        from: run.extent.from,
        until: run.extent.until,
        not_measured: run.extent.not_measured.clone(),
        degraded: degraded.map(|reason| reason.code.clone()).collect(),
        lacks: run.source.lacks().to_vec(),
    }
}

/// Whether a span begins and ends on whole minutes.
pub(super) fn is_on_minutes((from, until): Span) -> bool {
    [from, until].into_iter().all(|at| minute_start(minute_of(at)) == at)
}
