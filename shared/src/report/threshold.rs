//! One threshold of a run: its value in the report, and how every summary words it.

use serde::{Deserialize, Serialize};

use super::is_zero;
use super::text::{as_rate, as_share, millis};

/// One threshold and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdResult {
    /// The key as the test writes it.
    pub metric: String,
    /// The expression as the test writes it.
    pub expression: String,
    /// What the value is compared with, milliseconds for a latency; absent in reports of before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// Whether it holds; while the run goes on, whether it does not certainly fail.
    pub passed: bool,
    /// The value it was judged on, milliseconds for a latency; absent where there is no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// Set where the value is only known to be at least `observed`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// What it is at most, where it is only known to lie between `observed` and this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// Set where the bounds of the value leave open whether it holds. If that is so at the end, it fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undecided: bool,
    /// Whether the value is a time in milliseconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_time: bool,
    /// Whether the value is a counter's rate, per second.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_second: bool,
    /// How many operations stand behind it.
    pub samples: u64,
    /// Of a threshold that is judged on windows, those of which more than a tenth of the rows arrived unmeasured.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub windows_not_judged: u64,
}

impl ThresholdResult {
    /// The threshold and what it was judged on, for a sentence: `p(95)<500 on cdc_e2e_latency was p(95)=612ms`.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} on {} was {}", self.expression, self.metric, self.observed())
    }

    /// What it was judged on, in the words and digits that the figure itself is printed with: `p(95)=612ms`.
    #[must_use]
    pub fn observed(&self) -> String {
        let method = self.expression.split(['<', '>', '=', '!']).next().unwrap_or_default().trim();
        let mut words = match (self.observed, self.at_most) {
            (None, _) if self.samples > 0 => format!("no data: {} samples are too few", self.samples),
            (None, _) => "no data".to_owned(),
            (Some(low), Some(high)) => format!("{method}={} to {}", self.value(low), self.value(high)),
            (Some(low), None) if self.at_least => format!("{method}≥{}", self.value(low)),
            (Some(value), None) => format!("{method}={}", self.value(value)),
        };
        if self.undecided {
            words.push_str(": cannot be told");
        }
        if self.windows_not_judged > 0 {
            words.push_str(&format!(" ({} windows not judged)", self.windows_not_judged));
        }
        words
    }

    fn value(&self, value: f64) -> String {
        let is_share = !self.per_second && self.expression.trim_start().starts_with("rate");
        match (self.is_time, self.per_second) {
            (true, _) => millis(value),
            (_, true) => as_rate(value),
            _ if is_share => as_share(value),
            _ => value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(expression: &str, observed: f64) -> ThresholdResult {
        ThresholdResult {
            metric: "iterations".to_owned(),
            expression: expression.to_owned(),
            bound: None,
            passed: false,
            observed: Some(observed),
            at_least: false,
            at_most: None,
            undecided: false,
            is_time: false,
            per_second: false,
            samples: 7,
            windows_not_judged: 0,
        }
    }

    #[test]
    fn a_figure_is_printed_as_the_summary_prints_it() {
        let per_second = ThresholdResult { per_second: true, ..result("rate>4.5", 0.506) };
        assert_eq!(per_second.observed(), "rate=0.51/s", "a rate below one is no share");
        assert_eq!(result("rate>0.99", 0.99876).observed(), "rate=99.87%");
        assert_eq!(result("count>=1000", 600.0).observed(), "count=600");
        let time = ThresholdResult { is_time: true, ..result("p(99)<400", 17.0) };
        assert_eq!(time.observed(), "p(99)=17ms");
        let open = ThresholdResult { at_least: true, at_most: Some(480.0), undecided: true, ..time.clone() };
        assert_eq!(open.observed(), "p(99)=17ms to 480ms: cannot be told");
        let waiting = ThresholdResult { at_least: true, windows_not_judged: 2, ..time };
        assert_eq!(waiting.observed(), "p(99)≥17ms (2 windows not judged)");
    }
}
