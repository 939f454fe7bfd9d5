//! The type of a column as the catalogue has it, down to the built-in type beneath enums, domains and arrays.

use std::collections::BTreeMap;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::{ColumnType, QualifiedName};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::catalogue::unanswered;
use crate::postgres::Connection;

/// What a column's modifier is when it has none.
const NO_MODIFIER: i32 = -1;
/// What PostgreSQL adds to the modifiers of texts and numbers.
const MODIFIER_HEADER: i32 = 4;

/// The type of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FoundType {
    /// As `format_type` writes it: `numeric(10,2)`, `mood[]`.
    pub(crate) declared: String,
    /// The name of the type beneath in `pg_type`: `timetz`, `numeric`; of an array that of its elements.
    pub(crate) type_name: String,
    /// The built-in type beneath; nothing for one that this program does not know.
    pub(crate) kind: Option<ColumnType>,
    pub(crate) is_list: bool,
    /// An enum, a domain or an extension's type over it, of an array that of its elements.
    pub(crate) own: Option<QualifiedName>,
    /// Whether that is an enum: texts become one by a cast only.
    pub(crate) is_enum: bool,
    /// The enum's labels.
    pub(crate) labels: Vec<String>,
    /// The domain's constraints: `CHECK ((VALUE > 0))`.
    pub(crate) checks: Vec<String>,
    /// Digits of a second that a time or timestamp keeps, where it is declared.
    pub(crate) second_digits: Option<i32>,
}

/// One row of `pg_type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeRow {
    pub(super) name: QualifiedName,
    /// Whether it is found without its schema.
    pub(super) is_visible: bool,
    /// `typtype`: `b`, `d`, `e` …
    pub(super) kind: char,
    /// Of an array the type of its elements, otherwise 0.
    pub(super) element: u32,
    /// Of a domain the type beneath and its modifier.
    pub(super) base: (u32, i32),
    /// `format_type` without modifier.
    pub(super) format: String,
    pub(super) labels: Vec<String>,
    pub(super) checks: Vec<String>,
}

/// Every type that the columns of a table need, by its number.
pub(super) async fn of_table(connection: &Connection, table: u32) -> Result<BTreeMap<u32, TypeRow>, Failure> {
    const TYPES: &str = "WITH RECURSIVE used(oid) AS (\
        SELECT atttypid FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped \
        UNION SELECT x.next FROM used u JOIN pg_type t ON t.oid = u.oid CROSS JOIN LATERAL (VALUES (t.typbasetype), \
        (CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0::oid END)) AS x(next) WHERE x.next <> 0::oid) \
        SELECT t.oid, n.nspname::text, t.typname::text, pg_type_is_visible(t.oid), t.typtype::text, \
        CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0::oid END, t.typbasetype, t.typtypmod, format_type(t.oid, NULL), \
        ARRAY(SELECT e.enumlabel::text FROM pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder), \
        ARRAY(SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c' ORDER BY c.conname) \
        FROM used JOIN pg_type t USING (oid) JOIN pg_namespace n ON n.oid = t.typnamespace";
    let rows = connection.client().query_typed(TYPES, &[(&table, Type::OID)]).await.map_err(unanswered)?;
    let read = |row: &Row| {
        let known = TypeRow {
            name: QualifiedName { schema: Some(row.get(1)), name: row.get(2) },
            is_visible: row.get(3),
            kind: row.get::<_, &str>(4).chars().next().unwrap_or('b'),
            element: row.get(5),
            base: (row.get(6), row.get(7)),
            format: row.get(8),
            labels: row.get(9),
            checks: row.get(10),
        };
        (row.get(0), known)
    };
    Ok(rows.iter().map(read).collect())
}

/// The type of a column that is declared so. Pure.
pub(super) fn resolve(
    types: &BTreeMap<u32, TypeRow>,
    column_type: u32,
    modifier: i32,
    declared: String,
) -> FoundType {
    let mut found = FoundType { declared, ..FoundType::default() };
    let (mut oid, mut modifier) = (column_type, modifier);
    // Each step goes one type down; there are no circles among types.
    while let Some(row) = types.get(&oid) {
        let own = || QualifiedName {
            schema: row.name.schema.clone().filter(|_| !row.is_visible),
            name: row.name.name.clone(),
        };
        match row.kind {
            'd' => {
                found.own.get_or_insert_with(own);
                found.checks.extend(row.checks.iter().cloned());
                oid = row.base.0;
                modifier = if modifier == NO_MODIFIER { row.base.1 } else { modifier };
            }
            'e' => {
                found.own.get_or_insert_with(own);
                (found.is_enum, found.kind, found.labels) =
                    (true, Some(ColumnType::Text), row.labels.clone());
                return found;
            }
            // A domain over an array, or an array of a domain over one: no cast of ours makes these.
            _ if row.element != 0 && (found.is_list || found.own.is_some()) => return found,
            _ if row.element != 0 => (found.is_list, oid) = (true, row.element),
            _ => {
                found.type_name.clone_from(&row.name.name);
                let is_extension = row.name.schema.as_deref() != Some("pg_catalog");
                if is_extension && !(row.name.name == "citext" && row.is_visible) {
                    found.own.get_or_insert_with(own);
                }
                found.kind = match row.name.name.as_str() {
                    "citext" if !row.is_visible => Some(ColumnType::Text),
                    _ => built_in(&row.format, modifier),
                };
                found.second_digits = second_digits(&row.format, modifier);
                return found;
            }
        }
    }
    found
}

/// A built-in type by its name without modifier, and its modifier.
fn built_in(name: &str, modifier: i32) -> Option<ColumnType> {
    let bare = ColumnType::parse(name).ok()?;
    if modifier < MODIFIER_HEADER {
        // `bpchar` without a length is another type than `character`, and not known here.
        return Some(bare).filter(|kind| !matches!(kind, ColumnType::Char { .. }));
    }
    let value = modifier - MODIFIER_HEADER;
    match bare {
        ColumnType::Varchar { .. } => Some(ColumnType::Varchar { length: u32::try_from(value).ok() }),
        ColumnType::Char { .. } => Some(ColumnType::Char { length: u32::try_from(value).ok()? }),
        ColumnType::AnyNumeric => {
            // Eleven bits with a sign, since PostgreSQL 15; a negative scale is no type of ours.
            let (precision, scale) = (value >> 16, ((value & 0x7ff) ^ 0x400) - 0x400);
            let (precision, scale) = (u16::try_from(precision).ok()?, u16::try_from(scale).ok()?);
            (scale <= precision).then_some(ColumnType::Numeric { precision, scale })
        }
        other => Some(other),
    }
}

fn second_digits(name: &str, modifier: i32) -> Option<i32> {
    (name.starts_with("time") && modifier != NO_MODIFIER).then_some(modifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, kind: char, element: u32, base: (u32, i32), format: &str) -> TypeRow {
        let schema = if matches!(kind, 'd' | 'e') { "public" } else { "pg_catalog" };
        TypeRow {
            name: QualifiedName { schema: Some(schema.to_owned()), name: name.to_owned() },
            is_visible: true,
            kind,
            element,
            base,
            format: format.to_owned(),
            labels: if kind == 'e' { vec!["sad".to_owned(), "ok".to_owned()] } else { Vec::new() },
            checks: if kind == 'd' { vec!["CHECK ((VALUE > 0))".to_owned()] } else { Vec::new() },
        }
    }

    fn types() -> BTreeMap<u32, TypeRow> {
        BTreeMap::from([
            (1700, row("numeric", 'b', 0, (0, -1), "numeric")),
            (1231, row("_numeric", 'b', 1700, (0, -1), "numeric[]")),
            (1043, row("varchar", 'b', 0, (0, -1), "character varying")),
            (1042, row("bpchar", 'b', 0, (0, -1), "character")),
            (1114, row("timestamp", 'b', 0, (0, -1), "timestamp without time zone")),
            (600, row("point", 'b', 0, (0, -1), "point")),
            (90_001, row("mood", 'e', 0, (0, -1), "mood")),
            (90_002, row("_mood", 'b', 90_001, (0, -1), "mood[]")),
            // numeric(10,2)
            (90_003, row("money_amount", 'd', 0, (1700, 655_366), "money_amount")),
            (90_004, row("amounts", 'd', 0, (1231, -1), "amounts")),
        ])
    }

    #[test]
    fn the_type_beneath_is_found_with_its_digits_and_length() {
        let numeric = |precision, scale| Some(ColumnType::Numeric { precision, scale });
        let cases = [
            (1700, 655_366, numeric(10, 2), false, None),
            (1700, -1, Some(ColumnType::AnyNumeric), false, None),
            // numeric(5,-2)
            (1700, 329_730, None, false, None),
            (1231, 655_366, numeric(10, 2), true, None),
            (1043, 24, Some(ColumnType::Varchar { length: Some(20) }), false, None),
            (1043, -1, Some(ColumnType::Varchar { length: None }), false, None),
            (1042, 7, Some(ColumnType::Char { length: 3 }), false, None),
            (600, -1, None, false, None),
            (90_001, -1, Some(ColumnType::Text), false, Some("mood")),
            (90_002, -1, Some(ColumnType::Text), true, Some("mood")),
            (90_003, -1, numeric(10, 2), false, Some("money_amount")),
            (90_004, -1, None, false, Some("amounts")),
        ];
        for (oid, modifier, kind, is_list, own) in cases {
            let found = resolve(&types(), oid, modifier, String::new());
            let name = found.own.as_ref().map(|own| own.name.as_str());
            assert_eq!((found.kind, found.is_list, name), (kind, is_list, own), "{oid} {modifier}");
        }
        let mood = resolve(&types(), 90_002, -1, "mood[]".to_owned());
        assert_eq!((mood.is_enum, mood.labels), (true, vec!["sad".to_owned(), "ok".to_owned()]));
        assert_eq!(resolve(&types(), 90_003, -1, String::new()).checks, ["CHECK ((VALUE > 0))"]);
        assert_eq!(resolve(&types(), 1114, 0, String::new()).second_digits, Some(0));
        assert_eq!(resolve(&types(), 1114, -1, String::new()).second_digits, None);
    }
}
