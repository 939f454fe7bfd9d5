//! How rows lie in MongoDB: what Debezium's usual sinks make of them.
//!
//! | shape | insert, update | delete | `_id` |
//! | --- | --- | --- | --- |
//! | `plain` | replacement with upsert, key not in the body | removed | the key; several columns as a document |
//! | `handler` | the same | removed | `{<column>: <key>}` |
//! | `unwrapped-replace` | replacement, key in the body too | removed | `{<column>: <key>}` |
//! | `unwrapped-update` | `$set` of all columns: only what changed is in the event | removed | `{<column>: <key>}` |
//! | `pipeline-update` | an aggregation pipeline that sets all columns | removed | as plain |
//! | `soft-delete` | as plain with `__deleted: "false"` | a replacement with `__deleted: "true"` and the old columns as PostgreSQL sent them: null, or with replica identity full the old values, the old stamp too | as plain |
//! | `soft-delete-update` | as plain with `__deleted: "false"` | `$set` of `__deleted: "true"`: all other fields stay, the stamp too | as plain |
//! | `raw-envelope` | a new document `{before, after, op, source, ts_ms}` each time | likewise, `after` null | an `ObjectId` |
//! | `soft-delete-tombstone` | as soft-delete | as soft-delete, and then removed | as plain |
//! | `key-as-field` | replacement of the document with the key in its body | never arrives | an `ObjectId` |
//! | `sink-key` | the same | the document with the key in its body is removed | an `ObjectId` |
//! | `flattened` | as plain, each column as one field `after.<column>` | removed | as plain |
//!
//! A duplicate is the write once more in a form that makes an event: an identical replacement that begins with
//! `_id`, or an identical `$set`, makes none, so it is a replacement without `_id`.

use mongodb::bson::{Bson, Document, doc};
use streamgauge_shared::time::UnixNanos;

use super::document::Change;
use crate::ack_file::Op;

/// The marker of a deleted row, as Debezium's `ExtractNewRecordState` writes it.
const DELETED: &str = "__deleted";
const NANOS_PER_MILLI: i64 = 1_000_000;

/// The shape of what arrives in MongoDB; the table is in this module's source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// `{_id: <key>, …the other columns}`, replaced as a whole
    #[default]
    Plain,
    /// `{_id: {id: <key>}, …the other columns}`, as the `PostgresHandler` of MongoDB's sink
    Handler,
    /// `{_id: {id: <key>}, …all columns}`, replaced as a whole
    UnwrappedReplace,
    /// `{_id: {id: <key>}, …all columns}`, by `$set`
    UnwrappedUpdate,
    /// Plain documents, changed by an aggregation pipeline
    PipelineUpdate,
    /// Plain documents; a delete is a replacement with `__deleted: "true"`
    SoftDelete,
    /// Plain documents; a delete sets `__deleted: "true"` and leaves the rest
    SoftDeleteUpdate,
    /// As soft-delete, and then the document is removed
    SoftDeleteTombstone,
    /// Debezium's envelope as it is, a new document each time
    RawEnvelope,
    /// All columns under an `ObjectId`; deletes never arrive
    KeyAsField,
    /// All columns under an `ObjectId`; a delete removes the document that holds the key
    SinkKey,
    /// Plain documents; each column is one field whose name holds a dot, `after.<column>`
    Flattened,
}

/// A statement of one of the three commands.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Write {
    Update(Document),
    Delete(Document),
    Insert(Document),
}

/// Which command a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteKind {
    Update,
    Delete,
    Insert,
}

impl Write {
    pub(super) fn kind(&self) -> WriteKind {
        match self {
            Self::Update(_) => WriteKind::Update,
            Self::Delete(_) => WriteKind::Delete,
            Self::Insert(_) => WriteKind::Insert,
        }
    }

    pub(super) fn statement(&self) -> &Document {
        match self {
            Self::Update(statement) | Self::Delete(statement) | Self::Insert(statement) => statement,
        }
    }
}

impl Shape {
    /// Whether a change of this kind is written at all.
    pub(super) fn carries(self, op: Op) -> bool {
        match self {
            Self::KeyAsField => op != Op::Delete,
            Self::RawEnvelope => op != Op::Truncate,
            _ => true,
        }
    }

    /// The write of a change, from which its row is taken; nothing where this shape does not carry it.
    pub(super) fn write(self, change: &mut Change, now: UnixNanos) -> Option<Write> {
        if !self.carries(change.op) {
            return None;
        }
        let row = change.row.take();
        Some(match (self, change.op) {
            (_, Op::Truncate) => Write::Delete(doc! { "q": {}, "limit": 0 }),
            (Self::RawEnvelope, _) => Write::Insert(envelope(change, row, now)),
            (Self::SoftDelete | Self::SoftDeleteTombstone, Op::Delete) => {
                let old = change.before.take().unwrap_or_default();
                replacement(change, &self.id(change), marked(without_key(old, change), "true"))
            }
            (Self::SoftDeleteUpdate, Op::Delete) => {
                let set = doc! { "$set": { DELETED: "true" } };
                Write::Update(doc! { "q": { "_id": self.id(change) }, "u": set })
            }
            (Self::SinkKey, Op::Delete) => Write::Delete(doc! { "q": change.id.clone(), "limit": 1 }),
            (_, Op::Delete) => self.removal(change),
            (_, Op::Insert | Op::Update) => self.upserted(change, row.unwrap_or_default()),
        })
    }

    /// What is written after a change, where this shape makes two writes of it.
    pub(super) fn tombstone(self, change: &Change) -> Option<Write> {
        (self == Self::SoftDeleteTombstone && change.op == Op::Delete).then(|| self.removal(change))
    }

    fn removal(self, change: &Change) -> Write {
        Write::Delete(doc! { "q": { "_id": self.id(change) }, "limit": 1 })
    }

    fn upserted(self, change: &Change, row: Document) -> Write {
        let id = self.id(change);
        match self {
            Self::KeyAsField | Self::SinkKey => {
                let q = change.id.clone();
                Write::Update(doc! { "q": q, "u": row, "upsert": true })
            }
            Self::UnwrappedUpdate if !change.is_again() => {
                Write::Update(doc! { "q": { "_id": id }, "u": { "$set": row }, "upsert": true })
            }
            Self::PipelineUpdate if !change.is_again() => {
                let set: Document = without_key(row, change)
                    .into_iter()
                    .map(|(name, value)| (name, Bson::Document(doc! { "$literal": value })))
                    .collect();
                Write::Update(doc! { "q": { "_id": id }, "u": [{ "$set": set }], "upsert": true })
            }
            Self::UnwrappedReplace | Self::UnwrappedUpdate => replacement(change, &id, row),
            Self::SoftDelete | Self::SoftDeleteUpdate | Self::SoftDeleteTombstone => {
                replacement(change, &id, marked(without_key(row, change), "false"))
            }
            Self::Flattened => {
                let flat = row.into_iter().map(|(name, value)| (format!("after.{name}"), value));
                replacement(change, &id, flat.collect())
            }
            _ => replacement(change, &id, without_key(row, change)),
        }
    }

    fn id(self, change: &Change) -> Bson {
        match self {
            Self::Handler | Self::UnwrappedReplace | Self::UnwrappedUpdate => {
                Bson::Document(change.id.clone())
            }
            _ => match change.id.iter().next() {
                Some((_, only)) if change.id.len() == 1 => only.clone(),
                _ => Bson::Document(change.id.clone()),
            },
        }
    }
}

/// A replacement with `_id` first; without it when it is to make an event though nothing changes.
fn replacement(change: &Change, id: &Bson, body: Document) -> Write {
    let mut document = Document::new();
    if !change.is_again() {
        document.insert("_id", id.clone());
    }
    document.extend(body);
    Write::Update(doc! { "q": { "_id": id }, "u": document, "upsert": true })
}

fn without_key(mut row: Document, change: &Change) -> Document {
    change.id.keys().for_each(|column| drop(row.remove(column)));
    row
}

fn marked(mut body: Document, deleted: &str) -> Document {
    body.insert(DELETED, deleted);
    body
}

fn envelope(change: &mut Change, row: Option<Document>, now: UnixNanos) -> Document {
    let op = match change.op {
        Op::Insert => "c",
        Op::Update => "u",
        Op::Delete | Op::Truncate => "d",
    };
    let or_null = |document: Option<Document>| document.map_or(Bson::Null, Bson::Document);
    let ts_ms = now.0 / NANOS_PER_MILLI;
    doc! {
        "before": or_null(change.before.take()), "after": or_null(row),
        "source": { "connector": "relay", "table": change.table.as_str() }, "op": op, "ts_ms": ts_ms,
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::fault_file::Fault;

    fn change(op: Op, before: Option<Document>) -> Change {
        let row = matches!(op, Op::Insert | Op::Update).then(|| doc! { "id": "k", "v": 1, "cdc_stamp": "s" });
        let (table, key, id) = ("orders".into(), "k".into(), doc! { "id": "k" });
        Change { op, table, key, id, stamp: None, row, before, bytes: 0, fault: None }
    }

    fn written(shape: Shape, op: Op) -> Option<Write> {
        let before = (op == Op::Delete).then(|| doc! { "id": "k", "v": Bson::Null, "cdc_stamp": Bson::Null });
        shape.write(&mut change(op, before), UnixNanos(5_000_000))
    }

    fn upsert(id: Bson, u: impl Into<Bson>) -> Option<Write> {
        Some(Write::Update(doc! { "q": { "_id": id }, "u": u.into(), "upsert": true }))
    }

    #[test]
    fn inserts_and_updates_have_the_form_of_their_shape() {
        let sub = || Bson::Document(doc! { "id": "k" });
        for op in [Op::Insert, Op::Update] {
            let plain = doc! { "_id": "k", "v": 1, "cdc_stamp": "s" };
            assert_eq!(written(Shape::Plain, op), upsert("k".into(), plain));
            let handler = doc! { "_id": { "id": "k" }, "v": 1, "cdc_stamp": "s" };
            assert_eq!(written(Shape::Handler, op), upsert(sub(), handler));
            let unwrapped = doc! { "_id": { "id": "k" }, "id": "k", "v": 1, "cdc_stamp": "s" };
            assert_eq!(written(Shape::UnwrappedReplace, op), upsert(sub(), unwrapped));
            let set = doc! { "$set": { "id": "k", "v": 1, "cdc_stamp": "s" } };
            assert_eq!(written(Shape::UnwrappedUpdate, op), upsert(sub(), set));
            let pipeline =
                vec![doc! { "$set": { "v": { "$literal": 1 }, "cdc_stamp": { "$literal": "s" } } }];
            assert_eq!(written(Shape::PipelineUpdate, op), upsert("k".into(), pipeline));
            let soft = doc! { "_id": "k", "v": 1, "cdc_stamp": "s", "__deleted": "false" };
            assert_eq!(written(Shape::SoftDelete, op), upsert("k".into(), soft.clone()));
            assert_eq!(written(Shape::SoftDeleteUpdate, op), upsert("k".into(), soft));
        }
        let field = doc! { "q": { "id": "k" }, "u": { "id": "k", "v": 1, "cdc_stamp": "s" }, "upsert": true };
        assert_eq!(written(Shape::KeyAsField, Op::Update), Some(Write::Update(field.clone())));
        assert_eq!(written(Shape::SinkKey, Op::Update), Some(Write::Update(field)));
        let flat = doc! { "_id": "k", "after.id": "k", "after.v": 1, "after.cdc_stamp": "s" };
        assert_eq!(written(Shape::Flattened, Op::Insert), upsert("k".into(), flat));
        let envelope = doc! {
            "before": Bson::Null, "after": { "id": "k", "v": 1, "cdc_stamp": "s" },
            "source": { "connector": "relay", "table": "orders" }, "op": "c", "ts_ms": 5_i64,
        };
        assert_eq!(written(Shape::RawEnvelope, Op::Insert), Some(Write::Insert(envelope)));
    }

    #[test]
    fn deletes_have_the_form_of_their_shape() {
        let delete = |id: Bson| Some(Write::Delete(doc! { "q": { "_id": id }, "limit": 1 }));
        for shape in [Shape::Plain, Shape::PipelineUpdate, Shape::Flattened] {
            assert_eq!(written(shape, Op::Delete), delete("k".into()));
        }
        for shape in [Shape::Handler, Shape::UnwrappedReplace, Shape::UnwrappedUpdate] {
            assert_eq!(written(shape, Op::Delete), delete(doc! { "id": "k" }.into()));
        }
        let gone = doc! { "_id": "k", "v": Bson::Null, "cdc_stamp": Bson::Null, "__deleted": "true" };
        assert_eq!(written(Shape::SoftDelete, Op::Delete), upsert("k".into(), gone.clone()));
        assert_eq!(written(Shape::SoftDeleteTombstone, Op::Delete), upsert("k".into(), gone));
        let tombstone = |shape: Shape, op| shape.tombstone(&change(op, None));
        assert_eq!(tombstone(Shape::SoftDeleteTombstone, Op::Delete), delete("k".into()));
        assert_eq!(tombstone(Shape::SoftDeleteTombstone, Op::Update), None);
        assert_eq!(tombstone(Shape::SoftDelete, Op::Delete), None);
        let of_key = doc! { "q": { "id": "k" }, "limit": 1 };
        assert_eq!(written(Shape::SinkKey, Op::Delete), Some(Write::Delete(of_key)));
        let old = Some(doc! { "id": "k", "v": 1, "cdc_stamp": "old" });
        let with_identity_full = Shape::SoftDelete.write(&mut change(Op::Delete, old), UnixNanos(0));
        let kept = doc! { "_id": "k", "v": 1, "cdc_stamp": "old", "__deleted": "true" };
        assert_eq!(with_identity_full, upsert("k".into(), kept));
        let set = doc! { "q": { "_id": "k" }, "u": { "$set": { "__deleted": "true" } } };
        assert_eq!(written(Shape::SoftDeleteUpdate, Op::Delete), Some(Write::Update(set)));
        assert_eq!(written(Shape::KeyAsField, Op::Delete), None);
        let Some(Write::Insert(envelope)) = written(Shape::RawEnvelope, Op::Delete) else {
            panic!("no envelope")
        };
        assert_eq!((envelope.get("after"), envelope.get("op")), (Some(&Bson::Null), Some(&Bson::from("d"))));
    }

    #[test]
    fn a_duplicate_is_never_an_identical_replacement_with_its_key_first() {
        for shape in Shape::value_variants() {
            let mut again = change(Op::Update, None);
            again.fault = Some(Fault::Duplicate);
            match shape.write(&mut again, UnixNanos(0)) {
                Some(Write::Update(statement)) => {
                    let u = statement.get_document("u").unwrap();
                    let value = u.get("v").or_else(|| u.get("after.v"));
                    assert!(
                        !u.contains_key("_id") && value == Some(&Bson::from(1)),
                        "{shape:?}: {statement}"
                    );
                }
                Some(Write::Insert(_)) => assert_eq!(*shape, Shape::RawEnvelope),
                other => panic!("{shape:?}: {other:?}"),
            }
        }
    }
}
