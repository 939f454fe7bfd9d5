//! What the change stream watches: the run's collections and what would end them, with the fields that
//! are needed and no others.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use streamgauge_shared::test_file::{Check, DELETED_MARK, Model, field_path};

use super::event::{CANARY_COLLECTION, CANARY_STAMP_FIELD};

/// What a run's stream is opened for.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Whose collections are watched.
    pub model: Model,
    /// Whose columns are needed, verified or not.
    pub checks: Vec<Check>,
    /// Whether the canary's collection is watched too.
    pub canary: bool,
}

/// The stages of the aggregation. `resume` is a token to go on after; without one the stream starts now.
///
/// Never `fullDocument: "updateLookup"`: it returns a document that may be later than the event.
pub(super) fn stages(
    watched: &Watched,
    resume: Option<&RawDocumentBuf>,
) -> Result<Vec<Document>, mongodb::bson::error::Error> {
    let mut change_stream = Document::new();
    if let Some(token) = resume {
        // Like resumeAfter, and also passes an invalidate event.
        change_stream.insert("startAfter", Document::try_from(token)?);
    }
    let model = &watched.model;
    let collections: Vec<Bson> =
        model.entities.iter().map(|entity| entity.landing.collection.as_str().into()).collect();
    let mut wanted = vec![
        doc! { "ns.coll": { "$in": collections }, "operationType": { "$in": ["insert", "replace", "update", "delete", "drop", "rename"] } },
        doc! { "operationType": { "$in": ["dropDatabase", "invalidate"] } },
    ];
    let mut fields = doc! {
        "operationType": 1, "ns": 1, "documentKey": 1, "clusterTime": 1, "wallTime": 1, "updateDescription.updatedFields": 1,
    };
    let mut paths = BTreeSet::new();
    for (index, entity) in model.entities.iter().enumerate() {
        let its_checks = watched.checks.iter().filter(|check| check.entity == index);
        let checked = its_checks.flat_map(|check| &check.columns).map(|(column, _)| &entity.columns[*column]);
        for column in entity.verified().map(|(_, column)| column).chain(checked) {
            // Debezium's envelope holds the row under `after`.
            paths.extend([column.field.clone(), format!("after.{}", column.field)]);
        }
        // Of a document that is marked as deleted, and has its key beside `_id`.
        let beside_id = |path: &&String| path.as_str() != "_id" && !path.starts_with("_id.");
        paths.extend(entity.stamp_paths());
        paths.extend(entity.landing.key_paths.iter().filter(beside_id).cloned());
        paths.extend(entity.landing.marks.iter().map(|mark| mark.path.clone()));
        // Of the envelope of a delete.
        paths.extend(entity.envelope_key_paths());
    }
    paths.extend([DELETED_MARK, "op"].map(str::to_owned));
    if watched.canary {
        // Not its drop: the canary's collection goes at the end of a run, its own or another observer's.
        wanted.push(doc! { "ns.coll": CANARY_COLLECTION, "operationType": { "$in": ["insert", "replace"] } });
        paths.insert(CANARY_STAMP_FIELD.to_owned());
    }
    // What no projection can name comes with what is around it.
    let reached: Option<BTreeSet<String>> = paths.iter().map(|path| field_path::projected(path)).collect();
    match reached {
        Some(paths) => {
            fields.extend(outermost(&paths).map(|path| (format!("fullDocument.{path}"), 1.into())));
        }
        None => drop(fields.insert("fullDocument", 1)),
    }
    let wanted = doc! { "$or": wanted };
    Ok(vec![doc! { "$changeStream": change_stream }, doc! { "$match": wanted }, doc! { "$project": fields }])
}

/// The paths that lie within no other: MongoDB refuses a projection of both, and the outer one includes the inner.
fn outermost(paths: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    let is_inner = |path: &String| path.match_indices('.').any(|(dot, _)| paths.contains(&path[..dot]));
    paths.iter().filter(move |path| !is_inner(path))
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::marks::{Mark, MarkName, Unit};
    use streamgauge_shared::test_file::{Scale, Source, parse};

    use super::*;

    #[test]
    fn no_later_document_is_ever_looked_up() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/mixed.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        let parsed =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test");
        let watched = Watched { model: parsed.0.model, checks: parsed.0.checks, canary: true };
        let text = format!("{:?}", stages(&watched, None).expect("stages"));
        assert!(!text.contains("updateLookup") && !text.contains("\"fullDocument\":"), "{text}");
    }

    #[test]
    fn what_a_check_names_is_there_though_the_model_does_not_verify_it() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/soak.toml"));
        let unverified = include_str!("../../../scenarios/models/shop.toml").replace(", verified = true", "");
        let model = source("m.toml", &unverified);
        let parsed =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test");
        let watched = |checks| Watched { model: parsed.0.model.clone(), checks, canary: false };
        let projects = |watched: &Watched| {
            let stages = stages(watched, None).expect("stages");
            let fields = stages.last().expect("a projection").get_document("$project").expect("fields");
            (fields.contains_key("fullDocument.status"), fields.contains_key("fullDocument.after.status"))
        };
        assert_eq!(projects(&watched(parsed.0.checks.clone())), (true, true));
        assert_eq!(projects(&watched(Vec::new())), (false, false));
    }

    #[test]
    fn no_path_lies_within_another_that_is_asked_for() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/mixed.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        let mut parsed =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test");
        // Columns of one's own table that are called like parts of the envelope.
        let columns = parsed.0.model.entities[0].columns.iter_mut().filter(|column| column.verified);
        for (column, name) in columns.zip(["after", "before"]) {
            column.field = name.into();
        }
        let watched = Watched { model: parsed.0.model, checks: parsed.0.checks, canary: true };
        let stages = stages(&watched, None).expect("stages");
        let fields = stages.last().expect("a projection").get_document("$project").expect("fields");
        for outer in fields.keys() {
            let within = format!("{outer}.");
            let inner: Vec<_> = fields.keys().filter(|path| path.starts_with(&within)).collect();
            assert!(inner.is_empty(), "{outer} and {inner:?}");
        }
        assert!(fields.contains_key("fullDocument.after") && fields.contains_key("fullDocument.before"));
    }

    #[test]
    fn what_no_projection_can_name_comes_with_what_is_around_it() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/e2e-latency.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        let parsed =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test");
        let fields = |stamp: &str| {
            let mut model = parsed.0.model.clone();
            model.entities[0].landing.stamp_path = stamp.into();
            let stages = stages(&Watched { model, checks: Vec::new(), canary: true }, None).expect("stages");
            let fields = stages.last().expect("a projection").get_document("$project").expect("fields");
            fields.keys().filter(|path| path.starts_with("fullDocument")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(fields("\"after.cdc_stamp\""), ["fullDocument"], "the whole document");
        let nested = fields("payload.\"after.cdc_stamp\".x");
        assert!(nested.contains(&"fullDocument.payload".to_owned()), "{nested:?}");
        assert!(nested.iter().all(|path| !path.contains('"')), "{nested:?}");
    }

    #[test]
    fn marks_are_asked_for_and_collide_with_nothing() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/e2e-latency.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        let mut model = parse(&test, Scale::default(), Scale::default(), |_| Ok(model))
            .expect("the shipped test")
            .0
            .model;
        let paths = ["__ts_us", "after.cdc_stamp.kafka_ts", "source"];
        let marks = MarkName::ALL.into_iter().zip(paths);
        model.entities[0].landing.marks =
            marks.map(|(name, path)| Mark { name, path: path.into(), unit: Unit::Micros }).collect();
        let stages = stages(&Watched { model, checks: Vec::new(), canary: false }, None).expect("stages");
        let fields = stages.last().expect("a projection").get_document("$project").expect("fields");
        let has = |path: &str| fields.contains_key(format!("fullDocument.{path}"));
        assert!(has("__ts_us") && has("source") && has("after.cdc_stamp"), "{fields}");
        assert!(!has("after.cdc_stamp.kafka_ts"), "the path around it brings it");
    }

    #[test]
    fn the_canarys_collection_is_watched_only_where_there_is_one_and_its_drop_never() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/e2e-latency.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        let parsed =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test");
        let model = parsed.0.model;
        let text = |canary| {
            let watched = Watched { model: model.clone(), checks: Vec::new(), canary };
            format!("{:?}", stages(&watched, None).expect("stages"))
        };
        assert!(!text(false).contains(CANARY_COLLECTION));
        let with = text(true);
        let clause = with.split(CANARY_COLLECTION).nth(1).and_then(|rest| rest.split('}').next());
        let clause = clause.expect("a clause of its own");
        assert!(clause.contains("replace") && !clause.contains("drop"), "{clause}");
    }
}
