//! From the bytes of a server reply to events. Pure, and never fails: what cannot be read is an event too.
//!
//! Here: what kind of event a document is. `landing` finds the stamp and the delete, `key` reads keys, `columns` the
//! content, `path` a value at a path.

mod columns;
mod key;
mod landing;
mod path;

use std::collections::HashMap;

use mongodb::bson::{RawBsonRef, RawDocument, Timestamp};
use streamgauge_shared::account::Undecodable;
use streamgauge_shared::marks::Marks;
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::{Entity, Test};
use streamgauge_shared::time::UnixNanos;

use super::content::RowKey;
use super::event::{CANARY_COLLECTION, CANARY_STAMP_FIELD, Change, Event, Sighting};
use super::reader::Reply;
use landing::{Landed, Landing};

/// Reads the events of a run's collections.
#[derive(Clone, Debug)]
pub struct Decoder {
    collections: HashMap<String, Landing>,
}

/// The events of a reply.
#[derive(Debug, Default, PartialEq)]
pub struct Decoded {
    /// In the stream's order.
    pub events: Vec<Event>,
    /// Drops and renames among them, which are not events of rows.
    pub collections_gone: u64,
    /// Documents of a canary, which are not events of rows either.
    pub canaries: Vec<Sighting>,
}

/// What one change document is.
enum Document {
    /// What it says, and the marks in it where the model of its collection names any.
    Row(Change, Option<Marks>),
    CollectionGone,
    Canary(Stamp),
    /// Of a collection that is not the run's.
    Elsewhere,
}

impl Decoder {
    /// A decoder for the collections of a test's model.
    #[must_use]
    pub fn new(test: &Test) -> Self {
        let landing = |(index, entity): (_, &Entity)| {
            (entity.landing.collection.clone(), Landing::new(index, entity, &test.checks))
        };
        Self { collections: (0..).zip(&test.model.entities).map(landing).collect() }
    }

    /// Reads every event of a reply.
    #[must_use]
    pub fn decode(&self, reply: &Reply) -> Decoded {
        let mut decoded = Decoded::default();
        let undecodable = |reason| Event {
            observed: reply.observed,
            measured: reply.timely,
            wall: None,
            marks: None,
            change: Change::Undecodable(reason),
        };
        let Ok(documents) = reply.batch.doc_slices() else {
            decoded.events.push(undecodable(Undecodable::NoDocument));
            return decoded;
        };
        for item in documents {
            let Ok(RawBsonRef::Document(document)) = item else {
                decoded.events.push(undecodable(Undecodable::NoDocument));
                continue;
            };
            match self.document(document) {
                Document::Row(change, marks) => decoded.events.push(Event {
                    observed: reply.observed,
                    measured: reply.measures(document),
                    wall: document
                        .get_datetime("wallTime")
                        .ok()
                        .map(|wall| UnixNanos::from_millis(wall.timestamp_millis())),
                    marks: marks.map(|marks| Box::new(marks.near(reply.observed))),
                    change,
                }),
                Document::CollectionGone => decoded.collections_gone += 1,
                Document::Canary(stamp) => decoded.canaries.push(Sighting {
                    stamp,
                    observed: reply.observed,
                    measured: reply.measures(document),
                }),
                Document::Elsewhere => {}
            }
        }
        decoded
    }

    /// What one change document says of a row; nothing for one that is not a row's.
    #[must_use]
    pub fn change(&self, document: &RawDocument) -> Option<Change> {
        match self.document(document) {
            Document::Row(change, _) => Some(change),
            _ => None,
        }
    }

    fn document(&self, document: &RawDocument) -> Document {
        let undecodable = |reason| Document::Row(Change::Undecodable(reason), None);
        let Ok(operation) = document.get_str("operationType") else {
            return undecodable(Undecodable::NoOperation);
        };
        if matches!(operation, "drop" | "rename" | "dropDatabase" | "invalidate") {
            return Document::CollectionGone;
        }
        let collection = document.get_document("ns").and_then(|ns| ns.get_str("coll"));
        let Ok(collection) = collection else { return undecodable(Undecodable::NoCollection) };
        let Some(landing) = self.collections.get(collection) else {
            let canary = if collection == CANARY_COLLECTION { canary_stamp(document) } else { None };
            return canary.map_or(Document::Elsewhere, Document::Canary);
        };
        let key = document.get_document("documentKey").ok();
        let row = match operation {
            "insert" | "replace" => document.get_document("fullDocument").ok().map(Landed::whole),
            "update" => {
                let update = document.get_document("updateDescription");
                update.and_then(|update| update.get_document("updatedFields")).ok().map(Landed::updated)
            }
            "delete" => {
                let change = key.map(|key| landing.deleted(key));
                let change = change.unwrap_or(Change::Undecodable(Undecodable::NoKey));
                return Document::Row(change, landing.marks(None));
            }
            _ => return undecodable(Undecodable::NoOperation),
        };
        let Some(row) = row else { return undecodable(Undecodable::NoContent) };
        Document::Row(landing.row_or_mark(row, key), landing.marks(Some(row)))
    }
}

/// The stamp of a canary's document; one without is nobody's canary.
fn canary_stamp(document: &RawDocument) -> Option<Stamp> {
    document.get_document("fullDocument").ok()?.get_str(CANARY_STAMP_FIELD).ok()?.parse().ok()
}

/// The key of a row as `documentKey` has it; nothing where it is not at the paths that the model names.
#[must_use]
pub fn key_of(entity: &Entity, document_key: &RawDocument) -> Option<RowKey> {
    let paths = entity.landing.key_paths.iter().cloned();
    let columns: Vec<_> =
        paths.zip(entity.key_columns()).map(|(path, column)| key::KeyColumn::of(path, column)).collect();
    key::read(&columns, document_key)
}

impl Reply {
    /// Whether the time of an event of this reply can be believed.
    fn measures(&self, event: &RawDocument) -> bool {
        self.timely && self.is_after_reopening(event.get_timestamp("clusterTime").ok())
    }

    /// Whether an event happened after the stream was last opened anew: only then it was not waiting for us.
    fn is_after_reopening(&self, cluster_time: Option<Timestamp>) -> bool {
        let Some(reopened) = self.reopened_at else { return true };
        cluster_time.is_some_and(|time| (time.time, time.increment) > (reopened.time, reopened.increment))
    }
}

#[cfg(test)]
mod tests;
