//! What a run found out, beyond its percentiles: where it broke, how it recovered, whether it was stable.
//!
//! One file for each finding: its value, its sentence and the test of that. Times are seconds since the start of the
//! measured phase, latencies milliseconds. The method of each stands in `docs/measurement.md`; what was not asked for
//! is absent.

mod batch;
mod breaking_point;
mod capacity;
mod catch_up;
mod checkpoints;
mod content_not_compared;
mod period;
mod rate_limit;
mod recovery;
mod stability;
mod stalls;
mod words;

pub use batch::Batch;
pub use breaking_point::{BreakingPoint, Broken, HighestLoad, LoadThere};
pub use catch_up::{CatchUp, Span};
pub use checkpoints::Checkpoint;
pub use content_not_compared::ContentNotCompared;
pub use period::Period;
pub use rate_limit::RateLimit;
pub use recovery::{Band, Recovery, RecoveryState};
pub use stability::{Fit, Stability, StabilityVerdict, Trend, TrendUnit};
pub use stalls::Stall;

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
    /// Verified columns that arrived and were never compared; said of every run that has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_not_compared: Option<ContentNotCompared>,
    /// Arrivals wait for a period; looked for at the end of every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Arrivals come in batches; looked for at the end of every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// Arrivals come at a constant rate below that of the writes; looked for at the end of every run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

impl Findings {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What was found, in plain language, one sentence or table line each. Empty if nothing was asked for.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.breaking_point.iter().flat_map(BreakingPoint::lines));
        lines.extend(self.recovery.iter().map(Recovery::line));
        lines.extend(self.catch_up.iter().flat_map(CatchUp::lines));
        if let Some(stalls) = &self.stalls {
            if stalls.is_empty() {
                lines.push("stalls: none".to_owned());
            }
            lines.extend(stalls.iter().map(Stall::line));
        }
        lines.extend(self.stability.iter().flat_map(Stability::lines));
        lines.extend(self.checkpoints.iter().map(Checkpoint::line));
        lines.extend(self.capacity.iter().flat_map(capacity::lines));
        lines.extend(self.content_not_compared.iter().flat_map(ContentNotCompared::lines));
        lines.extend(self.period.iter().map(Period::line));
        lines.extend(self.batch.iter().map(Batch::line));
        lines.extend(self.rate_limit.iter().map(RateLimit::line));
        lines
    }
}
