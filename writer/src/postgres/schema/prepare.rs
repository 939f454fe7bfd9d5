//! Makes the tables and stamp columns that are missing, and nothing else.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{Entity, quoted};
use tokio_postgres::error::SqlState;

use super::catalogue::{self, Found, Server, Table};
use super::check;
use crate::postgres::{Connection, Writes, describe, sql};

/// The advisory lock that `prepare` holds: any number will do that is always the same.
const PREPARE_LOCK: i64 = 0x7374_7265_616d;

/// Creates missing tables and stamp columns; returns a sentence for each thing done. May be repeated.
///
/// # Errors
/// Without permission: the GRANT that is missing, exit code 107. Otherwise as [`check`].
pub async fn prepare(
    connection: &Connection,
    entities: &[Writes],
    server: &Server,
    test: &str,
) -> Result<Vec<String>, Failure> {
    let mut done = Vec::new();
    // Several writers of one run may be started at once, and CREATE TABLE IF NOT EXISTS alone is no protection:
    // two at the same time violate the catalogue's unique index. Ends with the session, if not before.
    let lock = |function: &str| format!("SELECT {function}({PREPARE_LOCK})");
    let alone = |error| Failure::run(format!("tables cannot be prepared: {}", describe(&error)));
    connection.client().batch_execute(&lock("pg_advisory_lock")).await.map_err(alone)?;
    // In the model's order: what a table refers to is there before it.
    let model: Vec<Entity> = entities.iter().map(|writes| writes.entity.clone()).collect();
    for entity in &model {
        let name = &entity.table;
        match catalogue::find(connection, name).await? {
            Found::Nothing => {
                let created = connection.client().batch_execute(&sql::create_table(entity, &model)).await;
                created.map_err(|error| not_created(&error, entity, server))?;
                done.push(format!("created table '{name}'"));
            }
            Found::Table(table)
                if !table.has(&entity.stamp) && table.in_other_case(&entity.stamp).is_none() =>
            {
                let added = connection.client().batch_execute(&sql::add_stamp(entity)).await;
                added.map_err(|error| not_altered(&error, entity, &table, server))?;
                done.push(format!("added column '{}' to table '{name}'", entity.stamp));
            }
            // Whatever is wrong with it, `check` says so; nothing is made beside it.
            Found::Table(_) | Found::NotATable(_) | Found::OtherCase(_) => {}
        }
    }
    connection.client().batch_execute(&lock("pg_advisory_unlock")).await.map_err(alone)?;
    check(connection, entities, server, test).await?;
    Ok(done)
}

fn not_created(error: &tokio_postgres::Error, entity: &Entity, server: &Server) -> Failure {
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

fn not_altered(error: &tokio_postgres::Error, entity: &Entity, table: &Table, server: &Server) -> Failure {
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
