//! The report of a run: one value, of which `report.json`, `summary.txt` and both terminals are renderings.
//!
//! Times are milliseconds as numbers with full precision. An unknown figure is left out, never 0.

mod clock;
mod content;
mod figure;
mod findings;
mod headline;
mod load;
mod merged;
mod screen;
mod second;
mod stages;
mod text;
mod threshold;
mod undecodable;
mod validity;

pub use clock::{ClockReport, ClockStepReport, MongodClockReport, WriterClockReport};
pub use content::{ColumnReport, ContentReport, NotComparedReport};
pub use figure::{Figure, Stats};
pub use findings::*;
pub use headline::HeadlineReport;
pub use load::{Load, LoadUnit, WrittenLoad};
pub use merged::{Merged, MergedRun};
pub use screen::{SCREEN_LINES, render_screen};
pub use second::Second;
pub use stages::{MarksReport, StageClock, StageReport};
pub use text::{
    as_rate, as_share, figure_words, millis, per_second, render, render_full, verdict_word, verdict_words,
};
pub use threshold::ThresholdResult;
pub use undecodable::UndecodableReport;
pub use validity::{Reason, Validity, ValidityState};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::{EventKind, Outcome};
use crate::exit_code::ExitCode;
use crate::ledger::Rejections;

/// The schema's name and version; bumped when a field changes its meaning.
pub const SCHEMA: &str = "streamgauge.report/1";

/// Everything a run says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Which run.
    pub run: Run,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether it is to be believed.
    pub validity: Validity,
    /// What had to hold.
    pub thresholds: Vec<ThresholdResult>,
    /// Entries of the measured phase by outcome.
    pub account: AccountReport,
    /// Of the rejected, those that PostgreSQL refused: by SQLSTATE, or `no_row` where the statement touched no row.
    #[serde(default, skip_serializing_if = "Rejections::is_empty")]
    pub rejections: Rejections,
    /// Events of the measured phase by kind, with those that belong to no phase.
    pub events: EventReport,
    /// Account and events of the other phases that had any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub phases: BTreeMap<String, PhaseReport>,
    /// The latency that everything shown leads with; absent where it is `cdc_e2e_latency` over all operations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headline: Option<HeadlineReport>,
    /// Latencies by name.
    pub latency: BTreeMap<String, LatencyReport>,
    /// The stages between the times that the pipeline leaves; empty where no model names any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageReport>,
    /// How many rows are in the stages; absent where no model names a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marks: Option<MarksReport>,
    /// How much of the rows' content was compared; absent where nothing is verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentReport>,
    /// Shares by name.
    pub rates: BTreeMap<String, RateReport>,
    /// Counters by name.
    pub counters: BTreeMap<String, u64>,
    /// The counters per second of the measured load, from the end of the warm-up to the end of the load; absent before
    /// that has lasted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counter_rates: BTreeMap<String, f64>,
    /// What load there was.
    pub load: Load,
    /// What the scenarios were to find out; absent where none asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// What is known of the clocks.
    pub clock: ClockReport,
    /// What the programs used.
    pub process: BTreeMap<String, ProcessReport>,
    /// The measurement floor: the canary's observed − sent; absent where there was no canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Stats>,
    /// Why there is no floor, or none from some moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_floor: Option<String>,
}

/// Which run it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Twelve hexadecimal digits.
    pub id: String,
    /// The test's name.
    pub test: String,
    /// Its scenarios, in the test's order.
    pub scenarios: Vec<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// How many writers took part.
    pub writers: u16,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// When the measured phase began, from which the times of `load.seconds` count: UTC, RFC 3339. Absent before its first
    /// row, and in reports of before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_from: Option<String>,
    /// Of the measured phase: from its first intended time to its last arrival or to now, seconds.
    pub duration_s: f64,
    /// What lengths were multiplied with.
    pub time_scale: f64,
    /// What users and rates were multiplied with.
    pub load_scale: f64,
    /// Whether the account was closed; false in what a dying run leaves.
    pub complete: bool,
    /// Of the programs and servers.
    pub versions: BTreeMap<String, String>,
    /// Where the run is kept, as the observer names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The runs that it was merged from; absent in a run's own report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub state: VerdictState,
    /// What both programs end with.
    pub exit_code: u8,
    /// Why it ended before its time, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How a run ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictState {
    /// Every threshold held.
    Passed,
    /// A threshold was crossed.
    Failed,
    /// A threshold that was crossed ended the run.
    Aborted,
    /// A signal ended the run.
    Interrupted,
    /// The measurement must not be believed.
    Invalid,
    /// The run could not be carried through.
    Error,
}

impl VerdictState {
    /// The word of an exit code; `aborted` tells whether a threshold ended the run.
    #[must_use]
    pub const fn of(code: ExitCode, aborted: bool) -> Self {
        match code {
            ExitCode::Passed => Self::Passed,
            ExitCode::ThresholdCrossed if aborted => Self::Aborted,
            ExitCode::ThresholdCrossed => Self::Failed,
            ExitCode::Interrupted => Self::Interrupted,
            ExitCode::MeasurementInvalid => Self::Invalid,
            ExitCode::InvalidConfiguration | ExitCode::RunFailed => Self::Error,
        }
    }
}

/// Entries whose outcome has a cause beside it, by cause; in JSON those above zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseReport {
    /// Lost: the row that it deletes never arrived.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub no_row: u64,
    /// Rejected: never sent, for want of a session with PostgreSQL.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_connected: u64,
    /// Rejected: never sent, because the load ended while it waited for a session.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cut: u64,
}

impl CauseReport {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Entries by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the outcomes of account::Outcome, by name")]
pub struct AccountReport {
    pub entries: u64,
    pub delivered: u64,
    pub superseded: u64,
    pub late: u64,
    pub lost: u64,
    pub rejected: u64,
    pub unknown: u64,
    pub pending: u64,
    /// Of the lost: deletes whose row never arrived, so that there was nothing to delete.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_no_row: u64,
    /// Causes beside the outcomes.
    #[serde(default, skip_serializing_if = "CauseReport::is_empty")]
    pub causes: CauseReport,
    /// Of the entries: those that the ledger does not hold and an event revealed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub recovered: u64,
}

/// Events by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the kinds of account::EventKind, by name")]
pub struct EventReport {
    pub total: u64,
    pub first: u64,
    pub duplicate: u64,
    pub out_of_order: u64,
    pub early: u64,
    pub foreign: u64,
    pub undecodable: u64,
    #[serde(default, skip_serializing_if = "UndecodableReport::is_empty")]
    pub undecodable_reasons: UndecodableReport,
}

impl AccountReport {
    /// Each outcome by name, in the order reports print them.
    #[must_use]
    pub fn outcomes(&self) -> [(&'static str, u64); Outcome::COUNT] {
        Outcome::ALL.map(|outcome| {
            let count = match outcome {
                Outcome::Delivered => self.delivered,
                Outcome::Superseded => self.superseded,
                Outcome::Late => self.late,
                Outcome::Lost => self.lost,
                Outcome::Rejected => self.rejected,
                Outcome::Unknown => self.unknown,
                Outcome::Pending => self.pending,
            };
            (outcome.name(), count)
        })
    }
}

impl EventReport {
    /// Each kind by name, in the order reports print them.
    #[must_use]
    pub fn kinds(&self) -> [(&'static str, u64); EventKind::COUNT] {
        EventKind::ALL.map(|kind| {
            let count = match kind {
                EventKind::First => self.first,
                EventKind::Duplicate => self.duplicate,
                EventKind::OutOfOrder => self.out_of_order,
                EventKind::Early => self.early,
                EventKind::Foreign => self.foreign,
                EventKind::Undecodable => self.undecodable,
            };
            (kind.name(), count)
        })
    }
}

/// One phase besides the measured one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseReport {
    /// Its entries.
    pub account: AccountReport,
    /// Its events.
    pub events: EventReport,
}

/// One latency.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyReport {
    /// Over everything.
    pub all: Stats,
    /// By entity and operation; empty where the latency has neither.
    pub by: Vec<LatencyBy>,
}

impl LatencyReport {
    /// What its figures do not show.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.all.censored > 0 {
            notes.push(format!("{} had not arrived and count with their age", self.all.censored));
        }
        if self.all.unmeasured > 0 {
            notes.push(format!("{} arrived unmeasured and count between their bounds", self.all.unmeasured));
        }
        notes
    }
}

/// A latency of one operation on one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyBy {
    /// The entity's name.
    pub entity: String,
    /// The operation's name.
    pub operation: String,
    /// Its figures.
    #[serde(flatten)]
    pub stats: Stats,
}

/// A share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateReport {
    /// passed / total.
    pub rate: f64,
    /// Successes.
    pub passed: u64,
    /// All.
    pub total: u64,
}

/// What a process used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessReport {
    /// CPU time of all threads, user and system.
    pub cpu_s: f64,
    /// The largest resident size.
    pub peak_rss_bytes: u64,
    /// How long its threads together were ready to run and had no CPU; absent where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_queue_wait_s: Option<f64>,
    /// The most of it in one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_second_wait_ms: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
