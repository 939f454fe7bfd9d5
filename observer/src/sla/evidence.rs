//! What a kept run says of the rows whose latency is no known value, and when they began.
//!
//! Single rows come from `rows.jsonl`, which is bounded; how many there were altogether comes from the report. What is
//! not listed one by one is spread over the run: where the report's seconds say that rows are missing, else evenly over
//! what was measured. Nothing is left out for want of its time.

use serde_json::Value;
use streamgauge_shared::account::{Operation, Outcome};
use streamgauge_shared::report::{LoadUnit, Report, Stats, ValidityState};
use streamgauge_shared::threshold::Counter;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Reading, Timeline};

use super::extent::{Extent, seconds};
use super::objective::Objective;
use super::tally::{Class, Item};
use super::time_set::{MINUTE, minute_of, minute_start};

/// A row of `rows.jsonl`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    operation: Operation,
    outcome: Outcome,
    measured: bool,
    committed: bool,
    timeline: Timeline,
}

/// What was found of one run, with what a reader has to be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) notes: Vec<String>,
}

impl Row {
    /// Reads a line; nothing where it is no row but a count of duplicates.
    pub(super) fn of(line: &Value) -> Option<Self> {
        let name = line["outcome"].as_str()?;
        let outcome = Outcome::ALL.into_iter().find(|known| known.name() == name)?;
        let name = line["operation"].as_str()?;
        let operation = Operation::ALL.into_iter().find(|known| known.name() == name)?;
        let point = |name: &str| line[name].as_i64().map(UnixNanos);
        let intended = point("intended_ns")?;
        let timeline = Timeline {
            intended,
            connection_wait: Nanos::ZERO,
            sent: point("sent_ns").unwrap_or(intended),
            committed: point("committed_ns"),
            observed: point("observed_ns"),
            wall: point("wall_ns"),
        };
        Some(Self {
            operation,
            outcome,
            measured: line["measured"].as_bool().unwrap_or(true),
            committed: timeline.committed.is_some(),
            timeline,
        })
    }

    /// When the row was sent, or was to be.
    pub(super) fn began(&self) -> UnixNanos {
        self.timeline.intended.min(self.timeline.sent)
    }

    /// When a latency of it began: where its own beginning is not known, when it was sent.
    fn began_of(&self, latency: Latency) -> UnixNanos {
        let Timeline { intended, sent, committed, wall, .. } = self.timeline;
        match latency {
            Latency::CdcE2eLatencyIntended => intended,
            Latency::CdcPropagation => committed.unwrap_or(sent),
            Latency::MongoVisibility => wall.or(committed).unwrap_or(sent),
            _ => sent,
        }
    }

    /// What becomes of it under an objective; nothing where its latency is known, and in the interval log.
    fn item(&self, objective: &Objective, until: UnixNanos) -> Option<Item> {
        let latency = objective.latency;
        let at = self.began_of(latency);
        let age = (until - at).max(Nanos::ZERO);
        let plain = |class| Item { at, class, count: 1, at_least: age, at_most: None };
        let class = match self.outcome {
            Outcome::Lost => Class::Lost,
            Outcome::Unknown => Class::Unknown,
            Outcome::Rejected => Class::Rejected,
            Outcome::Superseded => Class::Superseded,
            Outcome::Pending => return None,
            Outcome::Delivered | Outcome::Late if self.measured => {
                return (self.outcome == Outcome::Late).then(|| plain(Class::Late));
            }
            Outcome::Delivered | Outcome::Late => {
                if latency == Latency::CdcPropagation && !self.committed {
                    return None;
                }
                let Reading::Between { at_least, at_most } = self.timeline.reading(latency, false) else {
                    return None;
                };
                let class = if at_most.is_some_and(|most| most <= objective.edge()) {
                    Class::Within
                } else if at_least > objective.edge() {
                    Class::Beyond
                } else {
                    Class::Doubtful
                };
                return Some(Item { at, class, count: 1, at_least, at_most });
            }
        };
        Some(plain(class))
    }
}

/// All that is known of a run beside its interval log.
pub(super) fn find(report: &Report, rows: &[Row], extent: &Extent, objective: &Objective) -> Found {
    let mut found = Found::default();
    let wanted = |row: &&Row| objective.operation.is_none_or(|operation| operation == row.operation);
    let of_objective = rows.iter().filter(wanted).filter_map(|row| row.item(objective, extent.until));
    found.items.extend(of_objective);
    let listed = |class: Class| {
        let of_class = found.items.iter().filter(|item| item.class == class);
        of_class.map(|item| item.count).sum::<u64>()
    };
    let listed_unmeasured = listed(Class::Within) + listed(Class::Beyond) + listed(Class::Doubtful);
    let account = &report.account;
    let missing = Weights::of_missing(report, extent);
    let even = Weights::even(extent);
    let mut rest: Vec<(Class, u64, &Weights, &str)> = Vec::new();
    if objective.operation.is_none_or(|operation| is_only(report, operation)) {
        let (overdue, waiting) = overdue(report, extent, objective);
        rest.extend([
            (Class::Lost, account.lost.saturating_sub(listed(Class::Lost)), &missing, "lost"),
            (
                Class::Unknown,
                account.unknown.saturating_sub(listed(Class::Unknown)),
                &missing,
                "of unknown fate",
            ),
            (Class::Rejected, account.rejected.saturating_sub(listed(Class::Rejected)), &missing, "rejected"),
            (
                Class::Superseded,
                account.superseded.saturating_sub(listed(Class::Superseded)),
                &missing,
                "superseded",
            ),
            (Class::Late, account.late.saturating_sub(listed_late(rows)), &even, "late"),
            (Class::Overdue, overdue, &missing, "overdue"),
            (Class::Waiting, waiting, &missing, ""),
        ]);
    } else if let Some(operation) = objective.operation {
        let gone = listed(Class::Lost) + listed(Class::Unknown);
        let censored = of_operation(report, Latency::CdcE2eLatency, Some(operation), |stats| stats.censored);
        let gone = censored.saturating_sub(gone);
        let refused = rows.iter().filter(|row| row.outcome == Outcome::Rejected).count();
        let refused = account.rejected.saturating_sub(u64::try_from(refused).unwrap_or(u64::MAX));
        if report.run.complete {
            rest.push((Class::Lost, gone, &missing, "lost"));
        } else {
            rest.push((
                Class::Doubtful,
                gone,
                &missing,
                "on their way, for how long is not known by operation,",
            ));
        }
        rest.push((Class::Doubtful, refused, &missing, "rejected, of whatever operation,"));
    }
    let unmeasured = of_operation(report, objective.latency, objective.operation, |stats| stats.unmeasured);
    rest.push((Class::Doubtful, unmeasured.saturating_sub(listed_unmeasured), &even, "unmeasured"));
    let (never_sent, note) = never_sent(report, objective);
    rest.push((Class::NeverSent, never_sent, &even, ""));
    found.notes.extend(note);
    for (class, count, weights, words) in rest {
        if count > 0 && !words.is_empty() {
            let how =
                if weights.known { "where its seconds miss rows" } else { "evenly over what was measured" };
            found.notes.push(format!(
                "{count} rows {words} are not listed one by one in rows.jsonl: they are spread over the run, {how}"
            ));
        }
        found.items.extend(weights.spread(class, count, extent.until));
    }
    found
}

/// Rows that the report counts as known and that the interval log does not have: of which nothing more is known.
pub(super) fn not_in_log(report: &Report, in_log: u64, extent: &Extent, objective: &Objective) -> Found {
    let known = of_operation(report, objective.latency, objective.operation, |stats| stats.count);
    let count = known.saturating_sub(in_log);
    let mut found = Found::default();
    if count > 0 {
        found.notes.push(format!(
            "{count} rows arrived and are not in latency.hlog: it cannot be told whether they are within the objective"
        ));
        found.items = Weights::even(extent).spread(Class::Doubtful, count, extent.until);
    }
    found
}

fn listed_late(rows: &[Row]) -> u64 {
    u64::try_from(rows.iter().filter(|row| row.outcome == Outcome::Late).count()).unwrap_or(u64::MAX)
}

/// Whether a run has no other operation.
fn is_only(report: &Report, operation: Operation) -> bool {
    let mut by = report.latency.values().flat_map(|latency| &latency.by);
    by.all(|by| by.operation == operation.name())
}

fn of_operation(
    report: &Report,
    latency: Latency,
    operation: Option<Operation>,
    count: impl Fn(&Stats) -> u64,
) -> u64 {
    let Some(figures) = report.latency.get(latency.name()) else { return 0 };
    match operation {
        None => count(&figures.all),
        Some(operation) => {
            let by = figures.by.iter().filter(|by| by.operation == operation.name());
            by.map(|by| count(&by.stats)).sum()
        }
    }
}

/// Of the rows on their way, those that certainly are for longer than the bound, and the others. From the seconds: what was
/// sent longer ago than the bound and has neither arrived nor another outcome.
fn overdue(report: &Report, extent: &Extent, objective: &Objective) -> (u64, u64) {
    let pending = report.account.pending;
    let before = extent.until - objective.edge() - extent.from;
    let old = report.load.seconds.iter().filter(|second| seconds(second.end_s()) < before);
    let missing: u64 = old.map(|second| second.sent.saturating_sub(second.arrived_of_sent)).sum();
    let account = &report.account;
    let explained = account.lost + account.unknown + account.superseded + account.rejected;
    let overdue = missing.saturating_sub(explained).min(pending);
    (overdue, pending - overdue)
}

/// Operations that were due and never sent: iterations that did not start, each at least one; and what users without a
/// session with PostgreSQL would have written, estimated.
fn never_sent(report: &Report, objective: &Objective) -> (u64, Option<String>) {
    let dropped = report.counters.get(Counter::DroppedIterations.name()).copied().unwrap_or(0);
    let is_void = |code: &str| {
        let mut reasons = report.validity.reasons.iter();
        reasons.any(|reason| reason.code == code && reason.grade == ValidityState::Invalid)
    };
    let users = |unit: LoadUnit| unit == LoadUnit::UserSeconds;
    // What the writer itself missed is the instrument's: where that made the run INVALID its time is not measured.
    let by_writer: f64 = if is_void("load_missed") {
        report.load.written.iter().filter(|load| !users(load.unit)).map(|load| load.missed_by_writer).sum()
    } else {
        0.0
    };
    let dropped = dropped.saturating_sub(whole(by_writer));
    let of_users = || report.load.written.iter().filter(|load| users(load.unit));
    let missed: f64 = of_users().map(|load| load.missed_by_postgres).sum();
    if missed < 0.5 {
        return (dropped, None);
    }
    let written: f64 = of_users().map(|load| load.written).sum();
    let causes = report.account.causes;
    let counted = causes.not_connected + causes.cut;
    let sent = report.account.entries.saturating_sub(counted);
    if of_users().count() < report.load.written.len() || written <= 0.0 || sent == 0 {
        let note = format!(
            "users were without a session with PostgreSQL for {missed:.0} user seconds: what they would have written is not known and not counted"
        );
        return (dropped, Some(note));
    }
    let share = share_of(report, objective.operation);
    let per_second = streamgauge_shared::account::as_f64(sent) / written;
    let estimated = whole(missed * per_second * share).saturating_sub(counted);
    let note = format!(
        "users were without a session with PostgreSQL for {missed:.0} user seconds: {estimated} operations that they would have written count as never sent, estimated from {per_second:.2} operations a user second"
    );
    (dropped + estimated, Some(note))
}

/// Which share of the rows has an operation.
fn share_of(report: &Report, operation: Option<Operation>) -> f64 {
    let of = |operation| {
        of_operation(report, Latency::CdcE2eLatency, operation, |stats| stats.count + stats.censored)
    };
    let all = of(None);
    if all == 0 {
        1.0
    } else {
        streamgauge_shared::account::as_f64(of(operation)) / streamgauge_shared::account::as_f64(all)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, which is what is meant"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// How rows without a time of their own are spread over the minutes of a run.
struct Weights {
    /// A point in each minute, and its weight.
    minutes: Vec<(UnixNanos, u64)>,
    /// Whether the report's seconds say where they are missing.
    known: bool,
    /// How far from its point a row may have begun.
    slack: Nanos,
}

impl Weights {
    /// Where the report's seconds say that of what was sent something did not arrive.
    fn of_missing(report: &Report, extent: &Extent) -> Self {
        let steps = report.load.seconds.iter().map(|second| {
            let missing = second.sent.saturating_sub(second.arrived_of_sent);
            (extent.clamp(extent.from + seconds(second.middle_s())), missing)
        });
        let minutes: Vec<(UnixNanos, u64)> = steps.filter(|(_, missing)| *missing > 0).collect();
        let widths = report.load.seconds.iter().map(|second| seconds(second.length_s()));
        let slack = widths.max().unwrap_or(MINUTE);
        if minutes.is_empty() { Self::even(extent) } else { Self { minutes, known: true, slack } }
    }

    /// Evenly over what was measured, by the time of each minute; over the whole run where nothing was.
    fn even(extent: &Extent) -> Self {
        let whole = [extent.span()];
        let spans = if extent.measured.spans().is_empty() { &whole } else { extent.measured.spans() };
        let mut minutes = Vec::new();
        for (from, until) in spans {
            let mut minute = minute_of(*from);
            while minute_start(minute) < *until {
                let (start, end) =
                    (minute_start(minute).max(*from), (minute_start(minute) + MINUTE).min(*until));
                minutes.push((start, (end - start).0.unsigned_abs()));
                minute += 1;
            }
        }
        Self { minutes, known: false, slack: MINUTE }
    }

    /// Spreads rows in whole numbers whose sum is exact.
    fn spread(&self, class: Class, count: u64, until: UnixNanos) -> Vec<Item> {
        let all: u128 = self.minutes.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let (mut seen, mut given, mut items) = (0_u128, 0_u64, Vec::new());
        if count == 0 || all == 0 {
            return items;
        }
        for (at, weight) in &self.minutes {
            seen += u128::from(*weight);
            let so_far = u64::try_from(u128::from(count) * seen / all).expect("at most the count");
            let age = if self.known { until - *at - self.slack } else { Nanos::ZERO };
            if so_far > given {
                let at_least = if class == Class::Doubtful { Nanos::ZERO } else { age.max(Nanos::ZERO) };
                items.push(Item { at: *at, class, count: so_far - given, at_least, at_most: None });
            }
            given = so_far;
        }
        items
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
