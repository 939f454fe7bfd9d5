//! A snapshot: everything that is known of a run as of one moment. Terminal, page, JSON and Prometheus render it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use streamgauge_shared::account::{Operation, Outcome, Phase};
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::histogram::{Quantile, SignedHistogram, Unmeasured};
use streamgauge_shared::ledger::{Progress, ScenarioLoad, ScenarioProgress};
use streamgauge_shared::report::{Report, ThresholdResult, ValidityState, Verdict, VerdictState};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{Figures, LatencyFigures, Tags};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::content;
use super::counted::{NotableRows, Recent, Recorder, StageSeries};
use super::course;
use super::facts::{Facts, WriterFacts};
use super::figures::Moment;
use super::findings::found_in_waits;
use super::floor;
use super::over_time::OverTime;
use super::report::{Judged, report};
use super::thresholds::thresholds;
use super::validity;
use super::watcher::Watcher;
use crate::matcher::{Matcher, Series, Tally};

/// Everything known as of one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The report, complete once the account is closed.
    pub report: Report,
    /// What both programs end with if the run ends like this.
    pub exit_code: ExitCode,
    /// Histograms by latency, scenario, entity and operation, of parts that have any entry.
    pub latencies: Vec<LatencySeries>,
    /// Every latency by scenario, entity and operation, with what has not arrived; empty until the account is closed.
    pub totals: Vec<Total>,
    /// The parts that figures are kept by, in the order of their indexes.
    pub parts: Vec<Part>,
    /// The headline over time, by the index of its part; in a slot is what arrived in it.
    pub over_time: OverTime<usize>,
    /// The stages between marks, by part; empty where no model names any.
    pub stages: Vec<StageSeries>,
    /// By scenario.
    pub scenarios: Vec<ScenarioGauges>,
    /// By writer.
    pub writers: Vec<WriterFacts>,
    /// The canary's latencies; absent where it has none.
    pub floor: Option<SignedHistogram>,
    /// The moment, on the observer's clock.
    pub at: UnixNanos,
    /// How far the measured phase is; zero before its first row.
    pub elapsed: Nanos,
    /// What arrived in the last half minute, by the index of its series.
    pub recent: Recent,
    /// From the start of the run to the start of the measured phase, from which its time is counted; absent before.
    pub measured_after: Option<Nanos>,
    /// The stages of the schedules, in the test's order.
    pub planned_stages: Vec<PlannedStage>,
    /// The rows that are worth a look, by the index of their part.
    pub rows: Vec<(usize, Arc<NotableRows>)>,
    /// A threshold that certainly fails and ends the run.
    pub abort: Option<Failure>,
}

/// All that a run knows of one latency of one part: what is needed to merge runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Total {
    /// The latency's name.
    pub latency: String,
    /// The scenario's name.
    pub scenario: String,
    /// The entity's name; absent for the duration of iterations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The operation's name; absent likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Its values.
    pub figures: LatencyFigures,
}

/// One operation on one entity in one scenario, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The scenario's name.
    pub scenario: String,
    /// The entity's name.
    pub entity: String,
    /// What is done.
    pub operation: Operation,
}

/// One latency of one series, or of all iterations of a scenario.
#[derive(Clone, Debug)]
pub struct LatencySeries {
    /// Which latency.
    pub latency: Latency,
    /// The scenario's name.
    pub scenario: String,
    /// The entity's name and what was done; absent for the duration of iterations, which have neither.
    pub of: Option<(String, Operation)>,
    /// What was measured.
    pub histogram: SignedHistogram,
    /// The ages of what has not arrived; absent where there is none.
    pub unarrived: Option<SignedHistogram>,
    /// Arrivals at a time that cannot be believed.
    pub unmeasured: Unmeasured,
}

/// One stage of a scenario's schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStage {
    /// The scenario's name.
    pub scenario: String,
    /// The stage's name.
    pub name: String,
    /// When it begins, after the start of the measured phase.
    pub from: Nanos,
    /// When it ends, likewise.
    pub until: Nanos,
}

/// One scenario as of one moment.
#[derive(Clone, Debug)]
pub struct ScenarioGauges {
    /// Its name.
    pub name: String,
    /// Entries of the measured phase by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::COUNT],
    /// Not arrived and not given up.
    pub pending: u64,
    /// Those past their deadline.
    pub overdue: u64,
    /// The 95th percentile of the headline of its rows so far.
    pub e2e_p95: Quantile,
    /// Age of the oldest pending one; absent while none is.
    pub oldest_pending_age: Option<Nanos>,
    /// Operations sent and operations arrived, by entity and operation.
    pub operations: Vec<(String, Operation, u64, u64)>,
    /// Its load.
    pub load: ScenarioLoad,
    /// The stage that its schedule is in; absent without stages, and before and after them.
    pub stage: Option<String>,
}

impl Snapshot {
    /// The few figures that the writers' progress lines show.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let report = &self.report;
        let e2e = report.headline().map(|(_, stats)| stats);
        let failing = report.thresholds.iter().filter(|result| !result.passed).count();
        let scenario = |gauges: &ScenarioGauges| ScenarioProgress {
            pending: gauges.pending,
            lost: gauges.outcomes[Outcome::Lost as usize],
            e2e_p95: gauges.e2e_p95,
        };
        Progress {
            entries: report.account.entries,
            arrived: report.account.delivered + report.account.late,
            pending: report.account.pending,
            lost: report.account.lost,
            e2e_p50: e2e.map_or(Quantile::NoData, |stats| stats.p50.quantile()),
            e2e_p95: e2e.map_or(Quantile::NoData, |stats| stats.p95.quantile()),
            thresholds_failing: u32::try_from(failing).unwrap_or(u32::MAX),
            scenarios: self.scenarios.iter().map(scenario).collect(),
        }
    }
}

/// Takes a snapshot.
///
/// # Panics
/// When a sum of the account does not close: our own bug.
#[must_use]
pub fn snapshot(
    test: &Test,
    matcher: &Matcher,
    recorder: &Recorder,
    watcher: &Watcher,
    facts: &Facts,
) -> Snapshot {
    matcher.assert_sums(facts.closed);
    let moment = Moment::at(matcher, recorder, facts);
    if facts.closed {
        assert_measured(&moment);
    }
    let validity = validity::judge(test, &moment);
    let (thresholds, abort) = thresholds(test, &moment, watcher);
    let exit_code = exit_code(facts, validity.state, &thresholds);
    let seconds = recorder.seconds().points();
    let findings = content::found(test, matcher, course::found(test, watcher, &seconds, facts));
    // Once, when no row waits for the matcher any more: it takes a tenth of a second.
    let rows = if facts.closed { recorder.pairs().rows() } else { Vec::new() };
    let findings = found_in_waits(&rows, findings);
    let verdict = Verdict {
        state: VerdictState::of(exit_code, facts.aborted),
        exit_code: exit_code.number(),
        cause: facts.cause.as_ref().map(|cause| cause.sentence.clone()),
    };
    let report = report(test, &moment, Judged { verdict, validity, thresholds, findings, seconds });

    let latencies = latency_series(test, &moment);
    let scenarios = scenario_gauges(test, &moment);
    Snapshot {
        report,
        exit_code,
        latencies,
        totals: if facts.closed { totals(test, &moment) } else { Vec::new() },
        parts: matcher.series().all().map(|series| named(test, series)).collect(),
        over_time: recorder.over_time().sealed(),
        stages: recorder.stages().series(test, matcher.series()),
        scenarios,
        writers: facts.writers.clone(),
        floor: floor::histogram(&facts.floor),
        at: facts.now,
        elapsed: moment.elapsed,
        recent: recorder.recent().clone(),
        measured_after: recorder.first_sent().map(|start| start - facts.started_at),
        planned_stages: course::planned_stages(test),
        rows: recorder.notable().all().collect(),
        abort,
    }
}

/// At the close, count and unmeasured of a latency are the entries that had to have it.
fn assert_measured(moment: &Moment<'_>) {
    for part in moment.matcher.series().all() {
        let measured = |latency: Latency| moment.recorder.latency(latency)[part.index].count();
        let Tally { account, checks } = moment.matcher.tally(part);
        for latency in [Latency::CdcE2eLatency, Latency::CdcE2eLatencyIntended] {
            assert_eq!(measured(latency), account.arrived(), "every arrival has its {latency}");
        }
        assert_eq!(measured(Latency::PgWriteDuration), checks.committed, "every commit has its duration");
        assert_eq!(measured(Latency::ScheduleLag), checks.closed, "every closed entry has its schedule lag");
    }
    for (latency, tags, measured) in moment.recorder.slices() {
        let Some(Tally { account, checks }) = moment.matcher.slice(tags) else { continue };
        let expected = match latency {
            Latency::CdcE2eLatency | Latency::CdcE2eLatencyIntended => account.arrived(),
            Latency::PgWriteDuration => checks.committed,
            Latency::ScheduleLag | Latency::ConnectionWait => checks.closed,
            Latency::CdcPropagation | Latency::MongoVisibility | Latency::IterationDuration => continue,
        };
        assert_eq!(measured.count(), expected, "a slice's {latency} is of its own entries");
    }
}

/// The first reason that applies, in the order of [`ExitCode`].
fn exit_code(facts: &Facts, validity: ValidityState, thresholds: &[ThresholdResult]) -> ExitCode {
    let crossed = thresholds.iter().any(|result| !result.passed).then_some(ExitCode::ThresholdCrossed);
    let invalid = (validity == ValidityState::Invalid).then_some(ExitCode::MeasurementInvalid);
    let cause = facts.cause.as_ref().map(|cause| cause.exit_code);
    [crossed, invalid, cause].into_iter().flatten().min().unwrap_or(ExitCode::Passed)
}

fn latency_series(test: &Test, moment: &Moment<'_>) -> Vec<LatencySeries> {
    let mut series = Vec::new();
    for part in
        moment.matcher.series().all().filter(|part| moment.matcher.account(*part, Phase::Run).entries() > 0)
    {
        let (scenario, entity) = names(test, part);
        for latency in Latency::ALL.into_iter().filter(|latency| *latency != Latency::IterationDuration) {
            series.push(LatencySeries {
                latency,
                scenario: scenario.to_owned(),
                of: Some((entity.to_owned(), part.operation)),
                histogram: moment.recorder.latency(latency)[part.index].histogram.clone(),
                unarrived: moment.unarrived(latency, part).cloned(),
                unmeasured: moment.recorder.latency(latency)[part.index].unmeasured.clone(),
            });
        }
    }
    let iterations = test.scenarios.iter().zip(moment.recorder.iterations());
    series.extend(iterations.map(|(scenario, durations)| LatencySeries {
        latency: Latency::IterationDuration,
        scenario: scenario.name.clone(),
        of: None,
        histogram: durations.clone(),
        unarrived: None,
        unmeasured: Unmeasured::default(),
    }));
    series
}

/// What merging needs: each latency of each part that has any entry, and of each scenario's iterations.
fn totals(test: &Test, moment: &Moment<'_>) -> Vec<Total> {
    let total = |latency: Latency, part: Option<Series>, scenario: u16| {
        let tags = Tags {
            scenario: Some(scenario),
            entity: part.map(|part| part.entity),
            operation: part.map(|part| part.operation),
            ..Tags::default()
        };
        Total {
            latency: latency.name().to_owned(),
            scenario: test.scenarios[usize::from(scenario)].name.clone(),
            entity: part.map(|part| names(test, part).1.to_owned()),
            operation: part.map(|part| part.operation.name().to_owned()),
            figures: moment.latency(latency, tags),
        }
    };
    let with_entries =
        moment.matcher.series().all().filter(|part| moment.matcher.account(*part, Phase::Run).entries() > 0);
    let latencies = || Latency::ALL.into_iter().filter(|latency| *latency != Latency::IterationDuration);
    let mut totals: Vec<Total> = with_entries
        .flat_map(|part| latencies().map(move |latency| (latency, part)))
        .map(|(latency, part)| total(latency, Some(part), part.scenario))
        .collect();
    let scenarios = (0_u16..).take(test.scenarios.len());
    totals.extend(scenarios.map(|scenario| total(Latency::IterationDuration, None, scenario)));
    totals.retain(|total| total.figures.count() > 0);
    totals
}

fn named(test: &Test, series: Series) -> Part {
    let (scenario, entity) = names(test, series);
    Part { scenario: scenario.to_owned(), entity: entity.to_owned(), operation: series.operation }
}

fn names(test: &Test, part: Series) -> (&str, &str) {
    (&test.scenarios[usize::from(part.scenario)].name, &test.model.entities[usize::from(part.entity)].name)
}

/// The headline's part of a scenario.
fn of_scenario(test: &Test, index: u16) -> Tags {
    Tags { scenario: Some(index), ..test.headline.tags }
}

fn scenario_gauges(test: &Test, moment: &Moment<'_>) -> Vec<ScenarioGauges> {
    let gauges = |(index, scenario): (u16, &streamgauge_shared::test_file::Scenario)| {
        let waiting = moment.matcher.waiting(index);
        let mut outcomes = [0; Outcome::COUNT];
        let mut operations = Vec::new();
        for part in moment.matcher.series().all().filter(|part| part.scenario == index) {
            let account = moment.matcher.account(part, Phase::Run);
            Outcome::ALL.iter().for_each(|outcome| outcomes[*outcome as usize] += account.count(*outcome));
            if account.entries() > 0 {
                operations.push((
                    names(test, part).1.to_owned(),
                    part.operation,
                    account.entries(),
                    account.arrived(),
                ));
            }
        }
        ScenarioGauges {
            name: scenario.name.clone(),
            outcomes,
            pending: waiting.pending,
            overdue: waiting.overdue,
            e2e_p95: moment.latency(test.headline.latency, of_scenario(test, index)).quantile(0.95),
            oldest_pending_age: waiting.oldest_sent.map(|sent| moment.facts.now - sent),
            operations,
            load: moment.facts.loads.get(usize::from(index)).copied().unwrap_or_default(),
            stage: moment.elapsed_of_load().and_then(|elapsed| course::stage(test, scenario, elapsed)),
        }
    };
    (0..).zip(&test.scenarios).map(gauges).collect()
}
