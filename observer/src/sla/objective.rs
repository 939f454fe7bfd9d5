//! An objective: which share of the rows is to be within which latency.
//!
//! Two spellings, never both at once: `cdc_e2e_latency<5s` with a target beside it, or `p(99)<5s`, whose percentile is
//! the target: 99 of 100 rows within 5 s.

use std::fmt;

use serde::{Serialize, Serializer};
use streamgauge_shared::account::Operation;
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::threshold::split_key;
use streamgauge_shared::time::{Nanos, parse_duration};
use streamgauge_shared::timeline::Latency;

/// Parts of a share: a billionth, so that 99.999 % is exact.
pub(super) const PARTS: u64 = 1_000_000_000;

/// The share of rows that is to be within the bound: more than 0 and less than 1, in billionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(u64);

/// One objective.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// What is judged; one that ends at the arrival.
    pub latency: Latency,
    /// Only these operations; all where absent.
    pub operation: Option<Operation>,
    /// What the latency is to be within.
    pub bound: Nanos,
    /// Which share of the rows.
    pub target: Target,
    /// What a reader calls it, where its file has a name for it.
    pub name: Option<String>,
}

impl Target {
    /// Reads `99.9%`, or `99.9` which means the same.
    ///
    /// # Errors
    /// It is no number of percent, or not between 0 and 100.
    pub fn parse_percent(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        Self::of_decimal(number, 2).ok_or_else(|| {
            format!(
                "target '{text}' is not a share of the rows: write a number of percent above 0 and below 100 with at most 7 decimals, as in 99.9%; 100% would leave no budget to spend"
            )
        })
    }

    /// Reads a share: `0.999`.
    ///
    /// # Errors
    /// It is no number, or not between 0 and 1.
    pub fn parse_share(text: &str) -> Result<Self, String> {
        Self::of_decimal(text.trim(), 0).ok_or_else(|| {
            format!("target '{text}' is not a share of the rows: write a number above 0 and below 1, as in 0.999; 1 would leave no budget to spend")
        })
    }

    /// A decimal number divided by ten to the `places`, exactly.
    fn of_decimal(text: &str, places: usize) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let decimals = 9 - places;
        let fraction = fraction.trim_end_matches('0');
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > decimals {
            return None;
        }
        let parts: u64 = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
        (parts > 0 && parts < PARTS).then_some(Self(parts))
    }

    /// The share, 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        as_share_of_parts(self.0)
    }

    /// The share that may be bad, 0 to 1.
    #[must_use]
    pub fn budget(self) -> f64 {
        as_share_of_parts(self.budget_parts())
    }

    /// The same in billionths.
    #[must_use]
    pub fn budget_parts(self) -> u64 {
        PARTS - self.0
    }

    /// Whether so many bad rows of all are within the budget, exactly.
    #[must_use]
    pub fn allows(self, bad: u64, all: u64) -> bool {
        u128::from(bad) * u128::from(PARTS) <= u128::from(self.budget_parts()) * u128::from(all)
    }

    /// Decimals that percents beside it are shown with: one more than its own, at least two.
    #[must_use]
    pub fn decimals(self) -> usize {
        let own = (0..7).find(|places| self.0.is_multiple_of(10_u64.pow(7 - places))).unwrap_or(7);
        usize::try_from(own + 1).unwrap_or(8).clamp(2, 7)
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most a billion")]
fn as_share_of_parts(parts: u64) -> f64 {
    parts as f64 / PARTS as f64
}

impl fmt::Display for Target {
    /// `99.9%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000_000, format!("{:07}", self.0 % 10_000_000));
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            fraction => write!(f, "{whole}.{fraction}%"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.share())
    }
}

impl fmt::Display for Objective {
    /// As a command line says it, without its target: `cdc_e2e_latency{operation:create}<5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.latency)?;
        if let Some(operation) = self.operation {
            write!(f, "{{operation:{}}}", operation.name())?;
        }
        write!(f, "<{}", self.bound)
    }
}

impl Objective {
    /// Reads the objectives of a command line.
    ///
    /// # Errors
    /// The first mistake, as one sentence with the way out.
    pub fn parse_all(texts: &[String], target: Option<&str>) -> Result<Vec<Self>, String> {
        let mut objectives: Vec<Self> = Vec::new();
        let target_of_all = target.map(Target::parse_percent).transpose()?;
        for text in texts {
            let objective = Self::parse(text, target_of_all)?;
            if objectives.contains(&objective) {
                return Err(format!("--objective '{text}' is given twice: give it once"));
            }
            objectives.push(objective);
        }
        Ok(objectives)
    }

    fn parse(text: &str, target: Option<Target>) -> Result<Self, String> {
        let malformed = || {
            format!(
                "--objective '{text}' is not an objective: write a latency and its bound, as in 'cdc_e2e_latency<5s' with --target 99.9%, or a percentile, as in 'p(99)<5s' or 'cdc_e2e_latency{{operation:create}}: p(99)<5s'"
            )
        };
        let (left, bound) = text.split_once('<').ok_or_else(malformed)?;
        let bound = bound.strip_prefix('=').unwrap_or(bound).trim();
        let left = left.trim();
        let (key, percentile) = match left.rfind("p(") {
            Some(at) if left.ends_with(')') => (&left[..at], Some(&left[at + 2..left.len() - 1])),
            _ => (left, None),
        };
        let key = key.trim().trim_end_matches(':').trim();
        let key = if key.is_empty() && percentile.is_some() { Latency::CdcE2eLatency.name() } else { key };
        let (latency, operation) = of_key(key, text)?;
        let target = match (percentile, target) {
            (Some(percentile), Some(target)) => {
                return Err(format!(
                    "--objective '{text}' and --target {target} say two targets: p({percentile}) alone means {percentile}% of the rows; write '{key}<{bound}' with --target, or leave --target out"
                ));
            }
            (Some(percentile), None) => Target::parse_percent(percentile)?,
            (None, Some(target)) => target,
            (None, None) => {
                return Err(format!(
                    "--objective '{text}' has no target: add --target 99.9%, or write 'p(99.9)<{bound}'"
                ));
            }
        };
        Ok(Self { latency, operation, bound: of_bound(bound, text)?, target, name: None })
    }

    /// Where the bound is held: the upper edge of the histogram's bucket that it falls into, at most 0.1 % above it. The
    /// buckets of `/metrics` end there too.
    #[must_use]
    pub fn edge(&self) -> Nanos {
        edge(self.bound)
    }
}

/// The upper edge of the histogram's bucket that holds `bound`.
pub(super) fn edge(bound: Nanos) -> Nanos {
    SignedHistogram::default().cumulative(bound, false).0
}

fn of_bound(bound: &str, text: &str) -> Result<Nanos, String> {
    let millis = bound.parse::<f64>().ok().filter(|millis| millis.is_finite()).map(Nanos::from_millis_f64);
    let span = millis.or_else(|| parse_duration(bound).ok()).filter(|span| *span > Nanos::ZERO);
    span.ok_or_else(|| {
        format!("--objective '{text}' has the bound '{bound}', which is not a span of time above 0: write milliseconds or a duration, as in 5s")
    })
}

/// The latency and the operation of a key: `cdc_e2e_latency{operation:create}`.
///
/// # Errors
/// It is none that an objective can be on, or has tags that kept runs do not tell apart.
pub(super) fn of_key(key: &str, text: &str) -> Result<(Latency, Option<Operation>), String> {
    let (name, tags) = split_key(key).map_err(|error| format!("objective '{text}': {error}"))?;
    let allowed: Vec<&str> =
        Latency::ALL.into_iter().filter(|latency| latency.ends_at_arrival()).map(Latency::name).collect();
    let latency: Latency = name.parse().ok().filter(|latency: &Latency| latency.ends_at_arrival()).ok_or_else(|| {
        format!(
            "objective '{text}' is on '{name}', and an objective is on a latency that ends with the row's arrival: {}",
            allowed.join(", ")
        )
    })?;
    let mut operation = None;
    for (tag, value) in tags {
        if tag != "operation" {
            return Err(format!(
                "objective '{text}' narrows by '{tag}', and kept runs hold their latencies over time by operation only: narrow by operation:create, operation:update or operation:delete, or give {tag} '{value}' a test of its own and its runs a folder of their own"
            ));
        }
        let known = Operation::ALL.into_iter().find(|known| known.name() == value).ok_or_else(|| {
            format!("objective '{text}' names the operation '{value}': it is create, update or delete")
        })?;
        if operation.replace(known).is_some() {
            return Err(format!("objective '{text}' names two operations: write an objective for each"));
        }
    }
    Ok((latency, operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str, target: Option<&str>) -> Result<Objective, String> {
        Objective::parse_all(&[text.to_owned()], target).map(|mut all| all.remove(0))
    }

    #[test]
    fn an_objective_has_one_target() {
        let plain = one("cdc_e2e_latency<5s", Some("99.9%")).expect("an objective");
        assert_eq!((plain.bound, plain.target.to_string()), (Nanos::from_secs(5), "99.9%".to_owned()));
        assert_eq!(plain.to_string(), "cdc_e2e_latency<5s");
        let percentile = one("p(99)<5s", None).expect("an objective");
        assert_eq!(
            (percentile.latency, percentile.target.to_string()),
            (Latency::CdcE2eLatency, "99%".to_owned())
        );
        let tagged =
            one(" cdc_propagation{operation:create}: p(99.95) <= 1500 ", None).expect("an objective");
        assert_eq!(tagged.to_string(), "cdc_propagation{operation:create}<1.5s");
        assert_eq!(
            (tagged.operation, tagged.target.to_string()),
            (Some(Operation::Create), "99.95%".to_owned())
        );
    }

    #[test]
    fn mistakes_say_the_way_out() {
        for (text, target, says) in [
            ("p(99)<5s", Some("99.9%"), "write 'cdc_e2e_latency<5s' with --target, or leave --target out"),
            ("cdc_e2e_latency<5s", None, "add --target 99.9%, or write 'p(99.9)<5s'"),
            ("cdc_e2e_latency>5s", Some("99%"), "is not an objective"),
            ("cdc_e2e_latency<", Some("99%"), "has the bound ''"),
            ("cdc_e2e_latency<-5", Some("99%"), "not a span of time above 0"),
            (
                "schedule_lag<5s",
                Some("99%"),
                "ends with the row's arrival: cdc_e2e_latency, cdc_e2e_latency_intended",
            ),
            ("cdc_e2e_latency{scenario:a}<5s", Some("99%"), "by operation only"),
            ("cdc_e2e_latency{operation:upsert}<5s", Some("99%"), "create, update or delete"),
            ("cdc_e2e_latency{operation}<5s", Some("99%"), "metric{tag:value"),
            ("p(100)<5s", None, "100% would leave no budget"),
            ("cdc_e2e_latency<5s", Some("0.999x"), "not a share"),
        ] {
            let said = one(text, target).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
        let twice = ["p(99)<5s".to_owned(), "p(99)<5000".to_owned()];
        assert!(Objective::parse_all(&twice, None).expect_err("twice").contains("twice"));
    }

    #[test]
    fn targets_are_exact() {
        let target = Target::parse_percent("99.9%").expect("a target");
        assert_eq!((target.budget_parts(), target.budget(), target.decimals()), (1_000_000, 0.001, 2));
        assert!(target.allows(1, 1_000) && !target.allows(1, 999) && target.allows(0, 0));
        assert_eq!(Target::parse_share("0.99999").expect("a target").to_string(), "99.999%");
        assert_eq!(Target::parse_percent("99.999").expect("a target").decimals(), 4);
        assert_eq!(Target::parse_percent("99").expect("a target").decimals(), 2);
        assert!(Target::parse_share("1").is_err() && Target::parse_share("0").is_err());
    }
}
