//! Asks a PostgreSQL. Plain settings and views that every role may read.

use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Entity;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio_postgres::types::Type;

use crate::postgres::tls::Checked;
use crate::postgres::{Connection, Peer, describe};
use crate::probe::Probed;

/// What is known of a PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inspected {
    /// Which PostgreSQL it is, and whether the way to it is encrypted.
    pub(super) peer: Peer,
    /// How far its certificate is looked at, where the way is encrypted.
    pub(super) checked: Checked,
    /// Whether a pooler in transaction mode stands before it.
    pub(super) is_pooled: bool,
    pub(super) version: String,
    /// `server_version_num`, as in 160002.
    pub(super) version_number: u32,
    /// A standby takes no writes.
    pub(super) in_recovery: bool,
    pub(super) wal_level: String,
    pub(super) synchronous_commit: String,
    /// As it is shown: `200ms`.
    pub(super) wal_writer_delay: String,
    pub(super) fsync: bool,
    pub(super) slots: Limit,
    pub(super) senders: Limit,
    /// Sessions of clients, against what is left of `max_connections` for a role without privileges.
    pub(super) connections: Limit,
    /// Logical slots of this database that somebody reads.
    pub(super) active_slots: u64,
    pub(super) inactive: Vec<InactiveSlot>,
    /// The server's clock minus ours, and how far that can be off.
    pub(super) clock_offset: (Nanos, Nanos),
    /// What belongs to a scenario file; absent without one.
    pub(super) test: Option<InspectedTest>,
}

/// What is known of the tables of a scenario file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InspectedTest {
    /// What stands between the model and its tables.
    pub(super) problem: Option<Failure>,
    /// Of each table that exists.
    pub(super) identities: Vec<Identity>,
    /// What became of a row of each table; of none where a problem stands between the model and them.
    pub(super) probed: Vec<Probed>,
    /// Entities of the model.
    pub(super) entities: usize,
    /// Those of them that name marks.
    pub(super) marked: usize,
}

/// How much of something is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) used: u64,
    pub(super) max: u64,
}

/// A slot that nobody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InactiveSlot {
    pub(super) name: String,
    /// How much WAL it holds; absent where that is not known.
    pub(super) held_bytes: Option<u64>,
}

/// A table's replica identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) table: String,
    /// `relreplident`: d, n, f or i.
    pub(super) kind: char,
    pub(super) has_primary_key: bool,
}

/// Asks for everything.
///
/// # Errors
/// PostgreSQL does not answer; 107.
pub(super) async fn ask(
    connection: &Connection,
    checked: Checked,
    clock: Clock,
) -> Result<Inspected, Failure> {
    const SERVER: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int8, \
        pg_is_in_recovery(), current_setting('wal_level'), current_setting('synchronous_commit'), \
        current_setting('wal_writer_delay'), current_setting('fsync') = 'on', \
        current_setting('max_replication_slots')::int8, (SELECT count(*) FROM pg_replication_slots), \
        current_setting('max_wal_senders')::int8, (SELECT count(*) FROM pg_stat_replication), \
        current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8, \
        (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND pid <> pg_backend_pid()), \
        (SELECT count(*) FROM pg_replication_slots WHERE active AND slot_type = 'logical' AND database = current_database())";
    const INACTIVE: &str = "SELECT slot_name::text, \
        CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8 END \
        FROM pg_replication_slots WHERE NOT active ORDER BY 1";
    const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8";
    let client = connection.client();
    let row = client.query_typed_one(SERVER, &[]).await.map_err(|error| unanswered(&error))?;
    let slots = client.query_typed(INACTIVE, &[]).await.map_err(|error| unanswered(&error))?;
    let before = clock.now();
    let answer = client.query_typed_one(CLOCK, &[]).await.map_err(|error| unanswered(&error))?;
    let after = clock.now();
    let count = |index: usize| u64::try_from(row.get::<_, i64>(index)).unwrap_or(0);
    let inactive = slots.iter().map(|row| InactiveSlot {
        name: row.get(0),
        held_bytes: row.get::<_, Option<i64>>(1).and_then(|bytes| u64::try_from(bytes).ok()),
    });
    Ok(Inspected {
        peer: connection.peer().clone(),
        checked,
        is_pooled: false,
        version: row.get(0),
        version_number: u32::try_from(count(1)).unwrap_or(0),
        in_recovery: row.get(2),
        wal_level: row.get(3),
        synchronous_commit: row.get(4),
        wal_writer_delay: row.get(5),
        fsync: row.get(6),
        slots: Limit { max: count(7), used: count(8) },
        senders: Limit { max: count(9), used: count(10) },
        connections: Limit { max: count(11), used: count(12) },
        active_slots: count(13),
        inactive: inactive.collect(),
        test: None,
        clock_offset: offset(before, after, UnixNanos(answer.get::<_, i64>(0) * 1_000)),
    })
}

/// The replica identity of each table of a model that exists.
///
/// # Errors
/// PostgreSQL does not answer; 107.
pub(super) async fn identities(connection: &Connection, model: &[Entity]) -> Result<Vec<Identity>, Failure> {
    const IDENTITY: &str = "SELECT c.relreplident::text, EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) \
        FROM pg_class c WHERE c.oid = to_regclass($1)";
    let mut identities = Vec::new();
    for entity in model {
        let found =
            connection.client().query_typed_opt(IDENTITY, &[(&entity.table.quoted(), Type::TEXT)]).await;
        if let Some(row) = found.map_err(|error| unanswered(&error))? {
            identities.push(Identity {
                table: entity.table.to_string(),
                kind: row.get::<_, &str>(0).chars().next().unwrap_or('d'),
                has_primary_key: row.get(1),
            });
        }
    }
    Ok(identities)
}

/// The server's clock minus ours, read somewhere between the question and its answer.
fn offset(before: UnixNanos, after: UnixNanos, server: UnixNanos) -> (Nanos, Nanos) {
    let half = Nanos((after - before).0 / 2);
    (server - (before + half), half + Nanos(1_000))
}

fn unanswered(error: &tokio_postgres::Error) -> Failure {
    Failure::run(format!("PostgreSQL does not answer: {}", describe(error)))
}
