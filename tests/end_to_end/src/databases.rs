//! What PostgreSQL and MongoDB themselves hold: a second reading of a run that owes nothing to our own account.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use mongodb::bson::{Document, doc};
use streamgauge_testbed::Testbed;
use tokio_postgres::NoTls;

/// Executes statements in PostgreSQL, all in one message.
///
/// # Errors
/// When PostgreSQL cannot be asked, or refuses one.
pub async fn execute(bed: &Testbed, statements: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(statements).await?;
    drop(client);
    Ok(connection.await??)
}

/// The stamps of the rows that PostgreSQL holds in a table.
///
/// # Errors
/// When PostgreSQL cannot be asked.
pub async fn stamps_in_postgres(bed: &Testbed, table: &str) -> Result<BTreeSet<String>> {
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), NoTls).await?;
    let connection = tokio::spawn(connection);
    let rows = client.query(&format!("SELECT cdc_stamp FROM {table}"), &[]).await?;
    drop(client);
    connection.await??;
    let stamps = rows.iter().map(|row| row.get::<_, Option<String>>(0).context("a row without a stamp"));
    stamps.collect()
}

/// The stamps of the documents that MongoDB holds in a collection.
///
/// # Errors
/// When MongoDB cannot be asked.
pub async fn stamps_in_mongo(bed: &Testbed, collection: &str) -> Result<BTreeSet<String>> {
    let database = bed.mongo_client().await?.database(bed.database());
    let mut found = database.collection::<Document>(collection).find(doc! {}).await?;
    let mut stamps = BTreeSet::new();
    while found.advance().await? {
        let document: Document = found.deserialize_current()?;
        stamps.insert(document.get_str("cdc_stamp").context("a document without a stamp")?.to_owned());
    }
    Ok(stamps)
}
