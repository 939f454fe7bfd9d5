//! Two kinds of time, kept apart by type: a point ([`UnixNanos`]) and a signed span ([`Nanos`]).
//!
//! Every pure part of Streamgauge takes these as arguments; only `clock` reads a clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use serde::{Deserialize, Serialize};

/// Nanoseconds in one second.
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// Nanoseconds in one millisecond.
pub const NANOS_PER_MILLI: i64 = 1_000_000;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Range: the years 1677 to 2262 (an `i64` of nanoseconds). Arithmetic saturates at the ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

/// A signed span of nanoseconds; the difference of two points is negative when the first is earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(pub i64);

impl UnixNanos {
    /// The latest point that can be expressed; stands for "never".
    pub const MAX: Self = Self(i64::MAX);

    /// A point from whole milliseconds, the resolution of a BSON date.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// `2026-11-23T04:05:06.789Z`: UTC with milliseconds, as RFC 3339 writes it.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let (year, month, day, hour, minute, second) = self.civil();
        let millis = self.0.rem_euclid(NANOS_PER_SECOND) / NANOS_PER_MILLI;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }

    /// The moment that [`UnixNanos::to_rfc3339`] wrote: UTC, with or without a fraction of the second; nothing for any
    /// other text.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let numbers = |text: &str, separator: char| -> Option<[i64; 3]> {
            let parts: Vec<i64> =
                text.split(separator).map(|part| part.parse().ok()).collect::<Option<_>>()?;
            parts.try_into().ok()
        };
        let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
        let [year, month, day] = numbers(date, '-')?;
        let [hour, minute, second] = numbers(time, ':')?;
        let in_range = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second);
        if !in_range || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
        let seconds = ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self(seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?))
    }

    /// `20261123T040506Z`: UTC in the basic form of ISO 8601, which sorts and is legal in a file name.
    #[must_use]
    pub fn to_basic(self) -> String {
        let (year, month, day, hour, minute, second) = self.civil();
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// Year, month, day, hour, minute, second in the proleptic Gregorian calendar, UTC.
    fn civil(self) -> (i64, i64, i64, i64, i64, i64) {
        let seconds = self.0.div_euclid(NANOS_PER_SECOND);
        let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        (year, month, day, of_day / 3_600, of_day / 60 % 60, of_day % 60)
    }
}

/// Year, month and day of days since 1970-01-01, in the proleptic Gregorian calendar: Howard Hinnant's
/// `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>).
#[must_use]
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar: Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
#[must_use]
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Milliseconds with a fraction, as JSON reports carry them. Exact below 2^53 ns (104 days).
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a span of 104 days is exact, and reports show fewer digits"
    )]
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_MILLI as f64
    }

    /// Seconds with a fraction, the base unit of Prometheus.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a span of 104 days is exact, and reports show fewer digits"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / NANOS_PER_SECOND as f64
    }

    /// The nearest span to a number of milliseconds; saturates at the ends of the range.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float to integer cast saturates, which is what is meant"
    )]
    pub fn from_millis_f64(millis: f64) -> Self {
        Self((millis * NANOS_PER_MILLI as f64).round() as i64)
    }

    /// This span as an unsigned standard duration; a negative span becomes zero.
    #[must_use]
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl Sub for UnixNanos {
    type Output = Nanos;
    fn sub(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Nanos> for UnixNanos {
    type Output = Self;
    fn add(self, span: Nanos) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Nanos> for UnixNanos {
    type Output = Self;
    fn sub(self, span: Nanos) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign<Nanos> for UnixNanos {
    fn add_assign(&mut self, span: Nanos) {
        *self = *self + span;
    }
}

/// Why a piece of text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number without a unit.
    #[error("'{0}' has no unit: write ns, us, ms, s, m, h or d, as in 30s or 1m30s")]
    NoUnit(String),
    /// Not a number followed by a unit.
    #[error("'{0}' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s")]
    Malformed(String),
    /// Beyond what an `i64` of nanoseconds can hold.
    #[error("'{0}' is too long: at most 106751 days")]
    TooLong(String),
}

/// Units, longest spelling first where one is the prefix of another.
const UNITS: [(&str, i64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", NANOS_PER_MILLI),
    ("s", NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("d", 86_400 * NANOS_PER_SECOND),
];

/// Parses k6's duration strings: `500ms`, `5m`, `1h30m`, `2.5s`; never negative.
///
/// # Errors
/// [`DurationError`] says what was found and what is allowed. A number without a unit is refused.
pub fn parse_duration(text: &str) -> Result<Nanos, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(malformed());
        }
        if tail.is_empty() {
            return Err(DurationError::NoUnit(text.to_owned()));
        }
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let scale = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?.1;
        total = total
            .checked_add(decimal_times(number, scale).ok_or_else(malformed)?.ok_or_else(too_long)?)
            .ok_or_else(too_long)?;
        rest = tail;
    }
    Ok(Nanos(total))
}

/// `number × scale` in exact integer arithmetic, digits below a nanosecond cut off.
/// The outer `None` means malformed, the inner one out of range.
fn decimal_times(number: &str, scale: i64) -> Option<Option<i64>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let Ok(whole) = (if whole.is_empty() { "0" } else { whole }).parse::<i64>() else {
        return Some(None);
    };
    let below = fraction.bytes().take(18).fold((0_i128, 1_i128), |(value, weight), digit| {
        (value * 10 + i128::from(digit - b'0'), weight * 10)
    });
    let below = below.0 * i128::from(scale) / below.1; // at most 18 digits: no overflow
    Some(whole.checked_mul(scale).and_then(|n| n.checked_add(i64::try_from(below).ok()?)))
}

impl fmt::Display for Nanos {
    /// As k6 humanises times: two decimals in the largest unit that fits, `148.21ms`, `2.5s`, `1m30s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        match ns {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{sign}{ns}ns"),
            1_000..1_000_000 => write!(f, "{sign}{}µs", two_decimals(ns, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{sign}{}ms", two_decimals(ns, 1_000_000)),
            1_000_000_000..60_000_000_000 => write!(f, "{sign}{}s", two_decimals(ns, 1_000_000_000)),
            _ => {
                let seconds = ns / 1_000_000_000;
                let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
                if hours > 0 {
                    write!(f, "{sign}{hours}h{minutes:02}m{seconds:02}s")
                } else {
                    write!(f, "{sign}{minutes}m{seconds:02}s")
                }
            }
        }
    }
}

/// `value / unit` cut to two decimals, without trailing zeros: k6 cuts, it does not round.
fn two_decimals(value: u64, unit: u64) -> String {
    let hundredths = u128::from(value) * 100 / u128::from(unit);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_as_k6_writes_them() {
        let cases = [
            ("500ms", 500_000_000),
            ("1m30s", 90_000_000_000),
            ("2.5s", 2_500_000_000),
            ("0.05s", 50_000_000),
            ("1.000000001s", 1_000_000_001),
            ("1h", 3_600_000_000_000),
            ("2d", 172_800_000_000_000),
            ("0s", 0),
            ("7us", 7_000),
            ("7µs", 7_000),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text), Ok(Nanos(expected)), "{text}");
        }
    }

    #[test]
    fn bad_durations_say_what_is_allowed() {
        let cases = [
            ("30", "'30' has no unit: write ns, us, ms, s, m, h or d, as in 30s or 1m30s"),
            ("", "'' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s"),
            (
                "-5s",
                "'-5s' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s",
            ),
            (
                "5 parsecs",
                "'5 parsecs' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s",
            ),
            (
                "1.2.3s",
                "'1.2.3s' is not a duration: write numbers with ns, us, ms, s, m, h or d, as in 500ms or 1m30s",
            ),
            ("200000d", "'200000d' is too long: at most 106751 days"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn spans_print_as_k6_humanises_them() {
        let cases = [
            (0, "0s"),
            (999, "999ns"),
            (1_000, "1µs"),
            (148_219_999, "148.21ms"),
            (2_500_000_000, "2.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h00m00s"),
            (-1_500_000, "-1.5ms"),
        ];
        for (ns, expected) in cases {
            assert_eq!(Nanos(ns).to_string(), expected);
        }
    }

    #[test]
    fn points_print_in_utc() {
        let point = UnixNanos(1_795_406_706_789_000_000);
        assert_eq!(point.to_rfc3339(), "2026-11-23T04:05:06.789Z");
        assert_eq!(point.to_basic(), "20261123T040506Z");
        assert_eq!(
            UnixNanos::from_rfc3339("2026-11-23T04:05:06.789Z"),
            Some(UnixNanos::from_millis(point.0 / NANOS_PER_MILLI))
        );
        assert_eq!(UnixNanos::from_rfc3339("1970-01-01T00:00:01Z"), Some(UnixNanos::from_millis(1_000)));
        for text in [
            "2026-11-23T04:05:06",
            "2026-13-23T04:05:06Z",
            "2026-11-23 04:05:06Z",
            "yesterday",
            "2026-11-23T04:05:06.x1Z",
        ] {
            assert_eq!(UnixNanos::from_rfc3339(text), None, "{text}");
        }
        assert_eq!(UnixNanos(-1).to_rfc3339(), "1969-12-31T23:59:59.999Z");
        assert_eq!(UnixNanos(951_782_400_000_000_000).to_rfc3339(), "2000-02-29T00:00:00.000Z");
    }
}
