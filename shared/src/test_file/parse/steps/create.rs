//! `create`: inserts a row.

use super::{Given, Kind};
use crate::test_file::mistake::unknown;
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::{Known, Place};
use crate::test_file::reader::Value;
use crate::test_file::{Action, Generator, Pick, RowFrom, Setting};

pub(super) const STEP: Kind = Kind { key: "create", companions: &["set", "into", "from", "group"], read };

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    let entity = reader.entity(given.subject);
    let action = create(reader, given, entity, place.known);
    place.remember(entity, action.is_some());
    action.map(Some)
}

fn create(
    reader: &Reader<'_, '_>,
    given: &Given<'_, '_, '_>,
    entity: Option<usize>,
    known: &mut Known,
) -> Option<Action> {
    let table = given.table;
    let pool = table.get("into").map(|value| reader.pool(&value));
    if let (Some(entity), Some(Some(pool)), Some(value)) = (entity, pool, table.get("into")) {
        reader.same_entity(&value, pool, entity);
        reader.filled.borrow_mut().push(pool);
    }
    let (set, from) = (table.get("set"), table.get("from"));
    known.written = true;
    let entity = entity?;
    let set = set.map_or(Some(Vec::new()), |value| {
        let set = reader.set(entity, &value)?;
        let uses_id = |setting: &Setting| matches!(&setting.value, Generator::Template(template) if template.uses_id());
        if reader.model?.entities[entity].is_keyed_by_database() && set.iter().any(uses_id) {
            value.mistake(
                "{id} is the key, which the database gives a row once it is written: use {run} and {sequence}, which together are no other row's",
            );
            return None;
        }
        Some(set)
    });
    let parents = reader.parents(entity, given.subject, from.as_ref(), known);
    known.rows.push(entity);
    let into = match pool {
        Some(pool) => Some(pool?),
        None => None,
    };
    Some(Action::Create { entity, set: set?, parents: parents?, into, check: None })
}

impl Reader<'_, '_> {
    /// Where the rows that a new row refers to come from.
    fn parents(
        &self,
        entity: usize,
        subject: &Value<'_, '_>,
        from: Option<&Value<'_, '_>>,
        known: &Known,
    ) -> Option<Vec<(usize, RowFrom)>> {
        let entity = &self.model?.entities[entity];
        let references: Vec<(usize, usize)> = entity
            .columns
            .iter()
            .enumerate()
            .filter_map(|(column, spec)| match spec.generator {
                Generator::Reference { entity } => Some((column, entity)),
                _ => None,
            })
            .collect();
        let by_column = from.filter(|value| value.is_table()).and_then(Value::table);
        let mut named: Vec<(&str, Value<'_, '_>)> = by_column
            .iter()
            .flat_map(|table| table.entries().into_iter().map(|(name, _, value)| (name, value)))
            .collect();
        let mut parents = Vec::new();
        let mut complete = true;
        for (column, parent) in references {
            let name = entity.columns[column].name.as_str();
            let own = named.iter().position(|(other, _)| *other == name).map(|index| named.remove(index).1);
            let source = own.or_else(|| from.filter(|value| !value.is_table()).cloned());
            match source {
                Some(value) => match self.pool(&value) {
                    Some(pool) if self.same_entity(&value, pool, parent) => {
                        parents.push((column, RowFrom::Pool { pool, pick: Pick::Random, keep: 0 }));
                    }
                    _ => complete = false,
                },
                None if known.has(parent) => parents.push((column, RowFrom::Own)),
                None => {
                    let parent = &self.model?.entities[parent].name;
                    subject.mistake(format!(
                        "'{name}' refers to a '{parent}' and the iteration has none here: create one before it, or take one with from = \"<pool>\""
                    ));
                    complete = false;
                }
            }
        }
        let references: Vec<&str> = entity
            .columns
            .iter()
            .filter(|column| matches!(column.generator, Generator::Reference { .. }))
            .map(|column| column.name.as_str())
            .collect();
        for (name, value) in named {
            value.mistake(unknown("reference column", name, &references));
            complete = false;
        }
        if let (Some(from), true) = (from, references.is_empty()) {
            from.mistake(format!("'{}' refers to no other row: leave 'from' out", entity.name));
            complete = false;
        }
        let is_own = |(column, from): &(usize, RowFrom)| entity.key.contains(column) && *from == RowFrom::Own;
        if complete && entity.is_keyed_by_references() && !parents.iter().any(is_own) {
            subject.mistake(format!(
                "the key of '{}' is made of rows that it refers to, and two rows from a pool would soon meet again: create one of them in the iteration",
                entity.name
            ));
            complete = false;
        }
        complete.then_some(parents)
    }
}
