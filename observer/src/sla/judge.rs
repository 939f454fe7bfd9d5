//! Judges objectives: from the tallies of rows and the sets of time to the figures of each window, day and hour.

use std::collections::BTreeMap;

use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::Figure;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::burn::{self, BurnRule};
use super::objective::Objective;
use super::result::{
    BadBy, BurnAccount, BurnState, Figures, Hour, ObjectiveAccount, Percentiles, PeriodAccount, Verdict,
    Within,
};
use super::tally::{Cell, Class, Distribution, Tally};
use super::time_set::{MINUTE, Span, TimeSet};
use super::window::{Period, Window};
use super::zone::Zone;

/// Below this share of the time that was to be measured there is no verdict.
pub(super) const COVERAGE_MIN: f64 = 0.9;
/// Hours that are listed.
const WORST_HOURS: usize = 10;

/// The time of an account: which was measured, which was to be, which is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) measured: TimeSet,
    pub(super) expected: TimeSet,
    pub(super) maintenance: TimeSet,
}

/// What an account is of, beside the rows.
pub(super) struct Frame<'a> {
    pub(super) zone: &'a Zone,
    pub(super) window: Window,
    pub(super) windows: &'a [Period],
    pub(super) days: &'a [Period],
    pub(super) times: &'a Times,
    pub(super) until: UnixNanos,
    pub(super) rows_min: Option<u64>,
}

/// The account of one objective.
pub(super) fn judge(objective: &Objective, tally: &Tally, frame: &Frame<'_>) -> ObjectiveAccount {
    let period = |period: &Period| {
        let distribution = tally.distribution(period.span);
        account_of(period, objective, tally, frame, Some(&distribution))
    };
    let windows: Vec<PeriodAccount> = frame.windows.iter().map(period).collect();
    let left_out = tally.left_out();
    ObjectiveAccount {
        objective: objective.to_string(),
        name: objective.name.clone(),
        latency: objective.latency.name(),
        operation: objective.operation.map(streamgauge_shared::account::Operation::name),
        bound_ms: objective.bound.as_millis_f64(),
        held_at_ms: objective.edge().as_millis_f64(),
        target: objective.target,
        // A window in which nothing was to be measured says nothing about the others.
        verdict: Verdict::of_all(
            windows.iter().filter(|window| window.figures.expected_s > 0.0).map(|window| window.verdict),
        ),
        windows,
        days: frame.days.iter().map(period).collect(),
        worst_hours: worst_hours(objective, tally, frame),
        hours: hours(tally, frame),
        burn: burn::rules(frame.window).iter().map(|rule| burning(rule, objective, tally, frame)).collect(),
        rows_not_measured: left_out.not_measured,
        rows_in_maintenance: left_out.maintenance,
    }
}

fn account_of(
    period: &Period,
    objective: &Objective,
    tally: &Tally,
    frame: &Frame<'_>,
    distribution: Option<&Distribution>,
) -> PeriodAccount {
    let cell = tally.sum(period.span);
    let mut figures = figures(&cell, objective, period.span, frame.times);
    figures.percentiles = distribution.map(percentiles).unwrap_or_default();
    PeriodAccount {
        label: period.label.clone(),
        from: period.span.0,
        until: period.span.1,
        is_over: period.is_over,
        verdict: verdict(&cell, objective, figures.coverage),
        figures,
    }
}

fn figures(cell: &Cell, objective: &Objective, (from, until): Span, times: &Times) -> Figures {
    let (all, good, bad) = (cell.all(), cell.good(), cell.bad());
    let of_all = |count: u64| as_f64(count) / as_f64(all);
    let (measured, expected) =
        (times.measured.within(from, until).length(), times.expected.within(from, until).length());
    let maintenance = times.maintenance.within(from, until).length();
    let budget = objective.target.budget();
    Figures {
        rows: all,
        good,
        bad,
        bad_by: BadBy {
            slower: cell.slow + cell.of(Class::Beyond),
            lost: cell.of(Class::Lost),
            overdue: cell.of(Class::Overdue),
            rejected: cell.of(Class::Rejected),
            unknown: cell.of(Class::Unknown),
            never_sent: cell.of(Class::NeverSent),
            cannot_be_told: cell.of(Class::Doubtful),
        },
        share: (all > 0).then(|| of_all(good)),
        within: (all > 0).then(|| {
            let [s1, s5, s30] = cell.within.map(of_all);
            Within { s1, s5, s30 }
        }),
        unmeasured_within: cell.of(Class::Within),
        late: cell.of(Class::Late),
        superseded: cell.of(Class::Superseded),
        waiting: cell.of(Class::Waiting),
        percentiles: Percentiles::default(),
        measured_s: measured.as_secs_f64(),
        expected_s: expected.as_secs_f64(),
        coverage: coverage(measured, expected),
        measured_of_period: coverage(measured, until - from - maintenance),
        maintenance_s: maintenance.as_secs_f64(),
        budget_left: (all > 0).then(|| (budget - of_all(bad)) / budget),
        burn: (all > 0).then(|| of_all(bad) / budget),
    }
}

fn coverage(measured: Nanos, expected: Nanos) -> Option<f64> {
    (expected > Nanos::ZERO).then(|| measured.as_secs_f64() / expected.as_secs_f64())
}

/// Whether the objective is met by these rows.
fn verdict(cell: &Cell, objective: &Objective, coverage: Option<f64>) -> Verdict {
    let (all, bad) = (cell.all(), cell.bad());
    if all == 0 || coverage.is_none_or(|coverage| coverage < COVERAGE_MIN) {
        Verdict::NoData
    } else if objective.target.allows(bad, all) {
        Verdict::Met
    } else if objective.target.allows(bad - cell.of(Class::Doubtful), all) {
        Verdict::CannotBeTold
    } else {
        Verdict::Missed
    }
}

fn percentiles(distribution: &Distribution) -> Percentiles {
    let Distribution { known, unarrived, unmeasured } = distribution;
    let quantile = |q| Figure::of(known.quantile_between(q, unarrived, unmeasured));
    Percentiles { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), p99_9: quantile(0.999) }
}

/// The hours with most bad rows, within the windows.
fn worst_hours(objective: &Objective, tally: &Tally, frame: &Frame<'_>) -> Vec<PeriodAccount> {
    let mut bad: BTreeMap<UnixNanos, u64> = BTreeMap::new();
    for window in frame.windows {
        for (minute, cell) in tally.bad_minutes(window.span) {
            *bad.entry(frame.zone.hour(minute)).or_default() += cell.bad();
        }
    }
    let mut hours: Vec<(UnixNanos, u64)> = bad.into_iter().collect();
    // Of equals the older one first.
    hours.sort_by_key(|(start, bad)| (std::cmp::Reverse(*bad), *start));
    let hour = |(start, _): &(UnixNanos, u64)| {
        let until = *start + Nanos::from_secs(3_600);
        let first = frame.windows.first().map_or(*start, |window| window.span.0);
        let span = ((*start).max(first), until.min(frame.until));
        let period = Period { label: frame.zone.minute(*start), span, is_over: until <= frame.until };
        account_of(&period, objective, tally, frame, None)
    };
    hours.iter().take(WORST_HOURS).map(hour).collect()
}

/// Every local hour of the days.
fn hours(tally: &Tally, frame: &Frame<'_>) -> Vec<Hour> {
    let begin = frame.times.expected.spans().first().map(|span| span.0);
    let (Some(first), Some(last)) = (frame.days.first(), frame.days.last()) else { return Vec::new() };
    let mut hours: Vec<Span> = Vec::new();
    let (mut minute, mut name) = (first.span.0, None);
    while minute < last.span.1 {
        let next = minute + MINUTE;
        let hour = Some(frame.zone.hour(minute));
        match hours.last_mut() {
            Some(span) if hour == name => span.1 = next,
            _ => hours.push((minute, next)),
        }
        (minute, name) = (next, hour);
    }
    let hour = |span: Span| {
        let cell = tally.sum(span);
        Hour {
            from: span.0,
            length_s: (span.1 - span.0).as_secs_f64(),
            measured_s: frame.times.measured.within(span.0, span.1).length().as_secs_f64(),
            is_inside: begin.is_some_and(|begin| span.1 > begin),
            rows: cell.all(),
            bad: cell.bad(),
        }
    };
    hours.into_iter().map(hour).collect()
}

fn burning(rule: &BurnRule, objective: &Objective, tally: &Tally, frame: &Frame<'_>) -> BurnAccount {
    let over = |length: Nanos| {
        let span = (frame.until - length, frame.until);
        figures(&tally.sum(span), objective, span, frame.times)
    };
    let (long, short) = (over(rule.long), over(rule.short));
    let rows_min = frame.rows_min.unwrap_or_else(|| burn::rows_min(objective.target, rule.threshold));
    let reached = |burn: Option<f64>| burn.is_some_and(|burn| burn >= rule.threshold);
    let state = if rule.threshold > burn::highest(objective.target) {
        BurnState::OutOfReach
    } else if long.coverage.is_none_or(|coverage| coverage < COVERAGE_MIN) || long.rows == 0 {
        BurnState::NoData
    } else if long.rows < rows_min {
        BurnState::TooFewRows
    } else if reached(long.burn) && reached(short.burn) {
        BurnState::Burning
    } else {
        BurnState::Fine
    };
    BurnAccount {
        long_s: rule.long.as_secs_f64(),
        short_s: rule.short.as_secs_f64(),
        budget_share: rule.budget_share,
        threshold: rule.threshold,
        urgency: rule.urgency.name(),
        rows_min,
        rows: long.rows,
        long_burn: long.burn,
        short_burn: short.burn,
        coverage: long.coverage,
        state,
    }
}
