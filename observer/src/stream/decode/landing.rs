//! What to look for in one collection: the stamp, the mark of a deleted row, the key.

use mongodb::bson::{RawBsonRef, RawDocument};
use streamgauge_shared::marks::{Found, Mark, Marks};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::{Check, DELETED_MARK, Entity};

use super::columns::{self, Field};
use super::key::{self, KeyColumn};
use super::path::at;
use crate::stream::content::DocumentId;
use crate::stream::event::Change;
use crate::stream::mark;

/// What to look for in one collection.
#[derive(Clone, Debug)]
pub(super) struct Landing {
    entity: u16,
    /// Its documents have keys of the sink's own.
    is_learned: bool,
    /// The key's columns within `documentKey`, in the key's order.
    key: Vec<KeyColumn>,
    /// The same columns within the row before its delete, as the raw envelope has it.
    key_before: Vec<KeyColumn>,
    stamp_paths: Vec<String>,
    /// The columns that something is compared with.
    compared: Vec<Field>,
    marks: Vec<Mark>,
}

/// A row as an event has it.
#[derive(Clone, Copy)]
pub(super) struct Landed<'a> {
    pub(super) document: &'a RawDocument,
    /// Of it only what an update changed.
    pub(super) is_partial: bool,
}

impl<'a> Landed<'a> {
    pub(super) fn whole(document: &'a RawDocument) -> Self {
        Self { document, is_partial: false }
    }

    pub(super) fn updated(document: &'a RawDocument) -> Self {
        Self { document, is_partial: true }
    }
}

impl Landing {
    pub(super) fn new(index: u16, entity: &Entity, checks: &[Check]) -> Self {
        let key = entity.landing.key_paths.iter().cloned().zip(entity.key_columns());
        let before = entity.envelope_key_paths().into_iter().zip(entity.key_columns());
        Self {
            entity: index,
            is_learned: entity.has_learned_documents(),
            key: key.map(|(path, column)| KeyColumn::of(path, column)).collect(),
            key_before: before.map(|(path, column)| KeyColumn::of(path, column)).collect(),
            stamp_paths: entity.stamp_paths(),
            compared: columns::compared(index, entity, checks),
            marks: entity.landing.marks.clone(),
        }
    }

    /// A row, or a document that is marked as that of a deleted row. The mark is looked at first: the stamp beside
    /// it is that of the write before.
    pub(super) fn row_or_mark(&self, row: Landed<'_>, document_key: Option<&RawDocument>) -> Change {
        let marked = match at(row.document, DELETED_MARK) {
            Some(RawBsonRef::Boolean(marked)) => marked,
            Some(RawBsonRef::String(text)) => text == "true",
            _ => false,
        };
        if !marked {
            return self.row(row, document_key);
        }
        // Where the key is a field of the document, `documentKey` does not have it.
        match document_key.map(|key| self.deleted(key)) {
            Some(deleted @ (Change::Deleted { .. } | Change::Removed { .. })) => deleted,
            _ => self.deleted(row.document),
        }
    }

    /// A row, or the part of it that an update changed.
    fn row(&self, row: Landed<'_>, document_key: Option<&RawDocument>) -> Change {
        let texts = self.stamp_paths.iter().filter_map(|path| match at(row.document, path) {
            Some(RawBsonRef::String(text)) => Some(text),
            _ => None,
        });
        match texts.filter_map(|text| text.parse::<Stamp>().ok()).next() {
            Some(stamp) => {
                let content = columns::content(row, &self.compared);
                let document = document_key.and_then(|key| self.document(key));
                Change::Stamped { entity: self.entity, stamp, content, document }
            }
            None => self.unstamped(row.document),
        }
    }

    /// A document without a stamp: of a delete where it is Debezium's raw envelope of one. The stamp under `before`
    /// is that of an earlier write and is never read.
    fn unstamped(&self, row: &RawDocument) -> Change {
        let is_delete = matches!(at(row, "op"), Some(RawBsonRef::String("d")));
        let has_after = matches!(at(row, "after"), Some(RawBsonRef::Document(_)));
        if is_delete && !has_after { self.deleted_by(&self.key_before, row) } else { Change::Unstamped }
    }

    /// The marks in a row, where the model names any. A document that is gone leaves none: all are absent then.
    pub(super) fn marks(&self, row: Option<Landed<'_>>) -> Option<Marks> {
        if self.marks.is_empty() {
            return None;
        }
        let mut marks = Marks::default();
        for Mark { name, path, unit } in &self.marks {
            let time = row.and_then(|row| mark::time(at(row.document, path)?, *unit));
            marks.0[*name as usize] = time.map_or(Found::Absent, Found::At);
        }
        Some(marks)
    }

    /// What the sink calls a document, where it chooses that itself.
    fn document(&self, document_key: &RawDocument) -> Option<DocumentId> {
        self.is_learned.then(|| DocumentId::of(self.entity, document_key.as_bytes()))
    }

    pub(super) fn deleted(&self, document_key: &RawDocument) -> Change {
        match self.document(document_key) {
            Some(document) => Change::Removed { document },
            None => self.deleted_by(&self.key, document_key),
        }
    }

    fn deleted_by(&self, columns: &[KeyColumn], document: &RawDocument) -> Change {
        // A key of another shape is not one of ours.
        key::read(columns, document)
            .map_or(Change::Unstamped, |key| Change::Deleted { entity: self.entity, key })
    }
}
