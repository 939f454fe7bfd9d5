//! One question to a MongoDB, bounded in time: where do stamped rows lie?
//!
//! First a change stream over everything the user may see, that starts in the past and ends when it has caught up; it
//! alone tells of renames. Where it shows nothing, the newest documents of every collection, which also finds
//! those of time series, which no change stream sees.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf, Timestamp, doc};
use mongodb::error::Error;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use mongodb::results::{CollectionSpecification, CollectionType};
use mongodb::{Client, Database};
use streamgauge_shared::stamp::{RunId, Stamp};
use tokio::time::timeout;

use super::find::{self, Namespace, Rename, Seen};
use crate::stream::{CANARY_COLLECTION, MongoAddress};

/// How long the change stream is read at most.
const CHANGES_MAX: Duration = Duration::from_secs(4);
/// And the newest documents.
const DOCUMENTS_MAX: Duration = Duration::from_secs(4);
/// How long the server waits for a change before it says that there is none.
const AWAIT_MAX: Duration = Duration::from_millis(300);
/// Replies without a change in a row that mean that the stream has caught up.
const EMPTY_REPLIES: u32 = 2;
/// Places that are kept; more of them say nothing more.
const SEEN_MAX: usize = 64;
/// Documents that are read of each collection.
const NEWEST: i64 = 5;
/// How long one collection may take.
const COLLECTION_MAX: Duration = Duration::from_millis(500);
/// MongoDB's own databases.
const INTERNAL: [&str; 3] = ["admin", "config", "local"];

/// Which stamps are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those of one run.
    Run(RunId),
    /// Of any run.
    Any,
}

impl Wanted {
    fn is(self, stamp: &Stamp) -> bool {
        match self {
            Self::Run(run) => stamp.run == run,
            Self::Any => true,
        }
    }
}

/// What a search found, and where it looked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// The database that runs watch.
    pub watched: String,
    /// Stamped rows, the latest of each kind and place, those that arrived last at the end.
    pub seen: Vec<Seen>,
    /// Collections that took another's place meanwhile.
    pub renames: Vec<Rename>,
    /// Changes that were looked at.
    pub changes: u64,
    /// Collections whose newest documents were looked at.
    pub collections: u64,
}

/// Looks for stamped rows in the changes of the last so many seconds and in the newest documents. Takes nine seconds at
/// most. What the user of the URI may not see is not looked at.
///
/// # Errors
/// The server cannot be asked at all; the sentence says why, without a password.
pub async fn search(address: &MongoAddress, back_s: u32, wanted: Wanted) -> Result<Search, String> {
    let database = address.connect().await.map_err(|error| address.reason(&error))?;
    let hello = database.run_command(doc! { "hello": 1 }).await.map_err(|error| address.reason(&error))?;
    let since = hello.get_timestamp("operationTime").ok();
    let since = since.map(|now| Timestamp { time: now.time.saturating_sub(back_s), increment: 1 });
    let mut search = Search { watched: database.name().to_owned(), ..Search::default() };
    // Out of time: what was found by then stands.
    if let Ok(Err(error)) = timeout(CHANGES_MAX, search.changes(&database, since, wanted)).await {
        tracing::debug!("no change stream to look for rows in: {}", address.reason(&error));
    }
    if (search.seen.is_empty() || wanted == Wanted::Any)
        && let Ok(Err(error)) = timeout(DOCUMENTS_MAX, search.documents(&database, wanted)).await
    {
        tracing::debug!("documents cannot be looked at: {}", address.reason(&error));
    }
    database.client().clone().shutdown().await;
    Ok(search)
}

impl Search {
    async fn changes(
        &mut self,
        database: &Database,
        since: Option<Timestamp>,
        wanted: Wanted,
    ) -> Result<(), Error> {
        let mut cursor = widened(database, since).await?;
        let mut empty = 0;
        while let Some(batch) = cursor.next().await {
            let before = self.changes;
            self.take(&batch?, wanted);
            empty = if self.changes == before { empty + 1 } else { 0 };
            if empty > EMPTY_REPLIES {
                break;
            }
        }
        Ok(())
    }

    fn take(&mut self, batch: &RawBatch, wanted: Wanted) {
        let Ok(events) = batch.doc_slices() else { return };
        for event in events.into_iter().flatten() {
            let RawBsonRef::Document(event) = event else { continue };
            self.changes += 1;
            self.event(event, wanted);
        }
    }

    fn event(&mut self, event: &RawDocument, wanted: Wanted) {
        if let Some(rename) = find::rename(event) {
            if self.renames.len() < SEEN_MAX {
                self.renames.push(rename);
            }
        } else if let Some(seen) = find::in_event(event) {
            self.keep(seen, wanted);
        }
    }

    /// Keeps the latest of its kind, in the order in which they were seen.
    fn keep(&mut self, seen: Seen, wanted: Wanted) {
        if seen.namespace.collection == CANARY_COLLECTION || !wanted.is(&seen.stamp) {
            return;
        }
        self.seen.retain(|other| !other.tells_the_same(&seen));
        if self.seen.len() < SEEN_MAX {
            self.seen.push(seen);
        }
    }

    async fn documents(&mut self, database: &Database, wanted: Wanted) -> Result<(), Error> {
        let client = database.client();
        // Those that the user may see; the watched one first.
        let listed = client.list_database_names().authorized_databases(true).await.unwrap_or_default();
        let others = listed.iter().map(String::as_str).filter(|name| !INTERNAL.contains(name));
        let others: Vec<&str> = others.filter(|name| *name != database.name()).collect();
        for name in std::iter::once(database.name()).chain(others) {
            self.database(client, name, wanted).await?;
        }
        Ok(())
    }

    async fn database(&mut self, client: &Client, name: &str, wanted: Wanted) -> Result<(), Error> {
        let database = client.database(name);
        let collections: Vec<CollectionSpecification> =
            database.list_collections().await?.try_collect().await?;
        for collection in collections {
            let ours = collection.name == CANARY_COLLECTION || collection.name.starts_with("system.");
            if ours || collection.collection_type == CollectionType::View {
                continue;
            }
            // A collection that may not be read, or is slow, keeps the others from nobody.
            let Ok(Ok(documents)) = timeout(COLLECTION_MAX, newest(&database, &collection)).await else {
                continue;
            };
            self.collections += 1;
            let namespace = Namespace { database: name.to_owned(), collection: collection.name };
            let in_time_series = collection.collection_type == CollectionType::Timeseries;
            for document in documents {
                if let Some(seen) = find::in_document(&namespace, &document, in_time_series) {
                    self.keep(seen, wanted);
                }
            }
        }
        Ok(())
    }
}

/// A change stream over the whole deployment, or, where the user may not have that, over the database; from then, or,
/// where the oplog does not reach back so far, from now.
async fn widened(database: &Database, since: Option<Timestamp>) -> Result<RawBatchCursor, Error> {
    let admin = database.client().database("admin");
    let mut failed = None;
    for since in [since, None] {
        for (of, everything) in [(&admin, true), (database, false)] {
            let mut stage = Document::new();
            if everything {
                stage.insert("allChangesForCluster", true);
            }
            if let Some(since) = since {
                stage.insert("startAtOperationTime", since);
            }
            let kinds = doc! { "operationType": { "$in": ["insert", "replace", "update", "rename"] } };
            let stages = [doc! { "$changeStream": stage }, doc! { "$match": kinds }];
            match of.aggregate(stages).max_await_time(AWAIT_MAX).batch().await {
                Ok(cursor) => return Ok(cursor),
                Err(error) => failed = Some(error),
            }
        }
    }
    Err(failed.expect("each attempt that did not return has failed"))
}

/// The newest documents of a collection, by its own order or by the time field of time series.
async fn newest(
    database: &Database,
    collection: &CollectionSpecification,
) -> Result<Vec<RawDocumentBuf>, Error> {
    let time_field = collection.options.timeseries.as_ref().map(|options| options.time_field.as_str());
    let order = doc! { time_field.unwrap_or("$natural"): -1 };
    let collection = database.collection::<RawDocumentBuf>(&collection.name);
    collection.find(doc! {}).sort(order).limit(NEWEST).max_time(COLLECTION_MAX).await?.try_collect().await
}
