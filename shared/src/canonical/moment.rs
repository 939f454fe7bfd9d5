//! Days, times of day and moments, to the millisecond.

use toml_datetime::{Datetime, Offset};

use crate::time::{civil_from_days, days_from_civil};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// The form of a day, of its number since 1970-01-01.
#[must_use]
pub fn date(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The form of a time of day, of milliseconds since midnight; nothing for more than a day has.
#[must_use]
pub fn time(millis: i64) -> Option<String> {
    (0..MILLIS_PER_DAY).contains(&millis).then(|| {
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        format!("{hour:02}:{minute:02}:{:02}.{:03}", millis / 1_000 % 60, millis % 1_000)
    })
}

/// The form of a moment, of milliseconds since 1970.
#[must_use]
pub fn moment(millis: i64) -> String {
    let of_day = time(millis.rem_euclid(MILLIS_PER_DAY)).unwrap_or_default();
    format!("{}T{of_day}Z", date(millis.div_euclid(MILLIS_PER_DAY)))
}

/// The day that a text says, as days since 1970-01-01: `2026-01-31`, `2026-01-31Z`, or midnight of it.
#[must_use]
pub fn date_of(text: &str) -> Option<i64> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let read: Datetime = text.parse().ok()?;
    let at_midnight = read.time.is_none_or(|time| time_millis(time) == Some(0));
    let date = read.date.filter(|_| at_midnight && read.offset.is_none())?;
    Some(days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day)))
}

/// The time of day that a text says, in milliseconds since midnight, cut: `12:30:00.123456`, `12:30:00Z`.
#[must_use]
pub fn time_of(text: &str) -> Option<i64> {
    let read: Datetime = text.strip_suffix('Z').unwrap_or(text).parse().ok()?;
    read.time.filter(|_| read.date.is_none() && read.offset.is_none()).and_then(time_millis)
}

/// The moment that a text says, in milliseconds since 1970, cut: ISO 8601 with `T` or a space, UTC without a zone.
#[must_use]
pub fn moment_of(text: &str) -> Option<i64> {
    let read: Datetime = text.parse().ok()?;
    let date = read.date?;
    let offset = match read.offset {
        None | Some(Offset::Z) => 0,
        Some(Offset::Custom { minutes }) => i64::from(minutes),
    };
    let days = days_from_civil(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    Some(days * MILLIS_PER_DAY + time_millis(read.time?)? - offset * 60_000)
}

/// Nothing for a leap second, which PostgreSQL does not have.
fn time_millis(time: toml_datetime::Time) -> Option<i64> {
    let second = i64::from(time.second.unwrap_or(0));
    let minutes = i64::from(time.hour) * 60 + i64::from(time.minute);
    let millis = i64::from(time.nanosecond.unwrap_or(0) / 1_000_000);
    (second < 60).then_some((minutes * 60 + second) * 1_000 + millis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_sinks_write_is_read() {
        let day = days_from_civil(2026, 1, 31);
        for text in ["2026-01-31", "2026-01-31Z", "2026-01-31T00:00:00Z", "2026-01-31 00:00:00"] {
            assert_eq!(date_of(text), Some(day), "{text}");
        }
        let noon = Some(45_000_123);
        for text in ["12:30:00.123", "12:30:00.123456", "12:30:00.123Z", "12:30:00.123000Z"] {
            assert_eq!(time_of(text), noon, "{text}");
        }
        let moment = Some(day * MILLIS_PER_DAY + 45_000_123);
        for text in [
            "2026-01-31T12:30:00.123Z",
            "2026-01-31T12:30:00.123456789Z",
            "2026-01-31 12:30:00.123",
            "2026-01-31T14:30:00.123+02:00",
        ] {
            assert_eq!(moment_of(text), moment, "{text}");
        }
        assert_eq!(
            (date_of("2026-01-31T12:00:00Z"), date_of("12:00:00"), date_of("soon")),
            (None, None, None)
        );
        assert_eq!((time_of("2026-01-31"), time_of("25:00:00")), (None, None));
        assert_eq!((moment_of("2026-01-31"), moment_of("12:30:00")), (None, None));
    }

    proptest! {
        #[test]
        fn forms_are_read_back(millis in -60_000_000_000_000_i64..250_000_000_000_000) {
            prop_assert_eq!(moment_of(&moment(millis)), Some(millis));
            prop_assert_eq!(date_of(&date(millis / MILLIS_PER_DAY)), Some(millis / MILLIS_PER_DAY));
            let of_day = millis.rem_euclid(MILLIS_PER_DAY);
            prop_assert_eq!(time(of_day).and_then(|text| time_of(&text)), Some(of_day));
        }
    }
}
