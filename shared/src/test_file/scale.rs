//! `--time-scale` and `--load-scale`: exact fractions, so that a scaled rate stays a rational number.

use std::fmt;
use std::str::FromStr;

use crate::time::Nanos;

/// Digits allowed after the point; more would not survive the multiplications of a schedule.
const DIGITS_MAX: usize = 6;

/// A positive factor, written as a decimal number: `1`, `0.1`, `2.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    numerator: u64,
    denominator: u64,
}

/// Why a text is not a scale.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "scale '{0}' is not a factor: write a decimal number above 0 and at most 1000000, with at most six digits after the point"
)]
pub struct ScaleError(String);

impl Default for Scale {
    fn default() -> Self {
        Self { numerator: 1, denominator: 1 }
    }
}

impl Scale {
    /// The factor's numerator; with [`Scale::denominator`] in no particular terms.
    #[must_use]
    pub fn numerator(self) -> u64 {
        self.numerator
    }

    /// The factor's denominator, a power of ten.
    #[must_use]
    pub fn denominator(self) -> u64 {
        self.denominator
    }

    /// A span times the factor, rounded down to a nanosecond.
    #[must_use]
    pub fn span(self, span: Nanos) -> Nanos {
        let scaled = i128::from(span.0) * i128::from(self.numerator) / i128::from(self.denominator);
        Nanos(i64::try_from(scaled).unwrap_or(i64::MAX))
    }

    /// A number of users times the factor, rounded up: at least one of one or more.
    #[must_use]
    pub fn users(self, users: u32) -> u32 {
        let scaled = (u128::from(users) * u128::from(self.numerator)).div_ceil(u128::from(self.denominator));
        u32::try_from(scaled).unwrap_or(u32::MAX)
    }

    /// The factor as a float, for reports.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most twelve digits")]
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl FromStr for Scale {
    type Err = ScaleError;
    fn from_str(text: &str) -> Result<Self, ScaleError> {
        let bad = || ScaleError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole)
            || !digits(fraction)
            || fraction.len() > DIGITS_MAX
            || whole.len() > 7
            || text.len() < 1 + usize::from(text.contains('.'))
        {
            return Err(bad());
        }
        let numerator: u64 = format!("0{whole}{fraction}").parse().map_err(|_| bad())?;
        let denominator = 10_u64.pow(u32::try_from(fraction.len()).map_err(|_| bad())?);
        if numerator == 0 || numerator > denominator * 1_000_000 {
            return Err(bad());
        }
        Ok(Self { numerator, denominator })
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_exact_fractions() {
        let tenth: Scale = "0.1".parse().expect("a scale");
        assert_eq!(tenth.span(Nanos::from_secs(300)), Nanos::from_secs(30));
        assert_eq!((tenth.users(20), tenth.users(1), tenth.users(0)), (2, 1, 0));
        assert_eq!(tenth.to_string(), "0.1");
        assert_eq!("1".parse(), Ok(Scale::default()));
        let third: Scale = "0.333333".parse().expect("a scale");
        assert_eq!((third.numerator(), third.denominator()), (333_333, 1_000_000));
    }

    #[test]
    fn what_is_no_factor_is_refused() {
        for bad in ["", ".", "0", "0.0", "-1", "1e3", "1.2.3", "fast", "0.0000001", "10000000", "1,5"] {
            assert_eq!(bad.parse::<Scale>(), Err(ScaleError(bad.to_owned())), "{bad}");
        }
    }
}
