//! By what the rows of a table are told apart, and who makes that unique. Pure.

use std::collections::BTreeMap;

use streamgauge_shared::test_file::{ColumnType, QualifiedName, quoted};

use super::constraint::Allowed;
use super::filling::Filling;
use super::limits::allowed;
use super::partition::{self, Fits};
use crate::postgres::schema::{Described, DescribedColumn, UniqueIndex};

/// Digits of the longest number within a text.
const NUMBER_DIGITS_MAX: u32 = 18;
/// Defaults that give no value twice.
const UNIQUE_DEFAULTS: [&str; 4] = ["nextval(", "gen_random_uuid(", "uuid_generate_v", "uuidv"];

/// The key of a model's entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// In the key's order.
    pub(super) columns: Vec<String>,
    /// What fills those that make it unique, by their names; the others are filled as columns are.
    pub(super) fillings: BTreeMap<String, Filling>,
    /// What a person must look at.
    pub(super) remarks: Vec<String>,
}

impl Key {
    /// How many numbers it has, where it is made of numbers of ours.
    pub(super) fn numbers(&self) -> Option<i128> {
        self.fillings.values().find_map(|filling| match filling {
            Filling::Sequence { start, greatest, .. } => Some(greatest - start + 1),
            _ => None,
        })
    }
}

/// The columns by which a row is known: the primary key, or without one what stands in for it.
///
/// # Errors
/// One sentence, with the way out: there are none, or the log does not identify rows by them.
pub(super) fn columns(table: &QualifiedName, described: &Described) -> Result<Key, String> {
    let of = |columns: &[String]| Key { columns: columns.to_vec(), ..Key::default() };
    if !described.key.is_empty() {
        return Ok(of(&described.key));
    }
    let by_log = described.unique.iter().find(|index| index.is_identity);
    match (by_log, described.unique.first()) {
        (Some(index), _) => Ok(of(&index.columns)),
        (None, Some(index)) if described.logs_whole_rows => Ok(of(&index.columns)),
        (None, Some(UniqueIndex { name, columns, .. })) => Err(format!(
            "table '{table}' has no primary key, and its log does not identify rows by its unique index ({}), so PostgreSQL refuses updates and deletes of it once it is published: ALTER TABLE {} REPLICA IDENTITY USING INDEX {}",
            columns.join(", "),
            table.quoted(),
            quoted(name)
        )),
        (None, None) if described.logs_whole_rows => {
            let candidates = described.columns.iter().filter(|column| !refers(described, &column.name));
            let column = candidates.clone().find(|column| made_by_database_or_uuid(column));
            let numbered = || {
                let ranked = candidates.clone().filter_map(|column| Some((rank(column, described)?, column)));
                ranked.min_by_key(|(rank, _)| *rank).map(|(_, column)| column)
            };
            let column = column.or_else(numbered);
            let column = column.ok_or_else(|| {
                format!("table '{table}' has no primary key, and no column that could tell its rows apart: add one")
            })?;
            let remark = format!(
                "the table has no unique index: that {} tells its rows apart is a guess, and the sink must make the document's key of it",
                column.name
            );
            Ok(Key { columns: vec![column.name.clone()], remarks: vec![remark], ..Key::default() })
        }
        (None, None) => Err(format!(
            "table '{table}' has no primary key, by which a row is known, no unique index of NOT NULL columns, and not REPLICA IDENTITY FULL: ALTER TABLE {} ADD PRIMARY KEY (…)",
            table.quoted()
        )),
    }
}

/// The key with what makes it unique.
///
/// # Errors
/// As [`columns`]; or nothing can make it unique.
pub(super) fn key(table: &QualifiedName, described: &Described) -> Result<Key, String> {
    let mut key = columns(table, described)?;
    let own: Vec<&DescribedColumn> = key
        .columns
        .iter()
        .filter(|name| !refers(described, name))
        .filter_map(|name| described.columns.iter().find(|column| column.name == **name))
        .collect();
    for column in &own {
        if column.is_generated {
            return Err(format!(
                "column '{}' of the key of table '{table}' is a generated column, which takes no value: no model makes such a key",
                column.name
            ));
        }
        if is_made_by_database(column) {
            key.fillings.insert(column.name.clone(), Filling::Database);
            if let Some(default) = column.default.as_ref().filter(|default| !is_unique_default(default)) {
                key.remarks.push(format!(
                    "{}: its default {default} is taken for one that gives no value twice",
                    column.name
                ));
            }
        } else if column.found.kind == Some(ColumnType::Uuid) {
            key.fillings.insert(column.name.clone(), Filling::Uuid);
        }
    }
    if key.fillings.is_empty() {
        let best = own.iter().filter_map(|column| Some((rank(column, described)?, *column)));
        // The first of those that have the most numbers. Where there is none, the rows that it refers to make it unique.
        match best.min_by_key(|(rank, _)| *rank) {
            Some((_, column)) => {
                key.fillings.insert(column.name.clone(), sequence(column, described));
            }
            None if own.len() < key.columns.len() => {}
            None => {
                return Err(format!(
                    "no column of the key ({}) of table '{table}' is a number, a text, a uuid or a reference: a model makes no other key unique",
                    key.columns.join(", ")
                ));
            }
        }
    }
    Ok(key)
}

/// Whether it is a column of a foreign key.
fn refers(described: &Described, column: &str) -> bool {
    described.foreign_keys.iter().any(|foreign| foreign.columns.iter().any(|name| name == column))
}

fn made_by_database_or_uuid(column: &DescribedColumn) -> bool {
    is_made_by_database(column) || column.found.kind == Some(ColumnType::Uuid)
}

/// Whether the database gives a new row a value that is no constant, of a type that `RETURNING` is read of.
fn is_made_by_database(column: &DescribedColumn) -> bool {
    let is_call = |default: &String| {
        default.contains('(') && default.starts_with(|first: char| first.is_alphabetic() || first == '"')
    };
    let can_be_read = match column.found.kind {
        Some(ColumnType::Uuid | ColumnType::Text | ColumnType::Varchar { .. }) => true,
        Some(kind) => kind.whole_numbers().is_some(),
        None => false,
    };
    let is_filled = column.is_identity || column.default.as_ref().is_some_and(is_call);
    can_be_read && is_filled && !column.found.is_list && !column.found.is_enum
}

fn is_unique_default(default: &str) -> bool {
    // A function may stand with its schema before it.
    let function = default.split_once('(').map_or(default, |(name, _)| name);
    let name = function.rsplit('.').next().unwrap_or(function);
    UNIQUE_DEFAULTS.iter().any(|known| format!("{name}(").starts_with(known))
}

/// How well a column takes numbers of ours, 0 the best; nothing where it takes none.
fn rank(column: &DescribedColumn, described: &Described) -> Option<u8> {
    let found = &column.found;
    if found.is_list || found.is_enum || column.is_generated || column.is_identity {
        return None;
    }
    if allowed(column, described).iter().any(|allowed| matches!(allowed, Allowed::Values(_))) {
        return None;
    }
    // Numbers of ours know no end, and a text's order is the server's.
    let is_parted = described
        .partitionings
        .iter()
        .any(|one| one.column.as_ref() == Some(&column.name) && partition::fits(one) != Fits::All);
    if is_parted {
        return None;
    }
    match found.kind? {
        ColumnType::Bigint => Some(0),
        ColumnType::Integer => Some(1),
        kind if kind.is_text() && kind.length().is_none_or(|length| length >= NUMBER_DIGITS_MAX) => Some(2),
        ColumnType::Smallint => Some(3),
        kind if kind.is_text() => Some(4),
        _ => None,
    }
}

/// Numbers of ours in a column that takes them.
fn sequence(column: &DescribedColumn, described: &Described) -> Filling {
    let low = allowed(column, described).into_iter().find_map(|allowed| match allowed {
        Allowed::Range { low: Some((number, is_included)), .. } => {
            number.parse::<i128>().ok().map(|number| number + i128::from(!is_included))
        }
        _ => None,
    });
    let kind = column.found.kind;
    let digits =
        kind.and_then(ColumnType::length).map_or(NUMBER_DIGITS_MAX, |length| length.min(NUMBER_DIGITS_MAX));
    let greatest = kind.and_then(ColumnType::whole_numbers).map(|range| i128::from(*range.end()));
    let greatest = greatest.unwrap_or(10_i128.pow(digits) - 1);
    let template = match kind {
        // As long as the column, so that PostgreSQL adds no spaces.
        Some(ColumnType::Char { length }) if length > 1 => Some(format!("{{number({digits})}}")),
        _ => None,
    };
    Filling::Sequence { start: low.unwrap_or(1).max(1), greatest, template }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, refers, table};
    use super::*;

    fn defaulted(name: &str, kind: &str, default: &str) -> DescribedColumn {
        DescribedColumn { default: Some(default.to_owned()), ..column(name, kind) }
    }

    fn filled(described: &Described) -> Result<Vec<(String, String)>, String> {
        let key = key(&described.name, described)?;
        Ok(key.fillings.into_iter().map(|(name, filling)| (name, filling.to_string())).collect())
    }

    fn only(described: &Described) -> (String, String) {
        let filled = filled(described).expect("a key");
        let [only] = &filled[..] else { panic!("{filled:?}") };
        only.clone()
    }

    fn keyed(columns: Vec<DescribedColumn>) -> Described {
        let key = columns.iter().map(|column| column.name.clone()).collect();
        Described { key, ..table("t", columns) }
    }

    #[test]
    fn a_key_of_one_column_is_the_databases_or_ours() {
        let identity = DescribedColumn { is_identity: true, ..column("id", "bigint") };
        let cases = [
            (identity, "database"),
            (defaulted("id", "integer", "nextval('t_id_seq'::regclass)"), "database"),
            (defaulted("id", "uuid", "gen_random_uuid()"), "database"),
            (defaulted("id", "text", "public.new_id()"), "database"),
            (column("id", "uuid"), "uuid"),
            (column("id", "smallint"), "sequence"),
            (column("id", "varchar(20)"), "sequence"),
            (defaulted("id", "text", "'none'::text"), "sequence"),
        ];
        for (column, generator) in cases {
            let described = keyed(vec![column]);
            assert_eq!(only(&described).1, format!("generate = \"{generator}\""), "{described:?}");
        }
        let padded = only(&keyed(vec![column("code", "char(5)")])).1;
        assert_eq!(padded, "generate = \"sequence\", template = \"{number(5)}\"");
        let own = key(&name("t"), &keyed(vec![defaulted("id", "text", "public.new_id()")])).expect("a key");
        assert_eq!(
            own.remarks,
            ["id: its default public.new_id() is taken for one that gives no value twice"]
        );
        for bad in ["date", "numeric(5,0)", "boolean"] {
            let error = filled(&keyed(vec![column("id", bad)])).expect_err(bad);
            assert!(error.contains("no column of the key (id) of table 't' is a number"), "{error}");
        }
    }

    #[test]
    fn one_part_of_several_is_a_number_of_ours() {
        let described =
            keyed(vec![column("year", "smallint"), column("region", "varchar(3)"), column("no", "integer")]);
        assert_eq!(only(&described), ("no".to_owned(), "generate = \"sequence\"".to_owned()));
        let mut line = keyed(vec![column("order_id", "bigint"), column("line", "smallint")]);
        line.foreign_keys = vec![refers("order_id", "orders")];
        assert_eq!(only(&line).0, "line");
        line.foreign_keys.push(refers("line", "lines"));
        assert_eq!(filled(&line), Ok(Vec::new()), "a link, which its two rows make unique");
        let random = keyed(vec![column("region", "text"), column("id", "uuid")]);
        assert_eq!(only(&random).0, "id", "no number is needed beside it");
    }

    #[test]
    fn without_a_primary_key_it_is_what_the_log_identifies_rows_by() {
        let columns = || vec![column("note", "text"), column("code", "integer")];
        let without = Described { key: Vec::new(), ..table("t", columns()) };
        let index =
            |is_identity| UniqueIndex { name: "by_code".into(), columns: vec!["code".into()], is_identity };
        let key = |described: &Described| key(&name("t"), described);
        let error = key(&without).expect_err("nothing");
        assert!(error.contains("no primary key, by which a row is known, no unique index"), "{error}");
        let error =
            key(&Described { unique: vec![index(false)], ..without.clone() }).expect_err("not logged");
        assert!(error.ends_with("ALTER TABLE \"t\" REPLICA IDENTITY USING INDEX \"by_code\""), "{error}");
        for (is_identity, logs_whole_rows) in [(true, false), (false, true)] {
            let described =
                Described { unique: vec![index(is_identity)], logs_whole_rows, ..without.clone() };
            assert_eq!(key(&described).map(|key| key.columns), Ok(vec!["code".to_owned()]));
        }
        let guessed = key(&Described { logs_whole_rows: true, ..without }).expect("a guess");
        assert_eq!(guessed.columns, ["code"], "what takes numbers best");
        assert!(guessed.remarks[0].contains("is a guess"), "{:?}", guessed.remarks);
    }

    fn name(text: &str) -> QualifiedName {
        text.parse().expect("a name")
    }
}
