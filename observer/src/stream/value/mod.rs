//! The canonical form of a value as MongoDB holds it, whatever type the sink gave it.

mod base64;
mod bytes;
mod moment;
mod number;
mod uuid;

use std::borrow::Cow;

use mongodb::bson::RawBsonRef;
use streamgauge_shared::canonical as form;
use streamgauge_shared::content::{NotCompared, digest};
use streamgauge_shared::test_file::ColumnType;

use super::content::ColumnValue;

/// What a value's canonical form is; see [`streamgauge_shared::canonical`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Canonical<'a> {
    /// Its text.
    Text(Cow<'a, str>),
    /// Null has one of its own.
    Null,
    /// Of a value that does not say how it is encoded: each reading. Of a UUID's bytes in the standard order, Java's old one,
    /// C#'s old one; of a number that is a time of day in milliseconds, microseconds, nanoseconds.
    OneOf(Box<[String; 3]>),
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
            Self::OneOf(texts) => ColumnValue::OneOf(texts.each_ref().map(|text| digest(Some(text)))),
            Self::NumberOrBase64 { number, base64 } => {
                ColumnValue::NumberOrBase64 { number: digest(Some(number)), base64: digest(Some(base64)) }
            }
            Self::Not(reason) => ColumnValue::Not(*reason),
        }
    }
}

/// The canonical form of a value of a column of this type.
pub(super) fn canonical(value: RawBsonRef<'_>, kind: ColumnType) -> Canonical<'_> {
    use ColumnType as Type;
    let text = match (kind, value) {
        (_, RawBsonRef::Null) => return Canonical::Null,
        (Type::Text | Type::Varchar { .. } | Type::Citext, RawBsonRef::String(text)) => Some(text.into()),
        (Type::Char { .. }, RawBsonRef::String(text)) => Some(text.trim_end_matches(' ').into()),
        (Type::Uuid, RawBsonRef::String(text)) => Some(uuid::of_text(text)),
        (Type::Uuid, RawBsonRef::Binary(binary)) => return uuid::of_bytes(binary.subtype, binary.bytes),
        (Type::Smallint | Type::Integer | Type::Bigint, value) => number::whole(value),
        (Type::Numeric { scale, .. }, RawBsonRef::String(text)) => {
            return number::decimal_text(text, scale > 0);
        }
        (Type::AnyNumeric, RawBsonRef::String(text)) => return number::decimal_text(text, false),
        (Type::Numeric { .. } | Type::AnyNumeric, value) => number::decimal(value),
        (Type::Real, value) => number::real(value),
        (Type::Double, value) => number::double(value),
        (Type::Boolean, RawBsonRef::Boolean(flag)) => Some(if flag { "true" } else { "false" }.into()),
        (Type::Boolean, RawBsonRef::String(text @ ("true" | "false"))) => Some(text.into()),
        (Type::Date, value) => moment::date(value),
        (Type::Time, value) => return moment::time(value),
        (Type::Timestamp | Type::Timestamptz, value) => moment::moment(value),
        (Type::Bytea, value) => return bytes::bytes(value),
        (Type::Inet, RawBsonRef::String(text)) => form::address(text).map(Cow::Owned),
        _ => None,
    };
    text.map_or(Canonical::Not(NotCompared::Unreadable), Canonical::Text)
}

/// The canonical form of a value of a column, which may hold an array of this type. `unavailable` is what the connector
/// writes for a large value that an update did not touch.
pub(super) fn canonical_of_column<'a>(
    value: RawBsonRef<'a>,
    kind: ColumnType,
    is_list: bool,
    unavailable: &str,
) -> Canonical<'a> {
    match value {
        RawBsonRef::Null => Canonical::Null,
        _ if is_unavailable(value, kind, unavailable) => Canonical::Not(NotCompared::LeftOut),
        _ if is_list => list(value, kind, unavailable),
        _ => canonical(value, kind),
    }
}

/// Whether a value is the connector's placeholder: the text, or in a column of bytes its bytes, however they are encoded.
fn is_unavailable(value: RawBsonRef<'_>, kind: ColumnType, unavailable: &str) -> bool {
    let bytes = Some(unavailable.as_bytes());
    match value {
        RawBsonRef::String(text) if text == unavailable => true,
        RawBsonRef::String(text) if kind == ColumnType::Bytea => {
            base64::bytes(text).as_deref() == bytes || form::bytes_of(text).as_deref() == bytes
        }
        RawBsonRef::Binary(binary) => kind == ColumnType::Bytea && Some(binary.bytes) == bytes,
        _ => false,
    }
}

/// The form of an array: every element must have one form of its own.
fn list<'a>(values: RawBsonRef<'_>, kind: ColumnType, unavailable: &str) -> Canonical<'a> {
    let RawBsonRef::Array(values) = values else { return Canonical::Not(NotCompared::Unreadable) };
    let mut forms = Vec::new();
    for value in values {
        match value.map(|value| canonical_of_column(value, kind, false, unavailable)) {
            Ok(Canonical::Text(form)) => forms.push(form.into_owned()),
            // An array of whole numbers as text or base64: it is read as the numbers.
            Ok(Canonical::NumberOrBase64 { number, .. }) => forms.push(number),
            Ok(Canonical::Not(reason)) => return Canonical::Not(reason),
            Ok(Canonical::Null | Canonical::OneOf(_)) | Err(_) => {
                return Canonical::Not(NotCompared::Unreadable);
            }
        }
    }
    Canonical::Text(form::list(&forms).into())
}

#[cfg(test)]
mod tests;
