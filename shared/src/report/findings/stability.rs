//! Whether latency, iteration time and memory kept their level.

use serde::{Deserialize, Serialize};

use super::words::{mebibytes, millis, seconds};

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

impl Stability {
    /// The verdict, and each series with its figures.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("stability: {}", self.verdict.words())];
        lines.extend(self.trends.iter().map(Trend::line));
        lines
    }
}

impl Trend {
    fn line(&self) -> String {
        let head = format!("  {}: {}", self.series, self.verdict.words());
        match (&self.fit, &self.missing) {
            (Some(fit), _) => format!("{head}; {}", fit.words(self.unit)),
            (None, Some(missing)) => format!("{head}: {missing}"),
            (None, None) => head,
        }
    }
}

impl Fit {
    fn words(&self, unit: TrendUnit) -> String {
        let value = |value: f64| match unit {
            TrendUnit::Ms => millis(value),
            TrendUnit::Bytes => mebibytes(value),
        };
        let per_hour = |slope: f64| format!("{}/h", value(slope * 3_600.0));
        let interval = match (self.slope_low_per_s, self.slope_high_per_s) {
            (Some(low), Some(high)) => format!("{} to {}", per_hour(low), per_hour(high)),
            _ => "open interval".to_owned(),
        };
        let change = self.relative_change.map(|change| format!(" ({:+.1} %)", change * 100.0));
        format!(
            "{} → {}{} over {}, slope {} ({interval})",
            value(self.start),
            value(self.end),
            change.unwrap_or_default(),
            seconds(self.to_s - self.from_s),
            per_hour(self.slope_per_s)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_without_enough_data_says_what_is_missing() {
        let trend = Trend {
            series: "writer memory".to_owned(),
            unit: TrendUnit::Bytes,
            verdict: StabilityVerdict::NotEnoughData,
            missing: Some("no values".to_owned()),
            points: 0,
            span_s: 0.0,
            fit: None,
        };
        let found = Stability { verdict: StabilityVerdict::Stable, trends: vec![trend] };
        assert_eq!(found.lines(), ["stability: stable", "  writer memory: not enough data: no values"]);
    }
}
