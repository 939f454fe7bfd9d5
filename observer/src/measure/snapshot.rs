//! A snapshot: everything that is known of a run as of one moment. Terminal, JSON and Prometheus render it.

use std::collections::BTreeMap;

use streamgauge_shared::account::{EventKind, Operation, Outcome, Phase, as_f64};
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::ledger::{Process, ScenarioLoad};
use streamgauge_shared::report::{
    AccountReport, EventReport, LatencyBy, LatencyReport, Load, PhaseReport, ProcessReport, RateReport,
    Report, Run, SCHEMA, Stats, ThresholdResult, ValidityState, Verdict, VerdictState,
};
use streamgauge_shared::test_file::{Count, Deletes, Plan, ScenarioPlan, Test};
use streamgauge_shared::threshold::{
    Counter, Figures, Judgement, Metric, Rate, Tags, Threshold, Watch, judge,
};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::course;
use super::facts::{Facts, WriterFacts};
use super::figures::Moment;
use super::floor;
use super::recorder::Recorder;
use super::stages::{self, StageSeries};
use super::starvation::Starved;
use super::validity;
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
    /// The stages between marks, by part; empty where no model names any.
    pub stages: Vec<StageSeries>,
    /// By scenario.
    pub scenarios: Vec<ScenarioGauges>,
    /// By writer.
    pub writers: Vec<WriterFacts>,
    /// The canary's latencies; absent where it has none.
    pub floor: Option<SignedHistogram>,
    /// A threshold that certainly fails and ends the run.
    pub abort: Option<Failure>,
}

/// One latency of one part.
#[derive(Clone, Debug)]
pub struct LatencySeries {
    /// Which latency.
    pub latency: Latency,
    /// The scenario's name.
    pub scenario: String,
    /// The entity's name.
    pub entity: String,
    /// What was done.
    pub operation: Operation,
    /// What was measured.
    pub histogram: SignedHistogram,
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
    /// Age of the oldest pending one; absent while none is.
    pub oldest_pending_age: Option<Nanos>,
    /// Operations sent and operations arrived, by entity and operation.
    pub operations: Vec<(String, Operation, u64, u64)>,
    /// Its load.
    pub load: ScenarioLoad,
    /// The stage that its schedule is in; absent without stages, and before and after them.
    pub stage: Option<String>,
}

/// Takes a snapshot.
///
/// # Panics
/// When a sum of the account does not close: our own bug.
#[must_use]
pub fn snapshot(test: &Test, matcher: &Matcher, recorder: &Recorder, facts: &Facts) -> Snapshot {
    matcher.assert_sums(facts.closed);
    let moment = Moment::at(matcher, recorder, facts);
    if facts.closed {
        assert_measured(&moment);
    }
    let validity = validity::judge(&moment);
    let (thresholds, abort) = thresholds(test, &moment);
    let exit_code = exit_code(facts, validity.state, &thresholds);
    let seconds = recorder.seconds().points();
    let findings = course::found(test, recorder, &seconds, facts);
    let report = Report {
        schema: SCHEMA.to_owned(),
        run: run(test, &moment),
        verdict: Verdict {
            state: VerdictState::of(exit_code, facts.aborted),
            exit_code: exit_code.number(),
            cause: facts.cause.as_ref().map(|cause| cause.sentence.clone()),
        },
        validity,
        thresholds,
        account: account(&moment, Phase::Run),
        events: events(&moment, Phase::Run),
        phases: phases(&moment),
        latency: latency_reports(test, &moment),
        stages: recorder.stages().report(facts.clocks.mongod.is_some()),
        marks: stages::marks_report(test, recorder.stages()),
        rates: rates(&moment),
        counters: Counter::ALL
            .into_iter()
            .filter(|counter| *counter != Counter::NotExpected || expects_no_deletes(test))
            .map(|counter| (counter.name().to_owned(), moment.counter(counter, Tags::default())))
            .collect(),
        load: Load {
            planned_iterations: planned_iterations(test),
            peak_users: facts.loads.iter().map(|load| load.peak_users).sum(),
            peak_rate_per_s: recorder.seconds().peak_rate_per_s(),
            seconds,
        },
        findings,
        clock: facts.clocks.report(facts.clock_domain),
        process: processes(facts),
        floor: floor::stats(&facts.floor),
        no_floor: floor::absence(&facts.floor),
    };
    let latencies = latency_series(test, &moment);
    let scenarios = scenario_gauges(test, &moment);
    Snapshot {
        report,
        exit_code,
        latencies,
        stages: recorder.stages().series(test, matcher.series()),
        scenarios,
        writers: facts.writers.clone(),
        floor: floor::histogram(&facts.floor),
        abort,
    }
}

/// Iterations that the schedules of all scenarios hold, where all of them say it exactly.
fn planned_iterations(test: &Test) -> Option<u64> {
    let exact = |scenario: &ScenarioPlan| match scenario.iterations {
        Count::Exactly(count) => Some(count),
        _ => None,
    };
    Plan::of(test).scenarios.iter().map(exact).sum()
}

/// At the close, count and unmeasured of a latency are the entries that had to have it.
fn assert_measured(moment: &Moment<'_>) {
    for part in moment.matcher.series().all() {
        let measured = |latency: Latency| {
            let measured = &moment.recorder.latency(latency)[part.index];
            measured.histogram.count() + measured.unmeasured
        };
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
        let found = measured.histogram.count() + measured.unmeasured;
        assert_eq!(found, expected, "a slice's {latency} is of its own entries");
    }
}

/// What a threshold is shown with, and what follows from it.
struct Judged {
    judgement: Judgement,
    /// Whether it fails whatever is still to come.
    fails: bool,
    passed: bool,
}

impl Judged {
    fn in_windows(watch: &Watch) -> Self {
        Self { judgement: watch.shown(), fails: watch.has_failed(), passed: watch.passes() }
    }

    /// While a run goes on, what is still on its way decides nothing: only a certain failure counts. At the
    /// close a threshold has to hold. Without data it never does.
    fn on_the_run(judgement: Judgement, closed: bool) -> Self {
        let holds = if closed { judgement.holds } else { judgement.low.is_some() && !judgement.fails };
        Self { judgement, fails: judgement.fails, passed: holds }
    }
}

fn thresholds(test: &Test, moment: &Moment<'_>) -> (Vec<ThresholdResult>, Option<Failure>) {
    let mut abort = None;
    let result = |(index, threshold): (usize, &Threshold)| {
        let Judged { judgement, fails, passed } = match moment.recorder.watcher().watch(index) {
            Some(watch) => Judged::in_windows(watch),
            None => Judged::on_the_run(judge(threshold, moment), moment.facts.closed),
        };
        let due = moment.recorder.first_sent().is_some() && moment.elapsed >= threshold.delay_abort_eval;
        if threshold.abort_on_fail && fails && due && abort.is_none() {
            abort = Some(Failure {
                exit_code: ExitCode::ThresholdCrossed,
                sentence: format!(
                    "threshold '{}' on metric '{}' was crossed and has abort_on_fail, stopping the test prematurely",
                    threshold.expression.text, threshold.key
                ),
            });
        }
        ThresholdResult {
            metric: threshold.key.clone(),
            expression: threshold.expression.text.clone(),
            bound: Some(threshold.expression.bound),
            passed,
            observed: judgement.low,
            at_least: judgement.low.is_some() && !judgement.exact,
            is_time: matches!(threshold.metric, Metric::Latency(_)),
            samples: judgement.samples,
        }
    };
    let results = test.thresholds.iter().enumerate().map(result).collect();
    (results, abort)
}

/// The first reason that applies, in the order of [`ExitCode`].
fn exit_code(facts: &Facts, validity: ValidityState, thresholds: &[ThresholdResult]) -> ExitCode {
    let crossed = thresholds.iter().any(|result| !result.passed).then_some(ExitCode::ThresholdCrossed);
    let invalid = (validity == ValidityState::Invalid).then_some(ExitCode::MeasurementInvalid);
    let cause = facts.cause.as_ref().map(|cause| cause.exit_code);
    [crossed, invalid, cause].into_iter().flatten().min().unwrap_or(ExitCode::Passed)
}

fn run(test: &Test, moment: &Moment<'_>) -> Run {
    let facts = moment.facts;
    let end = if facts.closed { moment.recorder.last_arrival() } else { Some(facts.now) };
    let duration = moment.recorder.first_sent().zip(end).map_or(Nanos::ZERO, |(start, end)| end - start);
    Run {
        id: facts.run.clone(),
        test: test.name.clone(),
        scenarios: test.scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
        seed: facts.seed,
        writers: u16::try_from(facts.writers.len()).unwrap_or(u16::MAX),
        started_at: facts.started_at.to_rfc3339(),
        duration_s: duration.as_secs_f64(),
        time_scale: test.time_scale.as_f64(),
        load_scale: test.load_scale.as_f64(),
        complete: facts.closed,
        versions: facts.versions.clone(),
        folder: None,
    }
}

fn account(moment: &Moment<'_>, phase: Phase) -> AccountReport {
    let total = moment.matcher.total(phase);
    let count = |outcome| total.count(outcome);
    AccountReport {
        entries: total.entries(),
        delivered: count(Outcome::Delivered),
        superseded: count(Outcome::Superseded),
        late: count(Outcome::Late),
        lost: count(Outcome::Lost),
        rejected: count(Outcome::Rejected),
        unknown: count(Outcome::Unknown),
        pending: count(Outcome::Pending),
        lost_no_row: moment.matcher.series().all().map(|part| moment.matcher.lost_no_row(part, phase)).sum(),
        recovered: if phase == Phase::Run { moment.matcher.recovered() } else { 0 },
    }
}

fn events(moment: &Moment<'_>, phase: Phase) -> EventReport {
    let events = moment.matcher.events(phase);
    EventReport {
        total: events.total(),
        first: events.count(EventKind::First),
        duplicate: events.count(EventKind::Duplicate),
        out_of_order: events.count(EventKind::OutOfOrder),
        early: events.count(EventKind::Early),
        foreign: events.count(EventKind::Foreign),
        undecodable: events.count(EventKind::Undecodable),
    }
}

fn phases(moment: &Moment<'_>) -> BTreeMap<String, PhaseReport> {
    let others = Phase::ALL.into_iter().filter(|phase| *phase != Phase::Run);
    let report =
        |phase: Phase| PhaseReport { account: account(moment, phase), events: events(moment, phase) };
    let used = others.map(|phase| (phase.name().to_owned(), report(phase)));
    used.filter(|(_, report)| report.account.entries + report.events.total > 0).collect()
}

fn latency_reports(test: &Test, moment: &Moment<'_>) -> BTreeMap<String, LatencyReport> {
    let stats = |latency, tags| {
        let figures = moment.latency(latency, tags);
        Stats::of(&figures.arrived, &figures.unarrived, moment.unmeasured(latency, tags))
    };
    let report = |latency: Latency| {
        let all = stats(latency, Tags::default());
        let mut by = Vec::new();
        for (index, entity) in test.model.entities.iter().enumerate() {
            for operation in Operation::ALL {
                let entity_index = u16::try_from(index).ok();
                let tags = Tags {
                    scenario: None,
                    entity: entity_index,
                    operation: Some(operation),
                    ..Tags::default()
                };
                let stats = stats(latency, tags);
                if latency != Latency::IterationDuration
                    && stats.count + stats.censored + stats.unmeasured > 0
                {
                    by.push(LatencyBy {
                        entity: entity.name.clone(),
                        operation: operation.name().to_owned(),
                        stats,
                    });
                }
            }
        }
        (latency.name().to_owned(), LatencyReport { all, by })
    };
    Latency::ALL.into_iter().map(report).collect()
}

fn rates(moment: &Moment<'_>) -> BTreeMap<String, RateReport> {
    let report = |rate: Rate| {
        let (passed, total) = moment.rate(rate, Tags::default());
        (total > 0).then(|| {
            (rate.name().to_owned(), RateReport { rate: as_f64(passed) / as_f64(total), passed, total })
        })
    };
    Rate::ALL.into_iter().filter_map(report).collect()
}

/// Whether the model has deletes that leave no trace in MongoDB: else there is nothing to count.
fn expects_no_deletes(test: &Test) -> bool {
    test.model.entities.iter().any(|entity| entity.landing.deletes == Deletes::Ignored)
}

fn processes(facts: &Facts) -> BTreeMap<String, ProcessReport> {
    let report = |process: &Process, starved: &Starved| ProcessReport {
        cpu_s: process.cpu_s,
        peak_rss_bytes: process.peak_rss_bytes,
        run_queue_wait_s: starved.waited.map(Nanos::as_secs_f64),
        worst_second_wait_ms: starved.waited.map(|_| starved.worst_second.as_millis_f64()),
    };
    let sum_of = |one: Option<f64>, other: Option<f64>| Some(one? + other?);
    let writers = facts.writers.iter().filter(|writer| writer.process.peak_rss_bytes > 0);
    let writer =
        writers.map(|writer| report(&writer.process, &writer.starved)).reduce(|sum, next| ProcessReport {
            cpu_s: sum.cpu_s + next.cpu_s,
            peak_rss_bytes: sum.peak_rss_bytes + next.peak_rss_bytes,
            run_queue_wait_s: sum_of(sum.run_queue_wait_s, next.run_queue_wait_s),
            worst_second_wait_ms: sum
                .worst_second_wait_ms
                .zip(next.worst_second_wait_ms)
                .map(|(one, other)| one.max(other)),
        });
    let writer = writer.map(|report| ("writer".to_owned(), report));
    let observer = report(&facts.observer, &facts.observer_starved);
    writer.into_iter().chain([("observer".to_owned(), observer)]).collect()
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
                entity: entity.to_owned(),
                operation: part.operation,
                histogram: moment.recorder.latency(latency)[part.index].histogram.clone(),
            });
        }
    }
    series
}

fn names(test: &Test, part: Series) -> (&str, &str) {
    (&test.scenarios[usize::from(part.scenario)].name, &test.model.entities[usize::from(part.entity)].name)
}

fn scenario_gauges(test: &Test, moment: &Moment<'_>) -> Vec<ScenarioGauges> {
    let gauges = |(index, scenario): (u16, &streamgauge_shared::test_file::Scenario)| {
        let waiting = moment.matcher.waiting(index, moment.facts.now);
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
            oldest_pending_age: waiting.oldest_sent.map(|sent| moment.facts.now - sent),
            operations,
            load: moment.facts.loads.get(usize::from(index)).copied().unwrap_or_default(),
            stage: moment.elapsed_of_load().and_then(|elapsed| course::stage(test, scenario, elapsed)),
        }
    };
    (0..).zip(&test.scenarios).map(gauges).collect()
}
