//! A skewed clock, for tests only: this process's time runs ahead, drifts, and its wall clock steps.
//!
//! `STREAMGAUGE_TEST_CLOCK="offset=400ms,drift=50ppm,step=500ms@5s,boot=other"`, each part optional, spans
//! with a sign where they may be negative. `offset` and `drift` bend the anchored time as another machine's
//! would be, `step` moves the wall clock after so long and not the anchored time, and `boot=other` makes the
//! process claim a kernel of its own. Without it the skewed time contradicts the shared kernel, as a cloned
//! virtual machine's or a faked clock does.

use std::fmt;
use std::str::FromStr;

use super::estimator::drifted;
use crate::time::{Nanos, parse_duration};

/// The variable that bends the clock of a program.
pub const TEST_CLOCK: &str = "STREAMGAUGE_TEST_CLOCK";
/// A drift beyond this is no clock; it keeps the inverse well defined.
const DRIFT_MAX_PPM: f64 = 100_000.0;

/// How a clock is skewed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TestClock {
    /// What it is ahead from the start.
    pub offset: Nanos,
    /// What it gains on the kernel's clock, parts per million.
    pub drift_ppm: f64,
    /// What its wall clock steps by, and how long after the start.
    pub step: Option<(Nanos, Nanos)>,
    /// Whether it claims another kernel.
    pub other_boot: bool,
}

/// Why a text does not describe a test clock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{TEST_CLOCK}: '{0}' is not understood: write parts like offset=400ms, drift=50ppm, step=-500ms@5s, boot=other, joined by commas; unset it outside of tests"
)]
pub struct TestClockError(String);

impl TestClock {
    /// What the skewed clock is ahead of the kernel's, so long after the start.
    #[must_use]
    pub fn ahead(&self, since_start: Nanos) -> Nanos {
        self.offset + drifted(self.drift_ppm / 1e6, since_start)
    }

    /// The kernel's time since the start at which the skewed clock shows so much since it.
    #[must_use]
    pub fn unskewed(&self, shown: Nanos) -> Nanos {
        let flat = shown - self.offset;
        let rate = self.drift_ppm / 1e6;
        flat - drifted(rate / (1.0 + rate), flat)
    }

    /// What the wall clock has stepped by, so long after the start.
    #[must_use]
    pub fn stepped(&self, since_start: Nanos) -> Nanos {
        self.step.filter(|(_, after)| since_start >= *after).map_or(Nanos::ZERO, |(by, _)| by)
    }
}

impl FromStr for TestClock {
    type Err = TestClockError;

    fn from_str(text: &str) -> Result<Self, TestClockError> {
        let mut skewed = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || TestClockError(part.to_owned());
            match part.split_once('=').ok_or_else(bad)? {
                ("offset", span) => skewed.offset = signed(span).ok_or_else(bad)?,
                ("drift", ppm) => {
                    let ppm = ppm.strip_suffix("ppm").and_then(|ppm| ppm.parse::<f64>().ok());
                    skewed.drift_ppm = ppm.filter(|ppm| ppm.abs() <= DRIFT_MAX_PPM).ok_or_else(bad)?;
                }
                ("step", step) => {
                    let (by, after) = step.split_once('@').ok_or_else(bad)?;
                    skewed.step = Some((signed(by).ok_or_else(bad)?, signed(after).ok_or_else(bad)?));
                }
                ("boot", "other") => skewed.other_boot = true,
                _ => return Err(bad()),
            }
        }
        Ok(skewed)
    }
}

fn signed(text: &str) -> Option<Nanos> {
    match text.strip_prefix('-') {
        Some(rest) => parse_duration(rest).ok().map(|span| Nanos(-span.0)),
        None => parse_duration(text).ok(),
    }
}

impl fmt::Display for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}, drift {} ppm", self.offset, self.drift_ppm)?;
        if let Some((by, after)) = self.step {
            write!(f, ", wall clock stepped by {by} after {after}")?;
        }
        f.write_str(if self.other_boot { ", as another kernel" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_read_and_mistakes_are_named() {
        let skewed: TestClock = "offset=400ms,drift=-50ppm,step=-500ms@5s,boot=other".parse().expect("good");
        let expected = TestClock {
            offset: Nanos::from_millis(400),
            drift_ppm: -50.0,
            step: Some((Nanos::from_millis(-500), Nanos::from_secs(5))),
            other_boot: true,
        };
        assert_eq!(skewed, expected);
        assert_eq!((skewed.stepped(Nanos::from_secs(4)), skewed.stepped(Nanos::from_secs(5))), {
            (Nanos::ZERO, Nanos::from_millis(-500))
        });
        for bad in ["offset", "offset=4", "drift=50", "drift=1e9ppm", "step=5ms", "boot=same", "x=1"] {
            let error = bad.parse::<TestClock>().expect_err(bad).to_string();
            assert!(error.contains(bad), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_bent_can_be_unbent(
            offset in -10_i64.pow(12)..10_i64.pow(12), ppm in -1_000.0..1_000.0_f64,
            since in 0..10_i64.pow(14),
        ) {
            let skewed = TestClock { offset: Nanos(offset), drift_ppm: ppm, ..TestClock::default() };
            let since = Nanos(since);
            let back = skewed.unskewed(since + skewed.ahead(since));
            prop_assert!((back - since).0.abs() <= 3, "{back:?} for {since:?}");
        }
    }
}
