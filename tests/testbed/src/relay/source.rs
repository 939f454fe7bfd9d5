//! Reads the publication from its slot and hands rows on, each with the moment when it was read.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use pgwire_replication::{Lsn, ReplicationClient, ReplicationConfig, ReplicationEvent};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::UnixNanos;
use tokio::sync::{mpsc, watch};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::document::changes;
use super::marks::Marks;
use super::pgoutput::{Message, Relation};
use super::{Item, Options};
use crate::wait::wait_for;

/// How long a slot may stay in use after its last reader was killed.
const SLOT_FREE_LIMIT: Duration = Duration::from_secs(20);
/// How often the confirmed position is sent; what a killed relay has to do again is about this much.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);
/// Messages between the transport and this code; few, so that rows are stamped when they arrive.
const TRANSPORT_EVENTS: usize = 64;

/// An open replication stream.
pub(super) struct Source {
    client: ReplicationClient,
    relations: HashMap<u32, Relation>,
    /// Whether rows get the times of their way.
    marks: bool,
    /// When the present transaction committed, microseconds since 2000.
    committed_us: i64,
}

/// What connects the source with the rest of the relay.
pub(super) struct Ends {
    /// Where rows go, each with the moment when it was read.
    pub(super) items: mpsc::Sender<(UnixNanos, Item)>,
    /// Up to where everything is written and noted.
    pub(super) confirmed: watch::Receiver<Lsn>,
    /// Becomes true when the relay is to end.
    pub(super) stop: watch::Receiver<bool>,
}

impl Source {
    /// Creates publication and slot when missing, and starts the stream.
    pub(super) async fn connect(options: &Options) -> Result<Self> {
        let config: Config = options.postgres.parse().context("cannot read the PostgreSQL URL")?;
        prepare(&config, options).await?;
        let mut client = ReplicationClient::connect(replication(&config, options)?).await?;
        client.wait_started().await.context("cannot start replication")?;
        Ok(Self { client, relations: HashMap::new(), marks: options.faults.marks, committed_us: 0 })
    }

    /// Hands rows on until the relay is to end or PostgreSQL goes away.
    pub(super) async fn stream(mut self, clock: Clock, mut ends: Ends) -> Result<()> {
        let mut in_transaction = false;
        loop {
            let event = tokio::select! {
                biased;
                event = self.client.recv() => event.context("the replication stream broke")?,
                Ok(()) = ends.confirmed.changed() => {
                    let lsn = *ends.confirmed.borrow_and_update();
                    self.client.update_applied_lsn(lsn);
                    continue;
                }
                _ = ends.stop.changed() => return Ok(()),
            };
            let Some(event) = event else { bail!("PostgreSQL ended the replication stream") };
            let read = clock.now();
            let items = match event {
                ReplicationEvent::Begin { commit_time_micros, .. } => {
                    self.committed_us = commit_time_micros;
                    in_transaction = true;
                    Vec::new()
                }
                ReplicationEvent::XLogData { data, .. } => self.rows(data)?,
                ReplicationEvent::Commit { end_lsn, .. } => {
                    in_transaction = false;
                    vec![Item::Confirm(end_lsn)]
                }
                // Everything before this position has been sent, so writes to no table of ours free their WAL too.
                ReplicationEvent::KeepAlive { wal_end, .. } if !in_transaction => {
                    vec![Item::Confirm(wal_end)]
                }
                _ => Vec::new(),
            };
            for mut item in items {
                if let (true, Item::Change(change)) = (self.marks, &mut item) {
                    Marks { committed_us: self.committed_us, read, passed: clock.now() }.leave(change);
                }
                // Closed when the relay ends; a full queue holds the stream back here.
                if ends.items.send((read, item)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn rows(&mut self, data: Bytes) -> Result<Vec<Item>> {
        let bytes = data.len();
        let message = Message::decode(data).context("cannot read a replication message")?;
        let tables = match &message {
            Message::Relation(relation) => {
                self.relations.insert(relation.id, relation.clone());
                Vec::new()
            }
            Message::Insert { relation, .. }
            | Message::Update { relation, .. }
            | Message::Delete { relation, .. } => {
                vec![*relation]
            }
            Message::Truncate { relations } => relations.clone(),
            Message::Other(_) => Vec::new(),
        };
        let mut items = Vec::new();
        for table in tables {
            let relation = self.relations.get(&table).context("a row came before the shape of its table")?;
            items.extend(changes(&message, relation, bytes)?.into_iter().map(Item::Change));
        }
        Ok(items)
    }
}

fn replication(config: &Config, options: &Options) -> Result<ReplicationConfig> {
    let Some(Host::Tcp(host)) = config.get_hosts().first() else { bail!("the PostgreSQL URL names no host") };
    let user = config.get_user().context("the PostgreSQL URL names no user")?;
    let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
    let database = config.get_dbname().unwrap_or(user);
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let (slot, publication) = (options.slot.as_str(), options.publication.as_str());
    Ok(ReplicationConfig::new(host, user, password, database, slot, publication)
        .with_port(port)
        .with_status_interval(STATUS_INTERVAL)
        .with_buffer_size(TRANSPORT_EVENTS))
}

/// Publication before slot: a change that the slot sees before its publication exists cannot be decoded.
async fn prepare(config: &Config, options: &Options) -> Result<()> {
    let (client, connection) = config.connect(NoTls).await.context("cannot connect to PostgreSQL")?;
    let work = async {
        let prepared = create(&client, &options.publication, &options.slot).await;
        // The connection ends when its client is gone.
        drop(client);
        prepared
    };
    let (prepared, ended) = tokio::join!(work, connection);
    prepared?;
    ended.context("the connection to PostgreSQL broke")
}

async fn create(client: &Client, publication: &str, slot: &str) -> Result<()> {
    let published =
        client.query_opt("SELECT FROM pg_publication WHERE pubname = $1", &[&publication]).await?;
    if published.is_none() {
        let name = publication.replace('"', "\"\"");
        let create =
            format!("CREATE PUBLICATION \"{name}\" FOR ALL TABLES WITH (publish_via_partition_root = true)");
        client.batch_execute(&create).await.context("cannot create the publication")?;
    }
    let known = client.query_opt("SELECT FROM pg_replication_slots WHERE slot_name = $1", &[&slot]).await?;
    if known.is_none() {
        let create = "SELECT pg_create_logical_replication_slot($1, 'pgoutput')";
        client.execute(create, &[&slot]).await.context("cannot create the replication slot")?;
    }
    // PostgreSQL takes a moment to notice that a killed reader is gone.
    wait_for("the replication slot to be free", SLOT_FREE_LIMIT, || async {
        let query = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1";
        let row = client.query_one(query, &[&slot]).await.map_err(|error| error.to_string())?;
        match row.get::<_, Option<i32>>(0) {
            None => Ok(()),
            Some(pid) => Err(format!("in use by process {pid}")),
        }
    })
    .await
}
