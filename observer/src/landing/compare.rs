//! What was seen against what the model says, in sentences. Pure.

use mongodb::bson::{Document, RawDocumentBuf};
use streamgauge_shared::test_file::{Deletes, Entity};

use super::find::{Rename, Seen};
use crate::stream::key_of;

/// Something that a run would not see, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where the rows are, and where the model says.
    pub seen: String,
    /// What to change.
    pub next: String,
}

/// Rows of an entity that lie elsewhere than its model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// Index into the model's entities.
    pub entity: u16,
    /// Where, and the way out.
    pub difference: Difference,
}

/// Whether a stamped row that was seen is likely one of this entity, by its collection and by the fields beside its
/// stamp: how many of the columns are there, or nothing where it is not. For a run that is known from the ledger.
#[must_use]
pub fn belongs(entity: &Entity, seen: &Seen) -> Option<usize> {
    let is_there = |name: &str| seen.fields.iter().any(|field| field.rsplit('.').next() == Some(name));
    let last = |path: &str| path.trim_end_matches('"').rsplit(['.', '"']).next().unwrap_or(path).to_owned();
    let columns = entity.columns.iter();
    let there = columns.filter(|column| is_there(&last(&column.field)) || is_there(&column.name)).count();
    if seen.namespace.collection == entity.landing.collection {
        // More than any count of columns.
        return Some(usize::MAX);
    }
    let named = last(&seen.namespace.collection).eq_ignore_ascii_case(&entity.table.name);
    // The key may have become `_id`.
    let is_like = there * 2 >= entity.columns.len();
    (named || is_like).then_some(there + if named { entity.columns.len() } else { 0 })
}

/// Why a run that watches `database` would not see this row of an entity; nothing where it would.
#[must_use]
pub fn difference(entity: &Entity, database: &str, seen: &Seen, renames: &[Rename]) -> Option<Difference> {
    let (landing, paths, path) = (&entity.landing, entity.stamp_paths(), seen.dotted());
    let is_there = seen.namespace.database == database && seen.namespace.collection == landing.collection;
    let is_readable = paths.contains(&path);
    if is_there && is_readable && !seen.in_time_series {
        return None;
    }
    let swapped = renames.iter().find(|rename| {
        rename.from == seen.namespace
            && rename.to.database == database
            && rename.to.collection == landing.collection
    });
    let kind = if seen.in_time_series {
        ", a time-series collection, which change streams do not see"
    } else if swapped.is_some() {
        ", which was then renamed to that of the model: a rename makes no events of the rows in it"
    } else {
        ""
    };
    let dot = seen.literal_dot().map_or("", |_| " (one field, whose name holds the dot)");
    let seen_there = format!(
        "stamped rows of '{}' arrive in `{}`{kind}, path `{path}`{dot}; the model says `{database}.{}`, path `{}`",
        entity.name,
        seen.namespace,
        landing.collection,
        paths.join("` or `")
    );
    let next = if seen.in_time_series || swapped.is_some() {
        format!("let the sink write into the ordinary collection `{}` itself", landing.collection)
    } else {
        changes(entity, database, seen, is_readable)
    };
    Some(Difference { seen: seen_there, next })
}

/// What to change, where the sink may stay as it is.
fn changes(entity: &Entity, database: &str, seen: &Seen, is_readable: bool) -> String {
    let mut changes = Vec::new();
    if seen.namespace.database != database {
        changes.push(format!("start the observer with --database {}", seen.namespace.database));
    }
    let mut lines = Vec::new();
    if seen.namespace.collection != entity.landing.collection {
        lines.push(format!("collection = \"{}\"", seen.namespace.collection));
    }
    if !is_readable {
        let quote = if seen.literal_dot().is_some() { '\'' } else { '"' };
        lines.push(format!("stamp = {quote}{}{quote}", seen.dotted()));
    }
    if !lines.is_empty() {
        changes.push(format!(
            "set {} under [entities.{}.mongo] of the model",
            lines.join(" and "),
            entity.name
        ));
    }
    let others =
        "; name the other fields in the same way, or let the sink flatten with another delimiter than a dot";
    let others = if seen.literal_dot().is_some() && !is_readable { others } else { "" };
    format!("{}{others}", changes.join(", and "))
}

/// What else of a row that lands where the model says would go wrong: its deletes.
#[must_use]
pub fn doubts(entity: &Entity, seen: &Seen) -> Vec<Difference> {
    let mut doubts = Vec::new();
    let deletes = entity.landing.deletes;
    // The raw envelope of a delete has the key in itself.
    let is_envelope = seen.path.first().is_some_and(|name| name == "after");
    if let Some(key) = &seen.document_key
        && deletes == Deletes::Remove
        && !is_envelope
        && !entity.has_learned_documents()
        && key_of(entity, key).is_none()
    {
        doubts.push(Difference {
            seen: format!(
                "rows of '{}' in `{}` have the documentKey {}, in which the key is not at `{}`: their deletes cannot be matched",
                entity.name,
                seen.namespace,
                shown(key),
                entity.landing.key_paths.join("`, `")
            ),
            next: format!(
                "let the sink take the row's key for _id, or set under [entities.{}.mongo] of the model key = \"…\", or document_key = \"sink\" where the sink chooses it and removes documents, or deletes = \"ignored\" where it does not",
                entity.name
            ),
        });
    }
    if seen.is_marked && deletes == Deletes::Remove {
        doubts.push(Difference {
            seen: format!(
                "documents of '{}' in `{}` carry the field `__deleted`: the pipeline marks deleted rows, and the model says that they are removed",
                entity.name, seen.namespace
            ),
            next: format!(
                "set deletes = \"soft\" under [entities.{}.mongo] of the model; a tombstone that removes the document after the mark counts as a duplicate",
                entity.name
            ),
        });
    }
    doubts
}

/// A key as MongoDB's shell writes it.
fn shown(key: &RawDocumentBuf) -> String {
    Document::try_from(key).map_or_else(|_| "that cannot be read".to_owned(), |key| key.to_string())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc, oid::ObjectId};
    use streamgauge_shared::stamp::{RunId, Stamp};
    use streamgauge_shared::test_file::{DocumentKey, Model};
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::landing::find::Namespace;
    use crate::measure::fixture::read;

    fn shop() -> Model {
        let test = include_str!("../../../scenarios/e2e-latency.toml");
        read(test, include_str!("../../../scenarios/models/shop.toml")).model
    }

    fn at(database: &str, collection: &str) -> Namespace {
        Namespace { database: database.into(), collection: collection.into() }
    }

    fn seen(namespace: Namespace, path: &[&str]) -> Seen {
        Seen {
            namespace,
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            stamp: Stamp { run: RunId::from_bits(1), writer: 0, sequence: 0, sent: UnixNanos(1) },
            fields: ["_id", "email", "status"].map(str::to_owned).to_vec(),
            document_key: None,
            is_marked: false,
            in_time_series: false,
            arrived: true,
        }
    }

    fn told(seen: &Seen, renames: &[Rename]) -> Option<(String, String)> {
        let difference = difference(&shop().entities[0], "shop", seen, renames)?;
        Some((difference.seen, difference.next))
    }

    #[test]
    fn a_row_where_the_model_says_is_no_difference() {
        for path in [&["cdc_stamp"][..], &["after", "cdc_stamp"]] {
            assert_eq!(told(&seen(at("shop", "customers"), path), &[]), None);
        }
    }

    #[test]
    fn a_name_with_a_dot_in_it_is_readable_where_the_model_says_it() {
        let place = seen(at("shop", "customers"), &["after.cdc_stamp"]);
        let mut customer = shop().entities[0].clone();
        customer.landing.stamp_path = "\"after.cdc_stamp\"".into();
        assert_eq!(difference(&customer, "shop", &place, &[]), None);
        // It is another field than the nested one, which is read by itself.
        let nested = seen(at("shop", "customers"), &["after", "cdc_stamp"]);
        assert_eq!(difference(&customer, "shop", &nested, &[]), None);
        let deeper = seen(at("shop", "customers"), &["payload", "after.cdc_stamp"]);
        let next = difference(&customer, "shop", &deeper, &[]).expect("a difference").next;
        assert!(next.starts_with("set stamp = 'payload.\"after.cdc_stamp\"' under"), "{next}");
    }

    #[test]
    fn each_kind_of_place_is_named_with_its_way_out() {
        let mut series = seen(at("shop", "customers"), &["cdc_stamp"]);
        series.in_time_series = true;
        let set = |what: &str| format!("set {what} under [entities.customer.mongo] of the model");
        let cases = [
            (
                seen(at("shop", "shop.public.customers"), &["after", "cdc_stamp"]),
                "arrive in `shop.shop.public.customers`, path `after.cdc_stamp`; the model says `shop.customers`, path `cdc_stamp` or `after.cdc_stamp`",
                set("collection = \"shop.public.customers\""),
            ),
            (
                seen(at("shop", "customers"), &["payload", "after", "cdc_stamp"]),
                "path `payload.after.cdc_stamp`",
                set("stamp = \"payload.after.cdc_stamp\""),
            ),
            (
                seen(at("other", "customers"), &["cdc_stamp"]),
                "`other.customers`",
                "start the observer with --database other".to_owned(),
            ),
            (
                seen(at("shop", "customers"), &["after.cdc_stamp"]),
                "one field, whose name holds the dot",
                format!(
                    "{}; name the other fields in the same way, or let the sink flatten with another delimiter than a dot",
                    set("stamp = '\"after.cdc_stamp\"'")
                ),
            ),
            (
                series,
                "a time-series collection, which change streams do not see",
                "let the sink write into the ordinary collection `customers` itself".to_owned(),
            ),
        ];
        for (place, says, expected) in cases {
            let (said, next) = told(&place, &[]).expect("a difference");
            assert!(
                said.contains(says) && said.starts_with("stamped rows of 'customer' arrive in `"),
                "{said}"
            );
            assert_eq!(next, expected);
        }
    }

    #[test]
    fn a_collection_that_was_swapped_in_is_told_from_another_one() {
        let place = seen(at("shop", "customers_new"), &["cdc_stamp"]);
        let rename = |from: &str, to: &str| Rename { from: at("shop", from), to: at("shop", to) };
        let (said, next) = told(&place, &[rename("customers_new", "customers")]).expect("a difference");
        assert!(said.contains("a rename makes no events"), "{said}");
        assert_eq!(next, "let the sink write into the ordinary collection `customers` itself");
        let (said, next) = told(&place, &[rename("other", "customers")]).expect("a difference");
        assert!(!said.contains("rename") && next.contains("collection = \"customers_new\""), "{said}");
    }

    #[test]
    fn a_row_belongs_to_the_entity_whose_fields_it_has() {
        let model = shop();
        let best = |seen: &Seen| {
            let scores = model.entities.iter().filter_map(|one| Some((belongs(one, seen)?, &one.name)));
            scores.max().map(|(_, name)| name.clone())
        };
        assert_eq!(best(&seen(at("shop", "anything"), &["cdc_stamp"])).as_deref(), Some("customer"));
        let mut order = seen(at("shop", "shop.public.orders"), &["cdc_stamp"]);
        order.fields = ["_id", "customer_id", "status", "total_amount"].map(str::to_owned).to_vec();
        assert_eq!(best(&order).as_deref(), Some("order"));
        order.fields.clear();
        assert_eq!(best(&order).as_deref(), Some("order"), "by the name of its collection");
        order.namespace.collection = "elsewhere".into();
        assert_eq!(best(&order), None);
    }

    #[test]
    fn a_key_that_the_sink_chose_and_a_mark_spoil_deletes() {
        let customer = &shop().entities[0];
        let with_id = |id: Bson| {
            let key = RawDocumentBuf::try_from(&doc! { "_id": id }).expect("a key");
            Seen { document_key: Some(key), ..seen(at("shop", "customers"), &["cdc_stamp"]) }
        };
        let uuid = "6f1c1b1e-6f4e-4f0e-8f5b-0a6b3e1d2c3b";
        for fine in [Bson::from(uuid), doc! { "id": uuid }.into()] {
            assert_eq!(doubts(customer, &with_id(fine)), []);
        }
        let chosen = doubts(customer, &with_id(ObjectId::new().into()));
        assert!(chosen.len() == 1 && chosen[0].seen.contains("cannot be matched"), "{chosen:?}");
        assert!(chosen[0].seen.contains("documentKey { \"_id\": ObjectId(\""), "{chosen:?}");
        let mut learned = customer.clone();
        learned.landing.document_key = DocumentKey::Sink;
        assert_eq!(doubts(&learned, &with_id(ObjectId::new().into())), [], "the model says so");
        let enveloped =
            Seen { path: vec!["after".into(), "cdc_stamp".into()], ..with_id(ObjectId::new().into()) };
        assert_eq!(doubts(customer, &enveloped), [], "an envelope has its key in itself");
        let marked = Seen { is_marked: true, ..with_id(uuid.into()) };
        let found = doubts(customer, &marked);
        assert!(found.len() == 1 && found[0].next.starts_with("set deletes = \"soft\""), "{found:?}");
        let mut soft = customer.clone();
        soft.landing.deletes = Deletes::Soft;
        assert_eq!(doubts(&soft, &marked), []);
    }
}
