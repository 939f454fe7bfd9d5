//! A table with everything that a model of it is drafted from.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::QualifiedName;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::catalogue::{self, Found, UniqueIndex, unanswered};
use super::column_types::{self, FoundType};
use super::problem::{Problem, of_found};
use crate::postgres::Connection;

/// A table as its catalogue describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// Its name, with its schema where it is not found without.
    pub(crate) name: QualifiedName,
    pub(crate) columns: Vec<DescribedColumn>,
    /// Columns of the primary key; empty where there is none.
    pub(crate) key: Vec<String>,
    /// Unique indexes that could stand in for it.
    pub(crate) unique: Vec<UniqueIndex>,
    /// Whether the log has the whole old row of an update or delete: REPLICA IDENTITY FULL.
    pub(crate) logs_whole_rows: bool,
    /// Columns of each unique index over several, the primary key's apart.
    pub(crate) unique_together: Vec<Vec<String>>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// Check and exclusion constraints.
    pub(crate) checks: Vec<CheckConstraint>,
    /// How it is parted, if it is partitioned; and how its parent is, if it is a partition.
    pub(crate) partitionings: Vec<Partitioning>,
    /// Triggers that may change a row before it is written.
    pub(crate) triggers: Vec<String>,
}

/// How a table is parted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partitioning {
    /// As `pg_get_partkeydef` writes it: `RANGE (paid_at)`.
    pub(crate) definition: String,
    /// The column, where it is one and no expression.
    pub(crate) column: Option<String>,
    /// What the partitions take, as in `FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')`; of a partition what it takes itself.
    pub(crate) bounds: Vec<String>,
    /// Whether these are the partitions of the table, and not the one that it is.
    pub(crate) is_of_table: bool,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DescribedColumn {
    pub(crate) name: String,
    pub(crate) found: FoundType,
    pub(crate) not_null: bool,
    /// The expression of its default.
    pub(crate) default: Option<String>,
    pub(crate) is_identity: bool,
    pub(crate) is_generated: bool,
    /// Whether it alone is a unique index.
    pub(crate) is_unique: bool,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    pub(crate) columns: Vec<String>,
    /// The table, with its schema where it is not found without.
    pub(crate) table: QualifiedName,
    pub(crate) to: Vec<String>,
}

/// A check constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckConstraint {
    pub(crate) columns: Vec<String>,
    /// As `pg_get_constraintdef` writes it.
    pub(crate) definition: String,
}

impl Described {
    /// A table of which nothing but its name is known.
    pub(crate) fn named(name: QualifiedName) -> Self {
        let (columns, key, unique, logs_whole_rows) = (Vec::new(), Vec::new(), Vec::new(), false);
        let (unique_together, foreign_keys, checks) = (Vec::new(), Vec::new(), Vec::new());
        let (partitionings, triggers) = (Vec::new(), Vec::new());
        Self {
            name,
            columns,
            key,
            unique,
            logs_whole_rows,
            unique_together,
            foreign_keys,
            checks,
            partitionings,
            triggers,
        }
    }

    /// The tables of which a row must be there before one of this can be written.
    pub(crate) fn needed(&self) -> impl Iterator<Item = &QualifiedName> {
        let is_needed = |key: &&ForeignKey| {
            let of = |name: &String| self.columns.iter().find(|column| column.name == *name);
            // A default may leave it out; of a key nothing is left out.
            let must = |column: &DescribedColumn| {
                column.not_null && (column.default.is_none() || self.key.contains(&column.name))
            };
            key.columns.iter().filter_map(of).any(must)
        };
        self.foreign_keys.iter().filter(is_needed).map(|key| &key.table)
    }
}

/// Describes a table.
///
/// # Errors
/// There is none of this name (104, with the way out), or PostgreSQL does not answer (107).
pub(crate) async fn describe(connection: &Connection, name: &QualifiedName) -> Result<Described, Failure> {
    const COLUMNS: &str = "SELECT a.attname::text, a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
        pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '', a.attgenerated <> '', \
        EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum), \
        a.attrelid, n.nspname::text, t.relname::text, pg_table_is_visible(t.oid) FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid JOIN pg_namespace n ON n.oid = t.relnamespace LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
        WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    const CONSTRAINTS: &str = "SELECT c.contype::text, \
        ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY k.place), \
        pg_get_constraintdef(c.oid), n.nspname::text, f.relname::text, coalesce(pg_table_is_visible(f.oid), true), \
        ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY k.place) \
        FROM pg_constraint c LEFT JOIN pg_class f ON f.oid = c.confrelid LEFT JOIN pg_namespace n ON n.oid = f.relnamespace \
        WHERE c.conrelid = to_regclass($1) AND c.contype IN ('c', 'f', 'x') ORDER BY c.conname";
    const TOGETHER: &str = "SELECT array_agg(a.attname::text ORDER BY k.place) FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
        WHERE i.indrelid = to_regclass($1) AND i.indisunique AND NOT i.indisprimary AND i.indnkeyatts > 1 AND i.indexprs IS NULL AND k.place <= i.indnkeyatts GROUP BY i.indexrelid ORDER BY i.indexrelid";
    // Of the table itself, then of its parent.
    const PARTITIONINGS: &str = "SELECT pg_get_partkeydef(p.partrelid), CASE WHEN p.partnatts = 1 THEN (SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = p.partrelid AND a.attnum = (p.partattrs::int2[])[0]) END, \
        ARRAY(SELECT pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = p.partrelid AND (is_of_table OR c.oid = to_regclass($1)) ORDER BY c.oid), is_of_table \
        FROM pg_partitioned_table p CROSS JOIN (VALUES (true), (false)) AS which(is_of_table) \
        WHERE CASE WHEN is_of_table THEN p.partrelid = to_regclass($1) ELSE EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = to_regclass($1) AND i.inhparent = p.partrelid) END ORDER BY is_of_table DESC";
    // Bits of tgtype: 1 for each row, 2 before, 4 insert, 16 update.
    const TRIGGERS: &str = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 3 = 3 AND tgtype & 20 <> 0 ORDER BY tgname";
    let table = match catalogue::find(connection, name).await? {
        Found::Table(table) => table,
        Found::Nothing => {
            return Err(Failure::configuration(format!(
                "table '{name}' does not exist: name a table of this database, with its schema where it is not on the search path"
            )));
        }
        other => {
            let problem: Option<Problem> = of_found(name, &other);
            return Err(Failure::configuration(
                problem.map(|problem| problem.to_string()).unwrap_or_default(),
            ));
        }
    };
    let client = connection.client();
    let rows = client.query_typed(COLUMNS, &[(&name.quoted(), Type::TEXT)]).await.map_err(unanswered)?;
    let oid = rows.first().map_or(0, |row| row.get::<_, u32>(9));
    let types = column_types::of_table(connection, oid).await?;
    let column = |row: &Row| DescribedColumn {
        name: row.get(0),
        found: column_types::resolve(&types, row.get(1), row.get(2), row.get(3)),
        not_null: row.get(4),
        default: row.get(5),
        is_identity: row.get(6),
        is_generated: row.get(7),
        is_unique: row.get(8),
    };
    let own = rows.first().map_or_else(|| name.clone(), |row| named(row.get(10), row.get(11), row.get(12)));
    let mut described = Described {
        columns: rows.iter().map(column).collect(),
        key: table.key,
        unique: table.unique,
        logs_whole_rows: table.logs_whole_rows,
        ..Described::named(own)
    };
    let asked = async |question: &str| {
        client.query_typed(question, &[(&name.quoted(), Type::TEXT)]).await.map_err(unanswered)
    };
    described.unique_together = asked(TOGETHER).await?.iter().map(|row| row.get(0)).collect();
    described.triggers = asked(TRIGGERS).await?.iter().map(|row| row.get(0)).collect();
    let partitioning = |row: &Row| Partitioning {
        definition: row.get(0),
        column: row.get(1),
        bounds: row.get(2),
        is_of_table: row.get(3),
    };
    described.partitionings = asked(PARTITIONINGS).await?.iter().map(partitioning).collect();
    for row in asked(CONSTRAINTS).await? {
        let columns = row.get(1);
        if row.get::<_, &str>(0) != "f" {
            described.checks.push(CheckConstraint { columns, definition: row.get(2) });
            continue;
        }
        let (schema, table): (Option<String>, Option<String>) = (row.get(3), row.get(4));
        let table = named(schema.unwrap_or_default(), table.unwrap_or_default(), row.get(5));
        described.foreign_keys.push(ForeignKey { columns, table, to: row.get(6) });
    }
    Ok(described)
}

/// A name with its schema where it is not found without.
fn named(schema: String, name: String, is_visible: bool) -> QualifiedName {
    QualifiedName { schema: (!is_visible).then_some(schema), name }
}
