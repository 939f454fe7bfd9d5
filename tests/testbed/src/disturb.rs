//! What a test does to MongoDB from outside while an observer watches it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};

use crate::testbed::Testbed;
use crate::wait::wait_for;

/// How long a cursor, an election or a rolled oplog may take to be seen.
const LIMIT: Duration = Duration::from_secs(30);
/// For how long a primary that steps down does not stand for election.
const STEP_DOWN_SECS: i32 = 1;
/// Bytes of one document that fills the oplog; a few make a batch below MongoDB's 48 MB.
const FILLER_BYTES: usize = 1 << 20;
/// Documents in one batch of filler.
const FILLER_DOCUMENTS: usize = 8;
/// Documents in one command of writes that nobody watches.
const UNRELATED_BATCH: usize = 10_000;
/// The collection for filler, in a database of its own so that nobody's change stream on `shop` sees it.
const FILLER_DATABASE: &str = "filler";

impl Testbed {
    /// A client of this testbed's MongoDB.
    ///
    /// # Errors
    /// When its address cannot be used.
    pub async fn mongo_client(&self) -> Result<Client> {
        Client::with_uri_str(self.mongo_uri()).await.context("cannot use the testbed's own MongoDB")
    }

    /// Kills, on the server, the cursor of the change stream that the program with this application name has open, or,
    /// while no program asks for more, of the only one there is.
    ///
    /// # Errors
    /// When no such cursor is seen in time.
    pub async fn kill_stream_cursor(&self, application: &str) -> Result<()> {
        let client = self.mongo_client().await?;
        let admin = client.database("admin");
        let cursor = wait_for("the cursor of the change stream", LIMIT, || async {
            stream_cursor(&admin, application).await.map_err(|error| format!("{error:#}"))
        });
        let kill = doc! { "killCursors": "$cmd.aggregate", "cursors": [cursor.await?] };
        client.database(self.database()).run_command(kill).await.context("cannot kill the cursor")?;
        Ok(())
    }

    /// Makes the primary step down; returns when it is primary again, which in a set of one it soon is. A
    /// relay ends by it, and is to be started again.
    ///
    /// # Errors
    /// When MongoDB refuses, or nobody is elected in time.
    pub async fn step_down(&self) -> Result<()> {
        let admin = self.mongo_client().await?.database("admin");
        let down = doc! { "replSetStepDown": STEP_DOWN_SECS, "force": true };
        // The primary may close the connection instead of an answer; what counts is the election after it.
        let asked = admin.run_command(down).await;
        wait_for("a primary after the election", LIMIT, || async {
            let hello = admin.run_command(doc! { "hello": 1 }).await.map_err(|error| error.to_string())?;
            if hello.get_bool("isWritablePrimary").unwrap_or(false) {
                Ok(())
            } else {
                Err(format!("{asked:?}"))
            }
        })
        .await
    }

    /// Drops a collection of the relay's database.
    ///
    /// # Errors
    /// When MongoDB refuses.
    pub async fn drop_collection(&self, name: &str) -> Result<()> {
        let database = self.mongo_client().await?.database(self.database());
        database.collection::<Document>(name).drop().await.with_context(|| format!("cannot drop {name}"))
    }

    /// Gives a collection of the relay's database another name.
    ///
    /// # Errors
    /// When MongoDB refuses.
    pub async fn rename_collection(&self, from: &str, to: &str) -> Result<()> {
        let name = |collection| format!("{}.{collection}", self.database());
        let rename = doc! { "renameCollection": name(from), "to": name(to) };
        let admin = self.mongo_client().await?.database("admin");
        admin.run_command(rename).await.with_context(|| format!("cannot rename {from}"))?;
        Ok(())
    }

    /// Writes so many small documents that no change stream on the relay's database shows, but that each must read past.
    ///
    /// # Errors
    /// When MongoDB refuses.
    pub async fn unrelated_writes(&self, documents: usize) -> Result<()> {
        let rows = self.mongo_client().await?.database(FILLER_DATABASE).collection::<Document>("small");
        for written in (0..documents).step_by(UNRELATED_BATCH) {
            let batch = vec![doc! { "n": 1 }; UNRELATED_BATCH.min(documents - written)];
            rows.insert_many(batch).await.context("cannot write what nobody watches")?;
        }
        Ok(())
    }

    /// Fills the oplog until its oldest entry is younger than everything in it at the call.
    ///
    /// Meant for a [small one](crate::testbed::Builder::oplog_mb): MongoDB truncates in large steps, so about twice
    /// its size, or 32 MB, is written.
    ///
    /// # Errors
    /// When MongoDB refuses, or the oplog does not roll in time.
    pub async fn roll_oplog(&self) -> Result<()> {
        let client = self.mongo_client().await?;
        let oplog = client.database("local").collection::<Document>("oplog.rs");
        let end = async |order: i32| -> Result<Bson> {
            let entry = oplog.find_one(doc! {}).sort(doc! { "$natural": order }).await?;
            entry.and_then(|entry| entry.get("ts").cloned()).context("an oplog without entries")
        };
        let Bson::Timestamp(last) = end(-1).await? else { bail!("an oplog entry without its time") };
        let filler = client.database(FILLER_DATABASE).collection::<Document>("rows");
        let document = doc! { "filler": "x".repeat(FILLER_BYTES) };
        wait_for("the oplog to roll", LIMIT, || async {
            let rolled = async {
                filler.insert_many(vec![document.clone(); FILLER_DOCUMENTS]).await?;
                anyhow::Ok(matches!(end(1).await?, Bson::Timestamp(first) if first > last))
            };
            match rolled.await {
                Ok(true) => Ok(()),
                Ok(false) => Err("its oldest entry is still there".to_owned()),
                Err(error) => Err(format!("{error:#}")),
            }
        })
        .await?;
        client.database(FILLER_DATABASE).drop().await.context("cannot remove the filler")
    }
}

/// The id of the cursor behind a change stream: waiting in a getMore, where MongoDB names the application, or idle,
/// where it only shows the command that opened it.
async fn stream_cursor(admin: &Database, application: &str) -> Result<Bson> {
    let stages = [doc! { "$currentOp": { "allUsers": true, "idleCursors": true } }];
    let mut operations = admin.aggregate(stages).await?;
    let mut seen = Vec::new();
    while operations.advance().await? {
        let operation: Document = operations.deserialize_current()?;
        let ours = operation.get_str("appName").ok() == Some(application) || is_idle_stream(&operation);
        let cursor = operation.get_document("cursor").ok().and_then(|cursor| cursor.get("cursorId"));
        if let Some(id) = cursor.filter(|_| ours) {
            return Ok(id.clone());
        }
        seen.push(operation.get_str("op").unwrap_or("?").to_owned());
    }
    bail!("none among {seen:?}")
}

fn is_idle_stream(operation: &Document) -> bool {
    let opened_by = || operation.get_document("cursor").ok()?.get_document("originatingCommand").ok();
    let first = || opened_by()?.get_array("pipeline").ok()?.first()?.as_document();
    operation.get_str("type").ok() == Some("idleCursor")
        && first().is_some_and(|stage| stage.contains_key("$changeStream"))
}
