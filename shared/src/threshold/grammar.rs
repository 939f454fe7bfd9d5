//! Reads threshold keys and expressions.
//!
//! ```text
//! key        -> metric [ "{" tag ":" value ("," tag ":" value)* "}" ]
//! assertion  -> method operator number [unit]
//! method     -> "avg" | "min" | "max" | "med" | "p(" float ")" | "count" | "rate"
//! operator   -> ">" | ">=" | "<" | "<=" | "==" | "===" | "!="
//! ```
//! As in k6 the number is milliseconds for a latency; beyond k6 a unit may follow it (`p(99)<5s`).

use super::meaning::Meant;
use super::{Aggregate, Expression, Metric, Operator};
use crate::time::{Nanos, parse_duration};

/// Operators in the order in which they are looked for: k6's, the longer spelling first.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::LessOrEqual),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    (">", Operator::Greater),
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];

/// Why a threshold expression cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// No operator in it.
    #[error("threshold '{0}' has no operator: write method, operator and number, as in p(95)<2000")]
    NoOperator(String),
    /// The metric has no such method.
    #[error(
        "threshold '{text}' uses method '{method}', which '{metric}' does not have: it has {allowed}{meant}"
    )]
    Method {
        /// The expression.
        text: String,
        /// What stands before the operator.
        method: String,
        /// The metric's name.
        metric: String,
        /// What it has.
        allowed: &'static str,
        /// What was probably meant.
        meant: Meant,
    },
    /// A percentile outside 0 to 100.
    #[error("threshold '{0}' names a percentile that is not a number from 0 to 100")]
    Percentile(String),
    /// What follows the operator is not a number.
    #[error("threshold '{text}' compares with '{found}', which is not {allowed}{meant}")]
    Bound {
        /// The expression.
        text: String,
        /// What stands after the operator.
        found: String,
        /// What may stand there.
        allowed: &'static str,
        /// What was probably meant.
        meant: Meant,
    },
}

/// Why a threshold key cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An opening brace without a closing one at the end, or a tag without a value.
    #[error("'{0}' is not a metric with tags: write metric{{tag:value,tag:value}}")]
    Malformed(String),
}

impl Expression {
    /// Reads one expression for a metric.
    ///
    /// # Errors
    /// [`ExpressionError`] names what was found and what the metric allows.
    pub fn parse(text: &str, metric: Metric, metric_name: &str) -> Result<Self, ExpressionError> {
        let owned = || text.to_owned();
        let found =
            OPERATORS.into_iter().filter_map(|(sign, operator)| Some((text.find(sign)?, sign, operator)));
        // The leftmost operator; of those that start there, the longest.
        let (at, sign, operator) = found
            .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))
            .ok_or_else(|| ExpressionError::NoOperator(owned()))?;
        let (method, bound) = (text[..at].trim(), text[at + sign.len()..].trim());
        let no_method = || ExpressionError::Method {
            text: owned(),
            method: method.to_owned(),
            metric: metric_name.to_owned(),
            allowed: metric.methods(),
            meant: Meant::from(meant_method(method, metric).map(|meant| format!("{meant}{sign}{bound}"))),
        };
        let aggregate = match (metric, method) {
            (Metric::Latency(_), "avg") => Aggregate::Avg,
            (Metric::Latency(_), "min") => Aggregate::Min,
            (Metric::Latency(_), "max") => Aggregate::Max,
            (Metric::Latency(_), "med") => Aggregate::Percentile(50.0),
            (Metric::Counter(_), "count") => Aggregate::Count,
            (Metric::Counter(_) | Metric::Rate(_), "rate") => Aggregate::Rate,
            (Metric::Latency(_), _) => {
                let inner = method
                    .strip_prefix("p(")
                    .and_then(|rest| rest.strip_suffix(')'))
                    .ok_or_else(no_method)?;
                let percentile = inner.trim().parse().ok().filter(|p| (0.0..=100.0).contains(p));
                Aggregate::Percentile(percentile.ok_or_else(|| ExpressionError::Percentile(owned()))?)
            }
            _ => return Err(no_method()),
        };
        let bound = parse_bound(bound, metric).map_err(|allowed| ExpressionError::Bound {
            text: owned(),
            found: bound.to_owned(),
            allowed,
            meant: Meant::from(meant_bound(bound, metric).map(|meant| format!("{method}{sign}{meant}"))),
        })?;
        Ok(Self { aggregate, operator, bound, text: text.trim().to_owned() })
    }
}

fn parse_bound(text: &str, metric: Metric) -> Result<f64, &'static str> {
    let number = text.parse().ok().filter(|n: &f64| n.is_finite());
    match metric {
        Metric::Latency(_) => number
            .or_else(|| parse_signed(text).map(Nanos::as_millis_f64))
            .ok_or("a number of milliseconds or a duration as in 5s"),
        Metric::Rate(_) | Metric::Counter(_) => number.ok_or("a number"),
    }
}

/// A duration, which a bound may have below zero.
fn parse_signed(text: &str) -> Option<Nanos> {
    match text.strip_prefix('-') {
        Some(span) => parse_duration(span).ok().map(|span| Nanos(-span.0)),
        None => parse_duration(text).ok(),
    }
}

/// The method that a word of another tool, or a percentile without its brackets, stands for.
fn meant_method(method: &str, metric: Metric) -> Option<String> {
    if !matches!(metric, Metric::Latency(_)) {
        return None;
    }
    let word = match method.to_ascii_lowercase().as_str() {
        "mean" | "average" => "avg",
        "median" => "med",
        "minimum" => "min",
        "maximum" => "max",
        percentile => {
            let number = percentile.strip_prefix('p')?.trim_matches(|letter: char| "()_% ".contains(letter));
            let known: f64 = number.parse().ok().filter(|number| (0.0..=100.0).contains(number))?;
            return Some(format!("p({known})"));
        }
    };
    Some(word.to_owned())
}

/// The share that a number of percent stands for.
fn meant_bound(bound: &str, metric: Metric) -> Option<String> {
    let percent: f64 = bound.strip_suffix('%')?.trim().parse().ok()?;
    (matches!(metric, Metric::Rate(_)) && (0.0..=100.0).contains(&percent))
        .then(|| super::meaning::rounded(percent / 100.0))
}

/// A metric's name and its tags, as written.
pub type Key<'k> = (&'k str, Vec<(&'k str, &'k str)>);

/// Splits `metric{tag:value,…}` into the metric's name and its tags.
///
/// # Errors
/// [`KeyError::Malformed`] where braces or colons are missing.
pub fn split_key(key: &str) -> Result<Key<'_>, KeyError> {
    let malformed = || KeyError::Malformed(key.to_owned());
    let Some((name, rest)) = key.split_once('{') else { return Ok((key.trim(), Vec::new())) };
    let tags = rest.trim_end().strip_suffix('}').ok_or_else(malformed)?;
    let pair =
        |tag: &'_ str| tag.split_once(':').map(|(name, value)| (name.trim().len(), value.trim().len()));
    if tags.split(',').any(|tag| !matches!(pair(tag), Some((1.., 1..)))) {
        return Err(malformed());
    }
    let tags =
        tags.split(',').filter_map(|tag| tag.split_once(':')).map(|(tag, value)| (tag.trim(), value.trim()));
    Ok((name.trim(), tags.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threshold::{Counter, Rate};
    use crate::timeline::Latency;

    const LATENCY: Metric = Metric::Latency(Latency::CdcE2eLatency);

    #[test]
    fn expressions_read_as_in_k6() {
        let cases = [
            (LATENCY, "p(95)<2000", Aggregate::Percentile(95.0), Operator::Less, 2_000.0),
            (LATENCY, " p(99.9) <= 1.5e3 ", Aggregate::Percentile(99.9), Operator::LessOrEqual, 1_500.0),
            (LATENCY, "med<5s", Aggregate::Percentile(50.0), Operator::Less, 5_000.0),
            (LATENCY, "avg>=-5", Aggregate::Avg, Operator::GreaterOrEqual, -5.0),
            (LATENCY, "min>-1.5s", Aggregate::Min, Operator::Greater, -1_500.0),
            (LATENCY, "max!=0", Aggregate::Max, Operator::NotEqual, 0.0),
            (LATENCY, "min===1", Aggregate::Min, Operator::Equal, 1.0),
            (Metric::Rate(Rate::Checks), "rate>0.99", Aggregate::Rate, Operator::Greater, 0.99),
            (Metric::Counter(Counter::Iterations), "count==10", Aggregate::Count, Operator::Equal, 10.0),
            (Metric::Counter(Counter::Iterations), "rate>5", Aggregate::Rate, Operator::Greater, 5.0),
        ];
        for (metric, text, aggregate, operator, bound) in cases {
            let read = Expression::parse(text, metric, "m").unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((read.aggregate, read.operator, read.bound), (aggregate, operator, bound), "{text}");
        }
    }

    #[test]
    fn bad_expressions_say_what_is_allowed() {
        let cases = [
            (
                LATENCY,
                "p(95)",
                "threshold 'p(95)' has no operator: write method, operator and number, as in p(95)<2000",
            ),
            (
                LATENCY,
                "rate<1",
                "threshold 'rate<1' uses method 'rate', which 'm' does not have: it has avg, min, max, med, p(N)",
            ),
            (
                LATENCY,
                "p99.9<1s",
                "threshold 'p99.9<1s' uses method 'p99.9', which 'm' does not have: it has avg, min, max, med, p(N); probably meant: p(99.9)<1s",
            ),
            (
                LATENCY,
                "median <= 5",
                "threshold 'median <= 5' uses method 'median', which 'm' does not have: it has avg, min, max, med, p(N); probably meant: med<=5",
            ),
            (
                Metric::Rate(Rate::Checks),
                "rate>99.5%",
                "threshold 'rate>99.5%' compares with '99.5%', which is not a number; probably meant: rate>0.995",
            ),
            (
                LATENCY,
                "p(101)<1",
                "threshold 'p(101)<1' names a percentile that is not a number from 0 to 100",
            ),
            (
                LATENCY,
                "p(95)<fast",
                "threshold 'p(95)<fast' compares with 'fast', which is not a number of milliseconds or a duration as in 5s",
            ),
            (
                Metric::Rate(Rate::Checks),
                "p(95)<1",
                "threshold 'p(95)<1' uses method 'p(95)', which 'm' does not have: it has rate",
            ),
            (
                Metric::Counter(Counter::Iterations),
                "count<NaN",
                "threshold 'count<NaN' compares with 'NaN', which is not a number",
            ),
        ];
        for (metric, text, expected) in cases {
            assert_eq!(Expression::parse(text, metric, "m").unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn keys_split_into_metric_and_tags() {
        assert_eq!(split_key("checks"), Ok(("checks", vec![])));
        assert_eq!(
            split_key("m{operation:create, entity:customer}"),
            Ok(("m", vec![("operation", "create"), ("entity", "customer")]))
        );
        for bad in ["m{", "m{}", "m{operation}", "m{operation:}", "m{a:b}x"] {
            assert_eq!(split_key(bad), Err(KeyError::Malformed(bad.to_owned())), "{bad}");
        }
    }
}
