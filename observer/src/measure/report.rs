//! The report as of one moment: what was counted and the facts beside it, with what was judged from both.

use std::collections::BTreeMap;

use streamgauge_shared::account::{EventKind, Operation, Outcome, Phase, as_f64};
use streamgauge_shared::ledger::Process;
use streamgauge_shared::report::{
    AccountReport, CauseReport, EventReport, Findings, HeadlineReport, LatencyBy, LatencyReport, Load,
    PhaseReport, ProcessReport, RateReport, Report, Run, SCHEMA, Second, Stats, ThresholdResult,
    UndecodableReport, Validity, Verdict,
};
use streamgauge_shared::test_file::{Count, Deletes, Entity, Headline, Plan, ScenarioPlan, Test};
use streamgauge_shared::threshold::{Counter, Figures, Rate, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::content;
use super::counted::marks_report;
use super::facts::Facts;
use super::figures::Moment;
use super::floor;
use super::load::written;
use super::starvation::Starved;
use crate::matcher::Cause;

/// What was judged, for the report to hold.
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) validity: Validity,
    pub(super) thresholds: Vec<ThresholdResult>,
    pub(super) findings: Option<Findings>,
    /// The course of time that the findings were read from.
    pub(super) seconds: Vec<Second>,
}

/// The report.
pub(super) fn report(test: &Test, moment: &Moment<'_>, judged: Judged) -> Report {
    let Moment { recorder, facts, .. } = moment;
    Report {
        schema: SCHEMA.to_owned(),
        run: run(test, moment),
        verdict: judged.verdict,
        validity: judged.validity,
        thresholds: judged.thresholds,
        account: account(moment, Phase::Run),
        rejections: facts.rejections.clone(),
        events: events(moment, Phase::Run),
        phases: phases(moment),
        headline: headline(test, moment),
        latency: latency_reports(test, moment),
        stages: recorder.stages().report(facts.clocks.mongod.is_some()),
        marks: marks_report(test, recorder.stages()),
        content: content::report(test, moment.matcher),
        rates: rates(moment),
        counters: Counter::ALL
            .into_iter()
            .filter(|counter| *counter != Counter::NotExpected || expects_no_deletes(test))
            .map(|counter| (counter.name().to_owned(), moment.counter(counter, Tags::default())))
            .collect(),
        counter_rates: counter_rates(moment),
        load: Load {
            planned_iterations: planned_iterations(test),
            written: written(test, facts),
            peak_users: facts.loads.iter().map(|load| load.peak_users).sum(),
            peak_rate_per_s: recorder.seconds().peak_rate_per_s(),
            seconds: judged.seconds,
        },
        findings: judged.findings,
        clock: facts.clocks.report(facts.clock_domain),
        process: processes(facts),
        floor: floor::stats(&facts.floor),
        no_floor: floor::absence(&facts.floor),
    }
}

/// The headline that the test names; nothing where it is the untagged one.
pub(crate) fn headline(test: &Test, figures: &impl Figures) -> Option<HeadlineReport> {
    let Headline { key, latency, tags } = test.headline.clone();
    let figures = figures.latency(latency, tags);
    (test.headline != Headline::default()).then(|| HeadlineReport {
        metric: key,
        latency: latency.name().to_owned(),
        entity: tags.entity.map(|entity| test.model.entities[usize::from(entity)].name.clone()),
        operation: tags.operation.map(|operation| operation.name().to_owned()),
        stats: Stats::of(&figures.arrived, &figures.unarrived, &figures.unmeasured),
    })
}

/// What the summary prints beside each counter: what a threshold on its rate is judged on.
fn counter_rates(moment: &Moment<'_>) -> BTreeMap<String, f64> {
    let rate =
        |counter: Counter| Some((counter.name().to_owned(), moment.counter_rate(counter, Tags::default())?));
    Counter::ALL.into_iter().filter_map(rate).collect()
}

/// Iterations that the schedules of all scenarios hold, where all of them say it exactly.
fn planned_iterations(test: &Test) -> Option<u64> {
    let exact = |scenario: &ScenarioPlan| match scenario.iterations {
        Count::Exactly(count) => Some(count),
        _ => None,
    };
    Plan::of(test).scenarios.iter().map(exact).sum()
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
        measured_from: moment.recorder.first_sent().map(streamgauge_shared::time::UnixNanos::to_rfc3339),
        duration_s: duration.as_secs_f64(),
        time_scale: test.time_scale.as_f64(),
        load_scale: test.load_scale.as_f64(),
        complete: facts.closed,
        versions: facts.versions.clone(),
        folder: None,
        merged: None,
    }
}

fn account(moment: &Moment<'_>, phase: Phase) -> AccountReport {
    let total = moment.matcher.total(phase);
    let count = |outcome| total.count(outcome);
    let caused =
        |cause| moment.matcher.series().all().map(|series| moment.matcher.cause(series, phase, cause)).sum();
    AccountReport {
        entries: total.entries(),
        delivered: count(Outcome::Delivered),
        superseded: count(Outcome::Superseded),
        late: count(Outcome::Late),
        lost: count(Outcome::Lost),
        rejected: count(Outcome::Rejected),
        unknown: count(Outcome::Unknown),
        pending: count(Outcome::Pending),
        lost_no_row: caused(Cause::NoRow),
        causes: CauseReport {
            no_row: caused(Cause::NoRow),
            not_connected: caused(Cause::NotConnected),
            cut: caused(Cause::Cut),
        },
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
        // What cannot be read belongs to no phase, and is counted with the measured one.
        undecodable_reasons: match phase {
            Phase::Run => UndecodableReport::of(|reason| moment.matcher.undecodable(reason)),
            _ => UndecodableReport::default(),
        },
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
        Stats::of(&figures.arrived, &figures.unarrived, &figures.unmeasured)
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

/// Whether the model has deletes that may leave no trace that could be known: else there is nothing to count.
fn expects_no_deletes(test: &Test) -> bool {
    let ignores = |entity: &Entity| entity.landing.deletes == Deletes::Ignored;
    test.model.entities.iter().any(|entity| ignores(entity) || entity.has_learned_documents())
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
