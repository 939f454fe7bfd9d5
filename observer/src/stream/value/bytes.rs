//! Bytes, in each of Debezium's `binary.handling.mode`s.

use mongodb::bson::RawBsonRef;
use streamgauge_shared::canonical as form;
use streamgauge_shared::content::NotCompared;

use super::{Canonical, base64};

/// Bytes, or a text of them: a text does not say whether it is hexadecimal or base64, and may be both.
pub(super) fn bytes(value: RawBsonRef<'_>) -> Canonical<'static> {
    let text = match value {
        RawBsonRef::Binary(binary) => return Canonical::Text(form::bytes(binary.bytes).into()),
        RawBsonRef::String(text) => text,
        _ => return Canonical::Not(NotCompared::Unreadable),
    };
    let readings =
        [form::bytes_of(text), base64::bytes(text)].map(|read| read.map(|bytes| form::bytes(&bytes)));
    match readings {
        [Some(hex), Some(base64)] => Canonical::OneOf(Box::new([hex, base64.clone(), base64])),
        [Some(only), None] | [None, Some(only)] => Canonical::Text(only.into()),
        [None, None] => Canonical::Not(NotCompared::Unreadable),
    }
}
