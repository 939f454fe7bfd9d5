//! Reads a model file.

use std::collections::BTreeMap;

use super::{generator, marks};
use crate::canonical;
use crate::test_file::field_path::{self, path_of};
use crate::test_file::mistake::unknown;
use crate::test_file::name::{NameError, QualifiedName, check_identifier};
use crate::test_file::reader::{Document, Value};
use crate::test_file::{
    Column, ColumnType, Deletes, DocumentKey, Entity, Generator, Landing, ListLength, Model, UNAVAILABLE,
};

/// Reads a model document; mistakes go to it. Of one that is a test too, only the entities are looked at.
pub(in crate::test_file) fn read(document: &Document<'_>) -> Option<Model> {
    let parsed = document.parse();
    if !document.is_clean() {
        return None;
    }
    let root = document.root(&parsed);
    let entities = root.require("entities", "a table [entities.customer]").and_then(|value| value.table());
    if !root.contains("scenarios") {
        root.finish();
    }
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
    if let (Some(columns), Some(key), Some(value)) = (&columns, &key, &key_names) {
        check_templates(columns, key, value);
    }
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
        landing.stamp_path = path_of(&[&stamp]);
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
            Some(index) if !columns[index].kind.can_be_key() || columns[index].list.is_some() => {
                let kind = columns[index].kind.sql();
                item.mistake(format!("key column '{name}' is of type {kind}, which is not one text whatever a sink makes of it: a row cannot be known by it"));
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
    let of_key = |wanted: fn(&Generator) -> bool| {
        key.iter().filter(|index| wanted(&columns[**index].generator)).count()
    };
    let numbers = |generator: &Generator| matches!(generator, Generator::Sequence(_));
    let refers = |generator: &Generator| matches!(generator, Generator::Reference { .. });
    let mut mistaken = false;
    if of_key(Generator::makes_unique) == 0 && of_key(refers) == 0 {
        value.mistake(
            "a key must be unique: fill one of its columns with generate = \"uuid\", \"sequence\", \"database\" or \"reference\"",
        );
        mistaken = true;
    }
    if of_key(numbers) > 1 {
        value.mistake("one column of the key is filled by a sequence: fill the others another way");
        mistaken = true;
    }
    for (index, column) in columns.iter().enumerate().filter(|(index, _)| !key.contains(index)) {
        let what = match column.generator {
            Generator::Sequence(_) => {
                "is filled by a sequence and is not of the key: fill it another way, or add it to the key"
            }
            Generator::Database => {
                "is filled by the database and is not of the key: leave it out of the model"
            }
            _ => continue,
        };
        value.mistake(format!("'{}' {what}", columns[index].name));
        mistaken = true;
    }
    (!mistaken).then_some(key)
}

/// A text that holds the key cannot be written before the database has said it.
fn check_templates(columns: &[Column], key: &[usize], value: &Value<'_, '_>) {
    if !key.iter().any(|index| columns[*index].generator == Generator::Database) {
        return;
    }
    for column in columns {
        if let Generator::Template(template) = &column.generator
            && template.uses_id()
        {
            value.mistake(format!(
                "column '{}' is made of {{id}}, the key, which the database gives a row once it is written: use {{run}} and {{sequence}}, which together are no other row's",
                column.name
            ));
        }
    }
}

fn column(name: &str, value: &Value<'_, '_>, names: &[&str], before: &[Option<Entity>]) -> Option<Column> {
    let table = value.table()?;
    let kind = table.require("type", "\"text\"");
    let kind_read = kind.as_ref().and_then(column_type);
    let cast = table.get("cast").map_or(Some(None), |value| qualified(&value).map(Some));
    let length = table.get("length");
    let verified = table.get("verified");
    let is_verified = verified.as_ref().map_or(Some(false), |value| value.flag());
    let field = table.get("field").map_or_else(|| Some(path_of(&[name])), |value| path(&value));
    let generator =
        kind_read.and_then(|(kind, _)| generator::read(&table, value, kind, Some((names, before))));
    if kind_read.is_some() {
        table.finish();
    }
    if let Err(error) = check_identifier(name) {
        value.mistake(error.to_string());
    }
    let ((kind, is_list), is_verified) = (kind_read?, is_verified?);
    if let (true, false, Some(verified)) = (is_verified, kind.is_verifiable(), verified) {
        verified.mistake(format!(
            "a column of type {} cannot be verified: a pipeline may re-encode it and still be right",
            kind.sql()
        ));
    }
    let list = match (is_list, length) {
        (true, length) => Some(length.map_or(Some(LIST_DEFAULT), |value| list_length(&value))?),
        (false, Some(length)) => {
            length.mistake("'length' goes with arrays only, as in type = \"text[]\"");
            return None;
        }
        (false, None) => None,
    };
    let generator = generator?;
    if list.is_some() && matches!(generator, Generator::Reference { .. }) {
        value.mistake("an array refers to no row: give it another generator");
        return None;
    }
    let (name, cast, field) = (name.to_owned(), cast?, field?);
    Some(Column { name, kind, cast, list, generator, verified: is_verified, field })
}

const DELETES: [(&str, Deletes); 3] =
    [("remove", Deletes::Remove), ("soft", Deletes::Soft), ("ignored", Deletes::Ignored)];
const DOCUMENT_KEYS: [(&str, DocumentKey); 2] = [("row", DocumentKey::Row), ("sink", DocumentKey::Sink)];

/// How long an array is whose model does not say.
const LIST_DEFAULT: ListLength = ListLength { min: 1, max: 3 };
/// Elements of the longest array.
const LIST_MAX: u64 = 100;

/// `length = 3`, or `length = [0, 3]`.
fn list_length(value: &Value<'_, '_>) -> Option<ListLength> {
    let items = if value.is_array() { value.array()? } else { vec![value.clone(), value.clone()] };
    let [min, max] = &items[..] else {
        value.mistake("the length of an array is a number, or the fewest and the most as in [0, 3]");
        return None;
    };
    let number =
        |value: &Value<'_, '_>| value.whole(0..=LIST_MAX).and_then(|number| u8::try_from(number).ok());
    let (min, max) = (number(min)?, number(max)?);
    if min > max {
        value.mistake("the range is empty: its lower end is above its upper end");
        return None;
    }
    Some(ListLength { min, max })
}

/// A type, and whether the column holds an array of it.
fn column_type(value: &Value<'_, '_>) -> Option<(ColumnType, bool)> {
    let text = value.text()?;
    let (element, is_list) = text.strip_suffix("[]").map_or((text, false), |element| (element, true));
    let kind = ColumnType::parse(element).map_err(|message| value.mistake(message)).ok()?;
    Some((kind, is_list))
}

fn read_landing(value: Option<&Value<'_, '_>>, key: Option<&[String]>) -> Option<Landing> {
    let default_paths = |key: &[String]| match key {
        [_] => vec!["_id".to_owned()],
        several => several.iter().map(|column| path_of(&["_id", column])).collect(),
    };
    let Some(value) = value else {
        return Some(Landing {
            collection: String::new(),
            document_key: DocumentKey::Row,
            key_paths: default_paths(key?),
            stamp_path: String::new(),
            deletes: Deletes::Remove,
            unavailable: UNAVAILABLE.to_owned(),
            marks: Vec::new(),
        });
    };
    let table = value.table()?;
    let text = |value: &Value<'_, '_>| value.text().map(str::to_owned);
    let collection = table.get("collection").map_or(Some(String::new()), |value| text(&value));
    let stamp_path = table.get("stamp").map_or(Some(String::new()), |value| path(&value));
    let paths = table.get("key").map(|value| key_paths(&value, key));
    let document_key = table.get("document_key").map_or(Some(DocumentKey::Row), |value| {
        let read = value.word("word for who chooses the documents' keys", &DOCUMENT_KEYS)?;
        if read == DocumentKey::Sink && paths.is_some() {
            value.mistake("the sink chooses the documents' keys, and 'key' says where the row's key stands in them: remove one of the two");
        }
        Some(read)
    });
    let deletes =
        table.get("deletes").map_or(Some(Deletes::Remove), |value| value.word("fate of deletes", &DELETES));
    let unavailable =
        table.get("unavailable").map_or(Some(UNAVAILABLE.to_owned()), |value| placeholder(&value));
    let marks = table.get("marks").map_or(Some(Vec::new()), |value| marks::read(&value));
    table.finish();
    Some(Landing {
        collection: collection?,
        document_key: document_key?,
        key_paths: paths.unwrap_or_else(|| key.map(default_paths))?,
        stamp_path: stamp_path?,
        deletes: deletes?,
        unavailable: unavailable?,
        marks: marks?,
    })
}

/// `key = "_id"`, or one path for each column.
fn key_paths(value: &Value<'_, '_>, key: Option<&[String]>) -> Option<Vec<String>> {
    let items = if value.is_array() { value.array()? } else { vec![value.clone()] };
    let paths: Vec<String> = items.iter().map(path).collect::<Option<_>>()?;
    if let Some(key) = key.filter(|key| key.len() != paths.len()) {
        value.mistake(format!(
            "the key has {} columns and 'key' {} paths: give one path for each column",
            key.len(),
            paths.len()
        ));
        return None;
    }
    Some(paths)
}

/// What the connector writes for a value that it does not have; `hex:` as the connector reads it.
fn placeholder(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    let read = match text.strip_prefix("hex:") {
        Some(digits) => canonical::bytes_of(digits).and_then(|bytes| String::from_utf8(bytes).ok()),
        None => Some(text.to_owned()),
    };
    let read = read.filter(|text| !text.is_empty());
    if read.is_none() {
        value.mistake(format!(
            "'{text}' stands for no text, which could not be told from a value: write the connector's unavailable.value.placeholder, or leave it out for \"{UNAVAILABLE}\""
        ));
    }
    read
}

/// A path in a document.
pub(super) fn path(value: &Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    field_path::check(text).map_err(|mistake| value.mistake(mistake)).ok()?;
    Some(text.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_file::{Scale, Source, Test, parse};

    const SHOP: &str = include_str!("../../../../scenarios/models/shop.toml");
    /// What the shop's model says of where its customers land.
    const KEY: &str = "key = \"_id\"  ";

    /// The shop with other lines in the place of its customers' key.
    fn with(lines: &str) -> Result<Test, Vec<String>> {
        let source = |name: &str, text: String| Source { name: name.into(), text };
        let test = source("t.toml", include_str!("../../../../scenarios/e2e-latency.toml").to_owned());
        assert!(SHOP.contains(KEY));
        let model = source("m.toml", SHOP.replacen(KEY, &format!("{lines}\n# "), 1));
        let read = parse(&test, Scale::default(), Scale::default(), |_| Ok(model));
        read.map(|(test, _)| test).map_err(|mistakes| mistakes.0.iter().map(ToString::to_string).collect())
    }

    fn landing(lines: &str) -> Landing {
        with(lines).expect("a model").model.entities[0].landing.clone()
    }

    #[test]
    fn what_the_sink_decides_is_said_by_the_model() {
        let plain = landing("");
        assert_eq!((plain.document_key, plain.unavailable.as_str()), (DocumentKey::Row, UNAVAILABLE));
        assert_eq!(landing("document_key = \"sink\"").document_key, DocumentKey::Sink);
        assert_eq!(landing("document_key = \"row\"\nkey = '\"my.id\"'").key_paths, ["\"my.id\""]);
        assert_eq!(landing("unavailable = \"~gone~\"").unavailable, "~gone~");
        assert_eq!(landing("unavailable = \"hex:7e676f6e657e\"").unavailable, "~gone~");
    }

    #[test]
    fn mistakes_of_what_the_sink_decides_have_their_way_out() {
        let cases = [
            (
                "document_key = \"snik\"",
                "unknown word for who chooses the documents' keys 'snik', did you mean 'sink'?",
            ),
            (
                "key = \"_id\"\ndocument_key = \"sink\"",
                "'key' says where the row's key stands in them: remove one of the two",
            ),
            ("unavailable = \"\"", "'' stands for no text"),
            ("unavailable = \"hex:7\"", "'hex:7' stands for no text"),
            ("key = \"_id..x\"", "'_id..x' is no path in a document"),
            ("key = '\"my.id'", "is no path in a document: write names joined by dots"),
        ];
        for (lines, expected) in cases {
            let mistakes = with(lines).expect_err(lines);
            assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "{lines}: {mistakes:#?}");
        }
    }
}
