//! A stamp anywhere in a document or in a change event. Pure.

use std::fmt;

use mongodb::bson::{RawBsonRef, RawDocument, RawDocumentBuf, cstr};
use streamgauge_shared::stamp::Stamp;
use streamgauge_shared::test_file::DELETED_MARK;
use streamgauge_shared::test_file::field_path::path_of;

/// How deep documents are looked into: envelopes in envelopes have three levels.
const DEPTH_MAX: usize = 8;
/// Where an envelope keeps the row as it was: the stamp there is that of an earlier write.
const BEFORE: &str = "before";

/// A collection with its database.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Namespace {
    /// The database.
    pub database: String,
    /// The collection.
    pub collection: String,
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

/// A stamped row somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Where it lies.
    pub namespace: Namespace,
    /// The names on the way to its stamp.
    pub path: Vec<String>,
    /// Its stamp.
    pub stamp: Stamp,
    /// The fields beside the stamp, sorted; of an update those that changed.
    pub fields: Vec<String>,
    /// `{_id: …}`: what the event of its delete would have.
    pub document_key: Option<RawDocumentBuf>,
    /// Whether the document carries the mark of a deleted row, true or false.
    pub is_marked: bool,
    /// Whether the collection is one of time series.
    pub in_time_series: bool,
    /// Whether it was seen to arrive; else it was found lying there.
    pub arrived: bool,
}

/// A collection that took another's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// What it was called.
    pub from: Namespace,
    /// What it is called now.
    pub to: Namespace,
}

impl Seen {
    /// The path as a model writes it.
    #[must_use]
    pub fn dotted(&self) -> String {
        path_of(&self.path)
    }

    /// A name on the path that holds a dot itself.
    #[must_use]
    pub fn literal_dot(&self) -> Option<&str> {
        self.path.iter().map(String::as_str).find(|name| name.contains('.'))
    }

    /// Whether another is in the same place and looks the same, so that one of them tells all.
    #[must_use]
    pub fn tells_the_same(&self, other: &Self) -> bool {
        (&self.namespace, &self.path, &self.fields, self.arrived)
            == (&other.namespace, &other.path, &other.fields, other.arrived)
    }
}

/// What one document of a collection says.
pub(super) fn in_document(
    namespace: &Namespace,
    document: &RawDocument,
    in_time_series: bool,
) -> Option<Seen> {
    let found = stamp(document, &mut Vec::new())?;
    let id = document.get("_id").ok().flatten();
    let mut key = RawDocumentBuf::new();
    if let Some(id) = id {
        key.append(cstr!("_id"), id);
    }
    Some(Seen {
        namespace: namespace.clone(),
        path: found.path,
        stamp: found.stamp,
        fields: found.fields,
        document_key: id.is_some().then_some(key),
        is_marked: matches!(document.get(DELETED_MARK), Ok(Some(_))),
        in_time_series,
        arrived: false,
    })
}

/// What one change event says of a stamped row.
pub(super) fn in_event(event: &RawDocument) -> Option<Seen> {
    let namespace = namespace(event, "ns")?;
    let update =
        event.get_document("updateDescription").and_then(|update| update.get_document("updatedFields"));
    let (document, is_update) = match (event.get_document("fullDocument"), update) {
        (Ok(document), _) => (document, false),
        (_, Ok(fields)) => (fields, true),
        _ => return None,
    };
    let mut seen = in_document(&namespace, document, false)?;
    seen.arrived = true;
    if is_update {
        // There a dot is a level of the document.
        seen.path = seen.path.iter().flat_map(|name| name.split('.')).map(str::to_owned).collect();
    }
    seen.document_key = event.get_document("documentKey").ok().map(RawDocument::to_owned);
    Some(seen)
}

/// A rename, if the event is one.
pub(super) fn rename(event: &RawDocument) -> Option<Rename> {
    event
        .get_str("operationType")
        .is_ok_and(|kind| kind == "rename")
        .then(|| Some(Rename { from: namespace(event, "ns")?, to: namespace(event, "to")? }))?
}

fn namespace(event: &RawDocument, field: &str) -> Option<Namespace> {
    let namespace = event.get_document(field).ok()?;
    let text = |name: &str| namespace.get_str(name).ok().map(str::to_owned);
    Some(Namespace { database: text("db")?, collection: text("coll")? })
}

struct Found {
    path: Vec<String>,
    stamp: Stamp,
    fields: Vec<String>,
}

/// The stamp that is nearest to the top.
fn stamp(document: &RawDocument, path: &mut Vec<String>) -> Option<Found> {
    let mut inner = Vec::new();
    for (name, value) in document.iter().flatten() {
        match value {
            RawBsonRef::String(text) if !name.as_str().is_empty() => {
                let Ok(stamp) = text.parse::<Stamp>() else { continue };
                let path = path.iter().cloned().chain([name.as_str().to_owned()]).collect();
                let others = document.iter().flatten().map(|(name, _)| name.as_str().to_owned());
                let mut fields: Vec<String> = others.filter(|other| other != name.as_str()).collect();
                fields.sort();
                return Some(Found { path, stamp, fields });
            }
            RawBsonRef::Document(document) if name.as_str() != BEFORE => {
                inner.push((name.as_str(), document))
            }
            _ => {}
        }
    }
    if path.len() >= DEPTH_MAX {
        return None;
    }
    for (name, document) in inner {
        path.push(name.to_owned());
        let found = stamp(document, path);
        path.pop();
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, doc, oid::ObjectId};

    use super::*;

    const STAMP: &str = "1.00000000002a.0.7.1700000000000000000";

    fn raw(document: &Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).expect("a document")
    }

    fn path_of(document: &Document) -> Option<String> {
        in_document(&Namespace::default(), &raw(document), false).map(|seen| seen.path.join("/"))
    }

    #[test]
    fn a_stamp_is_found_wherever_it_lies() {
        let cases = [
            (doc! { "_id": 1, "cdc_stamp": STAMP }, Some("cdc_stamp")),
            (doc! { "after": { "cdc_stamp": STAMP } }, Some("after/cdc_stamp")),
            (doc! { "after.cdc_stamp": STAMP }, Some("after.cdc_stamp")),
            (doc! { "payload": { "after": { "s": STAMP } } }, Some("payload/after/s")),
            // The one before is that of an earlier write, whatever comes first.
            (doc! { "before": { "s": STAMP }, "after": { "s": STAMP } }, Some("after/s")),
            (doc! { "before": { "s": STAMP } }, None),
            // The nearest to the top wins.
            (doc! { "copy": { "s": STAMP }, "s": STAMP }, Some("s")),
            (doc! { "cdc_stamp": "1.2.3", "note": 5 }, None),
        ];
        for (document, expected) in cases {
            assert_eq!(path_of(&document).as_deref(), expected, "{document}");
        }
        let deep = (0..20).fold(doc! { "s": STAMP }, |inner, _| doc! { "d": inner });
        assert_eq!(path_of(&deep), None, "a bound on the depth");
    }

    #[test]
    fn an_event_tells_the_fields_beside_the_stamp_and_the_key() {
        let id = ObjectId::new();
        let event = doc! {
            "operationType": "insert", "ns": { "db": "shop", "coll": "shop.public.customers" },
            "documentKey": { "_id": id },
            "fullDocument": { "_id": id, "email": "e", "cdc_stamp": STAMP, "__deleted": "false" },
        };
        let seen = in_event(&raw(&event)).expect("stamped");
        assert_eq!(seen.namespace.to_string(), "shop.shop.public.customers");
        assert_eq!(seen.fields, ["__deleted", "_id", "email"]);
        assert!(seen.is_marked && seen.literal_dot().is_none());
        assert_eq!(seen.document_key, Some(raw(&doc! { "_id": id })));
        assert_eq!(seen.stamp.sequence, 7);
    }

    #[test]
    fn a_dot_in_updated_fields_is_a_level_and_in_a_document_a_part_of_a_name() {
        let of = |event: Document| in_event(&raw(&event)).expect("stamped");
        let ns = doc! { "db": "shop", "coll": "c" };
        let update = of(doc! {
            "operationType": "update", "ns": ns.clone(),
            "updateDescription": { "updatedFields": { "after.cdc_stamp": STAMP } },
        });
        assert_eq!((update.path.len(), update.literal_dot()), (2, None));
        let insert =
            of(doc! { "operationType": "insert", "ns": ns, "fullDocument": { "after.cdc_stamp": STAMP } });
        assert_eq!(
            (insert.dotted().as_str(), insert.literal_dot()),
            ("\"after.cdc_stamp\"", Some("after.cdc_stamp"))
        );
    }

    #[test]
    fn a_rename_names_both_collections() {
        let event = doc! {
            "operationType": "rename", "ns": { "db": "shop", "coll": "customers_new" },
            "to": { "db": "shop", "coll": "customers" },
        };
        let renamed = rename(&raw(&event)).expect("a rename");
        assert_eq!(
            (renamed.from.collection.as_str(), renamed.to.collection.as_str()),
            ("customers_new", "customers")
        );
        assert_eq!(
            rename(&raw(&doc! { "operationType": "drop", "ns": { "db": "shop", "coll": "c" } })),
            None
        );
    }
}
