//! The lines of a run's progress, as text: one for the run, and one for each scenario. Pure.

use streamgauge_shared::display::{Display, Tone};
use streamgauge_shared::ledger::{Progress, ScenarioLoad, ScenarioProgress};
use streamgauge_shared::report::{Figure, figure_words};
use streamgauge_shared::test_file::{Executor, RampStage, Scenario, Test};
use streamgauge_shared::time::Nanos;

use super::fit::{Piece, fitted};
use super::limit::{Limit, percentile};
use crate::schedule::Shard;

/// Columns inside the brackets of a bar, where there is room.
const BAR_COLUMNS: usize = 20;
/// And where there is less.
const BAR_COLUMNS_SHORT: usize = 10;
/// Columns of a scenario's name; longer ones are cut, as k6 does.
const NAME_COLUMNS: usize = 30;
/// The same where there is less room.
const NAME_COLUMNS_SHORT: usize = 16;

/// Where in its life a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Elapsed {
    /// Since the first tick of the warm-up; negative before it.
    pub since_start: Nanos,
    /// The length of the warm-up.
    pub warm_up: Nanos,
    /// Nothing more will change.
    pub over: bool,
    /// The writer's part of the load: what is shown is its own.
    pub shard: Shard,
}

impl Elapsed {
    fn is_warming(self) -> bool {
        self.since_start < self.warm_up && !self.over
    }
}

/// k6's marks of a scenario's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Its load goes on.
    Running,
    /// Its start is still to come.
    Waiting,
    /// Its load is over, its last iterations or rows are not.
    Stopping,
    /// It is over.
    Done,
}

impl Mark {
    const fn text(self) -> &'static str {
        match self {
            Self::Running => " ",
            Self::Waiting => "•",
            Self::Stopping => "↓",
            Self::Done => "✓",
        }
    }
}

/// How one scenario stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The test that it is of.
    pub test: &'a Test,
    /// Which one.
    pub scenario: &'a Scenario,
    /// What this writer has done of it.
    pub load: &'a ScenarioLoad,
    /// What this writer does of it in a second now, or did over the whole load once that is over.
    pub rate: Option<f64>,
    /// What the observer says of its rows.
    pub progress: Option<ScenarioProgress>,
    /// What its 95th percentile is held against.
    pub limit: Option<Limit>,
    /// When.
    pub moment: Elapsed,
}

/// How the whole run stands, in one line that begins like k6's.
#[must_use]
pub fn run_line(
    loads: &[ScenarioLoad],
    progress: Option<&Progress>,
    moment: Elapsed,
    load: Nanos,
    display: Display,
) -> String {
    let elapsed = moment.since_start - moment.warm_up;
    let state = match elapsed {
        _ if moment.over => "ended",
        _ if moment.is_warming() => "warming up",
        late if late >= load => "draining",
        _ => "running",
    };
    let since = if moment.is_warming() { moment.since_start } else { elapsed };
    let sum = |of: fn(&ScenarioLoad) -> u64| loads.iter().map(of).sum::<u64>();
    let (iterations, dropped) = (sum(|load| load.iterations), sum(|load| load.dropped));
    let (active, users) = (sum(|load| load.active_users.into()), sum(|load| load.users.into()));
    let mut pieces = vec![
        Piece::new(0, format!("{state} ({})", clock(since, true))),
        Piece::new(4, format!("{active:03}/{users:03} VUs")),
        Piece::new(5, format!("{iterations} iterations")).or(format!("{iterations} iters")),
    ];
    if let Some(progress) = progress {
        pieces.push(Piece::new(3, format!("{} in flight", progress.pending)));
        let [p50, p95] = [progress.e2e_p50, progress.e2e_p95].map(|seen| figure_words(Figure::of(seen)));
        pieces.push(Piece::new(2, format!("e2e p50 {p50}, p95 {p95}")).or(format!("e2e p95 {p95}")));
        pieces.extend(count("lost", progress.lost, Tone::Bad));
        let failing = progress.thresholds_failing;
        let plural = if failing == 1 { "" } else { "s" };
        let said = format!("{failing} threshold{plural} failing");
        pieces.extend((failing > 0).then(|| Piece::new(1, said).toned(Some(Tone::Bad))));
    }
    pieces.extend(count("dropped", dropped, Tone::Warn));
    fitted(&pieces, display)
}

/// How a scenario stands, in one line.
#[must_use]
pub fn progress_line(standing: &Standing<'_>, display: Display) -> String {
    let Standing { scenario, load, moment, .. } = *standing;
    let length = scenario.executor.duration();
    let since = moment.since_start - moment.warm_up - scenario.start_time;
    let planned = planned(scenario, moment.shard);
    let mark = match since {
        _ if moment.over => Mark::Done,
        _ if moment.is_warming() => Mark::Running,
        early if early < Nanos::ZERO => Mark::Waiting,
        late if late >= length => Mark::Stopping,
        _ if planned.is_some_and(|planned| load.iterations >= planned) => Mark::Done,
        _ => Mark::Running,
    };
    let elapsed = Nanos(since.0.clamp(0, length.0));
    // The names of all scenarios are as long, so that what follows stands in columns.
    let longest = standing.test.scenarios.iter().map(|scenario| scenario.name.chars().count()).max();
    let name = |columns: usize| -> String {
        let columns = longest.unwrap_or(0).min(columns);
        let name: String = scenario.name.chars().take(columns).collect();
        format!("{name:columns$} {}", mark.text())
    };
    let (done, all) = match planned {
        // It may be over long before its time.
        Some(planned) => (load.iterations.into(), planned.into()),
        None => (elapsed.0.into(), length.0.into()),
    };
    let bar = |columns| format!("[{}]", bar(done, all, columns));
    let (now, end) = (clock(elapsed, true), clock(length, false));
    let mut pieces = vec![
        Piece::new(0, name(NAME_COLUMNS))
            .or(name(NAME_COLUMNS_SHORT))
            .toned((mark == Mark::Done).then_some(Tone::Good)),
        Piece::new(3, bar(BAR_COLUMNS)).or(bar(BAR_COLUMNS_SHORT)),
        Piece::new(5, format!("{:03}/{:03} VUs", load.active_users, load.users)),
        Piece::new(7, format!("{now}/{end}")).or(now),
    ];
    if moment.is_warming() {
        pieces.push(Piece::new(6, "warming up"));
    } else {
        pieces.extend(stage(standing, elapsed).filter(|_| mark == Mark::Running));
    }
    pieces.push(work(standing, planned, elapsed, mark));
    if let Some(progress) = standing.progress {
        pieces.push(Piece::new(2, format!("{} in flight", progress.pending)));
        let (said, tone) = percentile(progress.e2e_p95, standing.limit);
        pieces.push(Piece::new(1, said).toned(tone));
        pieces.extend(count("lost", progress.lost, Tone::Bad));
    }
    pieces.extend(count("dropped", load.dropped, Tone::Warn));
    fitted(&pieces, display)
}

/// What went wrong so many times; nothing of what did not.
fn count(what: &str, count: u64, tone: Tone) -> Option<Piece> {
    (count > 0).then(|| Piece::new(1, format!("{count} {what}")).toned(Some(tone)))
}

/// The stage that a ramp is in: its number of how many, and its name where it has one.
fn stage(standing: &Standing<'_>, elapsed: Nanos) -> Option<Piece> {
    let stages = standing.scenario.executor.ramp();
    let stage = RampStage::at(&stages, elapsed)?;
    let number = 1 + stages.iter().position(|other| other == stage)?;
    let place = format!("{number}/{}", stages.len());
    let name = standing.test.stages.get(usize::from(stage.name)).filter(|name| name.parse::<u16>().is_err());
    Some(match name {
        Some(name) => Piece::new(6, format!("stage {name} {place}")).or(format!("stage {place}")),
        None => Piece::new(6, format!("stage {place}")),
    })
}

/// What is done: iterations of those that are planned, or how many a second of how many.
fn work(standing: &Standing<'_>, planned: Option<u64>, elapsed: Nanos, mark: Mark) -> Piece {
    let Standing { scenario, load, rate, moment, .. } = *standing;
    if let Some(planned) = planned {
        let done = format!("{}/{planned}", load.iterations);
        return match &scenario.executor {
            Executor::PerVuIterations(each) => {
                Piece::new(4, format!("{done} iters, {} per VU", each.iterations)).or(format!("{done} iters"))
            }
            _ => Piece::new(4, format!("{done} shared iters")).or(format!("{done} iters")),
        };
    }
    let rate = rate.map(|rate| format!("{rate:.2}"));
    match planned_rate(scenario, elapsed).filter(|_| matches!(mark, Mark::Running | Mark::Waiting)) {
        // Of the whole run's rate this writer does its part.
        Some(planned) => {
            let planned = planned / f64::from(moment.shard.count());
            let rate = rate.unwrap_or_else(|| "-".to_owned());
            Piece::new(4, format!("{rate}/{planned:.2} iters/s")).or(format!("{rate} iters/s"))
        }
        None => match rate {
            Some(rate) => {
                Piece::new(4, format!("{} iters, {rate}/s", load.iterations)).or(format!("{rate} iters/s"))
            }
            None => Piece::new(4, format!("{} iters", load.iterations)),
        },
    }
}

/// The iterations that a writer has to do, where they are counted.
fn planned(scenario: &Scenario, shard: Shard) -> Option<u64> {
    match &scenario.executor {
        Executor::PerVuIterations(load) => Some(u64::from(shard.users(load.vus)) * load.iterations),
        executor => executor.counted_iterations().map(|all| shard.part(all)),
    }
}

/// The planned iterations a second of a scenario at a moment of its load; nothing where users are what is planned, and of a
/// search, whose rate is another for each probe.
fn planned_rate(scenario: &Scenario, elapsed: Nanos) -> Option<f64> {
    match &scenario.executor {
        Executor::ConstantArrivalRate(load) => Some(load.rate.per_second()),
        Executor::RampingArrivalRate(_) => {
            RampStage::at(&scenario.executor.ramp(), elapsed).map(|stage| stage.load_at(elapsed))
        }
        _ => None,
    }
}

fn bar(done: i128, all: i128, columns: usize) -> String {
    let most = i128::try_from(columns).expect("a few");
    let filled = usize::try_from(done * most / all.max(1)).unwrap_or(0).min(columns);
    if filled == columns {
        return "=".repeat(columns);
    }
    format!("{}>{}", "=".repeat(filled), "-".repeat(columns - filled - 1))
}

/// `01m02.3s`, or without the tenths `01m02s`; from an hour on `1h01m02s`.
fn clock(span: Nanos, tenths: bool) -> String {
    let total = span.0.max(0) / 100_000_000;
    let (hours, minutes, seconds, tenth) = (total / 36_000, total / 600 % 60, total / 10 % 60, total % 10);
    match (hours, tenths) {
        (0, true) => format!("{minutes:02}m{seconds:02}.{tenth}s"),
        (0, false) => format!("{minutes:02}m{seconds:02}s"),
        _ => format!("{hours}h{minutes:02}m{seconds:02}s"),
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
