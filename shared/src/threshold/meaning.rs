//! Whether a threshold can both hold and fail: one that cannot says nothing of a run, and its author meant another.

use std::fmt;

use super::{Aggregate, Expression, Metric, Operator};
use crate::timeline::LatencyRange;

/// Why an expression cannot mean what it says.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Meaningless {
    /// No value that the metric can take fulfils it, or every one does.
    #[error("threshold '{text}' on '{metric}' {fate}: {range}{meant}")]
    Settled {
        /// The expression.
        text: String,
        /// The metric's name.
        metric: String,
        /// Which of the two.
        fate: Fate,
        /// What the metric can be.
        range: &'static str,
        /// What was probably meant.
        meant: Meant,
    },
    /// A percentile below the first, which is a share of 1 written in the place of one of 100.
    #[error("threshold '{text}' names the percentile {percentile} of 100{meant}")]
    ShareAsPercentile {
        /// The expression.
        text: String,
        /// What stands in the brackets.
        percentile: f64,
        /// What was probably meant.
        meant: Meant,
    },
}

/// What is known of an expression before any run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No value fulfils it.
    NeverHolds,
    /// Every value fulfils it.
    AlwaysHolds,
}

/// What was probably meant, where one can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant(Option<String>);

impl From<Option<String>> for Meant {
    fn from(meant: Option<String>) -> Self {
        Self(meant)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverHolds => "can never hold",
            Self::AlwaysHolds => "always holds",
        })
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |meant| write!(f, "; probably meant: {meant}"))
    }
}

/// The values that an aggregate of a metric can take.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    /// Whether `low` itself can be taken.
    low_taken: bool,
    high: f64,
    /// Whether only whole numbers are taken.
    whole: bool,
    words: &'static str,
}

impl Expression {
    /// Whether the expression can both hold and fail on this metric.
    ///
    /// # Errors
    /// [`Meaningless`] says what the metric can be, and what was probably meant.
    pub fn meaning(&self, metric: Metric, metric_name: &str) -> Result<(), Meaningless> {
        if let Aggregate::Percentile(percentile) = self.aggregate
            && 0.0 < percentile
            && percentile < 1.0
        {
            return Err(Meaningless::ShareAsPercentile {
                text: self.text.clone(),
                percentile,
                meant: Meant(Some(self.with_method(&format!("p({})", rounded(percentile * 100.0))))),
            });
        }
        let range = Range::of(metric, self.aggregate);
        range.fate(self.operator, self.bound).map_or(Ok(()), |fate| {
            Err(Meaningless::Settled {
                text: self.text.clone(),
                metric: metric_name.to_owned(),
                fate,
                range: range.words,
                meant: Meant(self.meant(metric, range)),
            })
        })
    }

    fn meant(&self, metric: Metric, range: Range) -> Option<String> {
        if matches!(metric, Metric::Rate(_)) && 1.0 < self.bound && self.bound <= 100.0 {
            return Some(self.with_bound(&rounded(self.bound / 100.0)));
        }
        if matches!(metric, Metric::Rate(_)) && (1.0..=1.0).contains(&self.bound) {
            return match self.operator {
                Operator::Greater => Some(self.with_sign(">=", "1")),
                Operator::LessOrEqual => Some(self.with_sign("<", "1")),
                _ => None,
            };
        }
        let at_low = range.low_taken && self.bound <= range.low;
        match self.operator {
            Operator::Less if at_low => Some(self.with_sign("<=", &rounded(range.low))),
            Operator::GreaterOrEqual if at_low => Some(self.with_sign(">", &rounded(range.low))),
            _ => None,
        }
    }

    fn method(&self) -> &str {
        self.text.split(['<', '>', '=', '!']).next().unwrap_or_default().trim()
    }

    /// The operator and what follows it, as written.
    fn comparison(&self) -> &str {
        self.text.find(['<', '>', '=', '!']).map_or("", |at| &self.text[at..])
    }

    fn with_method(&self, method: &str) -> String {
        format!("{method}{}", self.comparison().replace(' ', ""))
    }

    fn with_bound(&self, bound: &str) -> String {
        let comparison = self.comparison();
        let sign: String = comparison.chars().take_while(|letter| "<>=!".contains(*letter)).collect();
        self.with_sign(&sign, bound)
    }

    fn with_sign(&self, sign: &str, bound: &str) -> String {
        format!("{}{sign}{bound}", self.method())
    }
}

impl Range {
    fn of(metric: Metric, aggregate: Aggregate) -> Self {
        let from_zero = |words| Self { low: 0.0, low_taken: true, high: f64::INFINITY, whole: false, words };
        match metric {
            Metric::Rate(_) => Self { high: 1.0, ..from_zero("a share is from 0 to 1") },
            Metric::Counter(_) if aggregate == Aggregate::Count => {
                Self { whole: true, ..from_zero("a counter is a whole number from 0 on") }
            }
            Metric::Counter(_) => from_zero("a counter's rate is 0 or more a second"),
            Metric::Latency(latency) => match latency.range() {
                LatencyRange::Signed => {
                    Self { low: f64::NEG_INFINITY, ..from_zero("any number of milliseconds") }
                }
                LatencyRange::FromZero => from_zero("this time is 0 or more"),
                LatencyRange::AboveZero => Self { low_taken: false, ..from_zero("a latency is above 0") },
            },
        }
    }

    /// What every value of the range makes of a comparison, where all agree.
    fn fate(self, operator: Operator, bound: f64) -> Option<Fate> {
        let below = bound < self.low || (bound <= self.low && !self.low_taken);
        let above = bound > self.high;
        let outside = below || above || (self.whole && bound.fract() != 0.0);
        let (never, always) = match operator {
            Operator::Less => (bound <= self.low, above),
            Operator::LessOrEqual => (below, bound >= self.high),
            Operator::Greater => (bound >= self.high, below),
            Operator::GreaterOrEqual => (above, bound <= self.low),
            Operator::Equal => (outside, false),
            Operator::NotEqual => (false, outside),
        };
        match (never, always) {
            (true, _) => Some(Fate::NeverHolds),
            (_, true) => Some(Fate::AlwaysHolds),
            _ => None,
        }
    }
}

/// A number without the traces of its division.
pub(super) fn rounded(number: f64) -> String {
    ((number * 1e9).round() / 1e9).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, text: &str) -> Option<String> {
        let metric = Metric::from_name(name).expect("a metric");
        let expression = Expression::parse(text, metric, name).expect("an expression");
        expression.meaning(metric, name).err().map(|error| error.to_string())
    }

    #[test]
    fn what_no_run_can_decide_is_refused_with_what_was_probably_meant() {
        let cases = [
            (
                "cdc_success_rate",
                "rate>95",
                "can never hold: a share is from 0 to 1; probably meant: rate>0.95",
            ),
            (
                "cdc_success_rate",
                "rate>=99.9",
                "can never hold: a share is from 0 to 1; probably meant: rate>=0.999",
            ),
            ("pg_write_failed", "rate<5", "always holds: a share is from 0 to 1; probably meant: rate<0.05"),
            ("checks", "rate>1", "can never hold: a share is from 0 to 1; probably meant: rate>=1"),
            ("checks", "rate>=0", "always holds: a share is from 0 to 1; probably meant: rate>0"),
            ("checks", "rate<=1", "always holds: a share is from 0 to 1; probably meant: rate<1"),
            ("checks", "rate!=2", "always holds: a share is from 0 to 1; probably meant: rate!=0.02"),
            ("checks", "rate<-1", "can never hold: a share is from 0 to 1; probably meant: rate<=0"),
            ("checks", "rate>500", "can never hold: a share is from 0 to 1"),
            (
                "pg_write_errors",
                "count<0",
                "can never hold: a counter is a whole number from 0 on; probably meant: count<=0",
            ),
            (
                "iterations",
                "count>=0",
                "always holds: a counter is a whole number from 0 on; probably meant: count>0",
            ),
            ("iterations", "count==2.5", "can never hold: a counter is a whole number from 0 on"),
            ("iterations", "rate>-1", "always holds: a counter's rate is 0 or more a second"),
            ("cdc_e2e_latency", "p(95)<0", "can never hold: a latency is above 0"),
            ("cdc_e2e_latency", "p(95)<=0", "can never hold: a latency is above 0"),
            ("cdc_e2e_latency", "min>-5", "always holds: a latency is above 0"),
            ("cdc_e2e_latency", "max!=0", "always holds: a latency is above 0"),
            ("pg_write_duration", "avg<-1ms", "can never hold: a latency is above 0"),
            (
                "connection_wait",
                "p(95)<0",
                "can never hold: this time is 0 or more; probably meant: p(95)<=0",
            ),
        ];
        for (name, text, expected) in cases {
            let expected = format!("threshold '{text}' on '{name}' {expected}");
            assert_eq!(told(name, text), Some(expected));
        }
        let cases = [
            (
                "p(0.95)<500",
                "threshold 'p(0.95)<500' names the percentile 0.95 of 100; probably meant: p(95)<500",
            ),
            (
                "p(0.999) < 5s",
                "threshold 'p(0.999) < 5s' names the percentile 0.999 of 100; probably meant: p(99.9)<5s",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(told("cdc_e2e_latency", text).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_a_run_decides_is_let_through() {
        let cases = [
            ("cdc_success_rate", "rate>0.99"),
            ("cdc_success_rate", "rate>=1"),
            ("checks", "rate==1"),
            ("pg_write_failed", "rate<=0"),
            ("pg_write_failed", "rate<1"),
            ("dropped_iterations", "count==0"),
            ("dropped_iterations", "count<=0"),
            ("iterations", "count>0.5"),
            ("iterations", "rate>4.5"),
            ("cdc_propagation", "min>-5"),
            ("cdc_propagation", "p(50)<0"),
            ("mongo_visibility", "min>-1s"),
            ("schedule_lag", "p(99)<=0"),
            ("cdc_e2e_latency", "p(99.9)<=1.5e3"),
            ("cdc_e2e_latency", "p(100)<1"),
            ("cdc_e2e_latency", "p(1)>1"),
        ];
        for (name, text) in cases {
            assert_eq!(told(name, text), None, "{text}");
        }
    }
}
