//! The canonical form of a value as MongoDB holds it, whatever type the sink gave it.

use std::borrow::Cow;

use mongodb::bson::RawBsonRef;
use mongodb::bson::spec::BinarySubtype;
use streamgauge_shared::canonical as form;
use streamgauge_shared::content::{NotCompared, digest};
use streamgauge_shared::test_file::ColumnType;

use super::base64;
use super::content::ColumnValue;

/// Debezium's mark for a large value that an update did not touch.
const UNAVAILABLE: &str = "__debezium_unavailable_value";
/// Bytes of a UUID.
const UUID_BYTES: usize = 16;

/// What a value's canonical form is; see [`streamgauge_shared::canonical`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Canonical<'a> {
    /// Its text.
    Text(Cow<'a, str>),
    /// Null has one of its own.
    Null,
    /// Of a UUID whose order of bytes is not known: the standard one, Java's old one, C#'s old one.
    UuidOneOf(Box<[String; 3]>),
    /// A text that is a whole number, and base64 of the bytes of another.
    NumberOrBase64 {
        /// Read as a number.
        number: String,
        /// Read as base64.
        base64: String,
    },
    /// None that could be compared.
    Not(NotCompared),
}

impl Canonical<'_> {
    /// The same as digests.
    pub(super) fn value(&self) -> ColumnValue {
        match self {
            Self::Text(text) => ColumnValue::Value(digest(Some(text))),
            Self::Null => ColumnValue::Value(digest(None)),
            Self::UuidOneOf(texts) => ColumnValue::UuidOneOf(texts.each_ref().map(|text| digest(Some(text)))),
            Self::NumberOrBase64 { number, base64 } => {
                ColumnValue::NumberOrBase64 { number: digest(Some(number)), base64: digest(Some(base64)) }
            }
            Self::Not(reason) => ColumnValue::Not(*reason),
        }
    }
}

/// The canonical form of a value of a column of this type.
pub(super) fn canonical(value: RawBsonRef<'_>, kind: ColumnType) -> Canonical<'_> {
    let text = match (kind, value) {
        (_, RawBsonRef::Null) => return Canonical::Null,
        (_, RawBsonRef::String(UNAVAILABLE)) => return Canonical::Not(NotCompared::LeftOut),
        (ColumnType::Text, RawBsonRef::String(text)) => Some(text.into()),
        (ColumnType::Uuid, RawBsonRef::String(text)) => Some(uuid(text)),
        (ColumnType::Uuid, RawBsonRef::Binary(binary)) => return uuid_of_bytes(binary.subtype, binary.bytes),
        (ColumnType::Integer | ColumnType::Bigint, value) => integer(value),
        (ColumnType::Numeric { scale, .. }, RawBsonRef::String(text)) => {
            return decimal_text(text, scale > 0);
        }
        (ColumnType::Numeric { .. }, value) => decimal(value),
        (ColumnType::Boolean, RawBsonRef::Boolean(flag)) => Some(if flag { "true" } else { "false" }.into()),
        (ColumnType::Boolean, RawBsonRef::String(text @ ("true" | "false"))) => Some(text.into()),
        _ => None,
    };
    text.map_or(Canonical::Not(NotCompared::Unreadable), Canonical::Text)
}

fn integer(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
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

fn decimal(value: RawBsonRef<'_>) -> Option<Cow<'static, str>> {
    let text = match value {
        RawBsonRef::Decimal128(number) => number.to_string(),
        // The shortest text that reads back as the same float: what a sink that went through one had.
        RawBsonRef::Double(number) => number.to_string(),
        RawBsonRef::Int32(number) => number.to_string(),
        RawBsonRef::Int64(number) => number.to_string(),
        _ => return None,
    };
    form::decimal(&text).map(Cow::Owned)
}

/// A decimal number as text, or, from a converter without schemas, the base64 text of its bytes: `1234` and `12e3` are
/// both. In a column with a fraction a number has a point, which base64 does not know. In one without, the value that
/// was written tells the two apart, and only it can.
fn decimal_text(text: &str, has_fraction: bool) -> Canonical<'_> {
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

/// Of any of the usual ways to write one; what is none stays what it is, and differs from all.
fn uuid(text: &str) -> Cow<'_, str> {
    let is_lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_form = text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => is_lower(byte),
        });
    if is_form {
        return text.into();
    }
    let text = text.to_ascii_lowercase();
    let digits: String = text.chars().filter(|char| !matches!(char, '-' | '{' | '}')).collect();
    let is_one = digits.len() == 32 && digits.bytes().all(is_lower);
    if is_one { grouped(&digits).unwrap_or(text) } else { text }.into()
}

/// Subtype 4 has one order of bytes. Subtype 3 has three, each of which some driver writes, and a plain binary says
/// nothing of it.
fn uuid_of_bytes(subtype: BinarySubtype, bytes: &[u8]) -> Canonical<'static> {
    let Ok(bytes) = <[u8; UUID_BYTES]>::try_from(bytes) else {
        return Canonical::Not(NotCompared::Unreadable);
    };
    match subtype {
        BinarySubtype::Uuid => Canonical::Text(hyphenated(&bytes).into()),
        BinarySubtype::UuidOld | BinarySubtype::Generic => {
            Canonical::UuidOneOf(Box::new(orders(bytes).map(|bytes| hyphenated(&bytes))))
        }
        _ => Canonical::Not(NotCompared::Unreadable),
    }
}

/// The UUIDs that sixteen bytes may be: in the standard order, as Java's driver used to write them (each half
/// backwards), and as C#'s did (the first three fields backwards).
fn orders(bytes: [u8; UUID_BYTES]) -> [[u8; UUID_BYTES]; 3] {
    let (mut java, mut csharp) = (bytes, bytes);
    java[..8].reverse();
    java[8..].reverse();
    csharp[..4].reverse();
    csharp[4..6].reverse();
    csharp[6..8].reverse();
    [bytes, java, csharp]
}

fn hyphenated(bytes: &[u8; UUID_BYTES]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or_default());
        }
    }
    text
}

fn grouped(hex: &str) -> Option<String> {
    let part = |range| hex.get(range);
    Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
