//! Decimal numbers exactly as they are written, so that a rate such as 0.3 is three tenths and not nearly that.

use std::fmt;
use std::str::FromStr;

/// Digits after the point: with more, products with spans of time would not fit 128 bits.
const MOST_DECIMALS: usize = 18;

/// A number that is not negative: `digits / 10^decimals`. The default is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// All digits, without the point.
    digits: u64,
    /// How many of them stand after the point; at most 18.
    decimals: u32,
}

/// Why a text is not such a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a number of this kind: write digits, with a point if need be, as in 20 or 2.5 (at most 18 after the point, below 2^64 without it)"
)]
pub struct DecimalError(String);

impl Decimal {
    /// The digits without the point.
    pub(super) fn numerator(self) -> u64 {
        self.digits
    }

    /// What [`Self::numerator`] is divided by: a power of ten, at most 10^18.
    pub(super) fn denominator(self) -> u64 {
        10_u64.pow(self.decimals)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let wrong = || DecimalError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let all = [whole, fraction].concat();
        let legal = !whole.is_empty()
            && all.bytes().all(|byte| byte.is_ascii_digit())
            && fraction.len() <= MOST_DECIMALS
            && text.ends_with(|last: char| last.is_ascii_digit());
        if !legal {
            return Err(wrong());
        }
        let decimals = u32::try_from(fraction.len()).map_err(|_| wrong())?;
        Ok(Self { digits: all.parse().map_err(|_| wrong())?, decimals })
    }
}

impl TryFrom<f64> for Decimal {
    type Error = DecimalError;
    /// The shortest decimal that stands for this float: 0.3 is three tenths.
    fn try_from(number: f64) -> Result<Self, DecimalError> {
        number.to_string().parse()
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.digits / self.denominator(), self.digits % self.denominator());
        match self.decimals {
            0 => write!(f, "{whole}"),
            decimals => write!(f, "{whole}.{fraction:0width$}", width = decimals as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_is_written() {
        for text in ["0", "20", "2.5", "0.3", "0.000000000000000001", "18446744073709551615", "7.50"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        let half = "2.5".parse::<Decimal>().unwrap();
        assert_eq!((half.numerator(), half.denominator()), (25, 10));
        assert_eq!(Decimal::try_from(0.3).unwrap().to_string(), "0.3");
        assert_eq!(Decimal::try_from(20.0).unwrap().to_string(), "20");
    }

    #[test]
    fn what_is_not_such_a_number_is_refused() {
        let texts = ["", ".", ".5", "5.", "-1", "+1", "1e3", "1.2.3", "18446744073709551616", " 1", "NaN"];
        for text in texts {
            let error = text.parse::<Decimal>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{text}' is not a number")), "{error}");
        }
        for number in [f64::NAN, f64::INFINITY, -1.0, 1e300, 1e-30] {
            assert!(Decimal::try_from(number).is_err(), "{number}");
        }
        assert!(format!("0.{}", "1".repeat(19)).parse::<Decimal>().is_err());
    }
}
