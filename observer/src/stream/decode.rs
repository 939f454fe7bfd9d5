//! From the bytes of a server reply to events. Pure, and never fails: what cannot be read is an event too.

use std::collections::HashMap;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{RawBsonRef, RawDocument, Timestamp};
use streamgauge_shared::digest::Digest;
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::{ColumnType, Entity, Model};
use streamgauge_shared::time::UnixNanos;

use super::reader::Reply;
use crate::matcher::{Change, Content, Event};

/// Reads the events of a run's collections.
#[derive(Clone, Debug)]
pub struct Decoder {
    collections: HashMap<String, Landing>,
}

/// What to look for in one collection.
#[derive(Clone, Debug)]
struct Landing {
    entity: u16,
    key_path: String,
    key_type: ColumnType,
    stamp_paths: Vec<String>,
    /// Paths and types of the verified columns, in the order of the digest.
    verified: Vec<(String, ColumnType)>,
}

/// The events of a reply.
#[derive(Debug, Default, PartialEq)]
pub struct Decoded {
    /// In the stream's order.
    pub events: Vec<Event>,
    /// Drops and renames among them, which are not events of rows.
    pub collections_gone: u64,
}

/// What one change document is.
enum Document {
    Row(Change),
    CollectionGone,
    /// Of a collection that is not the run's.
    Elsewhere,
}

impl Decoder {
    /// A decoder for the collections of a model.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let landing = |(index, entity): (u16, &Entity)| {
            let landing = Landing {
                entity: index,
                key_path: entity.landing.key_paths[0].clone(),
                key_type: entity.columns[entity.key[0]].kind,
                stamp_paths: entity.stamp_paths(),
                verified: entity.verified().map(|(_, column)| (column.field.clone(), column.kind)).collect(),
            };
            (entity.landing.collection.clone(), landing)
        };
        Self { collections: (0..).zip(&model.entities).map(landing).collect() }
    }

    /// Reads every event of a reply.
    #[must_use]
    pub fn decode(&self, reply: &Reply) -> Decoded {
        let mut decoded = Decoded::default();
        let undecodable =
            |change| Event { observed: reply.observed, measured: reply.honest, wall: None, change };
        let Ok(documents) = reply.batch.doc_slices() else {
            decoded.events.push(undecodable(Change::Undecodable));
            return decoded;
        };
        for item in documents {
            let document = match item {
                Ok(RawBsonRef::Document(document)) => document,
                Ok(_) | Err(_) => {
                    decoded.events.push(undecodable(Change::Undecodable));
                    continue;
                }
            };
            match self.document(document) {
                Document::Row(change) => decoded.events.push(Event {
                    observed: reply.observed,
                    measured: reply.honest
                        && reply.is_after_reopening(document.get_timestamp("clusterTime").ok()),
                    wall: document
                        .get_datetime("wallTime")
                        .ok()
                        .map(|wall| UnixNanos::from_millis(wall.timestamp_millis())),
                    change,
                }),
                Document::CollectionGone => decoded.collections_gone += 1,
                Document::Elsewhere => {}
            }
        }
        decoded
    }

    fn document(&self, document: &RawDocument) -> Document {
        let Ok(operation) = document.get_str("operationType") else {
            return Document::Row(Change::Undecodable);
        };
        if matches!(operation, "drop" | "rename" | "dropDatabase" | "invalidate") {
            return Document::CollectionGone;
        }
        let collection = document.get_document("ns").and_then(|ns| ns.get_str("coll"));
        let Ok(collection) = collection else { return Document::Row(Change::Undecodable) };
        let Some(landing) = self.collections.get(collection) else { return Document::Elsewhere };
        Document::Row(match operation {
            "insert" | "replace" => {
                document.get_document("fullDocument").map_or(Change::Undecodable, |row| landing.row(row))
            }
            "update" => {
                let updated = document
                    .get_document("updateDescription")
                    .and_then(|update| update.get_document("updatedFields"));
                updated.map_or(Change::Undecodable, |row| landing.row(row))
            }
            "delete" => {
                document.get_document("documentKey").map_or(Change::Undecodable, |key| landing.deleted(key))
            }
            _ => Change::Undecodable,
        })
    }
}

impl Landing {
    /// A row, or the part of it that an update changed.
    fn row(&self, row: &RawDocument) -> Change {
        let texts = self.stamp_paths.iter().filter_map(|path| match at(row, path) {
            Some(RawBsonRef::String(text)) => Some(text),
            _ => None,
        });
        match texts.filter_map(|text| text.parse::<Stamp>().ok()).next() {
            Some(stamp) => Change::Stamped { entity: self.entity, stamp, content: self.content(row) },
            None => Change::Unstamped,
        }
    }

    fn content(&self, row: &RawDocument) -> Content {
        let mut digest = Digest::default();
        for (path, kind) in &self.verified {
            // The raw envelope of Debezium holds the row under `after`.
            let value = at(row, path).or_else(|| at(row, &format!("after.{path}")));
            match value.map(|value| canonical(value, *kind)) {
                Some(Canonical::Text(text)) => digest.push(Some(&text)),
                Some(Canonical::Null) => digest.push(None),
                Some(Canonical::Unknown) | None => return Content::Unchecked,
            }
        }
        if self.verified.is_empty() { Content::Unchecked } else { Content::Digest(digest.finish()) }
    }

    fn deleted(&self, document_key: &RawDocument) -> Change {
        match at(document_key, &self.key_path).map(|value| canonical(value, self.key_type)) {
            Some(Canonical::Text(key)) => Change::Deleted { entity: self.entity, key },
            // A key of another shape is not one of ours.
            Some(Canonical::Null | Canonical::Unknown) | None => Change::Unstamped,
        }
    }
}

/// A value at a dotted path: nested documents, or a field whose name is the dotted path itself, as
/// `updatedFields` has it.
fn at<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    if let Ok(Some(value)) = document.get(path) {
        return Some(value);
    }
    let (head, rest) = path.split_once('.')?;
    match document.get(head) {
        Ok(Some(RawBsonRef::Document(inner))) => at(inner, rest),
        _ => None,
    }
}

/// What a value's canonical form is; see [`streamgauge_shared::digest`].
enum Canonical {
    Text(String),
    Null,
    /// Of a type that has no canonical form here: the pipeline replaced it.
    Unknown,
}

fn canonical(value: RawBsonRef<'_>, kind: ColumnType) -> Canonical {
    match (kind, value) {
        (_, RawBsonRef::Null) => Canonical::Null,
        // Debezium's mark for a large value that an update did not touch.
        (_, RawBsonRef::String("__debezium_unavailable_value")) => Canonical::Unknown,
        (ColumnType::Text, RawBsonRef::String(text)) => Canonical::Text(text.to_owned()),
        (ColumnType::Uuid, RawBsonRef::String(text)) => Canonical::Text(text.to_ascii_lowercase()),
        (ColumnType::Uuid, RawBsonRef::Binary(binary)) if binary.subtype == BinarySubtype::Uuid => {
            hyphenated(binary.bytes).map_or(Canonical::Unknown, Canonical::Text)
        }
        _ => Canonical::Unknown,
    }
}

fn hyphenated(bytes: &[u8]) -> Option<String> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range| hex.get(range);
    Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
}

impl Reply {
    /// Whether an event happened after the stream was last opened anew: only then it was not waiting for us.
    fn is_after_reopening(&self, cluster_time: Option<Timestamp>) -> bool {
        let Some(reopened) = self.reopened_at else { return true };
        cluster_time.is_some_and(|time| (time.time, time.increment) > (reopened.time, reopened.increment))
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Binary, RawDocumentBuf, doc};
    use streamgauge_shared::digest;
    use streamgauge_shared::test_file::{Scale, Source, parse};

    use super::*;

    const STAMP: &str = "1.00c0ffee0042.0.17.1795406706789012345";
    const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

    fn decoder() -> Decoder {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/e2e-latency.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        Decoder::new(
            &parse(&test, Scale::default(), Scale::default(), |_| Ok(model))
                .expect("the shipped test")
                .0
                .model,
        )
    }

    fn change(event: mongodb::bson::Document) -> Option<Change> {
        let raw = RawDocumentBuf::try_from(&event).expect("a document");
        match decoder().document(&raw) {
            Document::Row(change) => Some(change),
            Document::CollectionGone | Document::Elsewhere => None,
        }
    }

    fn stamped(content: Content) -> Option<Change> {
        Some(Change::Stamped { entity: 0, stamp: STAMP.parse().expect("a stamp"), content })
    }

    fn content(email: &str, status: &str) -> Content {
        Content::Digest(digest::of([Some(email), Some(status)]))
    }

    #[test]
    fn a_row_is_read_in_every_shape_it_arrives_in() {
        let ns = doc! { "db": "shop", "coll": "customers" };
        let row = doc! { "_id": ID, "email": "a@b", "status": "active", "cdc_stamp": STAMP };
        for operation in ["insert", "replace"] {
            let event = doc! { "operationType": operation, "ns": ns.clone(), "fullDocument": row.clone() };
            assert_eq!(change(event), stamped(content("a@b", "active")), "{operation}");
        }
        let envelope = doc! { "operationType": "insert", "ns": ns.clone(), "fullDocument": { "after": row } };
        assert_eq!(change(envelope), stamped(content("a@b", "active")));
        let update = |fields| doc! { "operationType": "update", "ns": ns.clone(), "updateDescription": { "updatedFields": fields } };
        assert_eq!(change(update(doc! { "status": "x", "cdc_stamp": STAMP })), stamped(Content::Unchecked));
        assert_eq!(change(update(doc! { "after.cdc_stamp": STAMP })), stamped(Content::Unchecked));
        assert_eq!(change(update(doc! { "status": "x" })), Some(Change::Unstamped));
    }

    #[test]
    fn a_value_that_the_pipeline_replaced_is_unchecked() {
        let ns = doc! { "coll": "customers" };
        for email in [mongodb::bson::Bson::from("__debezium_unavailable_value"), 7.into()] {
            let row = doc! { "email": email, "status": "active", "cdc_stamp": STAMP };
            let event = doc! { "operationType": "insert", "ns": ns.clone(), "fullDocument": row };
            assert_eq!(change(event), stamped(Content::Unchecked));
        }
        let null = doc! { "operationType": "insert", "ns": ns, "fullDocument": { "email": null, "status": "s", "cdc_stamp": STAMP } };
        assert_eq!(change(null), stamped(Content::Digest(digest::of([None, Some("s")]))));
    }

    #[test]
    fn a_delete_is_known_by_its_key_whatever_its_type() {
        let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: (0..16).collect() };
        let cases = [
            (doc! { "_id": ID.to_uppercase() }, ID.to_owned()),
            (doc! { "_id": uuid }, "00010203-0405-0607-0809-0a0b0c0d0e0f".to_owned()),
        ];
        for (key, expected) in cases {
            let event = doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": key };
            assert_eq!(change(event), Some(Change::Deleted { entity: 0, key: expected }));
        }
        let other =
            doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": { "_id": 5 } };
        assert_eq!(change(other), Some(Change::Unstamped));
    }

    #[test]
    fn what_cannot_be_read_is_an_event_and_what_is_not_a_row_is_none() {
        assert_eq!(change(doc! { "a": 1 }), Some(Change::Undecodable));
        assert_eq!(
            change(doc! { "operationType": "insert", "ns": { "coll": "customers" } }),
            Some(Change::Undecodable)
        );
        assert_eq!(change(doc! { "operationType": "insert", "ns": { "coll": "others" } }), None);
        assert_eq!(change(doc! { "operationType": "drop", "ns": { "coll": "customers" } }), None);
    }
}
