//! Days, times of day and moments, in each of Debezium's `time.precision.mode`s and as MongoDB's own dates.
//!
//! | mode | date | time | timestamp |
//! | --- | --- | --- | --- |
//! | `adaptive` | days | milliseconds up to `time(3)`, else microseconds | milliseconds up to `timestamp(3)`, else microseconds |
//! | `adaptive_time_microseconds` | days | microseconds | as above |
//! | `connect` | a date | a date of 1970-01-01 | a date |
//! | `microseconds`, `nanoseconds` | days | that unit | that unit |
//! | `isostring` | text | text | text |
//!
//! `timestamptz` is a text in all but the last three. A number does not say its unit: of a moment its size does, for the
//! years 1971 to 2200 that a model can write do not overlap; of a time of day each unit is a reading.

use std::borrow::Cow;

use mongodb::bson::RawBsonRef;
use streamgauge_shared::canonical as form;
use streamgauge_shared::content::NotCompared;

use super::Canonical;

const MILLIS_PER_DAY: i64 = 86_400_000;
/// Above it a number of milliseconds would be in the year 2243; one of microseconds is in January 1970 below it.
const MILLIS_MAX: i64 = 8_640_000_000_000;
const MICROS_MAX: i64 = MILLIS_MAX * 1_000;

/// A day.
pub(super) fn date(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    let days = match value {
        RawBsonRef::DateTime(moment) => {
            let millis = moment.timestamp_millis();
            (millis.rem_euclid(MILLIS_PER_DAY) == 0).then(|| millis.div_euclid(MILLIS_PER_DAY))?
        }
        RawBsonRef::String(text) => form::date_of(text)?,
        other => whole(other)?,
    };
    // PostgreSQL's own days end long before.
    (days.unsigned_abs() < 4_000_000).then(|| form::date(days).into())
}

/// A time of day.
pub(super) fn time(value: RawBsonRef<'_>) -> Canonical<'static> {
    let read = |millis: Option<i64>| {
        let text = millis.and_then(form::time);
        text.map_or(Canonical::Not(NotCompared::Unreadable), |text| Canonical::Text(text.into()))
    };
    match value {
        RawBsonRef::DateTime(moment) => read(Some(moment.timestamp_millis())),
        RawBsonRef::String(text) => read(form::time_of(text)),
        other => {
            let Some(number) = whole(other) else { return read(None) };
            let [millis, micros, nanos] =
                [1, 1_000, 1_000_000].map(|unit: i64| form::time(number.div_euclid(unit)));
            // The finest unit has the smallest time: where it is none, the others are none.
            let Some(nanos) = nanos else { return read(None) };
            let micros = micros.unwrap_or_else(|| nanos.clone());
            let millis = millis.unwrap_or_else(|| micros.clone());
            Canonical::OneOf(Box::new([millis, micros, nanos]))
        }
    }
}

/// A moment.
pub(super) fn moment(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    let millis = match value {
        RawBsonRef::DateTime(moment) => moment.timestamp_millis(),
        RawBsonRef::String(text) => form::moment_of(text)?,
        other => {
            let number = whole(other)?;
            match number.abs() {
                size if size < MILLIS_MAX => number,
                size if size < MICROS_MAX => number.div_euclid(1_000),
                _ => number.div_euclid(1_000_000),
            }
        }
    };
    Some(form::moment(millis).into())
}

fn whole(value: RawBsonRef<'_>) -> Option<i64> {
    match value {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Int64(number) => Some(number),
        _ => None,
    }
}
