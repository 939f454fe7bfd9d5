//! The stamp: one short text in every measured row, `1.<run>.<writer>.<sequence>.<sent_ns>`.
//!
//! One self-contained text survives every converter on the way (64-bit integers do not survive
//! JavaScript, several columns would arrive torn in a partial update). It is written anew by every
//! insert and update, so no write is ever a no-op. There is exactly one text for each value: parsing
//! refuses leading zeros, signs and upper-case digits, so a stamp can be compared as text too.
//!
//! ```
//! use streamgauge_shared::stamp::Stamp;
//! let text = "1.00c0ffee0042.0.17.1795406706789012345";
//! let stamp: Stamp = text.parse()?;
//! assert_eq!((stamp.writer, stamp.sequence), (0, 17));
//! assert_eq!(stamp.to_string(), text);
//! # Ok::<(), streamgauge_shared::stamp::StampError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::UnixNanos;

/// The version this code writes and reads.
const VERSION: &str = "1";
/// Hexadecimal digits of a run id: 48 bits.
const RUN_DIGITS: usize = 12;

/// The identity of one run: 48 random bits, written as twelve lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(u64);

/// What a row says about the operation that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The run the row belongs to.
    pub run: RunId,
    /// The writer's index within the run, given by the observer.
    pub writer: u16,
    /// The operation's number within its writer: dense, from 0.
    pub sequence: u64,
    /// When the statement was handed to the PostgreSQL client, on the writer's time line; not negative.
    pub sent: UnixNanos,
}

/// Why a text is not a run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a run id: write twelve lower-case hexadecimal digits, as in 00c0ffee0042")]
pub struct RunIdError(String);

/// Why a text is not a stamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Not five fields separated by dots.
    #[error("a stamp has five fields separated by dots")]
    Fields,
    /// Written by a version that this code does not know.
    #[error("stamp version '{0}' is not known, only {VERSION}")]
    Version(String),
    /// A field that is not in its one legal form.
    #[error("the {0} of the stamp is not in its canonical form")]
    Field(&'static str),
}

impl RunId {
    /// The run id of the low 48 bits; higher ones are cut off, so any random number will do.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & 0xffff_ffff_ffff)
    }

    /// Its 48 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = RUN_DIGITS)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;
    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let legal = text.len() == RUN_DIGITS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let bits = legal.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        bits.map(Self).ok_or_else(|| RunIdError(text.to_owned()))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}.{}.{}.{}.{}", self.run, self.writer, self.sequence, self.sent.0)
    }
}

impl FromStr for Stamp {
    type Err = StampError;
    fn from_str(text: &str) -> Result<Self, StampError> {
        let mut fields = text.split('.');
        let mut next = || fields.next().ok_or(StampError::Fields);
        let (version, run, writer, sequence, sent) = (next()?, next()?, next()?, next()?, next()?);
        if fields.next().is_some() {
            return Err(StampError::Fields);
        }
        if version != VERSION {
            return Err(StampError::Version(version.to_owned()));
        }
        Ok(Self {
            run: run.parse().map_err(|_| StampError::Field("run"))?,
            writer: canonical(writer, "writer")?,
            sequence: canonical(sequence, "sequence")?,
            sent: UnixNanos(
                i64::try_from(canonical::<u64>(sent, "time")?).map_err(|_| StampError::Field("time"))?,
            ),
        })
    }
}

/// A decimal number without sign and leading zeros.
fn canonical<N: FromStr>(text: &str, field: &'static str) -> Result<N, StampError> {
    let legal = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    legal.then(|| text.parse().ok()).flatten().ok_or(StampError::Field(field))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_stamp_survives_its_text(run in any::<u64>(), writer in any::<u16>(), sequence in any::<u64>(), sent in 0..=i64::MAX) {
            let stamp = Stamp { run: RunId::from_bits(run), writer, sequence, sent: UnixNanos(sent) };
            prop_assert_eq!(stamp.to_string().parse(), Ok(stamp));
        }

        #[test]
        fn what_parses_is_the_one_text_of_its_value(text in "[01]\\.[0-9a-fA-F]{11,13}\\.[+0-9]{1,6}\\.[0-9]{1,21}\\.[-0-9]{1,20}") {
            if let Ok(stamp) = text.parse::<Stamp>() {
                prop_assert_eq!(stamp.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_not_a_stamp_says_why() {
        let cases = [
            ("", StampError::Fields),
            ("1.00c0ffee0042.0.17", StampError::Fields),
            ("1.00c0ffee0042.0.17.5.6", StampError::Fields),
            ("2.00c0ffee0042.0.17.5", StampError::Version("2".into())),
            ("1.00C0FFEE0042.0.17.5", StampError::Field("run")),
            ("1.00c0ffee0042.65536.17.5", StampError::Field("writer")),
            ("1.00c0ffee0042.0.017.5", StampError::Field("sequence")),
            ("1.00c0ffee0042.0.17.-5", StampError::Field("time")),
            ("1.00c0ffee0042.0.17.9223372036854775808", StampError::Field("time")),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Stamp>(), Err(expected), "{text}");
        }
    }
}
