//! Puts the merged report together.

use std::collections::BTreeMap;

use streamgauge_shared::account::as_f64;
use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::exit_code::ExitCode;
use streamgauge_shared::ledger::Rejections;
use streamgauge_shared::report::{
    AccountReport, CauseReport, ClockReport, ColumnReport, ContentReport, EventReport, Load, Merged,
    MergedRun, NotComparedReport, PhaseReport, ProcessReport, RateReport, Reason, Report, Run, SCHEMA,
    ThresholdResult, UndecodableReport, Validity, ValidityState, Verdict, VerdictState, WrittenLoad,
};
use streamgauge_shared::threshold::{Aggregate, Metric, Threshold, judge};

use super::figures::Together;
use super::{Side, Sides, seconds};
use crate::measure::headline;

/// The report of all runs together; `id` is that of the merged run.
pub(super) fn report(sides: &Sides, id: &str) -> Report {
    let together = Together::of(sides);
    let reports = || sides.sides.iter().map(|side| &side.report);
    let (thresholds, mut notes) = thresholds(sides, &together);
    notes.extend(what_is_left_out(sides));
    let validity = validity(sides);
    let crossed = thresholds.iter().any(|result| !result.passed);
    let code = if crossed { ExitCode::ThresholdCrossed } else { ExitCode::Passed };
    let rejections = reports().fold(Rejections::default(), |mut sum, report| {
        sum.merge(&report.rejections);
        sum
    });
    Report {
        schema: SCHEMA.to_owned(),
        run: run(sides, id, notes),
        verdict: Verdict { state: VerdictState::of(code, false), exit_code: code.number(), cause: None },
        validity,
        thresholds,
        account: reports().fold(AccountReport::default(), |sum, report| accounts(sum, report.account)),
        rejections,
        events: reports().fold(EventReport::default(), |sum, report| events(sum, report.events)),
        phases: phases(sides),
        // Of an older folder it is not known for an entity.
        headline: headline(&sides.test, &together).filter(|_| together.knows(sides.test.headline.tags)),
        latency: together.latencies(),
        stages: Vec::new(),
        marks: None,
        content: content(sides),
        rates: rates(sides),
        counters: counters(sides),
        counter_rates: BTreeMap::new(),
        load: load(sides),
        findings: None,
        clock: clock(sides),
        process: processes(sides),
        floor: None,
        no_floor: Some("floors of single runs stand in their own reports".to_owned()),
    }
}

fn run(sides: &Sides, id: &str, notes: Vec<String>) -> Run {
    let (first, all) = (&sides.sides[0], &sides.sides);
    let ends = all.iter().map(Side::ends).max().unwrap_or_else(|| first.ends());
    let mut versions = first.report.run.versions.clone();
    for side in all {
        for (name, version) in &side.report.run.versions {
            let known = versions.entry(name.clone()).or_insert_with(|| version.clone());
            if !known.split(", ").any(|known| known == version) {
                known.push_str(&format!(", {version}"));
            }
        }
    }
    let from = all.iter().map(|side| MergedRun {
        id: side.report.run.id.clone(),
        folder: side.name.clone(),
        started_at: side.report.run.started_at.clone(),
        duration_s: side.report.run.duration_s,
        entries: side.report.account.entries,
    });
    Run {
        id: id.to_owned(),
        writers: all.iter().map(|side| side.report.run.writers).sum(),
        measured_from: Some(first.begins().to_rfc3339()),
        duration_s: (ends - first.begins()).as_secs_f64(),
        versions,
        folder: None,
        merged: Some(Merged { from: from.collect(), notes }),
        ..first.report.run.clone()
    }
}

/// What a reader would look for and does not find.
fn what_is_left_out(sides: &Sides) -> Vec<String> {
    let mut notes = Vec::new();
    let mut covered = 0.0;
    sides.sides.iter().for_each(|side| covered += side.report.run.duration_s);
    let first = sides.sides[0].begins();
    let ends = sides.sides.iter().map(Side::ends).max().unwrap_or(first);
    let span = (ends - first).as_secs_f64();
    if sides.overlap() {
        notes.push("runs went on at the same time: users and rates are sums".to_owned());
    } else {
        notes.push(format!(
            "{covered:.0} s of the {span:.0} s between the first row and the last are measured; the rest is neither good nor bad"
        ));
    }
    let mut seeds: Vec<u64> = sides.sides.iter().map(|side| side.report.run.seed).collect();
    seeds.dedup();
    if seeds.len() > 1 {
        notes.push(format!("the runs have {} seeds; the first one's is shown", seeds.len()));
    }
    let older = sides.sides.iter().filter(|side| side.totals.is_none());
    for side in older {
        let id = &side.report.run.id;
        notes.push(format!(
            "run {id} has no histograms.jsonl: what had not arrived in it may have taken any time, and nothing is told by entity"
        ));
    }
    if sides.sides.iter().any(|side| side.report.findings.is_some()) {
        notes.push("findings are of single runs and stand in their reports".to_owned());
    }
    if sides.sides.iter().any(|side| !side.report.stages.is_empty()) {
        notes.push("stages between marks are not merged and stand in the runs' reports".to_owned());
    }
    notes
}

/// Each threshold, judged anew on all rows where that can be; otherwise as in the run where it came out worst.
fn thresholds(sides: &Sides, together: &Together<'_>) -> (Vec<ThresholdResult>, Vec<String>) {
    let mut notes = Vec::new();
    let mut results = Vec::new();
    for (index, threshold) in sides.test.thresholds.iter().enumerate() {
        if can_be_judged(threshold, together) {
            results.push(judged(threshold, together));
            continue;
        }
        let each = sides.sides.iter().filter_map(|side| side.report.thresholds.get(index));
        let each: Vec<&ThresholdResult> = each.collect();
        let passed = each.iter().filter(|result| result.passed).count();
        notes.push(format!(
            "'{}' on {} is judged within a run: it held in {passed} of {}; shown is the first where it did not, else the last",
            threshold.expression.text,
            threshold.key,
            each.len()
        ));
        results.extend(
            each.iter().find(|result| !result.passed).or(each.last()).map(|result| (*result).clone()),
        );
    }
    (results, notes)
}

fn can_be_judged(threshold: &Threshold, together: &Together<'_>) -> bool {
    let untagged = threshold.tags == streamgauge_shared::threshold::Tags::default();
    threshold.over.is_none()
        && match threshold.metric {
            Metric::Latency(_) => together.knows(threshold.tags),
            Metric::Rate(_) => untagged,
            Metric::Counter(_) => untagged && threshold.expression.aggregate != Aggregate::Rate,
        }
}

fn judged(threshold: &Threshold, together: &Together<'_>) -> ThresholdResult {
    let judgement = judge(threshold, together);
    let is_exact = judgement.low == judgement.high;
    ThresholdResult {
        metric: threshold.key.clone(),
        expression: threshold.expression.text.clone(),
        bound: Some(threshold.expression.bound),
        passed: judgement.holds,
        observed: judgement.low,
        at_least: !is_exact,
        at_most: judgement.high.filter(|_| !is_exact),
        undecided: judgement.low.is_some() && !judgement.holds && !judgement.fails,
        is_time: matches!(threshold.metric, Metric::Latency(_)),
        per_second: false,
        samples: judgement.samples,
        windows_not_judged: 0,
        // Of all of them together: there is no one time.
        first_failed_s: None,
    }
}

/// The worst of the runs' states, with every reason of every run.
fn validity(sides: &Sides) -> Validity {
    let reasons = sides.sides.iter().flat_map(|side| {
        let id = &side.report.run.id;
        side.report.validity.reasons.iter().map(move |reason| {
            let seen = format!("run {id}: {}", reason.seen);
            // Spans are counted from the start of their own run.
            Reason { seen, spans: Vec::new(), ..reason.clone() }
        })
    });
    let states = sides.sides.iter().map(|side| side.report.validity.state);
    Validity { state: states.max().unwrap_or(ValidityState::Valid), reasons: reasons.collect() }
}

fn accounts(sum: AccountReport, more: AccountReport) -> AccountReport {
    AccountReport {
        entries: sum.entries + more.entries,
        delivered: sum.delivered + more.delivered,
        superseded: sum.superseded + more.superseded,
        late: sum.late + more.late,
        lost: sum.lost + more.lost,
        rejected: sum.rejected + more.rejected,
        unknown: sum.unknown + more.unknown,
        pending: sum.pending + more.pending,
        lost_no_row: sum.lost_no_row + more.lost_no_row,
        causes: CauseReport {
            no_row: sum.causes.no_row + more.causes.no_row,
            not_connected: sum.causes.not_connected + more.causes.not_connected,
            cut: sum.causes.cut + more.causes.cut,
        },
        recovered: sum.recovered + more.recovered,
    }
}

fn events(sum: EventReport, more: EventReport) -> EventReport {
    let (one, other) = (sum.undecodable_reasons, more.undecodable_reasons);
    EventReport {
        total: sum.total + more.total,
        first: sum.first + more.first,
        duplicate: sum.duplicate + more.duplicate,
        out_of_order: sum.out_of_order + more.out_of_order,
        early: sum.early + more.early,
        foreign: sum.foreign + more.foreign,
        undecodable: sum.undecodable + more.undecodable,
        undecodable_reasons: UndecodableReport {
            no_document: one.no_document + other.no_document,
            no_operation: one.no_operation + other.no_operation,
            no_collection: one.no_collection + other.no_collection,
            no_content: one.no_content + other.no_content,
            no_key: one.no_key + other.no_key,
        },
    }
}

fn phases(sides: &Sides) -> BTreeMap<String, PhaseReport> {
    let mut sums: BTreeMap<String, PhaseReport> = BTreeMap::new();
    for (name, phase) in sides.sides.iter().flat_map(|side| &side.report.phases) {
        let sum = sums.entry(name.clone()).or_default();
        sum.account = accounts(sum.account, phase.account);
        sum.events = events(sum.events, phase.events);
    }
    sums
}

fn content(sides: &Sides) -> Option<ContentReport> {
    let each = sides.sides.iter().filter_map(|side| side.report.content.as_ref());
    each.cloned().reduce(|mut sum, more| {
        sum.written += more.written;
        sum.arrived += more.arrived;
        sum.compared += more.compared;
        sum.matched += more.matched;
        sum.compared_in_part += more.compared_in_part;
        sum.checks_not_compared += more.checks_not_compared;
        more.columns.into_iter().for_each(|column| add_column(&mut sum.columns, column));
        more.not_compared.into_iter().for_each(|column| add_not_compared(&mut sum.not_compared, column));
        sum
    })
}

fn add_column(columns: &mut Vec<ColumnReport>, more: ColumnReport) {
    let same = |known: &&mut ColumnReport| (&known.entity, &known.column) == (&more.entity, &more.column);
    match columns.iter_mut().find(same) {
        Some(known) => {
            known.compared += more.compared;
            known.matched += more.matched;
        }
        None => columns.push(more),
    }
}

fn add_not_compared(columns: &mut Vec<NotComparedReport>, more: NotComparedReport) {
    let same = |known: &&mut NotComparedReport| {
        (&known.entity, &known.column, &known.reason) == (&more.entity, &more.column, &more.reason)
    };
    match columns.iter_mut().find(same) {
        Some(known) => known.rows += more.rows,
        None => columns.push(more),
    }
}

fn rates(sides: &Sides) -> BTreeMap<String, RateReport> {
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (name, rate) in sides.sides.iter().flat_map(|side| &side.report.rates) {
        let sum = sums.entry(name.clone()).or_default();
        *sum = (sum.0 + rate.passed, sum.1 + rate.total);
    }
    let rate = |(name, (passed, total)): (String, (u64, u64))| {
        (name, RateReport { rate: as_f64(passed) / as_f64(total), passed, total })
    };
    sums.into_iter().filter(|(_, (_, total))| *total > 0).map(rate).collect()
}

fn counters(sides: &Sides) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, count) in sides.sides.iter().flat_map(|side| &side.report.counters) {
        *sums.entry(name.clone()).or_default() += count;
    }
    sums
}

fn load(sides: &Sides) -> Load {
    let seconds = seconds::course(sides);
    let each = || sides.sides.iter().map(|side| &side.report.load);
    let mut written: Vec<WrittenLoad> = Vec::new();
    for more in each().flat_map(|load| &load.written) {
        match written.iter_mut().find(|known| known.scenario == more.scenario) {
            Some(sum) => {
                sum.planned += more.planned;
                sum.written += more.written;
                sum.missed_by_postgres += more.missed_by_postgres;
                sum.missed_by_writer += more.missed_by_writer;
                sum.share = if sum.planned > 0.0 { sum.written / sum.planned } else { 1.0 };
            }
            None => written.push(more.clone()),
        }
    }
    let overlap = sides.overlap();
    let users = each().map(|load| load.peak_users);
    let rates = seconds.iter().map(|second| as_f64(second.sent) / as_f64(second.width_s));
    Load {
        planned_iterations: each().map(|load| load.planned_iterations).sum(),
        written,
        peak_users: if overlap { users.sum() } else { users.max().unwrap_or(0) },
        peak_rate_per_s: rates.fold(0.0, f64::max),
        seconds,
    }
}

/// The widest of the bounds stands beside every figure.
fn clock(sides: &Sides) -> ClockReport {
    let each = || sides.sides.iter().map(|side| &side.report.clock);
    let exact = each().all(|clock| clock.domain == ClockDomain::SameKernel);
    let bounds: Option<Vec<f64>> = each().map(|clock| clock.error_bound_ms).collect();
    ClockReport {
        domain: if exact { ClockDomain::SameKernel } else { ClockDomain::Network },
        error_bound_ms: bounds.map(|bounds| bounds.into_iter().fold(0.0, f64::max)),
        steps: each().map(|clock| clock.steps).sum(),
        stepped: each().flat_map(|clock| clock.stepped.clone()).collect(),
        writers: each().flat_map(|clock| clock.writers.clone()).collect(),
        mongodb: None,
        test_clock: each().find_map(|clock| clock.test_clock.clone()),
    }
}

fn processes(sides: &Sides) -> BTreeMap<String, ProcessReport> {
    let mut sums: BTreeMap<String, ProcessReport> = BTreeMap::new();
    for (name, more) in sides.sides.iter().flat_map(|side| &side.report.process) {
        match sums.get_mut(name) {
            Some(sum) => {
                sum.cpu_s += more.cpu_s;
                sum.peak_rss_bytes = sum.peak_rss_bytes.max(more.peak_rss_bytes);
                sum.run_queue_wait_s =
                    sum.run_queue_wait_s.zip(more.run_queue_wait_s).map(|(one, other)| one + other);
                sum.worst_second_wait_ms = sum
                    .worst_second_wait_ms
                    .zip(more.worst_second_wait_ms)
                    .map(|(one, other)| one.max(other));
            }
            None => drop(sums.insert(name.clone(), *more)),
        }
    }
    sums
}
