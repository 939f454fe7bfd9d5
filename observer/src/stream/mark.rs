//! Reads a mark: a time that the pipeline left in a document, whatever type the sink gave it.

use mongodb::bson::RawBsonRef;
use streamgauge_shared::canonical as form;
use streamgauge_shared::marks::{MarkTime, Unit};

/// The first whole number that a Double does not hold apart from its neighbour: 2^53.
const DOUBLE_EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The time that a value stands for: a whole number of the unit as Int32, Int64, Double, Decimal128 or digits, or a
/// BSON date, which is milliseconds whatever the unit. Nothing for all else, and for 0 and below.
pub(super) fn time(value: RawBsonRef<'_>, unit: Unit) -> Option<MarkTime> {
    match value {
        RawBsonRef::Int32(number) => unit.time(number.into()),
        RawBsonRef::Int64(number) => unit.time(number),
        RawBsonRef::Double(number) => unit.time(whole(number)?),
        // In its plain form: `1.795E15` is whole, and a fraction is not.
        RawBsonRef::Decimal128(number) => unit.time(form::decimal(&number.to_string())?.parse().ok()?),
        RawBsonRef::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            unit.time(text.parse().ok()?)
        }
        RawBsonRef::DateTime(date) => Unit::Millis.time(date.timestamp_millis()),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and below 2^53")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < DOUBLE_EXACT_MAX).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, DateTime, Decimal128, RawDocumentBuf, doc};

    use super::*;

    fn of(value: impl Into<Bson>, unit: Unit) -> Option<(i64, i64)> {
        let document = RawDocumentBuf::try_from(&doc! { "v": value.into() }).expect("a document");
        let value = document.get("v").expect("readable").expect("there");
        time(value, unit).map(|time| (time.at.0, time.resolution.0))
    }

    fn decimal(number: &str) -> Bson {
        Bson::Decimal128(number.parse::<Decimal128>().expect("a decimal"))
    }

    #[test]
    fn a_time_is_the_same_whatever_type_it_has() {
        let micros = 1_795_419_333_942_901_i64;
        let expected = Some((micros * 1_000, 1_000));
        assert_eq!(of(micros, Unit::Micros), expected);
        assert_eq!(of(1_795_419_333_942_901.0, Unit::Micros), expected);
        for text in ["1795419333942901", "1795419333942901.0", "1.795419333942901E+15"] {
            assert_eq!(of(decimal(text), Unit::Micros), expected, "{text}");
        }
        assert_eq!(of("1795419333942901", Unit::Micros), expected);
        assert_eq!(of(1_795_419_333, Unit::Seconds), Some((1_795_419_333_000_000_000, 1_000_000_000)));
        // A date says its unit itself, and is no finer than it.
        for unit in [Unit::Micros, Unit::Millis] {
            let date = DateTime::from_millis(1_795_419_333_942);
            assert_eq!(of(date, unit), Some((1_795_419_333_942_000_000, 1_000_000)));
        }
    }

    #[test]
    fn what_cannot_be_read_is_absent_and_never_0() {
        let cases: [Bson; 15] = [
            0.into(),
            0_i64.into(),
            (-5).into(),
            0.0.into(),
            1.5.into(),
            f64::NAN.into(),
            f64::INFINITY.into(),
            // 2^53 stands for its neighbour too.
            9_007_199_254_740_992.0.into(),
            i64::MAX.into(),
            "".into(),
            "2026-11-23T02:05:06Z".into(),
            "99999999999999999999".into(),
            Bson::Null,
            true.into(),
            decimal("1.5"),
        ];
        for value in cases {
            assert_eq!(of(value.clone(), Unit::Micros), None, "{value:?}");
        }
    }
}
