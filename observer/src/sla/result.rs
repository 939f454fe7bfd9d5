//! What an account says: one value, of which text, JSON and HTML are renderings.
//!
//! Times are UTC in RFC 3339, spans in seconds, latencies in milliseconds, shares from 0 to 1. An unknown figure is left
//! out, never 0.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use streamgauge_shared::report::{Figure, ValidityState};
use streamgauge_shared::time::UnixNanos;

use super::extent::NotMeasured;
use super::objective::Target;
use super::time_set::Span;
pub(super) use super::verdict::{BurnState, Verdict};

/// The schema's name and version; bumped when a field changes its meaning.
pub(super) const SCHEMA: &str = "streamgauge.sla/1";

/// The account of all objectives over some runs.
#[derive(Clone, Debug, Serialize)]
pub struct Account {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What the account is called, where its file has a name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The verdict over all objectives.
    pub verdict: Verdict,
    /// The time zone of its days and hours.
    pub zone: String,
    /// The window of the objectives, as the option writes it.
    pub window: String,
    /// What coverage is held against: `runs` or `always`.
    pub expect: &'static str,
    /// From when on it looks.
    #[serde(serialize_with = "rfc3339")]
    pub from: UnixNanos,
    /// Until when.
    #[serde(serialize_with = "rfc3339")]
    pub until: UnixNanos,
    /// The runs, oldest first.
    pub runs: Vec<RunLine>,
    /// Time between runs in which nothing was measured.
    #[serde(serialize_with = "spans")]
    pub gaps: Vec<Span>,
    /// Time in which several runs went on side by side: their rows are added.
    #[serde(serialize_with = "spans")]
    pub overlaps: Vec<Span>,
    /// Time that is left out of everything.
    #[serde(serialize_with = "spans")]
    pub maintenance: Vec<Span>,
    /// What a reader has to know beside the figures.
    pub notes: Vec<String>,
    /// The objectives.
    pub objectives: Vec<ObjectiveAccount>,
}

/// One run of the account.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Its folder's name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its test.
    pub test: String,
    /// Whether its account was closed.
    pub complete: bool,
    /// Whether it is to be believed.
    pub validity: ValidityState,
    /// When its measured phase began.
    #[serde(serialize_with = "rfc3339")]
    pub from: UnixNanos,
    /// When it ended.
    #[serde(serialize_with = "rfc3339")]
    pub until: UnixNanos,
    /// What of it is time not measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<NotMeasured>,
    /// Codes of reasons that make it weaker, and that take no time away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
    /// What its folder does not have that a run of today has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
}

/// The account of one objective.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectiveAccount {
    /// As a command line says it.
    pub objective: String,
    /// What its file calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The latency's name.
    pub latency: &'static str,
    /// The operation that it is narrowed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// The bound in milliseconds.
    pub bound_ms: f64,
    /// Where it is held, at the resolution of the histograms: at most 0.1 % above it.
    pub held_at_ms: f64,
    /// The target.
    pub target: Target,
    /// The verdict over all of its windows.
    pub verdict: Verdict,
    /// Each window.
    pub windows: Vec<PeriodAccount>,
    /// Each local day.
    pub days: Vec<PeriodAccount>,
    /// The hours that spent most of the budget, worst first.
    pub worst_hours: Vec<PeriodAccount>,
    /// Every local hour, for the chart.
    #[serde(skip)]
    pub hours: Vec<Hour>,
    /// How fast the budget is spent as of the end.
    pub burn: Vec<BurnAccount>,
    /// Rows in no figure, because they began in time that was not measured.
    pub rows_not_measured: u64,
    /// Rows in no figure, because they began in a maintenance window.
    pub rows_in_maintenance: u64,
}

/// One period.
#[derive(Clone, Debug, Serialize)]
pub struct PeriodAccount {
    /// What a reader calls it.
    pub label: String,
    /// From when.
    #[serde(serialize_with = "rfc3339")]
    pub from: UnixNanos,
    /// Until when.
    #[serde(serialize_with = "rfc3339")]
    pub until: UnixNanos,
    /// Whether it was over at the end of the account.
    pub is_over: bool,
    /// Whether the objective is met in it.
    pub verdict: Verdict,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// The figures of a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Operations that the share is of.
    pub rows: u64,
    /// Those certainly within the objective.
    pub good: u64,
    /// All others.
    pub bad: u64,
    /// Why they are bad.
    pub bad_by: BadBy,
    /// good / rows; absent without rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The share of rows within 1, 5 and 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// Of the good: those that arrived at a time that cannot be believed, and certainly in time.
    #[serde(skip_serializing_if = "is_zero")]
    pub unmeasured_within: u64,
    /// Rows that arrived after their deadline; they count by their latency.
    pub late: u64,
    /// Rows in whose place a later change arrived; neither good nor bad.
    pub superseded: u64,
    /// Rows on their way, not for longer than the bound; neither yet.
    #[serde(skip_serializing_if = "is_zero")]
    pub waiting: u64,
    /// Percentiles, where they are kept: windows and days.
    #[serde(flatten)]
    pub percentiles: Percentiles,
    /// How much time was measured, seconds.
    pub measured_s: f64,
    /// Which was to be measured, seconds.
    pub expected_s: f64,
    /// measured / expected; absent where nothing was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// measured / length of the period without maintenance, whatever was expected; absent where all of it is maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured_of_period: Option<f64>,
    /// How much of the period is left out as maintenance, seconds.
    pub maintenance_s: f64,
    /// ((1 − target) − bad / rows) / (1 − target), below zero where more was spent than there was; absent without rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_left: Option<f64>,
    /// (bad / rows) / (1 − target); absent without rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burn: Option<f64>,
}

/// Bad rows by why they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BadBy {
    /// Arrived beyond the bound.
    pub slower: u64,
    /// Never arrived.
    pub lost: u64,
    /// On their way for longer than the bound.
    pub overdue: u64,
    /// Refused by PostgreSQL, or not sent for want of a session.
    pub rejected: u64,
    /// Refused or lost, it is not known which.
    pub unknown: u64,
    /// Due and never sent.
    pub never_sent: u64,
    /// It cannot be told: perhaps within the bound.
    pub cannot_be_told: u64,
}

/// Shares of rows within fixed bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Within {
    /// 1 s.
    pub s1: f64,
    /// 5 s.
    pub s5: f64,
    /// 30 s.
    pub s30: f64,
}

/// Percentiles of a period, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// The median.
    pub p50: Figure,
    /// The 95th.
    pub p95: Figure,
    /// The 99th.
    pub p99: Figure,
    /// The 99.9th.
    pub p99_9: Figure,
}

/// One local hour. One that the clock repeats is two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hour {
    /// When it begins, within the account.
    pub from: UnixNanos,
    /// How long it is, seconds.
    pub length_s: f64,
    /// How much of it was measured, seconds.
    pub measured_s: f64,
    /// Whether it is after the beginning of what was to be measured.
    pub is_inside: bool,
    /// Operations that began in it.
    pub rows: u64,
    /// Of them, those that are bad.
    pub bad: u64,
}

/// How fast the budget is spent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BurnAccount {
    /// The long window, seconds.
    pub long_s: f64,
    /// The short one.
    pub short_s: f64,
    /// The share of the budget that is gone after the long window at the threshold.
    pub budget_share: f64,
    /// The burn rate from which on it counts.
    pub threshold: f64,
    /// `page` or `ticket`.
    pub urgency: &'static str,
    /// Rows that the long window needs before it counts.
    pub rows_min: u64,
    /// Rows in the long window.
    pub rows: u64,
    /// The burn rate over the long window; absent without rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub long_burn: Option<f64>,
    /// Over the short one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_burn: Option<f64>,
    /// Coverage of the long window; absent where nothing was to be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// What it says.
    pub state: BurnState,
}

impl Serialize for Percentiles {
    /// As a report's: `null` with its bounds beside it where a percentile is open, left out where there is none.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, figure) in [("p50", self.p50), ("p95", self.p95), ("p99", self.p99), ("p99_9", self.p99_9)]
        {
            match figure {
                Figure::Absent => {}
                Figure::Value(value) => map.serialize_entry(name, &value)?,
                Figure::AtLeast(low) => {
                    map.serialize_entry(name, &serde_json::Value::Null)?;
                    map.serialize_entry(&format!("{name}_at_least"), &low)?;
                }
                Figure::Between(low, high) => {
                    map.serialize_entry(name, &serde_json::Value::Null)?;
                    map.serialize_entry(&format!("{name}_at_least"), &low)?;
                    map.serialize_entry(&format!("{name}_at_most"), &high)?;
                }
            }
        }
        map.end()
    }
}

fn rfc3339<S: Serializer>(at: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339())
}

fn spans<S: Serializer>(spans: &[Span], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(spans.iter().map(|(from, until)| {
        serde_json::json!({ "from": from.to_rfc3339(), "until": until.to_rfc3339(), "seconds": (*until - *from).as_secs_f64() })
    }))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
