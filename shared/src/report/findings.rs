//! What a run found out, beyond its percentiles: where it broke, how it recovered, whether it was stable.
//!
//! Times are seconds since the start of the measured phase, latencies milliseconds. The method of each finding
//! stands in `docs/measurement.md`; what was not asked for is absent.

mod lines;

use serde::{Deserialize, Serialize};

use crate::capacity::Capacity;

/// Everything a run found out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The load at which a threshold did not hold any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaking_point: Option<BreakingPoint>,
    /// How long the latency took to come back after the load fell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// What became of the rows of a spike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
    /// Times in which rows waited and none arrived, in their order. Absent where nobody looked, empty where
    /// there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalls: Option<Vec<Stall>>,
    /// Whether latency, iteration time and memory kept their level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// One line for each stretch of a long run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<Checkpoint>,
    /// The highest rate that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
}

/// Where the thresholds broke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakingPoint {
    /// How much longer than its window a threshold has to stay crossed to count, seconds.
    pub hold_s: f64,
    /// The thresholds that did, first one first; empty: the breaking point was not reached.
    pub broken: Vec<Broken>,
    /// The load there; absent if the breaking point was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadThere>,
    /// The highest load of the whole run.
    pub highest: HighestLoad,
}

/// One threshold that was crossed and stayed crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The key as the test writes it.
    pub metric: String,
    /// The expression as the test writes it.
    pub expression: String,
    /// Since when it was crossed.
    pub at_s: f64,
    /// How long it stayed so.
    pub crossed_for_s: f64,
    /// Users at that time.
    pub users: f64,
}

/// The load when the first threshold broke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadThere {
    /// When.
    pub at_s: f64,
    /// Users in an iteration.
    pub users: f64,
    /// What the schedule wanted at that time: users or iterations per second; absent without stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<f64>,
    /// The stage's name; absent without stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Rows sent per second, mean from `rates_from_s` to `rates_to_s`.
    pub sent_per_s: f64,
    /// Rows that arrived per second, mean over the same time: what the pipeline really carried.
    pub arrived_per_s: f64,
    /// Rows waiting at that time.
    pub pending: u64,
    /// Start of the time the rates are taken over.
    pub rates_from_s: f64,
    /// Its end.
    pub rates_to_s: f64,
}

/// The highest load of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HighestLoad {
    /// Users in an iteration at the same time, at most.
    pub users: f64,
    /// Rows sent per second, highest mean over `over_s`.
    pub sent_per_s: f64,
    /// Rows that arrived per second, highest mean over `over_s`.
    pub arrived_per_s: f64,
    /// The time the two rates are means over.
    pub over_s: f64,
}

/// How the latency came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// In one word.
    pub state: RecoveryState,
    /// When the load fell.
    pub load_fell_s: f64,
    /// From then until the latency was back; only if it recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
    /// How long it was seen to stay there afterwards; only if it recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stayed_s: Option<f64>,
    /// The highest p95 of a second since the load rose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_p95_ms: Option<f64>,
    /// What "back" means; absent where there was too little to learn it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
}

/// How a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    /// The latency left its band and came back.
    Recovered,
    /// It left its band and did not come back before the run ended.
    NotRecovered,
    /// It never left its band.
    NeverLeft,
    /// Too few points before the load rose, or after it fell.
    NotEnoughData,
}

/// The band a latency keeps to while nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The points it is learned from: first second …
    pub from_s: f64,
    /// … and last one, excluded.
    pub to_s: f64,
    /// Points with a latency among them.
    pub points: u64,
    /// Median of their p95.
    pub median_p95_ms: f64,
    /// A p95 up to here is inside.
    pub upper_ms: f64,
}

/// A time in which rows waited and none arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// Its start.
    pub at_s: f64,
    /// Its length.
    pub length_s: f64,
    /// Whether it had ended when the run did.
    pub ended: bool,
    /// Rows waiting at its end.
    pub rows_waiting: u64,
    /// From its end until no more rows waited than before it; absent if that did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_s: Option<f64>,
    /// From its end until the p95 was back in its band; absent if that did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_after_s: Option<f64>,
    /// What "back" means; absent where there was too little to learn it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
}

/// What became of the rows of a spike, by when they were sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatchUp {
    /// When the load rose.
    pub rose_s: f64,
    /// When it fell.
    pub fell_s: f64,
    /// When the load ended.
    pub ended_s: f64,
    /// How long after that rows were given to arrive, seconds.
    pub window_s: f64,
    /// Rows sent before the load rose.
    pub before: Part,
    /// Rows sent while it was high.
    pub during: Part,
    /// Rows sent after it fell.
    pub after: Part,
    /// Rows that arrived within `window_s` after the load's end, of all three parts.
    pub arrived_in_window: u64,
    /// Rows waiting at the end of the window, or of the run if that was earlier.
    pub pending_after_window: u64,
    /// From the fall of the load until nothing sent before it waited any more; absent if rows still wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_s: Option<f64>,
}

/// The rows of one part of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Rows sent in it.
    pub sent: u64,
    /// Of these, arrived by now.
    pub arrived: u64,
    /// Of these, still waiting.
    pub pending: u64,
    /// When the last of them arrived; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_arrival_s: Option<f64>,
}

impl Part {
    /// Rows that neither arrived nor wait: lost, rejected, or with an unknown end.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.sent.saturating_sub(self.arrived + self.pending)
    }
}

/// Whether a run kept its level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// The gravest of the trends' verdicts; not enough data only if all of them say so.
    pub verdict: StabilityVerdict,
    /// Each series that was looked at.
    pub trends: Vec<Trend>,
}

/// What a trend amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StabilityVerdict {
    /// Too short or too sparse to tell.
    NotEnoughData,
    /// No trend that is both clear and large enough to matter.
    Stable,
    /// A clear trend that matters.
    Drifting,
    /// The same, upwards, of memory.
    Leaking,
}

impl StabilityVerdict {
    /// The verdict as one reads it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotEnoughData => "not enough data",
            Self::Stable => "stable",
            Self::Drifting => "drifting",
            Self::Leaking => "leaking",
        }
    }
}

/// The unit of a trend's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendUnit {
    /// Of times.
    Ms,
    /// Of memory.
    Bytes,
}

/// One series over the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Which: `cdc_e2e_latency p50`, `writer memory`, ….
    pub series: String,
    /// Of its values.
    pub unit: TrendUnit,
    /// What it amounts to.
    pub verdict: StabilityVerdict,
    /// Why there is not enough data; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Points with a value that went in.
    pub points: u64,
    /// Seconds from the first of them to the end of the last.
    pub span_s: f64,
    /// The line through them; absent where there is not enough data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// A line through a series, robust against outliers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Blocks that the points were gathered into.
    pub blocks: u64,
    /// Their length, seconds.
    pub block_s: f64,
    /// Theil–Sen slope, units per second.
    pub slope_per_s: f64,
    /// Units per hour.
    pub slope_per_hour: f64,
    /// Lower end of the slope's confidence interval, per second; absent where correlated noise leaves it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope_low_per_s: Option<f64>,
    /// Upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slope_high_per_s: Option<f64>,
    /// The interval's confidence, e.g. 0.999.
    pub confidence: f64,
    /// By how much serial correlation widened the variance; 1: not at all.
    pub correlation_factor: f64,
    /// The line's start …
    pub from_s: f64,
    /// … its end …
    pub to_s: f64,
    /// … its value at the start …
    pub start: f64,
    /// … and at the end.
    pub end: f64,
    /// (end − start) / level, the level being the median of the blocks; absent for a level of 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_change: Option<f64>,
    /// A change has to be larger than this to matter.
    pub matters_from: f64,
}

/// One stretch of a long run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its end.
    pub at_s: f64,
    /// Its length.
    pub width_s: f64,
    /// Rows sent in it.
    pub sent: u64,
    /// Rows that arrived in it.
    pub arrived: u64,
    /// Errors in it.
    pub errors: u64,
    /// Rows waiting at its end.
    pub pending: u64,
    /// Users at its end.
    pub users: f64,
    /// Median of its seconds' p50, weighted with their arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// The same of their p95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// The same of their p99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Mean time of an iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration_ms: Option<f64>,
    /// Resident memory of the writer at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_rss_bytes: Option<u64>,
    /// Of the observer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer_rss_bytes: Option<u64>,
}
