//! From the bytes of a server reply to events. Pure, and never fails: what cannot be read is an event too.

use std::collections::HashMap;

use mongodb::bson::{RawBsonRef, RawDocument, Timestamp};
use streamgauge_shared::canonical as form;
use streamgauge_shared::digest::Digest;
use streamgauge_shared::marks::{Found, Mark, Marks};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::{Check, Column, ColumnType, DELETED_MARK, Entity, Test};
use streamgauge_shared::time::UnixNanos;

use super::event::{CANARY_COLLECTION, CANARY_STAMP_FIELD, Change, Content, Event, Sighting};
use super::mark;
use super::reader::Reply;
use super::value::{Canonical, canonical};

/// Reads the events of a run's collections.
#[derive(Clone, Debug)]
pub struct Decoder {
    collections: HashMap<String, Landing>,
}

/// What to look for in one collection.
#[derive(Clone, Debug)]
struct Landing {
    entity: u16,
    /// The key's columns within `documentKey`, in the key's order.
    key: Vec<KeyPart>,
    /// The same columns within the row before its delete, as the raw envelope has it.
    key_before: Vec<KeyPart>,
    stamp_paths: Vec<String>,
    /// The verified columns, in the order of the digest.
    verified: Vec<Field>,
    /// The columns of each check of the entity, in the check's order, by index into the test's checks.
    checks: Vec<(u16, Vec<Field>)>,
    marks: Vec<Mark>,
}

/// One column of a key.
#[derive(Clone, Debug)]
struct KeyPart {
    path: String,
    /// Its name in the table: sinks that make a document of the key name its fields so.
    column: String,
    kind: ColumnType,
}

/// One column as it stands in a document.
#[derive(Clone, Debug)]
struct Field {
    path: String,
    kind: ColumnType,
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
        let landing = |(index, entity): (u16, &Entity)| {
            let key = entity.landing.key_paths.iter().zip(entity.key_columns());
            let is_of_entity = |(_, check): &(u16, &Check)| check.entity == usize::from(index);
            let columns = |check: &Check| {
                check.columns.iter().map(|(column, _)| Field::of(&entity.columns[*column])).collect()
            };
            let checks = (0..).zip(&test.checks).filter(is_of_entity);
            let before = entity.envelope_key_paths().into_iter().zip(entity.key_columns());
            let landing = Landing {
                entity: index,
                key_before: before.map(|(path, column)| KeyPart::of(path, column)).collect(),
                key: key.map(|(path, column)| KeyPart::of(path.clone(), column)).collect(),
                stamp_paths: entity.stamp_paths(),
                verified: entity.verified().map(|(_, column)| Field::of(column)).collect(),
                checks: checks.map(|(index, check)| (index, columns(check))).collect(),
                marks: entity.landing.marks.clone(),
            };
            (entity.landing.collection.clone(), landing)
        };
        Self { collections: (0..).zip(&test.model.entities).map(landing).collect() }
    }

    /// Reads every event of a reply.
    #[must_use]
    pub fn decode(&self, reply: &Reply) -> Decoded {
        let mut decoded = Decoded::default();
        let undecodable = |change| Event {
            observed: reply.observed,
            measured: reply.honest,
            wall: None,
            marks: None,
            change,
        };
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
        let Ok(operation) = document.get_str("operationType") else {
            return Document::Row(Change::Undecodable, None);
        };
        if matches!(operation, "drop" | "rename" | "dropDatabase" | "invalidate") {
            return Document::CollectionGone;
        }
        let collection = document.get_document("ns").and_then(|ns| ns.get_str("coll"));
        let Ok(collection) = collection else { return Document::Row(Change::Undecodable, None) };
        let Some(landing) = self.collections.get(collection) else {
            let canary = if collection == CANARY_COLLECTION { canary_stamp(document) } else { None };
            return canary.map_or(Document::Elsewhere, Document::Canary);
        };
        let row = match operation {
            "insert" | "replace" => document.get_document("fullDocument").ok(),
            "update" => {
                let update = document.get_document("updateDescription");
                update.and_then(|update| update.get_document("updatedFields")).ok()
            }
            _ => None,
        };
        let key = document.get_document("documentKey").ok();
        let change = match (row, key) {
            (Some(row), key) => landing.row_or_mark(row, key),
            (None, Some(key)) if operation == "delete" => landing.deleted(key),
            (None, _) => Change::Undecodable,
        };
        Document::Row(change, landing.marks(row))
    }
}

impl Landing {
    /// A row, or a document that is marked as that of a deleted row. The mark is looked at first: the stamp beside
    /// it is that of the write before.
    fn row_or_mark(&self, row: &RawDocument, document_key: Option<&RawDocument>) -> Change {
        let marked = match at(row, DELETED_MARK) {
            Some(RawBsonRef::Boolean(marked)) => marked,
            Some(RawBsonRef::String(text)) => text == "true",
            _ => false,
        };
        if !marked {
            return self.row(row);
        }
        // Where the key is a field of the document, `documentKey` does not have it.
        match document_key.map(|key| self.deleted(key)) {
            Some(deleted @ Change::Deleted { .. }) => deleted,
            _ => self.deleted(row),
        }
    }

    /// A document without a stamp: of a delete where it is Debezium's raw envelope of one. The stamp under `before`
    /// is that of an earlier write and is never read.
    fn unstamped(&self, row: &RawDocument) -> Change {
        let is_delete = matches!(at(row, "op"), Some(RawBsonRef::String("d")));
        let has_after = matches!(at(row, "after"), Some(RawBsonRef::Document(_)));
        if is_delete && !has_after { self.deleted_by(&self.key_before, row) } else { Change::Unstamped }
    }

    /// A row, or the part of it that an update changed.
    fn row(&self, row: &RawDocument) -> Change {
        let texts = self.stamp_paths.iter().filter_map(|path| match at(row, path) {
            Some(RawBsonRef::String(text)) => Some(text),
            _ => None,
        });
        match texts.filter_map(|text| text.parse::<Stamp>().ok()).next() {
            Some(stamp) => Change::Stamped {
                entity: self.entity,
                stamp,
                content: content(row, &self.verified),
                checks: self.checks.iter().map(|(check, fields)| (*check, content(row, fields))).collect(),
            },
            None => self.unstamped(row),
        }
    }

    /// The marks in a row, where the model names any. A document that is gone leaves none: all are absent then.
    fn marks(&self, row: Option<&RawDocument>) -> Option<Marks> {
        if self.marks.is_empty() {
            return None;
        }
        let mut marks = Marks::default();
        for Mark { name, path, unit } in &self.marks {
            let time = row.and_then(|row| mark::time(at(row, path)?, *unit));
            marks.0[*name as usize] = time.map_or(Found::Absent, Found::At);
        }
        Some(marks)
    }

    fn deleted(&self, document_key: &RawDocument) -> Change {
        self.deleted_by(&self.key, document_key)
    }

    fn deleted_by(&self, key: &[KeyPart], document: &RawDocument) -> Change {
        let column = |part: &KeyPart| match canonical(part.value(document)?, part.kind) {
            Canonical::Text(text) => Some(text),
            Canonical::Null | Canonical::Unknown => None,
        };
        let columns: Option<Vec<String>> = key.iter().map(column).collect();
        // A key of another shape is not one of ours.
        columns.map_or(Change::Unstamped, |columns| Change::Deleted {
            entity: self.entity,
            key: form::key(&columns),
        })
    }
}

impl KeyPart {
    fn of(path: String, column: &Column) -> Self {
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

impl Field {
    fn of(column: &Column) -> Self {
        Self { path: column.field.clone(), kind: column.kind }
    }
}

/// The stamp of a canary's document; one without is nobody's canary.
fn canary_stamp(document: &RawDocument) -> Option<Stamp> {
    document.get_document("fullDocument").ok()?.get_str(CANARY_STAMP_FIELD).ok()?.parse().ok()
}

/// The digest of some columns of a row: unchecked unless all of them are there and have a canonical form.
fn content(row: &RawDocument, fields: &[Field]) -> Content {
    let mut digest = Digest::default();
    for Field { path, kind } in fields {
        // The raw envelope of Debezium holds the row under `after`.
        let value = at(row, path).or_else(|| at(row, &format!("after.{path}")));
        match value.map(|value| canonical(value, *kind)) {
            Some(Canonical::Text(text)) => digest.push(Some(&text)),
            Some(Canonical::Null) => digest.push(None),
            Some(Canonical::Unknown) | None => return Content::Unchecked,
        }
    }
    if fields.is_empty() { Content::Unchecked } else { Content::Digest(digest.finish()) }
}

/// A value at a dotted path: nested documents, or a field whose name is the dotted path itself or its beginning, as
/// `updatedFields` has it.
fn at<'a>(document: &'a RawDocument, path: &str) -> Option<RawBsonRef<'a>> {
    if let Ok(Some(value)) = document.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(dot, _)| match document.get(&path[..dot]) {
        Ok(Some(RawBsonRef::Document(inner))) => at(inner, &path[dot + 1..]),
        _ => None,
    })
}

impl Reply {
    /// Whether the time of an event of this reply can be believed.
    fn measures(&self, event: &RawDocument) -> bool {
        self.honest && self.is_after_reopening(event.get_timestamp("clusterTime").ok())
    }

    /// Whether an event happened after the stream was last opened anew: only then it was not waiting for us.
    fn is_after_reopening(&self, cluster_time: Option<Timestamp>) -> bool {
        let Some(reopened) = self.reopened_at else { return true };
        cluster_time.is_some_and(|time| (time.time, time.increment) > (reopened.time, reopened.increment))
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::spec::BinarySubtype;
    use mongodb::bson::{Binary, Bson, RawDocumentBuf, doc};
    use streamgauge_shared::digest;
    use streamgauge_shared::test_file::{Scale, Source, parse};

    use super::*;

    const STAMP: &str = "1.00c0ffee0042.0.17.1795406706789012345";
    const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

    fn test() -> Test {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/e2e-latency.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test").0
    }

    fn change(event: mongodb::bson::Document) -> Option<Change> {
        change_in(&test(), event)
    }

    fn change_in(test: &Test, event: mongodb::bson::Document) -> Option<Change> {
        let raw = RawDocumentBuf::try_from(&event).expect("a document");
        match Decoder::new(test).document(&raw) {
            Document::Row(change, _) => Some(change),
            Document::CollectionGone | Document::Canary(_) | Document::Elsewhere => None,
        }
    }

    fn stamped(content: Content) -> Option<Change> {
        Some(Change::Stamped {
            entity: 0,
            stamp: STAMP.parse().expect("a stamp"),
            content,
            checks: Vec::new(),
        })
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
    fn a_marked_document_is_a_delete_whatever_stamp_it_still_carries() {
        let deleted = Some(Change::Deleted { entity: 0, key: ID.to_owned() });
        let event = |operation: &str, row: mongodb::bson::Document, key: mongodb::bson::Document| {
            let mut event =
                doc! { "operationType": operation, "ns": { "coll": "customers" }, "documentKey": key };
            match operation {
                "update" => event.insert("updateDescription", doc! { "updatedFields": row }),
                _ => event.insert("fullDocument", row),
            };
            change(event)
        };
        for mark in [Bson::Boolean(true), "true".into()] {
            let row = doc! { "_id": ID, "cdc_stamp": STAMP, "__deleted": mark.clone() };
            assert_eq!(event("replace", row, doc! { "_id": ID }), deleted);
            assert_eq!(event("update", doc! { "__deleted": mark }, doc! { "_id": ID }), deleted);
        }
        for mark in [Bson::Boolean(false), "false".into(), Bson::Null] {
            let row = doc! { "_id": ID, "cdc_stamp": STAMP, "__deleted": mark };
            assert!(matches!(event("replace", row, doc! { "_id": ID }), Some(Change::Stamped { .. })));
        }
        // A sink that makes its own `_id` keeps the key as a field.
        let mut test = test();
        test.model.entities[0].landing.key_paths = vec!["id".into()];
        let row = doc! { "_id": 5, "id": ID, "cdc_stamp": STAMP, "__deleted": true };
        let event = doc! { "operationType": "replace", "ns": { "coll": "customers" }, "documentKey": { "_id": 5 }, "fullDocument": row };
        assert_eq!(change_in(&test, event), deleted);
    }

    #[test]
    fn an_envelope_of_a_delete_is_one_by_the_key_before_it_and_never_a_row() {
        let event = |row: mongodb::bson::Document| {
            let key = doc! { "_id": mongodb::bson::oid::ObjectId::from_bytes([7; 12]) };
            change(
                doc! { "operationType": "insert", "ns": { "coll": "customers" }, "documentKey": key, "fullDocument": row },
            )
        };
        let deleted = Some(Change::Deleted { entity: 0, key: ID.to_owned() });
        let key_only = doc! { "id": ID, "email": Bson::Null, "cdc_stamp": Bson::Null };
        let full = doc! { "id": ID, "email": "a@b", "status": "active", "cdc_stamp": STAMP };
        for before in [key_only.clone(), full.clone()] {
            assert_eq!(event(doc! { "before": before.clone(), "after": Bson::Null, "op": "d" }), deleted);
            // The projection leaves no `after` where it is null.
            assert_eq!(event(doc! { "before": before, "op": "d" }), deleted);
        }
        // The stamp before an update is not that of the update.
        let old = full.clone();
        let newer =
            doc! { "id": ID, "email": "a@b", "status": "active", "cdc_stamp": STAMP.replace(".17.", ".18.") };
        match event(doc! { "before": old, "after": newer, "op": "u" }) {
            Some(Change::Stamped { stamp, .. }) => assert_eq!(stamp.sequence, 18),
            other => panic!("{other:?}"),
        }
        let foreign = [
            doc! { "before": full.clone(), "after": { "id": ID }, "op": "d" },
            doc! { "before": full.clone(), "after": { "id": ID }, "op": "u" },
            doc! { "before": Bson::Null, "after": Bson::Null, "op": "d" },
            doc! { "before": { "id": 5 }, "after": Bson::Null, "op": "d" },
            doc! { "before": full, "after": Bson::Null, "op": "t" },
        ];
        for row in foreign {
            assert_eq!(event(row.clone()), Some(Change::Unstamped), "{row}");
        }
        // A row of one's own table may have such columns: its stamp says that it is a row.
        let row = doc! { "op": "d", "before": key_only, "cdc_stamp": STAMP };
        assert!(matches!(event(row), Some(Change::Stamped { .. })));
    }

    #[test]
    fn a_path_is_found_however_its_parts_are_nested_or_dotted() {
        let mut test = test();
        test.model.entities[0].landing.stamp_path = "meta.cdc.stamp".into();
        let update = |fields: mongodb::bson::Document| {
            change_in(
                &test,
                doc! { "operationType": "update", "ns": { "coll": "customers" }, "updateDescription": { "updatedFields": fields } },
            )
        };
        let found = [
            doc! { "meta.cdc.stamp": STAMP },
            doc! { "meta.cdc": { "stamp": STAMP } },
            doc! { "meta": { "cdc": { "stamp": STAMP } } },
            doc! { "meta": { "cdc.stamp": STAMP } },
            doc! { "after": { "cdc_stamp": STAMP } },
        ];
        for fields in found {
            assert_eq!(update(fields.clone()), stamped(Content::Unchecked), "{fields}");
        }
        for fields in
            [doc! { "meta.cdc": STAMP }, doc! { "stamp": STAMP }, doc! { "meta.cdc.stamp": 7 }, doc! {}]
        {
            assert_eq!(update(fields.clone()), Some(Change::Unstamped), "{fields}");
        }
    }

    #[test]
    fn a_key_that_a_sink_made_a_document_of_is_found_in_it() {
        let delete = |id: Bson| {
            change(
                doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": { "_id": id } },
            )
        };
        let plain = delete(ID.into());
        assert!(matches!(plain, Some(Change::Deleted { .. })), "{plain:?}");
        assert_eq!(delete(doc! { "id": ID }.into()), plain);
        // Another column's, and a value that is no key of this type.
        assert_eq!(delete(doc! { "email": ID }.into()), Some(Change::Unstamped));
        assert_eq!(delete(doc! { "id": { "id": ID } }.into()), Some(Change::Unstamped));
    }

    #[test]
    fn a_key_of_several_columns_is_joined_in_its_order() {
        let mut test = test();
        let entity = &mut test.model.entities[0];
        entity.columns[2].kind = ColumnType::Bigint;
        entity.key = vec![2, 1];
        entity.landing.key_paths = vec!["_id.status".into(), "_id.email".into()];
        let deleted =
            |key| doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": key };
        let event = deleted(doc! { "_id": { "email": "a:b", "status": 7.0 } });
        assert_eq!(
            change_in(&test, event),
            Some(Change::Deleted { entity: 0, key: form::key(&["7", "a:b"]) })
        );
        for key in [doc! { "_id": { "email": "a:b" } }, doc! { "_id": ID }] {
            assert_eq!(change_in(&test, deleted(key)), Some(Change::Unstamped), "a column is missing");
        }
    }

    #[test]
    fn a_canary_is_no_event_of_a_row() {
        let canary = |operation: &str, row: mongodb::bson::Document| {
            let ns = doc! { "db": "shop", "coll": CANARY_COLLECTION };
            let event = doc! { "operationType": operation, "ns": ns, "fullDocument": row };
            Decoder::new(&test()).document(&RawDocumentBuf::try_from(&event).expect("a document"))
        };
        let stamp = match canary("replace", doc! { CANARY_STAMP_FIELD: STAMP }) {
            Document::Canary(stamp) => stamp,
            _ => panic!("a canary"),
        };
        assert_eq!(stamp.to_string(), STAMP);
        for row in [doc! {}, doc! { CANARY_STAMP_FIELD: "1.2.3" }, doc! { CANARY_STAMP_FIELD: 7 }] {
            assert!(matches!(canary("insert", row), Document::Elsewhere));
        }
    }

    #[test]
    fn each_check_of_the_entity_has_its_content_where_its_columns_are_there() {
        let mut test = test();
        let column = |index| (index, None);
        test.checks = vec![
            Check { entity: 0, columns: vec![column(2)] },
            Check { entity: 1, columns: vec![column(0)] },
            Check { entity: 0, columns: vec![column(2), column(1)] },
        ];
        let ns = doc! { "coll": "customers" };
        let checks = |event| match change_in(&test, event) {
            Some(Change::Stamped { checks, content, .. }) => (checks, content),
            other => panic!("{other:?}"),
        };
        let digest = |columns: &[&str]| Content::Digest(digest::of(columns.iter().copied().map(Some)));
        let row = doc! { "email": "a@b", "status": "s", "cdc_stamp": STAMP };
        let whole = doc! { "operationType": "insert", "ns": ns.clone(), "fullDocument": row };
        assert_eq!(
            checks(whole),
            (vec![(0, digest(&["s"])), (2, digest(&["s", "a@b"]))], content("a@b", "s"))
        );
        let part = doc! { "status": "s", "cdc_stamp": STAMP };
        let update =
            doc! { "operationType": "update", "ns": ns, "updateDescription": { "updatedFields": part } };
        let expected = (vec![(0, digest(&["s"])), (2, Content::Unchecked)], Content::Unchecked);
        assert_eq!(checks(update), expected);
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
