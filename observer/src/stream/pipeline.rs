//! What the change stream watches: the run's collections and what would end them, with the fields that
//! are needed and no others.

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use streamgauge_shared::test_file::Model;

/// The stages of the aggregation. `resume` is a token to go on after; without one the stream starts now.
///
/// Never `fullDocument: "updateLookup"`: it returns a document that may be later than the event.
pub(super) fn stages(
    model: &Model,
    resume: Option<&RawDocumentBuf>,
) -> Result<Vec<Document>, mongodb::bson::error::Error> {
    let mut change_stream = Document::new();
    if let Some(token) = resume {
        // Like resumeAfter, and also passes an invalidate event.
        change_stream.insert("startAfter", Document::try_from(token)?);
    }
    let collections: Vec<Bson> =
        model.entities.iter().map(|entity| entity.landing.collection.as_str().into()).collect();
    let wanted = doc! { "$or": [
        { "ns.coll": { "$in": collections }, "operationType": { "$in": ["insert", "replace", "update", "delete", "drop", "rename"] } },
        { "operationType": { "$in": ["dropDatabase", "invalidate"] } },
    ] };
    let mut fields = doc! {
        "operationType": 1, "ns": 1, "documentKey": 1, "clusterTime": 1, "wallTime": 1, "updateDescription.updatedFields": 1,
    };
    for entity in &model.entities {
        let verified = entity.verified().map(|(_, column)| column.field.clone());
        for path in entity.stamp_paths().into_iter().chain(verified) {
            fields.insert(format!("fullDocument.{path}"), 1);
        }
    }
    Ok(vec![doc! { "$changeStream": change_stream }, doc! { "$match": wanted }, doc! { "$project": fields }])
}
