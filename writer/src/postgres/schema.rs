//! Whether the tables are as the model says, and making what is missing.
//!
//! `check` changes nothing. `prepare` creates missing tables and stamp columns, and nothing else: a column
//! that a user's own table lacks, or has with another type, or another primary key, is told, not changed.

use std::fmt;

use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::test_file::{ColumnType, Entity};
use tokio_postgres::error::SqlState;

use super::describe;
use super::{Connection, Writes, sql};

/// The advisory lock that `prepare` holds: any number will do that is always the same.
const PREPARE_LOCK: i64 = 0x7374_7265_616d;

/// What is known of the server and our role in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `server_version`, as in `16.2`.
    pub version: String,
    /// `wal_level`; anything but `logical` gives a pipeline nothing to decode.
    pub wal_level: String,
    /// The role.
    pub role: String,
    /// The schema that takes new tables.
    pub schema: String,
}

/// What is known of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    columns: Vec<TableColumn>,
    owner: String,
    /// Privileges of SELECT, INSERT, UPDATE and DELETE that our role lacks.
    lacking: Vec<&'static str>,
    /// Columns of the primary key; empty where there is none.
    key: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TableColumn {
    name: String,
    kind: String,
    not_null: bool,
    has_default: bool,
}

/// One thing that stands between a model and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoTable { table: String },
    NoStamp { table: String, column: String },
    NoColumn { table: String, column: String, kind: &'static str },
    Kind { table: String, column: String, found: String, wanted: &'static str },
    Unfilled { table: String, column: String },
    Key { table: String, found: Vec<String>, wanted: Vec<String> },
    NoPrivilege { table: String, role: String, lacking: Vec<&'static str> },
}

impl Problem {
    /// Whether `prepare` would solve it.
    fn is_prepared(&self) -> bool {
        matches!(self, Self::NoTable { .. } | Self::NoStamp { .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTable { table } => write!(f, "table '{table}' does not exist"),
            Self::NoStamp { table, column } => {
                write!(f, "table '{table}' has no column '{column}' of type text for the stamp")
            }
            Self::NoColumn { table, column, kind } => write!(
                f,
                "table '{table}' has no column '{column}': add it as {kind}, or remove it from the model"
            ),
            Self::Kind { table, column, found, wanted } => write!(
                f,
                "column '{column}' of table '{table}' is {found}, the model needs {wanted}: change one of them"
            ),
            Self::Unfilled { table, column } => write!(
                f,
                "column '{column}' of table '{table}' is NOT NULL without a default and not in the model: add it to the model, or give it a default"
            ),
            Self::Key { table, found, wanted } if found.is_empty() => write!(
                f,
                "table '{table}' has no primary key, the model's key is ({0}): ALTER TABLE {table} ADD PRIMARY KEY ({0})",
                wanted.join(", ")
            ),
            Self::Key { table, found, wanted } => write!(
                f,
                "the primary key of table '{table}' is ({}), the model's key is ({}): correct 'key' in the model",
                found.join(", "),
                wanted.join(", ")
            ),
            Self::NoPrivilege { table, role, lacking } => write!(
                f,
                "role '{role}' may not {} on table '{table}': GRANT {} ON {table} TO {role}",
                lacking.join(", "),
                lacking.join(", ")
            ),
        }
    }
}

/// Asks about the server.
///
/// # Errors
/// PostgreSQL does not answer; exit code 107.
pub async fn server(connection: &Connection) -> Result<Server, Failure> {
    let query = "SELECT current_setting('server_version'), current_setting('wal_level'), current_user::text, coalesce(current_schema()::text, 'public')";
    let row = connection.client().query_one(query, &[]).await.map_err(unanswered)?;
    Ok(Server { version: row.get(0), wal_level: row.get(1), role: row.get(2), schema: row.get(3) })
}

/// Whether every table is as the model says.
///
/// # Errors
/// Every problem at once, one sentence a line, with the way out; exit code 104, or 107 for missing privileges.
pub async fn check(
    connection: &Connection,
    entities: &[Writes],
    server: &Server,
    test: &str,
) -> Result<(), Failure> {
    let mut all = Vec::new();
    for writes in entities {
        all.extend(problems(writes, table(connection, &writes.entity).await?.as_ref(), &server.role));
    }
    if all.is_empty() {
        return Ok(());
    }
    let only_privileges = all.iter().all(|problem| matches!(problem, Problem::NoPrivilege { .. }));
    let exit_code = if only_privileges { ExitCode::RunFailed } else { ExitCode::InvalidConfiguration };
    let sentence = |problem: &Problem| {
        let way_out = format!(": run again with --prepare, or first 'streamgauge-writer prepare {test}'");
        format!("{problem}{}", if problem.is_prepared() { way_out.as_str() } else { "" })
    };
    Err(Failure { exit_code, sentence: all.iter().map(sentence).collect::<Vec<_>>().join("\n") })
}

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
        match table(connection, entity).await? {
            None => {
                let created = connection.client().batch_execute(&sql::create_table(entity, &model)).await;
                created.map_err(|error| not_created(&error, entity, server))?;
                done.push(format!("created table '{name}'"));
            }
            Some(table) if !table.columns.iter().any(|column| is_named(column, &entity.stamp)) => {
                let added = connection.client().batch_execute(&sql::add_stamp(entity)).await;
                added.map_err(|error| not_altered(&error, entity, &table, server))?;
                done.push(format!("added column '{}' to table '{name}'", entity.stamp));
            }
            Some(_) => {}
        }
    }
    connection.client().batch_execute(&lock("pg_advisory_unlock")).await.map_err(alone)?;
    check(connection, entities, server, test).await?;
    Ok(done)
}

fn not_created(error: &tokio_postgres::Error, entity: &Entity, server: &Server) -> Failure {
    let (table, role) = (&entity.table, &server.role);
    let schema = table.rsplit_once('.').map_or(server.schema.as_str(), |(schema, _)| schema);
    Failure::run(match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => format!(
            "role '{role}' may not create table '{table}' in schema '{schema}': GRANT CREATE ON SCHEMA {schema} TO {role}, or create the table as its owner"
        ),
        Some(&SqlState::INVALID_SCHEMA_NAME) => format!(
            "schema '{schema}' of table '{table}' does not exist: CREATE SCHEMA {schema} AUTHORIZATION {role}"
        ),
        _ => format!("table '{table}' cannot be created: {}", describe(error)),
    })
}

fn not_altered(error: &tokio_postgres::Error, entity: &Entity, table: &Table, server: &Server) -> Failure {
    let (name, stamp, role, owner) = (&entity.table, &entity.stamp, &server.role, &table.owner);
    Failure::run(match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => format!(
            "role '{role}' may not add column '{stamp}' to table '{name}', which belongs to '{owner}': GRANT {owner} TO {role}, or as '{owner}': {}",
            sql::add_stamp(entity)
        ),
        _ => format!("column '{stamp}' cannot be added to table '{name}': {}", describe(error)),
    })
}

/// What PostgreSQL's catalogue says of an entity's table.
async fn table(connection: &Connection, entity: &Entity) -> Result<Option<Table>, Failure> {
    const TABLE: &str = "SELECT c.oid, pg_get_userbyid(c.relowner)::text, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE') FROM pg_class c WHERE c.oid = to_regclass($1)";
    const COLUMNS: &str = "SELECT attname::text, format_type(atttypid, NULL), attnotnull, atthasdef OR attidentity <> '' FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    const KEY: &str = "SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.place";
    let client = connection.client();
    let name = sql::quoted(&entity.table);
    let Some(row) = client.query_opt(TABLE, &[&name]).await.map_err(unanswered)? else { return Ok(None) };
    let oid: u32 = row.get(0);
    let privileges = [("SELECT", 2), ("INSERT", 3), ("UPDATE", 4), ("DELETE", 5)];
    let lacking =
        privileges.into_iter().filter(|(_, index)| !row.get::<_, bool>(*index)).map(|(name, _)| name);
    let columns = client.query(COLUMNS, &[&oid]).await.map_err(unanswered)?;
    let key = client.query(KEY, &[&oid]).await.map_err(unanswered)?;
    let column = |row: &tokio_postgres::Row| TableColumn {
        name: row.get(0),
        kind: row.get(1),
        not_null: row.get(2),
        has_default: row.get(3),
    };
    Ok(Some(Table {
        owner: row.get(1),
        lacking: lacking.collect(),
        columns: columns.iter().map(column).collect(),
        key: key.iter().map(|row| row.get(0)).collect(),
    }))
}

/// The problems of one entity. Pure.
fn problems(writes: &Writes, table: Option<&Table>, role: &str) -> Vec<Problem> {
    let entity = &writes.entity;
    let name = || entity.table.clone();
    let Some(table) = table else { return vec![Problem::NoTable { table: name() }] };
    let mut problems = Vec::new();
    // A test without updates of the table does not need to be allowed to make them.
    let needed = |name: &&&str| **name != "UPDATE" || !writes.updates.is_empty();
    let lacking: Vec<&str> = table.lacking.iter().filter(needed).copied().collect();
    if !lacking.is_empty() {
        problems.push(Problem::NoPrivilege { table: name(), role: role.to_owned(), lacking });
    }
    let wanted = entity.columns.iter().map(|column| (&column.name, column.kind));
    for (column, kind) in wanted.chain([(&entity.stamp, ColumnType::Text)]) {
        let found = table.columns.iter().find(|found| is_named(found, column));
        match found {
            None if *column == entity.stamp => {
                problems.push(Problem::NoStamp { table: name(), column: column.clone() });
            }
            None => {
                problems.push(Problem::NoColumn { table: name(), column: column.clone(), kind: kind.sql() })
            }
            Some(found) if !takes(kind, &found.kind) => problems.push(Problem::Kind {
                table: name(),
                column: column.clone(),
                found: found.kind.clone(),
                wanted: kind.sql(),
            }),
            Some(_) => {}
        }
    }
    let wanted: Vec<String> = entity.key_columns().map(|column| column.name.to_lowercase()).collect();
    let mut sorted = [wanted.clone(), table.key.clone()];
    sorted.iter_mut().for_each(|key| key.sort_unstable());
    if sorted[0] != sorted[1] {
        problems.push(Problem::Key { table: name(), found: table.key.clone(), wanted });
    }
    let in_model = |column: &&TableColumn| {
        is_named(column, &entity.stamp) || entity.columns.iter().any(|own| is_named(column, &own.name))
    };
    for column in table.columns.iter().filter(|column| column.not_null && !column.has_default) {
        if !in_model(&column) {
            problems.push(Problem::Unfilled { table: name(), column: column.name.clone() });
        }
    }
    problems
}

/// Names of a model are folded as PostgreSQL folds unquoted ones.
fn is_named(column: &TableColumn, name: &str) -> bool {
    column.name == name.to_lowercase()
}

fn takes(wanted: ColumnType, found: &str) -> bool {
    match wanted {
        ColumnType::Uuid => found == "uuid",
        ColumnType::Text => matches!(found, "text" | "character varying" | "character"),
        ColumnType::Jsonb => matches!(found, "jsonb" | "json"),
        _ => found == wanted.sql(),
    }
}

fn unanswered(error: tokio_postgres::Error) -> Failure {
    Failure::run(format!("PostgreSQL did not answer a question about its tables: {}", describe(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_source::tests::shop;

    fn column(name: &str, kind: &str) -> TableColumn {
        TableColumn { name: name.into(), kind: kind.into(), not_null: true, has_default: false }
    }

    fn said(table: Option<&Table>) -> Vec<String> {
        problems(&Writes::of(&shop())[0], table, "app").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_as_the_model_says_has_no_problem() {
        let mut table = Table {
            columns: vec![
                column("id", "uuid"),
                column("email", "character varying"),
                column("status", "text"),
            ],
            key: vec!["id".into()],
            // The test updates nothing.
            lacking: vec!["UPDATE"],
            ..Table::default()
        };
        table.columns.push(TableColumn { not_null: false, ..column("cdc_stamp", "text") });
        table.columns.push(TableColumn { has_default: true, ..column("created_at", "timestamp") });
        assert_eq!(said(Some(&table)), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_one_sentence() {
        assert_eq!(said(None), ["table 'customers' does not exist"]);
        let table = Table {
            columns: vec![column("id", "bigint"), column("status", "text"), column("region", "text")],
            lacking: vec!["INSERT", "DELETE"],
            ..Table::default()
        };
        assert_eq!(
            said(Some(&table)),
            [
                "role 'app' may not INSERT, DELETE on table 'customers': GRANT INSERT, DELETE ON customers TO app",
                "column 'id' of table 'customers' is bigint, the model needs uuid: change one of them",
                "table 'customers' has no column 'email': add it as text, or remove it from the model",
                "table 'customers' has no column 'cdc_stamp' of type text for the stamp",
                "table 'customers' has no primary key, the model's key is (id): ALTER TABLE customers ADD PRIMARY KEY (id)",
                "column 'region' of table 'customers' is NOT NULL without a default and not in the model: add it to the model, or give it a default",
            ]
        );
    }

    #[test]
    fn a_composite_key_is_the_models_in_any_order_and_updates_need_their_privilege() {
        let entity = crate::entity::tests::bookings().entities.remove(1);
        let mut columns: Vec<TableColumn> =
            entity.columns.iter().map(|own| column(&own.name, own.kind.sql())).collect();
        columns.push(column("cdc_stamp", "text"));
        columns[8].kind = "json".into();
        let key = vec!["number".to_owned(), "region".to_owned()];
        let mut table = Table { columns, key, lacking: vec!["UPDATE"], ..Table::default() };
        let writes = Writes { entity, updates: vec![vec![3]] };
        let said = |table: &Table| -> Vec<String> {
            problems(&writes, Some(table), "app").iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            said(&table),
            ["role 'app' may not UPDATE on table 'bookings': GRANT UPDATE ON bookings TO app"]
        );
        table.lacking.clear();
        table.key.pop();
        assert_eq!(
            said(&table),
            [
                "the primary key of table 'bookings' is (number), the model's key is (region, number): correct 'key' in the model"
            ]
        );
    }
}
