//! What has to be true of PostgreSQL before a run, and what is known of it then.

use streamgauge_shared::exit_code::Failure;

use super::connect;
use crate::cli::Run;
use crate::postgres::{ConnectError, Peer, Session, numbers, schema};

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
pub(super) async fn prepare(writes: &Session, options: &Run) -> Result<Prepared, Failure> {
    // A session that prepares no statement: the tables may not be there yet.
    let session = Session { entities: [].into(), ..writes.clone() };
    let (connection, server) = connect(&session).await?;
    // Later it would be an outage, which is measured; at the start it is the wrong server.
    let may_write = connection.may_write().await;
    if !may_write.map_err(|error| ConnectError::of_session(error).failure(&session.address))? {
        return Err(Failure::run(format!(
            "PostgreSQL at {} takes no writes: it is a standby, or default_transaction_read_only is on; give the primary, or several hosts with target_session_attrs=read-write",
            connection.peer()
        )));
    }
    let (entities, name) = (&writes.entities, options.test.display().to_string());
    if options.prepare {
        for line in schema::prepare(&connection, entities, &server, &name).await? {
            tracing::info!("{line}");
        }
    } else {
        schema::check(&connection, entities, &server, &name).await?;
    }
    let (version, peer) = (server.version, connection.peer().clone());
    let greatest_numbers = numbers::greatest(&connection, entities).await?;
    connection.close().await;
    Ok(Prepared { version, peer, greatest_numbers })
}
