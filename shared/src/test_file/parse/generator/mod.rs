//! Reads what fills a column.

mod literal;

pub(super) use literal::{choice, literal, template};

use crate::test_file::mistake::unknown;
use crate::test_file::reader::{Table, Value};
use crate::test_file::{ColumnType, Entity, Generator, NumberText, Sequence, Template};
use crate::time::UnixNanos;

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
    Date,
    Time,
    Bytes,
    Reference,
    Sequence,
    Database,
}

const KINDS: [(&str, Kind); 14] = [
    ("uuid", Kind::Uuid),
    ("template", Kind::Template),
    ("choice", Kind::Choice),
    ("fixed", Kind::Fixed),
    ("int", Kind::Int),
    ("decimal", Kind::Decimal),
    ("bool", Kind::Bool),
    ("timestamp", Kind::Timestamp),
    ("date", Kind::Date),
    ("time", Kind::Time),
    ("bytes", Kind::Bytes),
    ("reference", Kind::Reference),
    ("sequence", Kind::Sequence),
    ("database", Kind::Database),
];

impl Kind {
    fn fills(self, kind: ColumnType) -> bool {
        match self {
            Self::Uuid => matches!(kind, ColumnType::Uuid),
            Self::Template => {
                kind.is_text() || matches!(kind, ColumnType::Json | ColumnType::Jsonb | ColumnType::Inet)
            }
            Self::Choice | Self::Fixed => true,
            Self::Int => kind.whole_numbers().is_some(),
            Self::Decimal => kind.is_decimal(),
            Self::Bool => matches!(kind, ColumnType::Boolean),
            Self::Timestamp => matches!(kind, ColumnType::Timestamp | ColumnType::Timestamptz),
            Self::Date => matches!(kind, ColumnType::Date),
            Self::Time => matches!(kind, ColumnType::Time),
            Self::Bytes => matches!(kind, ColumnType::Bytea),
            Self::Reference => kind.can_be_key(),
            Self::Sequence => kind.is_text() || kind.whole_numbers().is_some(),
            Self::Database => {
                matches!(kind, ColumnType::Uuid | ColumnType::Text | ColumnType::Varchar { .. })
                    || kind.whole_numbers().is_some()
            }
        }
    }

    /// Whether only the model may say it, and no step: it is about which row this is.
    fn is_of_model(self) -> bool {
        matches!(self, Self::Reference | Self::Sequence | Self::Database)
    }
}

/// The generator that a table describes, for a column of this type. Without `entities` (names in the file, and
/// those read so far) nothing may refer to another row, or make a key.
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
    let size = table.get("size");
    let start = table.get("start");
    let kind = kind?;
    if !kind.fills(column) || (kind.is_of_model() && entities.is_none()) {
        let names = KINDS
            .iter()
            .filter(|(_, kind)| kind.fills(column) && (entities.is_some() || !kind.is_of_model()));
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
            let range = column.whole_numbers()?;
            let (low, high) = (min.as_ref()?.signed(range.clone())?, max?.signed(range)?);
            ordered(min.as_ref()?, low, high)?;
            Some(Generator::Int { min: low, max: high })
        }
        Kind::Decimal => {
            let (min, max) =
                (min.or_else(|| table.require("min", "10")), max.or_else(|| table.require("max", "510")));
            let (low, high, scale) = literal::decimals(min.as_ref()?, max.as_ref()?, column)?;
            ordered(min.as_ref()?, low, high)?;
            Some(Generator::Decimal { min: low, max: high, scale })
        }
        Kind::Bool => {
            let probability = probability.map_or(Some(0.5), |value| value.float(0.0..=1.0))?;
            Some(Generator::Bool { probability })
        }
        Kind::Timestamp | Kind::Date | Kind::Time => {
            let example = match kind {
                Kind::Date => "2026-01-31",
                Kind::Time => "12:30:00",
                _ => "2026-01-01T00:00:00Z",
            };
            let (from, to) = (
                from.or_else(|| table.require("from", example)),
                to.or_else(|| table.require("to", example)),
            );
            let (from, to) = (from?, to?);
            let read = |value: &Value<'_, '_>| match kind {
                Kind::Date => value.date(),
                Kind::Time => value.time_of_day(),
                _ => value.moment().map(|moment| moment.0),
            };
            let (low, high) = (read(&from)?, read(&to)?);
            ordered(&from, low, high)?;
            Some(match kind {
                Kind::Date => Generator::Date { from: low, to: high },
                Kind::Time => Generator::Time { from: low, to: high },
                _ => Generator::Timestamp { from: UnixNanos(low), to: UnixNanos(high) },
            })
        }
        Kind::Bytes => {
            let size = size.map_or(Some(16), |value| value.whole(0..=u64::from(u16::MAX)))?;
            Some(Generator::Bytes { size: u16::try_from(size).ok()? })
        }
        Kind::Reference => {
            let value = references.or_else(|| table.require("references", "\"customer\""))?;
            reference(&value, column, entities.unwrap_or_default())
        }
        Kind::Database => Some(Generator::Database),
        Kind::Sequence => {
            let text = match (&template, column.is_text()) {
                (Some(value), true) => Some(number_text(value)?),
                (Some(value), false) => {
                    value.mistake(format!(
                        "a column of type {} holds the number itself: leave 'template' out",
                        column.sql()
                    ));
                    return None;
                }
                (None, is_text) => is_text.then(NumberText::default),
            };
            let sequence = Sequence { start: 1, text };
            let greatest = sequence.greatest(column);
            if greatest == 0 {
                template.as_ref().unwrap_or(place).mistake(format!(
                    "a text of type {} has no room for the number and what stands around it: shorten the template",
                    column.declared()
                ));
                return None;
            }
            let start = start.map_or(Some(1), |value| value.signed(1..=greatest))?;
            Some(Generator::Sequence(Sequence { start, ..sequence }))
        }
    }
}

/// What each generator takes.
const OPTIONS: [(&[&str], &[Kind]); 9] = [
    (&["template"], &[Kind::Template, Kind::Sequence]),
    (&["choices"], &[Kind::Choice]),
    (&["value"], &[Kind::Fixed]),
    (&["min", "max"], &[Kind::Int, Kind::Decimal]),
    (&["probability"], &[Kind::Bool]),
    (&["from", "to"], &[Kind::Timestamp, Kind::Date, Kind::Time]),
    (&["size"], &[Kind::Bytes]),
    (&["references"], &[Kind::Reference]),
    (&["start"], &[Kind::Sequence]),
];

/// The text of a key with its number in it.
fn number_text(value: &Value<'_, '_>) -> Option<NumberText> {
    let template = Template::read(value)?;
    let text = NumberText::of(&template);
    if text.is_none() {
        value.mistake(
            "the template of a sequence holds {number} once and no other placeholder: what is there already is found by it, as in \"C-{number(6)}\"",
        );
    }
    text
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
        [key] if entity.columns[key].kind.sql() == column.sql() => {
            Some(Generator::Reference { entity: index })
        }
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
