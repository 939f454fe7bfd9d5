//! Which thresholds are judged on windows, and how finely time is cut for them.

use super::{Question, Test};
use crate::threshold::{Metric, Threshold};
use crate::time::{NANOS_PER_SECOND, Nanos};

/// The window in which a threshold without one of its own is looked at for the breaking point: long enough
/// for a percentile of a few rows a second, short enough to place a crossing in time.
const DEFAULT_WINDOW: Nanos = Nanos::from_secs(10);
/// Cells of time kept at most for one metric and its tags.
pub const CELLS_MAX: i64 = 3_600;

impl Test {
    /// The window that a threshold is judged on each second; none for one that is judged on the whole run only. Where
    /// a scenario asks for its breaking point, latencies and shares without a window of their own are given one.
    #[must_use]
    pub fn window_of(&self, threshold: &Threshold) -> Option<Nanos> {
        threshold.over.or(self.is_followed(threshold).then_some(DEFAULT_WINDOW))
    }

    /// Whether the crossings of a threshold are kept, for the breaking point.
    #[must_use]
    pub fn is_followed(&self, threshold: &Threshold) -> bool {
        let asked =
            self.scenarios.iter().any(|scenario| scenario.findings.contains(&Question::BreakingPoint));
        asked && !matches!(threshold.metric, Metric::Counter(_))
    }
}

/// The cells of time that a window of this length is made of: a second each, or more for a window of more than
/// [`CELLS_MAX`] of them, which would otherwise be the largest thing in memory.
#[must_use]
pub fn cell_of(window: Nanos) -> Nanos {
    let seconds = window.0 / NANOS_PER_SECOND;
    Nanos(NANOS_PER_SECOND * (1 + (seconds - 1).max(0) / CELLS_MAX))
}
