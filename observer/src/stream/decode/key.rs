//! The key of a row that is gone.

use mongodb::bson::{RawBsonRef, RawDocument};
use streamgauge_shared::canonical as form;
use streamgauge_shared::test_file::{Column, ColumnType};

use super::path::at;
use crate::stream::content::RowKey;
use crate::stream::value::{Canonical, canonical};

/// One column of a key.
#[derive(Clone, Debug)]
pub(super) struct KeyColumn {
    path: String,
    /// Its name in the table: sinks that make a document of the key name its fields so.
    column: String,
    kind: ColumnType,
}

impl KeyColumn {
    pub(super) fn of(path: String, column: &Column) -> Self {
        Self { path, column: column.name.clone(), kind: column.kind }
    }

    /// The value at the path. A document there is what a sink made of the key as a whole: `{_id: {id: "…"}}` is the
    /// key of one column `id` as the usual sinks write it, whose path is `_id` like that of a plain one.
    fn value<'a>(&self, document: &'a RawDocument) -> Option<RawBsonRef<'a>> {
        match at(document, &self.path)? {
            RawBsonRef::Document(key) => key.get(&self.column).ok().flatten(),
            plain => Some(plain),
        }
    }
}

/// The key that a document holds at these columns' paths; nothing for a key of another shape, which is not one of ours.
pub(super) fn read(columns: &[KeyColumn], document: &RawDocument) -> Option<RowKey> {
    let values =
        columns.iter().map(|column| column.value(document).map(|value| canonical(value, column.kind)));
    let values: Vec<Canonical<'_>> = values.collect::<Option<_>>()?;
    // One driver wrote them all, so they have one order of bytes.
    let reading = |order: usize| {
        let text = |value: &Canonical<'_>| match value {
            Canonical::Text(text) => Some(text.to_string()),
            Canonical::OneOf(readings) => Some(readings[order].clone()),
            Canonical::NumberOrBase64 { number, .. } => Some(number.clone()),
            Canonical::Null | Canonical::Not(_) => None,
        };
        let texts: Vec<String> = values.iter().map(text).collect::<Option<_>>()?;
        Some(form::key(&texts))
    };
    let has_orders = values.iter().any(|value| matches!(value, Canonical::OneOf(_)));
    Some(if has_orders {
        RowKey::OneOf(Box::new([reading(0)?, reading(1)?, reading(2)?]))
    } else {
        RowKey::Known(reading(0)?)
    })
}
