//! Reads what fills a column: generators, and values as a file writes them.

use crate::test_file::mistake::unknown;
use crate::test_file::reader::{Table, Value};
use crate::test_file::{ColumnType, Entity, Generator, Literal, Template};

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
pub(super) fn read(
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
pub(super) fn choice(value: &Value<'_, '_>, kind: ColumnType) -> Option<Generator> {
    let literals: Option<Vec<Literal>> = value.array()?.iter().map(|item| literal(item, kind)).collect();
    let literals = literals?;
    if literals.is_empty() {
        value.mistake("there is nothing to choose from: name at least one value");
        return None;
    }
    Some(Generator::Choice(literals))
}

/// A value of a column's type.
pub(super) fn literal(value: &Value<'_, '_>, kind: ColumnType) -> Option<Literal> {
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
