//! Reads a model file.

use std::collections::BTreeMap;

use super::{generator, marks};
use crate::test_file::mistake::unknown;
use crate::test_file::name::{NameError, QualifiedName, check_identifier};
use crate::test_file::reader::{Document, Value};
use crate::test_file::{Column, ColumnType, Deletes, Entity, Generator, Landing, Model};

/// Reads a model document; mistakes go to it.
pub(in crate::test_file) fn read(document: &Document<'_>) -> Option<Model> {
    let parsed = document.parse();
    if !document.is_clean() {
        return None;
    }
    let root = document.root(&parsed);
    let entities = root.require("entities", "a table [entities.customer]").and_then(|value| value.table());
    root.finish();
    let entries = entities?.entries();
    let mut read: Vec<Option<Entity>> = Vec::new();
    let names: Vec<&str> = entries.iter().map(|(name, ..)| *name).collect();
    for (name, _, value) in &entries {
        let entity = entity(name, value, &names, &read);
        read.push(entity);
    }
    if read.is_empty() {
        document.mistake(0, "the model has no entity: add a table [entities.customer]");
        return None;
    }
    check_landings(document, &read);
    Some(Model { entities: read.into_iter().collect::<Option<_>>()? })
}

/// A change event names a collection and nothing else: two entities in one could not be told apart.
fn check_landings(document: &Document<'_>, entities: &[Option<Entity>]) {
    let mut seen = BTreeMap::new();
    for entity in entities.iter().flatten() {
        if let Some(other) = seen.insert(&entity.landing.collection, &entity.name) {
            document.mistake(
                0,
                format!(
                    "entities '{other}' and '{}' both land in collection '{}': give each its own",
                    entity.name, entity.landing.collection
                ),
            );
        }
    }
}

fn entity(name: &str, value: &Value<'_, '_>, names: &[&str], before: &[Option<Entity>]) -> Option<Entity> {
    let table = value.table()?;
    let sql_name = table.require("table", "\"customers\"").and_then(|value| qualified(&value));
    let key_names = table.require("key", "\"id\"");
    let stamp = table.get("stamp").map_or(Some("cdc_stamp".to_owned()), |value| identifier(&value));
    let columns = table
        .require("columns", "{ id = { type = \"uuid\", generate = \"uuid\" } }")
        .and_then(|value| value.table());
    let landing = table.get("mongo");
    let columns: Option<Vec<Column>> = columns.and_then(|columns| {
        let entries = columns.entries();
        let read = entries.iter().map(|(name, _, value)| column(name, value, names, before));
        read.collect::<Vec<_>>().into_iter().collect()
    });
    let key = match (&columns, &key_names) {
        (Some(columns), Some(value)) => key_indexes(columns, value),
        _ => None,
    };
    let key_columns: Option<Vec<String>> = match (&columns, &key) {
        (Some(columns), Some(key)) => Some(key.iter().map(|index| columns[*index].name.clone()).collect()),
        _ => None,
    };
    let landing = read_landing(landing.as_ref(), key_columns.as_deref());
    table.finish();
    let (table, stamp, columns, key, mut landing) = (sql_name?, stamp?, columns?, key?, landing?);
    if landing.collection.is_empty() {
        landing.collection.clone_from(&table.name);
    }
    if landing.stamp_path.is_empty() {
        landing.stamp_path.clone_from(&stamp);
    }
    if columns.iter().any(|column| column.name == stamp) {
        value.mistake(format!("column '{stamp}' takes the stamp: remove it from the columns"));
    }
    Some(Entity { name: name.to_owned(), table, key, stamp, columns, landing })
}

fn key_indexes(columns: &[Column], value: &Value<'_, '_>) -> Option<Vec<usize>> {
    let items = if value.is_array() { value.array()? } else { vec![value.clone()] };
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut key = Vec::new();
    for item in &items {
        let name = item.text()?;
        match names.iter().position(|column| *column == name) {
            Some(index) if key.contains(&index) => item.mistake(format!("'{name}' stands twice in the key")),
            Some(index) if !columns[index].kind.is_verifiable() => {
                let kind = columns[index].kind.sql();
                item.mistake(format!("key column '{name}' is of type {kind}, which has no canonical form"));
            }
            Some(index) if matches!(&columns[index].generator, Generator::Template(template) if template.uses_id()) =>
            {
                item.mistake(format!(
                    "key column '{name}' is made of {{id}}, which is the key itself: use another placeholder"
                ));
            }
            Some(index) => key.push(index),
            None => item.mistake(unknown("column", name, &names)),
        }
    }
    if key.len() != items.len() {
        return None;
    }
    let unique = key.iter().any(|index| columns[*index].generator == Generator::Uuid);
    if !unique {
        value.mistake("a key must be unique: fill one of its columns with generate = \"uuid\"");
    }
    unique.then_some(key)
}

fn column(name: &str, value: &Value<'_, '_>, names: &[&str], before: &[Option<Entity>]) -> Option<Column> {
    let table = value.table()?;
    let kind = table.require("type", "\"text\"");
    let kind_read = kind.as_ref().and_then(column_type);
    let verified = table.get("verified");
    let is_verified = verified.as_ref().map_or(Some(false), |value| value.flag());
    let field = table.get("field").map_or(Some(name.to_owned()), |value| value.text().map(str::to_owned));
    let generator = kind_read.and_then(|kind| generator::read(&table, value, kind, Some((names, before))));
    if kind_read.is_some() {
        table.finish();
    }
    if let Err(error) = check_identifier(name) {
        value.mistake(error.to_string());
    }
    let (kind, is_verified) = (kind_read?, is_verified?);
    if let (true, false, Some(verified)) = (is_verified, kind.is_verifiable(), verified) {
        verified.mistake(format!(
            "a column of type {} cannot be verified: a pipeline may round, shift or re-encode it and still be right",
            kind.sql()
        ));
    }
    Some(Column { name: name.to_owned(), kind, generator: generator?, verified: is_verified, field: field? })
}

/// The types that a model names, without numeric's digits.
const TYPES: [(&str, ColumnType); 8] = [
    ("uuid", ColumnType::Uuid),
    ("text", ColumnType::Text),
    ("integer", ColumnType::Integer),
    ("bigint", ColumnType::Bigint),
    ("boolean", ColumnType::Boolean),
    ("timestamptz", ColumnType::Timestamptz),
    ("timestamp", ColumnType::Timestamp),
    ("jsonb", ColumnType::Jsonb),
];

fn column_type(value: &Value<'_, '_>) -> Option<ColumnType> {
    /// Digits that fit into the 64 bits a generator draws from.
    const PRECISION_MAX: u8 = 18;
    let text = value.text()?;
    if let Some((_, kind)) = TYPES.iter().find(|(name, _)| *name == text) {
        return Some(*kind);
    }
    if let Some(rest) = text.strip_prefix("numeric") {
        let digits = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let (precision, scale) = digits.map(|digits| digits.split_once(',').unwrap_or((digits, "0"))).unzip();
        let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u8>().ok());
        return match (number(precision), number(scale)) {
            (Some(precision), Some(scale))
                if (1..=PRECISION_MAX).contains(&precision) && scale <= precision =>
            {
                Some(ColumnType::Numeric { precision, scale })
            }
            _ => {
                value.mistake(format!(
                    "'{text}' does not say how many digits: write numeric(10,2), at most {PRECISION_MAX} in total"
                ));
                None
            }
        };
    }
    let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).chain(["numeric(10,2)"]).collect();
    value.mistake(unknown("column type", text, &names));
    None
}

fn read_landing(value: Option<&Value<'_, '_>>, key: Option<&[String]>) -> Option<Landing> {
    const DELETES: [(&str, Deletes); 3] =
        [("remove", Deletes::Remove), ("soft", Deletes::Soft), ("ignored", Deletes::Ignored)];
    let default_paths = |key: &[String]| match key {
        [_] => vec!["_id".to_owned()],
        several => several.iter().map(|column| format!("_id.{column}")).collect(),
    };
    let Some(value) = value else {
        let key_paths = default_paths(key?);
        let (collection, stamp_path) = (String::new(), String::new());
        let deletes = Deletes::Remove;
        return Some(Landing { collection, key_paths, stamp_path, deletes, marks: Vec::new() });
    };
    let table = value.table()?;
    let text = |key| table.get(key).map_or(Some(String::new()), |value| value.text().map(str::to_owned));
    let (collection, stamp_path) = (text("collection"), text("stamp"));
    let paths = table.get("key").map(|value| {
        let items = if value.is_array() { value.array()? } else { vec![value.clone()] };
        let paths: Option<Vec<String>> = items.iter().map(|item| item.text().map(str::to_owned)).collect();
        let paths = paths?;
        match key {
            Some(key) if key.len() != paths.len() => {
                value.mistake(format!(
                    "the key has {} columns and 'key' {} paths: give one path for each column",
                    key.len(),
                    paths.len()
                ));
                None
            }
            _ => Some(paths),
        }
    });
    let deletes =
        table.get("deletes").map_or(Some(Deletes::Remove), |value| value.word("fate of deletes", &DELETES));
    let marks = table.get("marks").map_or(Some(Vec::new()), |value| marks::read(&value));
    table.finish();
    let key_paths = paths.unwrap_or_else(|| key.map(default_paths))?;
    let (collection, stamp_path, deletes, marks) = (collection?, stamp_path?, deletes?, marks?);
    Some(Landing { collection, key_paths, stamp_path, deletes, marks })
}

fn qualified(value: &Value<'_, '_>) -> Option<QualifiedName> {
    let name = value.text()?.parse();
    name.map_err(|error: NameError| value.mistake(error.to_string())).ok()
}

fn identifier(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    check_identifier(text).map_err(|error| value.mistake(error.to_string())).ok()?;
    Some(text.to_owned())
}
