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
use streamgauge_shared::time::UnixNanos;

use super::document::Change;
use super::shape::{Shape, Write, WriteKind};

/// How long a MongoDB that does not answer is looked for.
const SELECTION_LIMIT: Duration = Duration::from_secs(5);

/// The MongoDB database written to.
#[derive(Debug)]
pub(super) struct Sink {
    database: Database,
    shape: Shape,
}

impl Sink {
    pub(super) async fn connect(uri: &str, database: &str, shape: Shape) -> Result<Self> {
        let mut options = ClientOptions::parse(uri).await.context("cannot read the MongoDB URI")?;
        options.server_selection_timeout = Some(SELECTION_LIMIT);
        let client = Client::with_options(options).context("cannot use the MongoDB URI")?;
        let database = client.database(database);
        database.run_command(doc! { "ping": 1 }).await.context("cannot reach MongoDB")?;
        Ok(Self { database, shape })
    }

    /// Writes all changes that are to be written; takes their rows, and leaves what the files need.
    ///
    /// `now` is what a shape with a time of its own puts into it.
    pub(super) async fn write(&self, changes: &mut [Change], now: UnixNanos) -> Result<()> {
        let written = changes.iter_mut().filter(|change| change.is_written());
        let mut writes: Vec<(String, Write)> = Vec::new();
        for change in written {
            let both = [self.shape.write(change, now), self.shape.tombstone(change)];
            writes.extend(both.into_iter().flatten().map(|write| (change.table.clone(), write)));
        }
        let mut runs =
            writes.chunk_by(|(a, one), (b, other)| a == b && one.kind() == other.kind()).peekable();
        while let Some(run) = runs.next() {
            let last = runs.peek().is_none();
            let reply = self.database.run_command(command(run, last)).await;
            check(&reply.with_context(|| format!("cannot write to collection {}", run[0].0))?)?;
        }
        Ok(())
    }
}

fn command(run: &[(String, Write)], last: bool) -> Document {
    let table = run[0].0.as_str();
    let statements: Vec<Bson> =
        run.iter().map(|(_, write)| Bson::Document(write.statement().clone())).collect();
    let mut command = match run[0].1.kind() {
        WriteKind::Update => doc! { "update": table, "updates": statements },
        WriteKind::Delete => doc! { "delete": table, "deletes": statements },
        WriteKind::Insert => doc! { "insert": table, "documents": statements },
    };
    let concern = if last { Bson::from("majority") } else { Bson::Int32(1) };
    command.insert("ordered", true);
    command.insert("writeConcern", doc! { "w": concern });
    command
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

    #[test]
    fn only_the_last_command_waits_for_the_majority() {
        let run = [
            ("orders".to_owned(), Write::Update(doc! { "q": 1 })),
            ("orders".to_owned(), Write::Update(doc! { "q": 2 })),
        ];
        let expected = doc! {
            "update": "orders", "updates": [doc! { "q": 1 }, doc! { "q": 2 }],
            "ordered": true, "writeConcern": { "w": 1 },
        };
        assert_eq!(command(&run, false), expected);
        let run = [("orders".to_owned(), Write::Delete(doc! { "q": 1 }))];
        let expected = doc! {
            "delete": "orders", "deletes": [doc! { "q": 1 }],
            "ordered": true, "writeConcern": { "w": "majority" },
        };
        assert_eq!(command(&run, true), expected);
        let run = [("orders".to_owned(), Write::Insert(doc! { "v": 1 }))];
        assert_eq!(command(&run, true).get_array("documents").unwrap().len(), 1);
    }

    #[test]
    fn a_reply_with_errors_is_one() {
        assert!(check(&doc! { "ok": 1, "n": 1 }).is_ok());
        assert!(check(&doc! { "ok": 1, "writeErrors": [{ "code": 11000 }] }).is_err());
        assert!(check(&doc! { "ok": 1, "writeConcernError": { "code": 64 } }).is_err());
    }
}
