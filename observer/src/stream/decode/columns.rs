//! What the columns of a row say that something is compared with.

use std::collections::BTreeSet;

use mongodb::bson::RawDocument;
use streamgauge_shared::content::NotCompared;
use streamgauge_shared::test_file::{Check, ColumnType, Entity};

use super::landing::Landed;
use super::path::at;
use crate::stream::content::{ColumnSeen, ColumnValue, Content};
use crate::stream::value::canonical_of_column;

/// One column as it stands in a document.
#[derive(Clone, Debug)]
pub(super) struct Field {
    column: u16,
    path: String,
    /// The raw envelope of Debezium holds the row under `after`.
    path_in_envelope: String,
    kind: ColumnType,
    is_list: bool,
    /// What stands there for a value that the connector does not have.
    unavailable: String,
}

/// The columns of an entity that are verified, or that a check of it names.
pub(super) fn compared(index: u16, entity: &Entity, checks: &[Check]) -> Vec<Field> {
    let checks = checks.iter().filter(|check| check.entity == usize::from(index));
    let checked = checks.flat_map(|check| check.columns.iter().map(|(column, _)| *column));
    let columns: BTreeSet<usize> = entity.verified().map(|(column, _)| column).chain(checked).collect();
    let field = |index: usize| {
        let column = &entity.columns[index];
        Some(Field {
            column: u16::try_from(index).ok()?,
            path: column.field.clone(),
            path_in_envelope: format!("after.{}", column.field),
            kind: column.kind,
            is_list: column.list.is_some(),
            unavailable: entity.landing.unavailable.clone(),
        })
    };
    columns.into_iter().filter_map(field).collect()
}

/// What they say in a row.
pub(super) fn content(row: Landed<'_>, fields: &[Field]) -> Content {
    let seen = |field: &Field| ColumnSeen { column: field.column, value: value(row, field) };
    Content::new(fields.iter().map(seen).collect())
}

fn value(row: Landed<'_>, field: &Field) -> ColumnValue {
    let document: &RawDocument = row.document;
    match at(document, &field.path).or_else(|| at(document, &field.path_in_envelope)) {
        Some(value) => canonical_of_column(value, field.kind, field.is_list, &field.unavailable).value(),
        None if row.is_partial => ColumnValue::Not(NotCompared::PartialUpdate),
        None => ColumnValue::Not(NotCompared::Absent),
    }
}
