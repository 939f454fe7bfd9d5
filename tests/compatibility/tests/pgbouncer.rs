//! PgBouncer 1.18 before PostgreSQL: it knows no prepared statements in transaction mode.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use streamgauge_compatibility::{Mode, PgBouncer};
use streamgauge_testbed::Testbed;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// The server processes that two sessions, both open, say they are with.
async fn server_processes(url: &str) -> Result<BTreeSet<String>> {
    let (mut sessions, mut processes) = (Vec::new(), BTreeSet::new());
    for _ in 0..2 {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        sessions.push((client, tokio::spawn(connection)));
    }
    for (client, _) in &sessions {
        let answer = client.simple_query("SELECT pg_backend_pid()").await?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        processes.insert(row.context("no row")?);
    }
    Ok(processes)
}

#[tokio::test]
async fn sessions_share_a_server_process_in_transaction_mode_only() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let pooled = PgBouncer::start(&bed, Mode::Transaction, 4).await?;
    assert_eq!(server_processes(&pooled.url).await?.len(), 1);
    let whole = PgBouncer::start(&bed, Mode::Session, 4).await?;
    assert_eq!(server_processes(&whole.url).await?.len(), 2);
    assert_eq!(server_processes(bed.postgres_url()).await?.len(), 2);
    bed.stop()
}
