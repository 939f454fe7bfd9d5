//! What has to be true of PostgreSQL before a run, and what is known of it then.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Generator, Model};

use super::connect;
use crate::cli::Run;
use crate::postgres::{ConnectError, Connection, Peer, Session, describe, numbers, pooler, schema};
use crate::probe::{self, Inserted};

/// What is known of PostgreSQL once its tables are as the test needs them.
pub(super) struct Prepared {
    pub(super) version: String,
    /// Which PostgreSQL it is.
    pub(super) peer: Peer,
    /// The greatest number of each table's key.
    pub(super) greatest_numbers: Vec<Option<i64>>,
}

/// Checks the tables, or makes what is missing. `writes` is how the run's own sessions are.
///
/// # Errors
/// PostgreSQL cannot be reached, takes no writes, or has other tables than the model says.
pub(super) async fn prepare(writes: &Session, model: &Model, options: &Run) -> Result<Prepared, Failure> {
    // A session that prepares no statement, because the tables may not be there yet, and sets nothing, because it may be a
    // pooler's.
    let session = Session { entities: [].into(), synchronous_commit: None, ..writes.clone() };
    let (connection, server) = connect(&session).await?;
    // Later it would be an outage, which is measured; at the start it is the wrong server.
    let may_write = connection.may_write().await;
    if !may_write.map_err(|error| ConnectError::of_session(error).failure(&session.address))? {
        return Err(Failure::run(format!(
            "PostgreSQL at {} takes no writes: it is a standby, or default_transaction_read_only is on; give the primary, or several hosts with target_session_attrs=read-write",
            connection.peer()
        )));
    }
    if pooler::is_between(&connection, &session).await {
        pooled(&connection, writes).await?;
    }
    let (entities, name) = (&writes.entities, options.test.display().to_string());
    if options.prepare {
        let lock_timeout = options.locks.lock_timeout;
        for line in schema::prepare(&connection, entities, &server, &name, lock_timeout).await? {
            tracing::info!("{line}");
        }
    } else {
        schema::check(&connection, entities, &server, &name).await?;
    }
    let (version, peer) = (server.version, connection.peer().clone());
    let greatest_numbers = numbers::greatest(&connection, entities).await?;
    if probe::is_needed(&connection, entities).await? {
        routed(writes, model, &greatest_numbers).await?;
    }
    connection.close().await;
    Ok(Prepared { version, peer, greatest_numbers })
}

/// Sets a run up for a pooler in transaction mode: nothing is left in a session, which may be anybody's next.
async fn pooled(connection: &Connection, writes: &Session) -> Result<(), Failure> {
    writes.learned.give_up_names();
    tracing::warn!(
        "PostgreSQL at {} is behind a pooler in transaction mode: each statement is parsed anew, which costs time and is in pg_write_duration",
        connection.peer()
    );
    let found = connection.synchronous_commit().await.map_err(|error| {
        Failure::run(format!("PostgreSQL does not say how it commits: {}", describe(&error)))
    })?;
    // Whatever waits at all waits for this server's own disk.
    let (is_on, wanted) = (found != "off", writes.synchronous_commit);
    if wanted.is_none_or(|wanted| wanted == is_on) {
        return Ok(());
    }
    let wanted = if is_on { "off" } else { "on" };
    Err(Failure::run(format!(
        "PostgreSQL at {} has synchronous_commit = {found}, the test wants {wanted}, and behind a pooler in transaction mode no session can set it: ALTER ROLE … SET synchronous_commit = {wanted}, or write synchronous_commit = {is_on} in the test",
        connection.peer()
    )))
}

/// Learns of which tables "0 rows" means that a trigger has put the row elsewhere.
///
/// # Errors
/// It means that no row is there: nothing that is written could be counted.
async fn routed(writes: &Session, model: &Model, greatest: &[Option<i64>]) -> Result<(), Failure> {
    let connection = writes.connect().await.map_err(|error| error.failure(&writes.address))?;
    let probed = probe::probe(&connection, &writes.entities, model, greatest).await;
    connection.close().await;
    let (mut elsewhere, mut uncountable) = (Vec::new(), Vec::new());
    for (index, (probed, entity)) in probed?.iter().zip(&model.entities).enumerate() {
        let by_database = entity.columns.iter().any(|column| column.generator == Generator::Database);
        uncountable.extend(probed.uncountable(by_database));
        if probed.inserted == Inserted::Elsewhere {
            elsewhere.push(index);
        }
    }
    if !uncountable.is_empty() {
        return Err(Failure::run(uncountable.join("\n")));
    }
    writes.learned.routes(elsewhere);
    Ok(())
}
