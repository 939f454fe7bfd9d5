//! Numbers.

use std::borrow::Cow;

use mongodb::bson::{RawBsonRef, RawDocument};
use streamgauge_shared::canonical as form;
use streamgauge_shared::content::NotCompared;

use super::{Canonical, base64};

/// A whole number.
pub(super) fn whole(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    let text = match value {
        RawBsonRef::Int32(number) => Some(number.to_string()),
        RawBsonRef::Int64(number) => Some(number.to_string()),
        // A float has no exponent in its plain text, and no fraction where it is whole.
        RawBsonRef::Double(number) if number.is_finite() && number.fract() == 0.0 => {
            form::decimal(&number.to_string())
        }
        RawBsonRef::String(text) => text.parse::<i64>().ok().map(|number| number.to_string()),
        _ => None,
    };
    text.map(Cow::Owned)
}

/// An exact number.
pub(super) fn decimal(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    let text = match value {
        RawBsonRef::Decimal128(number) => number.to_string(),
        // The shortest text that reads back as the same float: what a sink that went through one had.
        RawBsonRef::Double(number) => number.to_string(),
        RawBsonRef::Int32(number) => number.to_string(),
        RawBsonRef::Int64(number) => number.to_string(),
        RawBsonRef::Document(number) => return scaled(number).map(Cow::Owned),
        _ => return None,
    };
    form::decimal(&text).map(Cow::Owned)
}

/// A decimal number as text, or, from a converter without schemas, the base64 text of its bytes: `1234` and `12e3` are
/// both. In a column with a fraction a number has a point, which base64 does not know. In one without, the value that
/// was written tells the two apart, and only it can.
pub(super) fn decimal_text(text: &str, has_fraction: bool) -> Canonical<'_> {
    let is_base64 = base64::is_base64(text);
    match form::decimal(text) {
        None if is_base64 => Canonical::Not(NotCompared::Base64Decimal),
        None => Canonical::Not(NotCompared::Unreadable),
        Some(_) if is_base64 && has_fraction => Canonical::Not(NotCompared::Base64Decimal),
        Some(number) => match base64::whole_number(text) {
            Some(base64) => Canonical::NumberOrBase64 { number, base64: base64.to_string() },
            None => Canonical::Text(number.into()),
        },
    }
}

/// Debezium's `VariableScaleDecimal`, which is what `decimal.handling.mode=precise` makes of a number without a scale: its
/// digits as the bytes of a whole number, and where the point stands.
fn scaled(number: &RawDocument) -> Option<String> {
    let scale = match number.get("scale").ok()?? {
        RawBsonRef::Int32(scale) => i64::from(scale),
        RawBsonRef::Int64(scale) => scale,
        _ => return None,
    };
    let digits = match number.get("value").ok()?? {
        RawBsonRef::Binary(binary) => base64::number_of_bytes(binary.bytes)?,
        RawBsonRef::String(text) => base64::whole_number(text)?,
        _ => return None,
    };
    form::decimal(&format!("{digits}e{}", scale.checked_neg()?))
}

/// A float of four bytes. A sink holds it as one of eight, which has more digits than it ever had.
pub(super) fn real(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    #[expect(clippy::cast_possible_truncation, reason = "the column had no more of it")]
    let float = match value {
        RawBsonRef::Double(number) => number as f32,
        other => float_text(other)?.parse().ok()?,
    };
    form::decimal(&float.to_string()).map(Cow::Owned)
}

/// A float of eight bytes.
pub(super) fn double(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    let float: f64 = match value {
        RawBsonRef::Double(number) => number,
        other => float_text(other)?.parse().ok()?,
    };
    form::decimal(&float.to_string()).map(Cow::Owned)
}

/// A number that is no float, as text that a float is read from.
fn float_text(value: RawBsonRef<'_>) -> Option<Cow<'_, str>> {
    match value {
        RawBsonRef::String(text) => Some(text.into()),
        RawBsonRef::Int32(number) => Some(number.to_string().into()),
        RawBsonRef::Int64(number) => Some(number.to_string().into()),
        RawBsonRef::Decimal128(number) => Some(number.to_string().into()),
        _ => None,
    }
}
