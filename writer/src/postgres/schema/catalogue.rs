//! What PostgreSQL's catalogue says of the server and of a table.
//!
//! Like every question that is not the load, these are statements without a name: a pooler may give each another session.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::QualifiedName;
use tokio_postgres::types::{ToSql, Type};

use super::column_types::{self, FoundType};
use crate::postgres::{Connection, describe};

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

/// What the catalogue has of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A table, partitioned or not.
    Table(Table),
    /// Something else that rows cannot be measured in.
    NotATable(Relation),
    /// Nothing of this name, but these, which differ from it in letter case only.
    OtherCase(Vec<QualifiedName>),
    /// Nothing.
    Nothing,
}

/// What is no table, though it has columns like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    View,
    MaterializedView,
    ForeignTable,
    /// A sequence, an index or a composite type.
    Other,
}

/// What is known of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) columns: Vec<TableColumn>,
    pub(super) owner: String,
    /// Privileges of SELECT, INSERT, UPDATE and DELETE that our role lacks.
    pub(super) lacking: Vec<&'static str>,
    /// Columns of the primary key; empty where there is none.
    pub(super) key: Vec<String>,
    /// Each other unique index over whole rows and columns that are NOT NULL.
    pub(super) unique: Vec<UniqueIndex>,
    /// Whether the log has the whole old row of an update or delete: REPLICA IDENTITY FULL.
    pub(super) logs_whole_rows: bool,
}

/// A unique index that could stand in for a primary key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UniqueIndex {
    /// Its name, without the schema, which is the table's.
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    /// Whether the log identifies rows by it: REPLICA IDENTITY USING INDEX.
    pub(crate) is_identity: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableColumn {
    pub(super) name: String,
    pub(super) found: FoundType,
    pub(super) not_null: bool,
    /// A default, an identity, or a generated value.
    pub(super) has_default: bool,
    /// What refuses a value of ours.
    pub(super) refuses: Option<Refuses>,
}

/// Why a column takes no value but the server's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refuses {
    /// `GENERATED ALWAYS AS IDENTITY`
    Identity,
    /// `GENERATED ALWAYS AS (…) STORED`
    Generated,
}

impl Table {
    /// Whether there is a column of exactly this name.
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|found| found.name == column)
    }

    /// A column whose name differs from this one in letter case only.
    pub(super) fn in_other_case(&self, column: &str) -> Option<&str> {
        let folded = column.to_lowercase();
        let mut names = self.columns.iter().map(|found| found.name.as_str());
        names.find(|name| *name != column && name.to_lowercase() == folded)
    }
}

/// Asks about the server.
///
/// # Errors
/// PostgreSQL does not answer; exit code 107.
pub async fn server(connection: &Connection) -> Result<Server, Failure> {
    const SERVER: &str = "SELECT current_setting('server_version'), current_setting('wal_level'), current_user::text, coalesce(current_schema()::text, 'public')";
    let row = connection.client().query_typed_one(SERVER, &[]).await.map_err(unanswered)?;
    Ok(Server { version: row.get(0), wal_level: row.get(1), role: row.get(2), schema: row.get(3) })
}

/// Asks about a table.
///
/// # Errors
/// PostgreSQL does not answer; exit code 107.
pub(super) async fn find(connection: &Connection, name: &QualifiedName) -> Result<Found, Failure> {
    const RELATION: &str = "SELECT c.oid, c.relkind::text, pg_get_userbyid(c.relowner)::text, has_table_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'), c.relreplident = 'f' FROM pg_class c WHERE c.oid = to_regclass($1)";
    const COLUMNS: &str = "SELECT attname::text, atttypid, atttypmod, format_type(atttypid, atttypmod), attnotnull, atthasdef OR attidentity <> '', attidentity = 'a', attgenerated <> '' FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    const KEY: &str = "SELECT a.attname::text FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE i.indrelid = $1 AND i.indisprimary ORDER BY k.place";
    const UNIQUE: &str = "SELECT x.relname::text, array_agg(a.attname::text ORDER BY k.place), i.indisreplident FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND NOT i.indisprimary AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts GROUP BY i.indexrelid, x.relname, i.indisreplident HAVING bool_and(a.attnotnull) ORDER BY i.indexrelid";
    let client = connection.client();
    let row = client.query_typed_opt(RELATION, &[(&name.quoted(), Type::TEXT)]).await.map_err(unanswered)?;
    let Some(row) = row else {
        let others = in_other_case(connection, name).await?;
        return Ok(if others.is_empty() { Found::Nothing } else { Found::OtherCase(others) });
    };
    match row.get::<_, &str>(1) {
        "r" | "p" => {}
        "v" => return Ok(Found::NotATable(Relation::View)),
        "m" => return Ok(Found::NotATable(Relation::MaterializedView)),
        "f" => return Ok(Found::NotATable(Relation::ForeignTable)),
        _ => return Ok(Found::NotATable(Relation::Other)),
    }
    let oid: u32 = row.get(0);
    let privileges = [("SELECT", 3), ("INSERT", 4), ("UPDATE", 5), ("DELETE", 6)];
    let lacking =
        privileges.into_iter().filter(|(_, index)| !row.get::<_, bool>(*index)).map(|(name, _)| name);
    let columns = client.query_typed(COLUMNS, &[(&oid, Type::OID)]).await.map_err(unanswered)?;
    let key = client.query_typed(KEY, &[(&oid, Type::OID)]).await.map_err(unanswered)?;
    let unique = client.query_typed(UNIQUE, &[(&oid, Type::OID)]).await.map_err(unanswered)?;
    let types = column_types::of_table(connection, oid).await?;
    let column = |row: &tokio_postgres::Row| TableColumn {
        name: row.get(0),
        found: column_types::resolve(&types, row.get(1), row.get(2), row.get(3)),
        not_null: row.get(4),
        has_default: row.get(5),
        refuses: match (row.get(6), row.get(7)) {
            (true, _) => Some(Refuses::Identity),
            (_, true) => Some(Refuses::Generated),
            (false, false) => None,
        },
    };
    let index = |row: &tokio_postgres::Row| UniqueIndex {
        name: row.get(0),
        columns: row.get(1),
        is_identity: row.get(2),
    };
    Ok(Found::Table(Table {
        owner: row.get(2),
        lacking: lacking.collect(),
        columns: columns.iter().map(column).collect(),
        key: key.iter().map(|row| row.get(0)).collect(),
        unique: unique.iter().map(index).collect(),
        logs_whole_rows: row.get(7),
    }))
}

/// What a statement could have meant by this name, had it not been quoted or quoted otherwise.
async fn in_other_case(connection: &Connection, name: &QualifiedName) -> Result<Vec<QualifiedName>, Failure> {
    const OTHERS: &str = "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND lower(c.relname) = lower($1) AND CASE WHEN $2::text IS NULL THEN n.nspname = ANY (current_schemas(false)) ELSE lower(n.nspname) = lower($2) END ORDER BY 1, 2";
    let names: [(&(dyn ToSql + Sync), Type); 2] = [(&name.name, Type::TEXT), (&name.schema, Type::TEXT)];
    let rows = connection.client().query_typed(OTHERS, &names).await.map_err(unanswered)?;
    let other = |row: &tokio_postgres::Row| QualifiedName {
        schema: name.schema.as_ref().map(|_| row.get(0)),
        name: row.get(1),
    };
    Ok(rows.iter().map(other).collect())
}

pub(super) fn unanswered(error: tokio_postgres::Error) -> Failure {
    Failure::run(format!("PostgreSQL did not answer a question about its tables: {}", describe(&error)))
}
