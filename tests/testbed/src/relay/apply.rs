//! Writes batches to MongoDB, in order, and returns when all of it is acknowledged by a majority.
//!
//! A batch is cut into one command per run of the same collection and kind. Only the last one waits for the
//! majority: it comes after the others in the oplog, so its acknowledgement covers them, and a mixed load
//! does not pay one journal flush per row.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};

use super::document::Change;
use crate::ack_file::Op;

/// How long a MongoDB that does not answer is looked for.
const SELECTION_LIMIT: Duration = Duration::from_secs(5);

/// The MongoDB database written to.
#[derive(Debug)]
pub(super) struct Sink {
    database: Database,
}

/// What kind of command a change needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Replace,
    Delete,
}

impl Sink {
    pub(super) async fn connect(uri: &str, database: &str) -> Result<Self> {
        let mut options = ClientOptions::parse(uri).await.context("cannot read the MongoDB URI")?;
        options.server_selection_timeout = Some(SELECTION_LIMIT);
        let client = Client::with_options(options).context("cannot use the MongoDB URI")?;
        let database = client.database(database);
        database.run_command(doc! { "ping": 1 }).await.context("cannot reach MongoDB")?;
        Ok(Self { database })
    }

    /// Writes all changes; takes their documents, and leaves what the ack file needs.
    pub(super) async fn write(&self, changes: &mut [Change]) -> Result<()> {
        let mut runs = changes.chunk_by_mut(|a, b| a.table == b.table && kind(a.op) == kind(b.op)).peekable();
        while let Some(run) = runs.next() {
            let last = runs.peek().is_none();
            let reply = self.database.run_command(command(run, last)).await;
            check(&reply.with_context(|| format!("cannot write to collection {}", run[0].table))?)?;
        }
        Ok(())
    }
}

fn kind(op: Op) -> Kind {
    match op {
        Op::Insert | Op::Update => Kind::Replace,
        Op::Delete | Op::Truncate => Kind::Delete,
    }
}

fn command(run: &mut [Change], last: bool) -> Document {
    let table = run[0].table.clone();
    let kind = kind(run[0].op);
    let statements: Vec<Bson> = run.iter_mut().map(|change| Bson::Document(statement(change))).collect();
    let mut command = match kind {
        Kind::Replace => doc! { "update": table, "updates": statements },
        Kind::Delete => doc! { "delete": table, "deletes": statements },
    };
    let concern = if last { Bson::from("majority") } else { Bson::Int32(1) };
    command.insert("ordered", true);
    command.insert("writeConcern", doc! { "w": concern });
    command
}

fn statement(change: &mut Change) -> Document {
    match (change.op, change.document.take()) {
        (Op::Truncate, _) => doc! { "q": {}, "limit": 0 },
        (_, Some(document)) => doc! { "q": { "_id": &change.id }, "u": document, "upsert": true },
        (_, None) => doc! { "q": { "_id": &change.id }, "limit": 1 },
    }
}

/// A command that could not do all of its work still answers `ok: 1`.
fn check(reply: &Document) -> Result<()> {
    if let Ok(errors) = reply.get_array("writeErrors")
        && let Some(first) = errors.first()
    {
        bail!("MongoDB refused a row: {first}");
    }
    if let Ok(error) = reply.get_document("writeConcernError") {
        bail!("MongoDB did not acknowledge a write: {error}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(op: Op, table: &str, key: &str) -> Change {
        let document = (kind(op) == Kind::Replace).then(|| doc! { "_id": key });
        Change { op, table: table.into(), key: key.into(), id: key.into(), stamp: None, document, bytes: 0 }
    }

    #[test]
    fn inserts_and_updates_are_upserts_and_only_the_last_command_waits_for_the_majority() {
        let mut run = [change(Op::Insert, "orders", "a"), change(Op::Update, "orders", "b")];
        let statement = |key: &str| doc! { "q": { "_id": key }, "u": { "_id": key }, "upsert": true };
        let expected = doc! {
            "update": "orders", "updates": [statement("a"), statement("b")],
            "ordered": true, "writeConcern": { "w": 1 },
        };
        assert_eq!(command(&mut run, false), expected);
        let mut run = [change(Op::Delete, "orders", "a"), change(Op::Truncate, "orders", "")];
        let deletes = [doc! { "q": { "_id": "a" }, "limit": 1 }, doc! { "q": {}, "limit": 0 }];
        let expected = doc! {
            "delete": "orders", "deletes": deletes.to_vec(),
            "ordered": true, "writeConcern": { "w": "majority" },
        };
        assert_eq!(command(&mut run, true), expected);
    }

    #[test]
    fn a_reply_with_errors_is_one() {
        assert!(check(&doc! { "ok": 1, "n": 1 }).is_ok());
        assert!(check(&doc! { "ok": 1, "writeErrors": [{ "code": 11000 }] }).is_err());
        assert!(check(&doc! { "ok": 1, "writeConcernError": { "code": 64 } }).is_err());
    }
}
