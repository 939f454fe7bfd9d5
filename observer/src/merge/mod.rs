//! `merge`: one report out of several runs of one test, one after another or at the same time behind several observers.
//!
//! Histograms are added up and percentiles are found anew; no percentile is ever averaged. `conditions` refuses what cannot
//! be merged, `figures` adds latencies up, `seconds` the course of time, `combine` the rest; all of them are pure.
//! What cannot be merged (findings, stages, thresholds on windows) is left out and said.

mod combine;
mod command;
mod conditions;
mod figures;
mod seconds;
#[cfg(test)]
mod tests;

pub use command::merge;

use streamgauge_shared::report::Report;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::kept::KeptInterval;
use crate::measure::Total;

/// One run that is to be merged: what is read of its folder.
#[derive(Clone, Debug)]
struct Side {
    /// The name of its folder.
    name: String,
    report: Report,
    /// Of an older folder: absent.
    totals: Option<Vec<Total>>,
    intervals: Vec<KeptInterval>,
    /// The test as it ran.
    test_text: String,
}

impl Side {
    /// When its measured phase began; of an older folder when its run began.
    fn begins(&self) -> UnixNanos {
        let told = self.report.run.measured_from.as_deref().unwrap_or(&self.report.run.started_at);
        UnixNanos::from_rfc3339(told).unwrap_or(UnixNanos(0))
    }

    /// When its measured phase ended.
    fn ends(&self) -> UnixNanos {
        self.begins() + Nanos::from_millis_f64(self.report.run.duration_s * 1_000.0)
    }
}

/// What is merged: at least two runs of one test, in the order of their times.
#[derive(Clone, Debug)]
struct Sides {
    sides: Vec<Side>,
    /// The test of all of them.
    test: Test,
}

impl Sides {
    /// Whether any two of them went on at the same time.
    fn overlap(&self) -> bool {
        let mut ends = UnixNanos(i64::MIN);
        self.sides.iter().any(|side| {
            let overlaps = side.begins() < ends;
            ends = ends.max(side.ends());
            overlaps
        })
    }
}
