//! Reads a model file.

use std::collections::BTreeMap;

use crate::test_file::mistake::unknown;
use crate::test_file::reader::{Document, Table, Value};
use crate::test_file::{Column, ColumnType, Deletes, Entity, Generator, Landing, Literal, Model, Template};

/// Reads a model document; mistakes go to it.
pub(in crate::test_file) fn read(document: &Document<'_>) -> Option<Model> {
    let parsed = document.parse();
    if !document.is_clean() {
        return None;
    }
    let root = document.root(&parsed);
    let entities = root.require("entities", "a table [entities.customer]").and_then(|value| value.table());
    root.finish();
    let mut entries: Vec<_> = entities?.entries().collect();
    entries.sort_by_key(|(_, span, _)| span.start);
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
    let sql_name = table.require("table", "\"customers\"").and_then(|value| identifier(&value, true));
    let key_names = table.require("key", "\"id\"");
    let stamp = table.get("stamp").map_or(Some("cdc_stamp".to_owned()), |value| identifier(&value, false));
    let columns = table
        .require("columns", "{ id = { type = \"uuid\", generate = \"uuid\" } }")
        .and_then(|value| value.table());
    let landing = table.get("mongo");
    let columns: Option<Vec<Column>> = columns.and_then(|columns| {
        let mut entries: Vec<_> = columns.entries().collect();
        entries.sort_by_key(|(_, span, _)| span.start);
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
        landing.collection = table.rsplit('.').next().unwrap_or(&table).to_owned();
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
    let generator = kind_read.and_then(|kind| read_generator(&table, value, kind, Some((names, before))));
    if kind_read.is_some() {
        table.finish();
    }
    if !is_identifier(name) {
        value.mistake(format!("'{name}' is not a column name: letters, digits and _ only"));
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

/// What a generator is called, for which types, and with an example.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uuid,
    Template,
    Choice,
    Fixed,
    Int,
    Decimal,
    Bool,
    Timestamp,
    Reference,
}

const KINDS: [(&str, Kind); 9] = [
    ("uuid", Kind::Uuid),
    ("template", Kind::Template),
    ("choice", Kind::Choice),
    ("fixed", Kind::Fixed),
    ("int", Kind::Int),
    ("decimal", Kind::Decimal),
    ("bool", Kind::Bool),
    ("timestamp", Kind::Timestamp),
    ("reference", Kind::Reference),
];

impl Kind {
    fn fills(self, kind: ColumnType) -> bool {
        match self {
            Self::Uuid => matches!(kind, ColumnType::Uuid),
            Self::Template => matches!(kind, ColumnType::Text | ColumnType::Jsonb),
            Self::Choice | Self::Fixed => !matches!(kind, ColumnType::Timestamp | ColumnType::Timestamptz),
            Self::Int => matches!(kind, ColumnType::Integer | ColumnType::Bigint),
            Self::Decimal => matches!(kind, ColumnType::Numeric { .. }),
            Self::Bool => matches!(kind, ColumnType::Boolean),
            Self::Timestamp => matches!(kind, ColumnType::Timestamp | ColumnType::Timestamptz),
            Self::Reference => kind.is_verifiable(),
        }
    }
}

/// The generator that a table describes, for a column of this type. Without `entities` (names in the file, and
/// those read so far) nothing may refer to another row.
pub(in crate::test_file) fn read_generator(
    table: &Table<'_, '_>,
    place: &Value<'_, '_>,
    column: ColumnType,
    entities: Option<(&[&str], &[Option<Entity>])>,
) -> Option<Generator> {
    let kind = table.require("generate", "\"uuid\"").and_then(|value| value.word("generator", &KINDS));
    let (template, choices, fixed) = (table.get("template"), table.get("choices"), table.get("value"));
    let (min, max, probability) = (table.get("min"), table.get("max"), table.get("probability"));
    let (from, to, references) = (table.get("from"), table.get("to"), table.get("references"));
    let kind = kind?;
    if !kind.fills(column) || (kind == Kind::Reference && entities.is_none()) {
        let names = KINDS
            .iter()
            .filter(|(_, kind)| kind.fills(column) && (entities.is_some() || *kind != Kind::Reference));
        let names: Vec<&str> = names.map(|(name, _)| *name).collect();
        place.mistake(format!(
            "a column of type {} cannot be filled this way: it takes generate = {}",
            column.sql(),
            names.join(", ")
        ));
        return None;
    }
    for (options, generators) in OPTIONS {
        for option in options.iter().filter(|option| !generators.contains(&kind) && table.contains(option)) {
            let names: Vec<&str> =
                KINDS.iter().filter(|(_, kind)| generators.contains(kind)).map(|(name, _)| *name).collect();
            let place = table.get(option);
            let message = format!("'{option}' goes with generate = {} only", names.join(" or "));
            place.iter().for_each(|place| place.mistake(message.clone()));
        }
    }
    match kind {
        Kind::Uuid => Some(Generator::Uuid),
        Kind::Template => {
            let value = template.or_else(|| table.require("template", "\"customer-{id}@example.test\""))?;
            self::template(&value, column).map(Generator::Template)
        }
        Kind::Choice => {
            let value = choices.or_else(|| table.require("choices", "[\"active\", \"pending\"]"))?;
            choice(&value, column)
        }
        Kind::Fixed => {
            let value = fixed.or_else(|| table.require("value", "\"USA\""))?;
            literal(&value, column).map(Generator::Fixed)
        }
        Kind::Int => {
            let (min, max) =
                (min.or_else(|| table.require("min", "1")), max.or_else(|| table.require("max", "9")));
            let range = int_range(column);
            let (low, high) = (min.as_ref()?.signed(range.clone())?, max?.signed(range)?);
            ordered(min.as_ref()?, low, high)?;
            Some(Generator::Int { min: low, max: high })
        }
        Kind::Decimal => {
            let (min, max) =
                (min.or_else(|| table.require("min", "10")), max.or_else(|| table.require("max", "510")));
            let (low, high) = (units(min.as_ref()?, column)?, units(&max?, column)?);
            ordered(min.as_ref()?, low, high)?;
            Some(Generator::Decimal { min: low, max: high })
        }
        Kind::Bool => {
            let probability = probability.map_or(Some(0.5), |value| value.float(0.0..=1.0))?;
            Some(Generator::Bool { probability })
        }
        Kind::Timestamp => {
            let example = "2026-01-01T00:00:00Z";
            let (from, to) = (
                from.or_else(|| table.require("from", example)),
                to.or_else(|| table.require("to", example)),
            );
            let (low, high) = (from.as_ref()?.moment()?, to?.moment()?);
            ordered(from.as_ref()?, low.0, high.0)?;
            Some(Generator::Timestamp { from: low, to: high })
        }
        Kind::Reference => {
            let value = references.or_else(|| table.require("references", "\"customer\""))?;
            reference(&value, column, entities.unwrap_or_default())
        }
    }
}

/// What each generator takes.
const OPTIONS: [(&[&str], &[Kind]); 7] = [
    (&["template"], &[Kind::Template]),
    (&["choices"], &[Kind::Choice]),
    (&["value"], &[Kind::Fixed]),
    (&["min", "max"], &[Kind::Int, Kind::Decimal]),
    (&["probability"], &[Kind::Bool]),
    (&["from", "to"], &[Kind::Timestamp]),
    (&["references"], &[Kind::Reference]),
];

/// A text with placeholders; for `jsonb` one that gives JSON.
pub(super) fn template(value: &Value<'_, '_>, column: ColumnType) -> Option<Template> {
    let template = Template::read(value)?;
    if column == ColumnType::Jsonb {
        let sample = template.sample();
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&sample) {
            value.mistake(format!(
                "'{sample}', which this template gives, is not JSON ({error}): double its braces, {{{{ and }}}}, and put quotes around texts"
            ));
            return None;
        }
    }
    Some(template)
}

fn ordered(place: &Value<'_, '_>, low: i64, high: i64) -> Option<()> {
    if low > high {
        place.mistake("the range is empty: its lower end is above its upper end");
    }
    (low <= high).then_some(())
}

fn reference(
    value: &Value<'_, '_>,
    column: ColumnType,
    (names, before): (&[&str], &[Option<Entity>]),
) -> Option<Generator> {
    let name = value.text()?;
    let Some(index) = names.iter().position(|other| *other == name) else {
        value.mistake(unknown("entity", name, names));
        return None;
    };
    if index >= before.len() {
        value.mistake(format!("'{name}' must stand before the entity that refers to it"));
        return None;
    }
    // One with a mistake of its own is not judged.
    let entity = before[index].as_ref()?;
    match entity.key[..] {
        [key] if entity.columns[key].kind == column => Some(Generator::Reference { entity: index }),
        [key] => {
            let kind = entity.columns[key].kind.sql();
            value.mistake(format!(
                "the key of '{name}' is of type {kind}, this column of type {}",
                column.sql()
            ));
            None
        }
        _ => {
            value.mistake(format!(
                "'{name}' has a key of several columns: only a key of one can be referred to"
            ));
            None
        }
    }
}

fn int_range(kind: ColumnType) -> std::ops::RangeInclusive<i64> {
    if kind == ColumnType::Integer { i64::from(i32::MIN)..=i64::from(i32::MAX) } else { i64::MIN..=i64::MAX }
}

/// A number in units of a numeric column's last digit.
fn units(value: &Value<'_, '_>, kind: ColumnType) -> Option<i64> {
    let ColumnType::Numeric { precision, scale } = kind else { return None };
    let text = value.number()?;
    let canonical = crate::canonical::decimal(&text);
    let parts = canonical.as_deref().map(|text| text.split_once('.').unwrap_or((text, "")));
    let units =
        parts.filter(|(_, fraction)| fraction.len() <= usize::from(scale)).and_then(|(whole, fraction)| {
            let digits = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
            digits.parse::<i64>().ok().filter(|units| units.unsigned_abs() < 10_u64.pow(u32::from(precision)))
        });
    if units.is_none() {
        value.mistake(format!(
            "{text} does not fit into numeric({precision},{scale}): at most {} digits before the point and {scale} after it",
            precision - scale
        ));
    }
    units
}

/// One of several values of a column's type, each as likely.
pub(in crate::test_file) fn choice(value: &Value<'_, '_>, kind: ColumnType) -> Option<Generator> {
    let literals: Option<Vec<Literal>> = value.array()?.iter().map(|item| literal(item, kind)).collect();
    let literals = literals?;
    if literals.is_empty() {
        value.mistake("there is nothing to choose from: name at least one value");
        return None;
    }
    Some(Generator::Choice(literals))
}

/// A value of a column's type.
pub(in crate::test_file) fn literal(value: &Value<'_, '_>, kind: ColumnType) -> Option<Literal> {
    match kind {
        ColumnType::Text | ColumnType::Jsonb => value.text().map(|text| Literal::Text(text.to_owned())),
        ColumnType::Uuid => {
            let text = value.text()?.to_ascii_lowercase();
            let groups: Vec<usize> = text.split('-').map(str::len).collect();
            let is_uuid =
                groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
            if !is_uuid {
                value.mistake(format!("'{text}' is not a UUID of 36 characters"));
            }
            is_uuid.then_some(Literal::Text(text))
        }
        ColumnType::Integer | ColumnType::Bigint => value.signed(int_range(kind)).map(Literal::Int),
        ColumnType::Numeric { .. } => units(value, kind).map(Literal::Decimal),
        ColumnType::Boolean => value.flag().map(Literal::Bool),
        ColumnType::Timestamp | ColumnType::Timestamptz => {
            value.mistake(
                "a moment is written as { generate = \"timestamp\", from = 2026-01-01T00:00:00Z, to = 2026-12-31T00:00:00Z }",
            );
            None
        }
    }
}

fn read_landing(value: Option<&Value<'_, '_>>, key: Option<&[String]>) -> Option<Landing> {
    const DELETES: [(&str, Deletes); 1] = [("remove", Deletes::Remove)];
    let default_paths = |key: &[String]| match key {
        [_] => vec!["_id".to_owned()],
        several => several.iter().map(|column| format!("_id.{column}")).collect(),
    };
    let Some(value) = value else {
        let key_paths = default_paths(key?);
        let (collection, stamp_path) = (String::new(), String::new());
        return Some(Landing { collection, key_paths, stamp_path, deletes: Deletes::Remove });
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
    table.finish();
    let key_paths = paths.unwrap_or_else(|| key.map(default_paths))?;
    Some(Landing { collection: collection?, key_paths, stamp_path: stamp_path?, deletes: deletes? })
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
