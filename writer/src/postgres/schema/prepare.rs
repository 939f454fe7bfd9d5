//! Makes the tables and stamp columns that are missing, and nothing else.
//!
//! A table that others use is not held up: each lock is waited for shortly, then everything queued behind it goes first.
//! Each table is a transaction of its own, so that none is locked while another's lock is waited for, and so that
//! nothing is left in a session that a pooler gives to somebody else.

use std::time::Duration;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Entity, quoted};
use streamgauge_shared::time::Nanos;
use tokio::time::sleep;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::catalogue::{self, Found, Server, Table};
use super::check;
use super::holders::{self, PREPARE_LOCK, Wanted};
use crate::postgres::{Connection, Writes, describe, sql};

/// How often a lock is asked for.
const ATTEMPTS: u32 = 5;
/// The pause before the second attempt; doubled for each further one. Long enough for what had queued up behind the
/// lock that was asked for.
const PAUSE: Duration = Duration::from_millis(500);

/// Why an attempt came to nothing.
enum NotMade {
    /// Somebody holds a lock of these that is needed.
    InUse(Wanted),
    /// For good.
    Failed(Failure),
}

/// Creates missing tables and stamp columns; returns a sentence for each thing done. May be repeated. No lock is waited
/// for longer than `lock_timeout` at a time, and five times at most.
///
/// # Errors
/// A table stays in use: by whom, exit code 107. Without permission: the GRANT that is missing, exit code 107. Otherwise
/// as [`check`].
pub async fn prepare(
    connection: &Connection,
    entities: &[Writes],
    server: &Server,
    test: &str,
    lock_timeout: Nanos,
) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    // In the model's order: what a table refers to is there before it.
    let model: Vec<Entity> = entities.iter().map(|writes| writes.entity.clone()).collect();
    for entity in &model {
        let mut pause = PAUSE;
        let mut attempt = 1;
        let made = loop {
            let made = in_transaction(connection, entity, &model, server, lock_timeout).await;
            let wanted = match made {
                Ok(made) => break made,
                Err(NotMade::Failed(failure)) => return Err(failure),
                Err(NotMade::InUse(wanted)) => wanted,
            };
            if attempt == ATTEMPTS {
                let waited = format!("{ATTEMPTS} times {lock_timeout}");
                return Err(holders::in_use(connection, entity, &model, wanted, &waited).await);
            }
            tracing::info!(
                "table '{}' is in use, its lock was not to be had within {lock_timeout}: asking again in {} s",
                entity.table,
                pause.as_secs_f64()
            );
            sleep(pause).await;
            (pause, attempt) = (pause * 2, attempt + 1);
        };
        done.extend(made);
    }
    check(connection, entities, server, test).await?;
    Ok(done)
}

/// One attempt at one table, which leaves no transaction behind.
async fn in_transaction(
    connection: &Connection,
    entity: &Entity,
    model: &[Entity],
    server: &Server,
    lock_timeout: Nanos,
) -> Result<Option<String>, NotMade> {
    // PostgreSQL counts in milliseconds, and 0 would be without end.
    let timeout_ms = (lock_timeout.0 / 1_000_000).max(1);
    let begin =
        format!("BEGIN; SET LOCAL lock_timeout = {timeout_ms}; SELECT pg_advisory_xact_lock({PREPARE_LOCK})");
    // Several writers of one run may be started at once, and CREATE TABLE IF NOT EXISTS alone is no protection:
    // two at the same time violate the catalogue's unique index.
    let client = connection.client();
    let made = match client.batch_execute(&begin).await {
        Ok(()) => make(connection, entity, model, server).await,
        Err(error) => Err(NotMade::of(&error, Wanted::Prepare, || {
            Failure::run(format!("tables cannot be prepared: {}", describe(&error)))
        })),
    };
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = client.batch_execute(end).await;
    let made = made?;
    ended.map_err(|error| {
        NotMade::Failed(Failure::run(format!("tables cannot be prepared: {}", describe(&error))))
    })?;
    Ok(made)
}

/// Makes what is missing of a table, in a transaction.
async fn make(
    connection: &Connection,
    entity: &Entity,
    model: &[Entity],
    server: &Server,
) -> Result<Option<String>, NotMade> {
    let name = &entity.table;
    match catalogue::find(connection, name).await.map_err(NotMade::Failed)? {
        Found::Nothing => {
            let created = connection.client().batch_execute(&sql::create_table(entity, model)).await;
            created.map_err(|error| {
                NotMade::of(&error, Wanted::Parents, || not_created(&error, entity, server))
            })?;
            Ok(Some(format!("created table '{name}'")))
        }
        Found::Table(table) if !table.has(&entity.stamp) && table.in_other_case(&entity.stamp).is_none() => {
            // Without a default no row is rewritten: the lock is held for a moment, once it is to be had.
            let added = connection.client().batch_execute(&sql::add_stamp(entity)).await;
            added.map_err(|error| {
                NotMade::of(&error, Wanted::Table, || not_altered(&error, entity, &table, server))
            })?;
            Ok(Some(format!("added column '{}' to table '{name}'", entity.stamp)))
        }
        // Whatever is wrong with it, `check` says so; nothing is made beside it.
        Found::Table(_) | Found::NotATable(_) | Found::OtherCase(_) => Ok(None),
    }
}

impl NotMade {
    /// Whether it was a lock, or for good.
    fn of(error: &Error, wanted: Wanted, failure: impl FnOnce() -> Failure) -> Self {
        match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => Self::InUse(wanted),
            _ => Self::Failed(failure()),
        }
    }
}

fn not_created(error: &Error, entity: &Entity, server: &Server) -> Failure {
    let (table, role) = (&entity.table, &server.role);
    let schema = table.schema.as_ref().unwrap_or(&server.schema);
    let (schema_sql, role_sql) = (quoted(schema), quoted(role));
    Failure::run(match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => format!(
            "role '{role}' may not create table '{table}' in schema '{schema}': GRANT CREATE ON SCHEMA {schema_sql} TO {role_sql}, or create the table as its owner"
        ),
        Some(&SqlState::INVALID_SCHEMA_NAME) => format!(
            "schema '{schema}' of table '{table}' does not exist: CREATE SCHEMA {schema_sql} AUTHORIZATION {role_sql}"
        ),
        _ => format!("table '{table}' cannot be created: {}", describe(error)),
    })
}

fn not_altered(error: &Error, entity: &Entity, table: &Table, server: &Server) -> Failure {
    let (name, stamp, role, owner) = (&entity.table, &entity.stamp, &server.role, &table.owner);
    Failure::run(match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => format!(
            "role '{role}' may not add column '{stamp}' to table '{name}', which belongs to '{owner}': GRANT {} TO {}, or as '{owner}': {}",
            quoted(owner),
            quoted(role),
            sql::add_stamp(entity)
        ),
        _ => format!("column '{stamp}' cannot be added to table '{name}': {}", describe(error)),
    })
}
