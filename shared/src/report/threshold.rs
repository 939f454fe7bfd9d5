//! One threshold of a run: its value in the report, and how every summary words it.

use serde::{Deserialize, Serialize};

use super::is_zero;
use super::text::{as_rate, as_share, millis};
use crate::time::{NANOS_PER_SECOND, Nanos};

/// What stands between a method and its bound.
const OPERATORS: [char; 4] = ['<', '>', '=', '!'];
/// From here on a value is said to be so many times its bound.
const TIMES_FROM: f64 = 10.0;

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
    /// When it was first crossed for certain, seconds after the first row of the measured phase was sent; of one with a
    /// window of its own, the end of the first window of the crossing that failed it. Absent where it holds, and where
    /// that is not known: in older reports, and where only the end could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failed_s: Option<f64>,
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
        self.words("")
    }

    /// The same, and of one that failed by how much and since when, in a run of so many seconds:
    /// `p(95)=612ms is 22% over 500ms; first crossed at 02:13 of 05:00`.
    #[must_use]
    pub fn told(&self, run_s: f64) -> String {
        let missed = if self.passed || self.undecided { None } else { self.missed() };
        let missed = missed.map_or_else(String::new, |missed| format!(" is {missed}"));
        let since = self.first_failed_s.filter(|_| !self.passed).map_or_else(String::new, |since| {
            // What failed in the very last window may end a little after the last arrival.
            format!("; first crossed at {} of {}", minutes(since), minutes(run_s.max(since)))
        });
        self.words(&format!("{missed}{since}"))
    }

    fn words(&self, missed: &str) -> String {
        let method = self.expression.split(OPERATORS).next().unwrap_or_default().trim();
        let mut words = match (self.observed, self.at_most) {
            (None, _) if self.samples > 0 => format!("no data: {} samples are too few", self.samples),
            (None, _) => "no data".to_owned(),
            (Some(low), Some(high)) => format!("{method}={} to {}", self.value(low), self.value(high)),
            (Some(low), None) if self.at_least => format!("{method}≥{}", self.value(low)),
            (Some(value), None) => format!("{method}={}", self.value(value)),
        };
        words.push_str(missed);
        if self.undecided {
            words.push_str(": cannot be told");
        }
        if self.windows_not_judged > 0 {
            words.push_str(&format!(" ({} windows not judged)", self.windows_not_judged));
        }
        words
    }

    /// By how much it failed: `22% over 500ms`, `1.69 points under 99.00%`, `12 times 500ms`; nothing without data or a
    /// bound.
    #[must_use]
    pub fn missed(&self) -> Option<String> {
        let (seen, bound) = (self.observed?, self.bound?);
        let named = self.value(bound);
        let side = match self.expression.chars().find(|letter| OPERATORS.contains(letter))? {
            '=' => return Some(format!("not {named}")),
            '!' => return Some("what it must not be".to_owned()),
            '<' => "over",
            _ => "under",
        };
        // Under a bound that is a lower one, the nearer end is the upper one.
        let near = if side == "under" { self.at_most.unwrap_or(seen) } else { seen };
        let distance = (near - bound).abs();
        let least = if self.at_most.is_some() || self.at_least { "at least " } else { "" };
        if distance <= 0.0 {
            return Some(format!("not {} {named}", if side == "over" { "under" } else { "over" }));
        }
        let by = if self.is_share() {
            // As the two figures are printed, so that they add up.
            let points = (percent(near) - percent(bound)).abs();
            format!("{points:.2} points")
        } else if bound <= 0.0 {
            self.value(distance)
        } else if near / bound >= TIMES_FROM {
            return Some(format!("{least}{} times {named}", digits(near / bound)));
        } else {
            format!("{}%", digits(distance / bound * 100.0))
        };
        Some(format!("{least}{by} {side} {named}"))
    }

    fn is_share(&self) -> bool {
        !self.per_second && self.expression.trim_start().starts_with("rate")
    }

    fn value(&self, value: f64) -> String {
        match (self.is_time, self.per_second) {
            (true, _) => millis(value),
            (_, true) => as_rate(value),
            _ if self.is_share() => as_share(value),
            _ => value.to_string(),
        }
    }
}

/// A share in percent, cut as [`as_share`] prints it.
fn percent(share: f64) -> f64 {
    (share * 10_000.0).floor() / 100.0
}

/// A number with two or three digits that count, and none behind the point from ten on.
fn digits(number: f64) -> String {
    match number {
        _ if number >= 10.0 => format!("{number:.0}"),
        _ if number >= 1.0 => format!("{number:.1}"),
        _ if number >= 0.01 => format!("{number:.2}"),
        _ => "less than 0.01".to_owned(),
    }
}

/// `02:13`, from an hour on `1:02:13`.
fn minutes(seconds: f64) -> String {
    let whole = Nanos::from_millis_f64(seconds * 1_000.0).0.max(0) / NANOS_PER_SECOND;
    let (hours, minutes, seconds) = (whole / 3_600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
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
            first_failed_s: None,
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

    #[test]
    fn one_that_failed_says_by_how_much_and_since_when() {
        let told = |expression: &str, bound: f64, observed: f64| {
            let is_time = expression.starts_with('p');
            let result = ThresholdResult { is_time, bound: Some(bound), ..result(expression, observed) };
            result.told(300.0)
        };
        assert_eq!(told("p(95)<500", 500.0, 612.0), "p(95)=612ms is 22% over 500ms");
        assert_eq!(told("p(95)<=500", 500.0, 500.4), "p(95)=500.4ms is 0.08% over 500ms");
        assert_eq!(told("p(95)<500", 500.0, 500.0), "p(95)=500ms is not under 500ms");
        assert_eq!(told("p(95)<500", 500.0, 500.000_001), "p(95)=500ms is less than 0.01% over 500ms");
        assert_eq!(told("p(95)<500", 500.0, 6_200.0), "p(95)=6.2s is 12 times 500ms");
        assert_eq!(told("p(95)<0", 0.0, 3.0), "p(95)=3ms is 3ms over 0s");
        assert_eq!(told("rate>0.99", 0.99, 0.973_187), "rate=97.31% is 1.69 points under 99.00%");
        assert_eq!(told("count>=1000", 1_000.0, 600.0), "count=600 is 40% under 1000");
        assert_eq!(told("count==0", 0.0, 3.0), "count=3 is not 0");
        assert_eq!(told("count!=3", 3.0, 3.0), "count=3 is what it must not be");
        let late = ThresholdResult {
            is_time: true,
            bound: Some(500.0),
            first_failed_s: Some(133.4),
            ..result("p(95)<500", 612.0)
        };
        assert_eq!(late.told(300.0), "p(95)=612ms is 22% over 500ms; first crossed at 02:13 of 05:00");
        assert_eq!(late.told(3_733.0), "p(95)=612ms is 22% over 500ms; first crossed at 02:13 of 1:02:13");
        let open = ThresholdResult { at_least: true, windows_not_judged: 2, ..late.clone() };
        assert_eq!(
            open.told(300.0),
            "p(95)≥612ms is at least 22% over 500ms; first crossed at 02:13 of 05:00 (2 windows not judged)"
        );
        assert_eq!(ThresholdResult { passed: true, ..late.clone() }.told(300.0), "p(95)=612ms");
        let undecided = ThresholdResult {
            undecided: true,
            at_least: true,
            at_most: Some(700.0),
            first_failed_s: None,
            ..late
        };
        assert_eq!(undecided.told(300.0), "p(95)=612ms to 700ms: cannot be told");
        let none =
            ThresholdResult { observed: None, samples: 0, bound: Some(500.0), ..result("p(95)<500", 0.0) };
        assert_eq!(none.told(300.0), "no data");
    }
}
