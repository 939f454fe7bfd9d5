//! The model: which tables are written, how their columns are filled, and where they land in MongoDB.

use std::collections::BTreeMap;

use super::mistake::unknown;
use super::reader::{Document, Table, Value};
use super::template::Template;
use crate::time::UnixNanos;

/// The entities of a model file, in the file's order; operations name them by index.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// At least one.
    pub entities: Vec<Entity>,
}

/// One table and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// The name that steps, reports and labels use.
    pub name: String,
    /// The table, with its schema where it is not on the search path: `customers`, `shop.customers`.
    pub table: String,
    /// Indexes of the primary key's columns, at least one, in the key's order.
    pub key: Vec<usize>,
    /// The column that takes the stamp, of type TEXT.
    pub stamp: String,
    /// Every column that is written, without the stamp, in the file's order.
    pub columns: Vec<Column>,
    /// Where it lands.
    pub landing: Landing,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name in PostgreSQL.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// What fills it.
    pub generator: Generator,
    /// Whether the observer checks that the value arrived as it was written.
    pub verified: bool,
    /// Where the value stands in the MongoDB document; the column's name unless the model says otherwise.
    pub field: String,
}

/// The column types that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `uuid`
    Uuid,
    /// `text`, also right for `varchar` and `char`.
    Text,
    /// `integer`
    Integer,
    /// `bigint`
    Bigint,
    /// `numeric(precision, scale)`; the scale is how many digits are written after the point.
    Numeric {
        /// Digits in total.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `boolean`
    Boolean,
    /// `timestamp with time zone`
    Timestamptz,
    /// `timestamp without time zone`, in UTC.
    Timestamp,
    /// `jsonb`
    Jsonb,
}

/// What fills a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Generator {
    /// A random UUID (version 4), a function of seed and sequence.
    Uuid,
    /// A text with placeholders; for `text` and `jsonb`.
    Template(Template),
    /// One of these, each as likely.
    Choice(Vec<Literal>),
    /// Always this.
    Fixed(Literal),
    /// A whole number from a range, both ends included.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A decimal number from a range, both ends included, in steps of the column's last digit.
    Decimal {
        /// The smallest, in units of the last digit.
        min: i64,
        /// The largest, in units of the last digit.
        max: i64,
    },
    /// True with a probability from 0 to 1.
    Bool {
        /// Of true.
        probability: f64,
    },
    /// A moment from a range, in whole milliseconds.
    Timestamp {
        /// The earliest.
        from: UnixNanos,
        /// The latest.
        to: UnixNanos,
    },
    /// The key of a row of another entity, whose key is one column.
    Reference {
        /// Index of an entity that stands before this one in the model.
        entity: usize,
    },
}

/// A value as a file writes it, of the column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Literal {
    /// For `text`, `uuid` and `jsonb`.
    Text(String),
    /// For `integer` and `bigint`.
    Int(i64),
    /// For `numeric`: in units of the column's last digit.
    Decimal(i64),
    /// For `boolean`.
    Bool(bool),
}

/// Where an entity's rows land in MongoDB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The collection.
    pub collection: String,
    /// For each column of the key its path within `documentKey`: `_id` for a key of one column, `_id.<column>`
    /// for one of several or where the sink makes a sub-document.
    pub key_paths: Vec<String>,
    /// Path of the stamp; looked for first, before `<stamp column>` and `after.<stamp column>`.
    pub stamp_path: String,
    /// What becomes of deletes.
    pub deletes: Deletes,
}

/// What becomes of a delete on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletes {
    /// The document is removed.
    Remove,
}

impl ColumnType {
    /// The type's name in PostgreSQL, as `format_type` writes it without modifiers.
    #[must_use]
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
            Self::Numeric { .. } => "numeric",
            Self::Boolean => "boolean",
            Self::Timestamptz => "timestamp with time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::Jsonb => "jsonb",
        }
    }

    /// Whether its values have a canonical form; see [`crate::canonical`].
    #[must_use]
    pub const fn is_verifiable(self) -> bool {
        !matches!(self, Self::Timestamptz | Self::Timestamp | Self::Jsonb)
    }
}

impl Entity {
    /// The primary key's columns.
    pub fn key_columns(&self) -> impl Iterator<Item = &Column> {
        self.key.iter().map(|index| &self.columns[*index])
    }

    /// The columns whose content is checked, in the order in which they enter the digest.
    pub fn verified(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.verified)
    }

    /// The paths at which the stamp may stand in a document, in the order they are tried.
    #[must_use]
    pub fn stamp_paths(&self) -> Vec<String> {
        let mut paths = vec![self.landing.stamp_path.clone()];
        for other in [self.stamp.clone(), format!("after.{}", self.stamp)] {
            if !paths.contains(&other) {
                paths.push(other);
            }
        }
        paths
    }
}

/// Reads a model document; mistakes go to it.
pub(super) fn read(document: &Document<'_>) -> Option<Model> {
    let parsed = document.parse();
    if !document.is_clean() {
        return None;
    }
    let root = document.root(&parsed);
    let entities = root.require("entities", "a table [entities.customer]").and_then(|value| value.table());
    root.finish();
    let read: Vec<Option<Entity>> =
        entities?.entries().map(|(name, _, value)| entity(name, &value)).collect();
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

fn entity(name: &str, value: &Value<'_, '_>) -> Option<Entity> {
    let table = value.table()?;
    let sql_name = table.require("table", "\"customers\"").and_then(|value| identifier(&value, true));
    let key_name = table.require("key", "\"id\"");
    let stamp = table.get("stamp").map_or(Some("cdc_stamp".to_owned()), |value| identifier(&value, false));
    let columns = table
        .require("columns", "{ id = { type = \"uuid\", generate = \"uuid\" } }")
        .and_then(|value| value.table());
    let landing = table.get("mongo");
    let columns: Option<Vec<Column>> =
        columns.and_then(|columns| columns.entries().map(column).collect::<Vec<_>>().into_iter().collect());
    let key = match (&columns, &key_name) {
        (Some(columns), Some(value)) => key_index(columns, value),
        _ => None,
    };
    let landing = landing.map_or_else(
        || {
            Some(Landing {
                collection: String::new(),
                key_paths: vec!["_id".into()],
                stamp_path: String::new(),
                deletes: Deletes::Remove,
            })
        },
        |value| read_landing(&value),
    );
    table.finish();
    let (table, stamp, columns, key, mut landing) = (sql_name?, stamp?, columns?, key?, landing?);
    if landing.collection.is_empty() {
        landing.collection = table.rsplit('.').next().unwrap_or(&table).to_owned();
    }
    if landing.stamp_path.is_empty() {
        landing.stamp_path.clone_from(&stamp);
    }
    if columns.iter().any(|column| column.name == stamp) {
        value.mistake(format!("column '{stamp}' takes the stamp: remove it from the columns"));
    }
    Some(Entity { name: name.to_owned(), table, key: vec![key], stamp, columns, landing })
}

fn key_index(columns: &[Column], value: &Value<'_, '_>) -> Option<usize> {
    let name = value.text()?;
    let found = columns.iter().position(|column| column.name == name);
    match found.map(|index| &columns[index].generator) {
        Some(Generator::Uuid) => found,
        Some(_) => {
            value.mistake(format!("key column '{name}' must be unique: fill it with generate = \"uuid\""));
            None
        }
        None => {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            value.mistake(unknown("column", name, &names));
            None
        }
    }
}

fn column((name, _, value): (&str, std::ops::Range<usize>, Value<'_, '_>)) -> Option<Column> {
    let table = value.table()?;
    const TYPES: [(&str, ColumnType); 2] = [("uuid", ColumnType::Uuid), ("text", ColumnType::Text)];
    let kind = table.require("type", "\"text\"").and_then(|value| value.word("column type", &TYPES));
    let verified = table.get("verified").map_or(Some(false), |value| value.flag());
    let field = table.get("field").map_or(Some(name.to_owned()), |value| value.text().map(str::to_owned));
    let generator = generator(&table);
    table.finish();
    let (kind, generator) = (kind?, generator?);
    if (kind == ColumnType::Uuid) != (generator == Generator::Uuid) {
        value.mistake(format!("column '{name}' of type {} cannot be filled this way: a uuid takes generate = \"uuid\", a text takes \"template\" or \"choice\"", kind.sql()));
    }
    if !is_identifier(name) {
        value.mistake(format!("'{name}' is not a column name: letters, digits and _ only"));
    }
    Some(Column { name: name.to_owned(), kind, generator, verified: verified?, field: field? })
}

fn generator(table: &Table<'_, '_>) -> Option<Generator> {
    #[derive(Clone, Copy)]
    enum Kind {
        Uuid,
        Template,
        Choice,
    }
    const KINDS: [(&str, Kind); 3] =
        [("uuid", Kind::Uuid), ("template", Kind::Template), ("choice", Kind::Choice)];
    let kind = table.require("generate", "\"uuid\"").and_then(|value| value.word("generator", &KINDS));
    let (template, choices) = (table.get("template"), table.get("choices"));
    match kind? {
        Kind::Uuid => Some(Generator::Uuid),
        Kind::Template => {
            let value = template.or_else(|| table.require("template", "\"customer-{id}@example.test\""))?;
            Template::read(&value).map(Generator::Template)
        }
        Kind::Choice => {
            let value = choices.or_else(|| table.require("choices", "[\"active\", \"pending\"]"))?;
            let words: Option<Vec<String>> =
                value.array()?.iter().map(|item| item.text().map(str::to_owned)).collect();
            if words.as_ref().is_some_and(Vec::is_empty) {
                value.mistake("'choices' is empty: name at least one value");
            }
            words.map(|words| Generator::Choice(words.into_iter().map(Literal::Text).collect()))
        }
    }
}

fn read_landing(value: &Value<'_, '_>) -> Option<Landing> {
    const DELETES: [(&str, Deletes); 1] = [("remove", Deletes::Remove)];
    let table = value.table()?;
    let text = |key, default: &str| {
        table.get(key).map_or(Some(default.to_owned()), |value| value.text().map(str::to_owned))
    };
    let (collection, key_path, stamp_path) = (text("collection", ""), text("key", "_id"), text("stamp", ""));
    let deletes =
        table.get("deletes").map_or(Some(Deletes::Remove), |value| value.word("fate of deletes", &DELETES));
    table.finish();
    Some(Landing {
        collection: collection?,
        key_paths: vec![key_path?],
        stamp_path: stamp_path?,
        deletes: deletes?,
    })
}

fn is_identifier(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(legal)
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn identifier(value: &Value<'_, '_>, with_schema: bool) -> Option<String> {
    let text = value.text()?;
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() <= 1 + usize::from(with_schema) && parts.iter().all(|part| is_identifier(part)) {
        return Some(text.to_owned());
    }
    value.mistake(format!(
        "'{text}' is not a name PostgreSQL takes unquoted: letters, digits and _ only, at most 63"
    ));
    None
}
