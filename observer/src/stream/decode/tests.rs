use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, RawDocumentBuf, doc};
use streamgauge_shared::canonical as form;
use streamgauge_shared::content::{ColumnDigest, NotCompared, digest};
use streamgauge_shared::marks::{Mark, MarkName, Unit};
use streamgauge_shared::test_file::{Check, ColumnType, DocumentKey, Scale, Source, parse};

use super::*;
use crate::stream::{ColumnSeen, ColumnValue, Content};

const STAMP: &str = "1.00c0ffee0042.0.17.1795406706789012345";
const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

fn test() -> Test {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let test = source("t.toml", include_str!("../../../../scenarios/e2e-latency.toml"));
    let model = source("m.toml", include_str!("../../../../scenarios/models/shop.toml"));
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
    Some(Change::Stamped { entity: 0, stamp: STAMP.parse().expect("a stamp"), content, document: None })
}

fn content(email: &str, status: &str) -> Content {
    Content::saying(&[ColumnDigest::of(1, email), ColumnDigest::of(2, status)])
}

/// What email and status hold, in this order.
fn holding(email: ColumnValue, status: ColumnValue) -> Content {
    Content::new(vec![ColumnSeen { column: 1, value: email }, ColumnSeen { column: 2, value: status }])
}

fn value(text: &str) -> ColumnValue {
    ColumnValue::Value(digest(Some(text)))
}

const NOT_UPDATED: ColumnValue = ColumnValue::Not(NotCompared::PartialUpdate);

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
    let partial = holding(NOT_UPDATED, value("x"));
    assert_eq!(change(update(doc! { "status": "x", "cdc_stamp": STAMP })), stamped(partial));
    let neither = holding(NOT_UPDATED, NOT_UPDATED);
    assert_eq!(change(update(doc! { "after.cdc_stamp": STAMP })), stamped(neither));
    assert_eq!(change(update(doc! { "status": "x" })), Some(Change::Unstamped));
}

#[test]
fn one_value_that_cannot_be_compared_leaves_the_others_and_says_why() {
    let ns = doc! { "coll": "customers" };
    let not = |reason| holding(ColumnValue::Not(reason), value("s"));
    let insert = |row: mongodb::bson::Document| {
        change(doc! { "operationType": "insert", "ns": ns.clone(), "fullDocument": row })
    };
    let cases = [
        (Bson::from("__debezium_unavailable_value"), not(NotCompared::LeftOut)),
        (7.into(), not(NotCompared::Unreadable)),
        (Bson::Null, holding(ColumnValue::Value(digest(None)), value("s"))),
    ];
    for (email, expected) in cases {
        let row = doc! { "email": email, "status": "s", "cdc_stamp": STAMP };
        assert_eq!(insert(row), stamped(expected));
    }
    assert_eq!(insert(doc! { "status": "s", "cdc_stamp": STAMP }), stamped(not(NotCompared::Absent)));
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
        assert_eq!(change(event), Some(Change::Deleted { entity: 0, key: expected.into() }));
    }
    // Subtype 3 has several orders of bytes; the key is one of them.
    let old = Binary { subtype: BinarySubtype::UuidOld, bytes: (0..16).collect() };
    let event =
        doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": { "_id": old } };
    let Some(Change::Deleted { key, .. }) = change(event) else { panic!("a delete") };
    let expected = [
        "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "07060504-0302-0100-0f0e-0d0c0b0a0908",
        "03020100-0504-0706-0809-0a0b0c0d0e0f",
    ];
    assert_eq!(key.readings(), expected);
    let other =
        doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": { "_id": 5 } };
    assert_eq!(change(other), Some(Change::Unstamped));
}

#[test]
fn a_marked_document_is_a_delete_whatever_stamp_it_still_carries() {
    let deleted = Some(Change::Deleted { entity: 0, key: ID.into() });
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
    let deleted = Some(Change::Deleted { entity: 0, key: ID.into() });
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
        assert_eq!(update(fields.clone()), stamped(holding(NOT_UPDATED, NOT_UPDATED)), "{fields}");
    }
    for fields in [doc! { "meta.cdc": STAMP }, doc! { "stamp": STAMP }, doc! { "meta.cdc.stamp": 7 }, doc! {}]
    {
        assert_eq!(update(fields.clone()), Some(Change::Unstamped), "{fields}");
    }
}

#[test]
fn a_name_that_holds_a_dot_is_read_where_the_model_puts_it_in_quotes() {
    let mut test = test();
    let entity = &mut test.model.entities[0];
    entity.landing.stamp_path = "\"after.cdc_stamp\"".into();
    entity.landing.key_paths = vec!["\"after.id\"".into()];
    let mark = Mark { name: MarkName::Kafka, path: "meta.\"kafka.ts\"".into(), unit: Unit::Millis };
    entity.landing.marks = vec![mark];
    entity.columns[0].field = "\"after.id\"".into();
    entity.columns[1].field = "\"after.email\"".into();
    entity.columns[2].field = "row.\"the.status\"".into();
    let event = |row: mongodb::bson::Document| {
        let event = doc! { "operationType": "replace", "ns": { "coll": "customers" }, "documentKey": { "_id": 7 }, "fullDocument": row };
        let raw = RawDocumentBuf::try_from(&event).expect("a document");
        match Decoder::new(&test).document(&raw) {
            Document::Row(change, marks) => (change, marks.expect("the model names one")),
            _ => panic!("a row"),
        }
    };
    let row = doc! {
        "after.id": ID, "after.email": "a@b", "row": { "the.status": "s" }, "after.cdc_stamp": STAMP,
        "meta": { "kafka.ts": 1_795_406_706_789_i64 },
    };
    let (change, marks) = event(row.clone());
    assert_eq!(Some(change), stamped(content("a@b", "s")));
    assert_eq!(marks.times().map(|(name, _)| name).collect::<Vec<_>>(), [MarkName::Kafka]);
    let mut deleted = row;
    deleted.insert("__deleted", "true");
    assert_eq!(event(deleted).0, Change::Deleted { entity: 0, key: ID.into() });
    // Flattened, the envelope of a delete has the key under a name with a dot too.
    let envelope = doc! { "before.id": ID, "op": "d", "after": Bson::Null };
    assert_eq!(event(envelope).0, Change::Deleted { entity: 0, key: ID.into() });
    // A name in quotes is no path: the same names nested are another field.
    let nested =
        doc! { "after": { "email": "a@b" }, "row": { "the": { "status": "s" } }, "after.cdc_stamp": STAMP };
    let absent = ColumnValue::Not(NotCompared::Absent);
    assert_eq!(Some(event(nested).0), stamped(holding(absent, absent)));
}

#[test]
fn a_document_whose_key_the_sink_chose_is_known_by_it_whatever_it_is() {
    let mut test = test();
    test.model.entities[0].landing.document_key = DocumentKey::Sink;
    let ns = doc! { "coll": "customers" };
    let row = doc! { "id": ID, "email": "a@b", "status": "s", "cdc_stamp": STAMP };
    let id = mongodb::bson::oid::ObjectId::from_bytes([7; 12]);
    let keys: [Bson; 3] = [id.into(), "0a1b".into(), doc! { "hash": 7_i64 }.into()];
    let mut seen = Vec::new();
    for key in keys {
        let event = |operation: &str, name: &str, value: mongodb::bson::Document| {
            let mut event =
                doc! { "operationType": operation, "ns": ns.clone(), "documentKey": { "_id": key.clone() } };
            event.insert(name, value);
            change_in(&test, event).expect("an event of a row")
        };
        let documents = [
            event("insert", "fullDocument", row.clone()),
            event("replace", "fullDocument", row.clone()),
            event("update", "updateDescription", doc! { "updatedFields": { "cdc_stamp": STAMP } }),
        ];
        let documents = documents.map(|change| match change {
            Change::Stamped { document, .. } => document.expect("it is learned"),
            other => panic!("{other:?}"),
        });
        assert!(documents.iter().all(|document| *document == documents[0]));
        let gone = Change::Removed { document: documents[0] };
        assert_eq!(event("delete", "nothing", doc! {}), gone);
        let marked = doc! { "__deleted": true, "cdc_stamp": STAMP };
        assert_eq!(event("replace", "fullDocument", marked), gone);
        seen.push(documents[0]);
    }
    assert!(seen[0] != seen[1] && seen[1] != seen[2] && seen[0] != seen[2]);
}

#[test]
fn a_placeholder_of_the_connectors_own_is_known_as_one() {
    let mut test = test();
    test.model.entities[0].landing.unavailable = "~gone~".into();
    let row = doc! { "email": "~gone~", "status": "__debezium_unavailable_value", "cdc_stamp": STAMP };
    let event = doc! { "operationType": "insert", "ns": { "coll": "customers" }, "fullDocument": row };
    let left_out = ColumnValue::Not(NotCompared::LeftOut);
    let expected = stamped(holding(left_out, value("__debezium_unavailable_value")));
    assert_eq!(change_in(&test, event), expected);
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
    let deleted = |key| doc! { "operationType": "delete", "ns": { "coll": "customers" }, "documentKey": key };
    let event = deleted(doc! { "_id": { "email": "a:b", "status": 7.0 } });
    assert_eq!(
        change_in(&test, event),
        Some(Change::Deleted { entity: 0, key: form::key(&["7", "a:b"]).into() })
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
fn a_column_of_a_check_is_read_though_it_is_not_verified_and_each_column_once() {
    let mut test = test();
    let column = |index| (index, None);
    test.model.entities[0].columns[2].verified = false;
    test.checks = vec![
        Check { entity: 0, columns: vec![column(2)] },
        Check { entity: 1, columns: vec![column(0)] },
        Check { entity: 0, columns: vec![column(2), column(1)] },
    ];
    let row = doc! { "email": "a@b", "status": "s", "cdc_stamp": STAMP };
    let whole = doc! { "operationType": "insert", "ns": { "coll": "customers" }, "fullDocument": row };
    assert_eq!(change_in(&test, whole.clone()), stamped(content("a@b", "s")));
    test.checks.clear();
    let email = Content::saying(&[ColumnDigest::of(1, "a@b")]);
    assert_eq!(change_in(&test, whole), stamped(email), "nothing is compared with the status");
}

#[test]
fn what_cannot_be_read_is_an_event_with_its_reason_and_what_is_not_a_row_is_none() {
    use Undecodable::{NoCollection, NoContent, NoKey, NoOperation};
    let ns = doc! { "coll": "customers" };
    let cases = [
        (doc! { "a": 1 }, NoOperation),
        (doc! { "operationType": "modify", "ns": ns.clone() }, NoOperation),
        (doc! { "operationType": "insert" }, NoCollection),
        (doc! { "operationType": "insert", "ns": ns.clone() }, NoContent),
        (doc! { "operationType": "update", "ns": ns.clone(), "updateDescription": {} }, NoContent),
        (doc! { "operationType": "delete", "ns": ns }, NoKey),
    ];
    for (event, reason) in cases {
        assert_eq!(change(event.clone()), Some(Change::Undecodable(reason)), "{event}");
    }
    assert_eq!(change(doc! { "operationType": "insert", "ns": { "coll": "others" } }), None);
    assert_eq!(change(doc! { "operationType": "drop", "ns": { "coll": "customers" } }), None);
}
