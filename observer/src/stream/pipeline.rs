//! What the change stream watches: the run's collections and what would end them, with the fields that
//! are needed and no others.

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use streamgauge_shared::test_file::{DELETED_MARK, Model};

use crate::canary;

/// What a run's stream is opened for.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Whose collections are watched.
    pub model: Model,
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
    for entity in &model.entities {
        for (_, column) in entity.verified() {
            // Debezium's envelope holds the row under `after`.
            fields.insert(format!("fullDocument.{}", column.field), 1);
            fields.insert(format!("fullDocument.after.{}", column.field), 1);
        }
        // Of a document that is marked as deleted, and has its key beside `_id`.
        let beside_id = |path: &&String| path.as_str() != "_id" && !path.starts_with("_id.");
        for path in entity.stamp_paths().iter().chain(entity.landing.key_paths.iter().filter(beside_id)) {
            fields.insert(format!("fullDocument.{path}"), 1);
        }
        fields.insert(format!("fullDocument.{DELETED_MARK}"), 1);
    }
    if watched.canary {
        // Not its drop: the canary's collection goes at the end of a run, its own or another observer's.
        wanted
            .push(doc! { "ns.coll": canary::COLLECTION, "operationType": { "$in": ["insert", "replace"] } });
        fields.insert(format!("fullDocument.{}", canary::STAMP_FIELD), 1);
    }
    let wanted = doc! { "$or": wanted };
    Ok(vec![doc! { "$changeStream": change_stream }, doc! { "$match": wanted }, doc! { "$project": fields }])
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{Scale, Source, parse};

    use super::*;

    #[test]
    fn no_later_document_is_ever_looked_up() {
        let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
        let test = source("t.toml", include_str!("../../../scenarios/mixed.toml"));
        let model = source("m.toml", include_str!("../../../scenarios/models/shop.toml"));
        let parsed =
            parse(&test, Scale::default(), Scale::default(), |_| Ok(model)).expect("the shipped test");
        let watched = Watched { model: parsed.0.model, canary: true };
        let text = format!("{:?}", stages(&watched, None).expect("stages"));
        assert!(!text.contains("updateLookup") && !text.contains("\"fullDocument\":"), "{text}");
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
            let watched = Watched { model: model.clone(), canary };
            format!("{:?}", stages(&watched, None).expect("stages"))
        };
        assert!(!text(false).contains(canary::COLLECTION));
        let with = text(true);
        let clause = with.split(canary::COLLECTION).nth(1).and_then(|rest| rest.split('}').next());
        let clause = clause.expect("a clause of its own");
        assert!(clause.contains("replace") && !clause.contains("drop"), "{clause}");
    }
}
