//! Values of PostgreSQL, as text, and what they become in MongoDB.
//!
//! | PostgreSQL | BSON |
//! | --- | --- |
//! | `bool` | bool |
//! | `int2`, `int4` | Int32 |
//! | `int8` | Int64 |
//! | `float4`, `float8` | Double |
//! | `numeric` | Decimal128 with the digits it has; with more than Decimal128 holds, string |
//! | `timestamp`, `timestamptz` | date: **cut to the millisecond before it**; without a zone it is read as UTC; `infinity` is a string |
//! | `json`, `jsonb` | document, array or value; whole numbers are Int32 or Int64, all others Double |
//! | arrays of built-in types | array of what its elements become |
//! | `uuid`, `text` and everything else | string, as PostgreSQL prints it |

use anyhow::{Context, Result};
use mongodb::bson::{Bson, DateTime, Decimal128};
use serde_json::Value;
use streamgauge_shared::time::days_from_civil;

use super::array;

const MILLIS_PER_SECOND: i64 = 1_000;
const MICROS_PER_MILLI: i64 = 1_000;
/// A BSON date has milliseconds, PostgreSQL at most six digits of a second.
const FRACTION_DIGITS: usize = 6;

/// A value by the number of its type in `pg_type`.
pub(super) fn value(type_id: u32, text: &str) -> Result<Bson> {
    if let Some(element) = array::element_type(type_id) {
        let value = |text: Option<String>| text.map_or(Ok(Bson::Null), |text| value(element, &text));
        return Ok(Bson::Array(array::elements(text)?.into_iter().map(value).collect::<Result<_>>()?));
    }
    Ok(match type_id {
        16 => Bson::Boolean(text == "t"),
        20 => Bson::Int64(text.parse()?),
        21 | 23 => Bson::Int32(text.parse()?),
        700 | 701 => Bson::Double(text.parse()?),
        // PostgreSQL's numeric is longer than 34 digits if it has to be; then it stays text.
        1700 => text.parse::<Decimal128>().map_or_else(|_| Bson::from(text), Bson::Decimal128),
        1114 | 1184 => match text {
            "infinity" | "-infinity" => Bson::from(text),
            _ => Bson::DateTime(DateTime::from_millis(unix_millis(text).context("not an ISO timestamp")?)),
        },
        114 | 3802 => json(serde_json::from_str(text)?),
        _ => Bson::from(text),
    })
}

/// JSON as it is: no extended JSON, so `{"$oid": …}` is a document with that field.
fn json(value: Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(truth) => Bson::Boolean(truth),
        Value::String(text) => Bson::String(text),
        Value::Array(items) => Bson::Array(items.into_iter().map(json).collect()),
        Value::Object(fields) => {
            Bson::Document(fields.into_iter().map(|(name, field)| (name, json(field))).collect())
        }
        Value::Number(number) => match number.as_i64() {
            Some(whole) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            None => number.as_f64().map_or(Bson::Null, Bson::Double),
        },
    }
}

/// `2026-11-23 04:05:06.789012+05:30`, as `DateStyle` ISO prints it: zone, fraction and ` BC` may be absent.
/// Milliseconds since 1970, cut towards the past.
fn unix_millis(text: &str) -> Option<i64> {
    let (text, before_christ) = text.strip_suffix(" BC").map_or((text, false), |rest| (rest, true));
    let (date, time) = text.split_once(' ')?;
    let [year, month, day] = numbers(date, '-')?;
    // 1 BC is the year 0 of the calendar that is reckoned with.
    let year = if before_christ { 1 - year } else { year };
    let zone_at = time.find(['+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = numbers(time, ':')?;
    let micros = match fraction.len() {
        0 => 0,
        _ => number(&format!("{fraction:0<FRACTION_DIGITS$}"))?,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        - zone_seconds(zone)?;
    // The seconds first become milliseconds: as microseconds, years above 294276 overflow.
    Some(seconds * MILLIS_PER_SECOND + micros.div_euclid(MICROS_PER_MILLI))
}

/// `+05`, `-03:30`, `+00:19:32` or nothing.
fn zone_seconds(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1) {
        None => return Some(0),
        Some(("-", digits)) => (-1, digits),
        Some((_, digits)) => (1, digits),
    };
    let parts = digits.split(':').map(number).collect::<Option<Vec<i64>>>()?;
    Some(sign * parts.iter().zip([3_600, 60, 1]).map(|(part, unit)| part * unit).sum::<i64>())
}

fn numbers(text: &str, separator: char) -> Option<[i64; 3]> {
    text.split(separator).map(number).collect::<Option<Vec<i64>>>()?.try_into().ok()
}

/// At most six digits: the last year of PostgreSQL is 294276.
fn number(text: &str) -> Option<i64> {
    let legal = text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    legal.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{bson, doc};
    use proptest::prelude::*;
    use streamgauge_shared::time::UnixNanos;

    use super::*;

    #[test]
    fn every_type_has_its_bson() {
        let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
        let uuid = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
        let cases = [
            (16, "t", Bson::Boolean(true)),
            (16, "f", Bson::Boolean(false)),
            (20, "-9223372036854775808", Bson::Int64(i64::MIN)),
            (21, "-2", Bson::Int32(-2)),
            (23, "2147483647", Bson::Int32(i32::MAX)),
            (701, "0.5", Bson::Double(0.5)),
            (1700, "12.30", decimal("12.30")),
            (1700, "NaN", decimal("NaN")),
            (2950, uuid, Bson::from(uuid)),
            (25, "true", Bson::from("true")),
            (1114, "infinity", Bson::from("infinity")),
            (1114, "1970-01-01 00:00:01", Bson::DateTime(DateTime::from_millis(1_000))),
            (1184, "1970-01-01 02:00:00.5+02", Bson::DateTime(DateTime::from_millis(500))),
            (114, "[]", Bson::Array(Vec::new())),
            (3802, "null", Bson::Null),
            (1007, "{1,NULL}", bson!([1, Bson::Null])),
            (1009, r#"{"a,b",c}"#, bson!(["a,b", "c"])),
        ];
        for (type_id, text, expected) in cases {
            assert_eq!(value(type_id, text).unwrap(), expected, "{text}");
        }
        assert_eq!(value(1700, &"9".repeat(35)).unwrap(), Bson::from("9".repeat(35)));
        for (type_id, text) in [(23, "x"), (1114, "23.11.2026 04:05:06"), (1184, "today"), (114, "{")] {
            assert!(value(type_id, text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_keeps_its_order_and_its_numbers() {
        let text = r#"{"z": 1, "a": [2147483648, 0.1, "x", null, true], "$oid": {"n": -3}, "big": 1e30}"#;
        let list = bson!([2_147_483_648_i64, 0.1, "x", Bson::Null, true]);
        let expected = doc! { "z": 1, "a": list, "$oid": { "n": -3 }, "big": 1e30 };
        assert_eq!(value(3802, text).unwrap(), Bson::Document(expected));
    }

    #[test]
    fn timestamps_are_cut_to_the_millisecond_before() {
        let cases = [
            ("2026-11-23 04:05:06.789999", 1_795_406_706_789),
            ("2026-11-23 04:05:06.7+00", 1_795_406_706_700),
            ("2026-11-23 09:35:06+05:30", 1_795_406_706_000),
            ("2026-11-22 23:35:06-04:30", 1_795_406_706_000),
            ("1969-12-31 23:59:59.9999", -1),
            ("0001-01-01 00:00:00 BC", -62_167_219_200_000),
            ("0001-01-01 00:00:00", -62_135_596_800_000),
            ("2024-02-29 00:00:00", 1_709_164_800_000),
            ("10000-01-01 00:00:00", 253_402_300_800_000),
            ("300000-01-01 00:00:00", 9_404_918_380_800_000),
        ];
        for (text, expected) in cases {
            assert_eq!(unix_millis(text), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_survives_its_text(millis in -9_000_000_000_000_i64..9_000_000_000_000) {
            let text = UnixNanos::from_millis(millis).to_rfc3339().replace('T', " ").replace('Z', "+00");
            prop_assert_eq!(unix_millis(&text), Some(millis));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9]{1,20}-[0-9]{1,20}-[0-9]{1,9} [0-9:]{0,20}(\\.[0-9é]{0,9})?([-+é][0-9:]{0,20})?( BC)?") {
            let _millis: Option<i64> = unix_millis(&text);
        }
    }
}
