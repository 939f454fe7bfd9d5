//! What the testbed promises, shown with real servers: rows arrive, faults are as told, nothing is left behind.

mod faults;
mod leftovers;
mod pipeline;
mod rows;
mod tables;

use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_testbed::{AckRow, Testbed, wait_for};
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

/// Longer than anything here takes on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(60);

/// Both ends of a testbed, seen by a test.
struct Ends {
    postgres: tokio_postgres::Client,
    mongo: mongodb::Database,
    orders: mongodb::Collection<mongodb::bson::Document>,
    /// Owns the connection's task.
    _connection: JoinSet<()>,
}

/// Connects to both servers and creates a table whose rows carry a stamp.
async fn connect(bed: &Testbed) -> Result<Ends> {
    let (postgres, connection) = tokio_postgres::connect(bed.postgres_url(), NoTls).await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async {
        connection.await.unwrap_or(());
    });
    let table = "CREATE TABLE orders (id text PRIMARY KEY, total numeric(10,2), cdc_stamp text)";
    postgres.batch_execute(table).await.context("cannot create the table")?;
    let mongo = mongodb::Client::with_uri_str(bed.mongo_uri()).await?;
    let mongo = mongo.default_database().context("the URI names no database")?;
    Ok(Ends { postgres, orders: mongo.collection("orders"), mongo, _connection: tasks })
}

/// The lines of the ack file, once there are at least `count`.
async fn acks(bed: &Testbed, count: usize) -> Result<Vec<AckRow>> {
    wait_for(&format!("{count} acks"), LIMIT, || async {
        let acks = bed.relay().acks().map_err(|error| error.to_string())?;
        if acks.len() >= count { Ok(acks) } else { Err(format!("{} acks", acks.len())) }
    })
    .await
}

/// A stamp with this sequence.
fn stamp(sequence: u32) -> String {
    format!("1.00c0ffee0042.0.{sequence}.1795406706789012345")
}
