//! Faults of single rows and shapes of documents, between real servers, each seen as change events.

use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::{Bson, Document, doc};
use streamgauge_testbed::{Fault, RowFaults, Shape, Testbed, wait_for};

use crate::{Ends, LIMIT, connect, stamp};

/// A change stream on the collection, opened before anything is written.
struct Events {
    stream: mongodb::change_stream::ChangeStream<mongodb::change_stream::event::ChangeStreamEvent<Document>>,
}

impl Events {
    async fn open(ends: &Ends) -> Result<Self> {
        Ok(Self { stream: ends.orders.watch().await? })
    }

    /// The next events as "kind stamp-sequence".
    async fn next(&mut self, count: usize) -> Result<Vec<String>> {
        let mut seen = Vec::new();
        let limit = tokio::time::timeout(LIMIT, async {
            while seen.len() < count {
                let Some(event) = self.stream.next_if_any().await? else { continue };
                seen.push(text(&event));
            }
            anyhow::Ok(())
        });
        limit.await.with_context(|| format!("{count} events expected, seen {seen:?}"))??;
        Ok(seen)
    }
}

fn text(event: &mongodb::change_stream::event::ChangeStreamEvent<Document>) -> String {
    let kind = format!("{:?}", event.operation_type).to_lowercase();
    let updated = event.update_description.as_ref().map(|description| &description.updated_fields);
    let body = event.full_document.as_ref().or(updated);
    let after = body.and_then(|body| body.get_document("after").ok()).or(body);
    let sequence = |stamp: &str| stamp.split('.').nth(3).map_or("?".to_owned(), str::to_owned);
    let stamp = after.and_then(|body| body.get_str("cdc_stamp").ok()).map_or("-".to_owned(), sequence);
    format!("{kind} {stamp}")
}

fn every(n: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(n)
}

async fn write(ends: &Ends, statements: &[String]) -> Result<()> {
    for statement in statements {
        ends.postgres.batch_execute(statement).await?;
    }
    Ok(())
}

fn insert(key: &str, sequence: u32) -> String {
    format!("INSERT INTO orders VALUES ('{key}', 1, '{}')", stamp(sequence))
}

fn update(key: &str, sequence: u32) -> String {
    format!("UPDATE orders SET cdc_stamp = '{}' WHERE id = '{key}'", stamp(sequence))
}

#[tokio::test]
async fn every_fault_of_a_row_is_seen_and_noted() -> Result<()> {
    let rows = RowFaults {
        drop_every: every(5),
        duplicate_every: every(4),
        reorder_every: every(2),
        coalesce_every: every(3),
        ..RowFaults::default()
    };
    let bed = Testbed::builder().row_faults(rows).jitter(Duration::from_millis(5), 1).start().await?;
    let ends = connect(&bed).await?;
    let mut events = Events::open(&ends).await?;
    // Row 4 is written twice, row 5 never; of the inserts the second waits for its update, and the third too.
    let load = [
        insert("a", 1),
        insert("b", 2),
        update("b", 3),
        update("a", 4),
        update("a", 5),
        insert("c", 6),
        update("c", 7),
    ];
    write(&ends, &load).await?;
    let expected = ["insert 1", "insert 3", "replace 2", "replace 4", "replace 4", "insert 7"];
    assert_eq!(events.next(6).await?, expected);
    let noted = wait_for("four lines in the fault file", LIMIT, || async {
        let faults = bed.relay().faults().map_err(|error| error.to_string())?;
        if faults.len() >= 4 { Ok(faults) } else { Err(format!("{faults:?}")) }
    });
    let noted: Vec<_> = noted.await?.into_iter().map(|row| (row.fault, row.stamp)).collect();
    let row = |fault, sequence| (fault, Some(stamp(sequence)));
    let expected =
        [row(Fault::Reorder, 2), row(Fault::Duplicate, 4), row(Fault::Drop, 5), row(Fault::Coalesce, 6)];
    assert_eq!(noted, expected);
    let acked: Vec<_> = crate::acks(&bed, 5).await?.into_iter().filter_map(|ack| ack.stamp).collect();
    assert_eq!(
        acked,
        [1, 3, 2, 4, 7].map(stamp),
        "what was never written has no ack, and a duplicate only one"
    );
    bed.stop()
}

#[tokio::test]
async fn a_corrupted_row_differs_in_one_text_and_keeps_key_and_stamp() -> Result<()> {
    let rows = RowFaults { corrupt_every: every(1), ..RowFaults::default() };
    let bed = Testbed::builder().row_faults(rows).start().await?;
    let ends = connect(&bed).await?;
    ends.postgres.batch_execute("ALTER TABLE orders ADD COLUMN note text").await?;
    ends.postgres.batch_execute(&format!("INSERT INTO orders VALUES ('a', 1, '{}', 'x')", stamp(1))).await?;
    let found = wait_for("the row", LIMIT, || async {
        let found = ends.orders.find_one(doc! {}).await.map_err(|error| error.to_string())?;
        found.ok_or_else(|| "none".to_owned())
    });
    let total = Bson::Decimal128("1.00".parse()?);
    let expected = doc! { "_id": "a", "total": total, "cdc_stamp": stamp(1), "note": "x~corrupt" };
    assert_eq!(found.await?, expected);
    bed.stop()
}

#[tokio::test]
async fn every_shape_arrives_as_the_events_that_its_sink_makes() -> Result<()> {
    let shapes: [(Shape, &[&str]); 12] = [
        (Shape::Plain, &["insert 1", "replace 2", "delete -"]),
        (Shape::Handler, &["insert 1", "replace 2", "delete -"]),
        (Shape::UnwrappedReplace, &["insert 1", "replace 2", "delete -"]),
        (Shape::UnwrappedUpdate, &["insert 1", "update 2", "delete -"]),
        (Shape::PipelineUpdate, &["insert 1", "update 2", "delete -"]),
        (Shape::SoftDelete, &["insert 1", "replace 2", "replace -"]),
        (Shape::SoftDeleteUpdate, &["insert 1", "replace 2", "update -"]),
        (Shape::RawEnvelope, &["insert 1", "insert 2", "insert -"]),
        (Shape::SoftDeleteTombstone, &["insert 1", "replace 2", "replace -", "delete -"]),
        (Shape::KeyAsField, &["insert 1", "replace 2"]),
        (Shape::SinkKey, &["insert 1", "replace 2", "delete -"]),
        (Shape::Flattened, &["insert -", "replace -", "delete -"]),
    ];
    for (shape, expected) in shapes {
        let bed = Testbed::builder().shape(shape).start().await?;
        let ends = connect(&bed).await?;
        let mut events = Events::open(&ends).await?;
        let load = [insert("a", 1), update("a", 2), "DELETE FROM orders WHERE id = 'a'".to_owned()];
        write(&ends, &load).await?;
        assert_eq!(events.next(expected.len()).await?, expected, "{shape:?}");
        bed.stop()?;
    }
    Ok(())
}

#[tokio::test]
async fn mongod_comes_back_on_its_port_with_its_data_and_its_oplog_rolls() -> Result<()> {
    let mut bed = Testbed::builder().oplog_mb(16).start().await?;
    let ends = connect(&bed).await?;
    write(&ends, &[insert("a", 1)]).await?;
    crate::acks(&bed, 1).await?;
    bed.mongo().kill_9().await?;
    bed.start_mongo_again().await?;
    if bed.relay().is_running() {
        bed.relay().kill_9().await?;
    }
    bed.relay().start_again().await?;
    write(&ends, &[insert("b", 2)]).await?;
    wait_for("both rows", LIMIT, || async {
        let count = ends.orders.count_documents(doc! {}).await.map_err(|error| error.to_string())?;
        if count == 2 { Ok(()) } else { Err(count.to_string()) }
    })
    .await?;
    bed.roll_oplog().await?;
    bed.step_down().await?;
    bed.stop()
}
