//! Reads what steps work on: entities, columns, pools, and the row that a step takes.

use super::Reader;
use super::flow::Known;
use super::generator;
use crate::test_file::mistake::unknown;
use crate::test_file::reader::{Table, Value};
use crate::test_file::{ColumnType, Entity, Generator, Pick, RowFrom, Setting};

impl Reader<'_, '_> {
    /// Which row an update or delete works on.
    pub(super) fn row(
        &self,
        table: &Table<'_, '_>,
        subject: &Value<'_, '_>,
        entity: Option<usize>,
        known: &Known,
        what: &str,
    ) -> Option<RowFrom> {
        const PICKS: [(&str, Pick); 2] = [("random", Pick::Random), ("oldest", Pick::Oldest)];
        let (from, pick, keep) = (table.get("from"), table.get("pick"), table.get("keep"));
        let Some(from) = from else {
            for (key, value) in [("pick", &pick), ("keep", &keep)] {
                if let Some(value) = value {
                    value.mistake(format!("'{key}' needs from = \"<pool>\""));
                }
            }
            let entity = entity?;
            if !known.has(entity) {
                subject.mistake(format!(
                    "the iteration has no such row here: put a create of this entity before its {what}, or take one with from = \"<pool>\""
                ));
                return None;
            }
            return Some(RowFrom::Own);
        };
        let pool = self.pool(&from);
        let pick = pick.map_or(Some(Pick::Random), |value| value.word("way to pick", &PICKS));
        let keep = keep.map_or(Some(0), |value| value.whole(0..=u64::from(u32::MAX)));
        let pool = pool?;
        if !self.same_entity(&from, pool, entity?) {
            return None;
        }
        Some(RowFrom::Pool { pool, pick: pick?, keep: u32::try_from(keep?).ok()? })
    }

    pub(super) fn entity(&self, value: &Value<'_, '_>) -> Option<usize> {
        let (name, model) = (value.text()?, self.model?);
        let found = model.entities.iter().position(|entity| entity.name == name);
        if found.is_none() {
            let names: Vec<&str> = model.entities.iter().map(|entity| entity.name.as_str()).collect();
            value.mistake(unknown("entity", name, &names));
        }
        found
    }

    pub(super) fn pool(&self, value: &Value<'_, '_>) -> Option<usize> {
        let name = value.text()?;
        let found = self.pools.iter().position(|pool| pool.name == name);
        // Where a pool itself has a mistake, what refers to it is not judged.
        if found.is_none() && !self.broken_pools {
            let names: Vec<&str> = self.pools.iter().map(|pool| pool.name.as_str()).collect();
            if names.is_empty() {
                value.mistake(format!("there is no pool '{name}': add [pools.{name}] with its entity"));
            } else {
                value.mistake(unknown("pool", name, &names));
            }
        }
        found
    }

    pub(super) fn same_entity(&self, value: &Value<'_, '_>, pool: usize, entity: usize) -> bool {
        let Some(model) = self.model else { return false };
        let found = self.pools[pool].entity;
        if found != entity {
            value.mistake(format!(
                "pool '{}' holds rows of '{}', not of '{}'",
                self.pools[pool].name, model.entities[found].name, model.entities[entity].name
            ));
        }
        found == entity
    }

    pub(super) fn column(&self, entity: &Entity, name: &str, place: &Value<'_, '_>) -> Option<usize> {
        let found = entity.columns.iter().position(|column| column.name == name);
        if found.is_none() {
            let names: Vec<&str> = entity.columns.iter().map(|column| column.name.as_str()).collect();
            place.mistake(unknown("column", name, &names));
        }
        found
    }

    /// The columns that a step fills its own way.
    pub(super) fn set(&self, entity: usize, value: &Value<'_, '_>) -> Option<Vec<Setting>> {
        let entity = &self.model?.entities[entity];
        let names: Vec<&str> = entity.columns.iter().map(|column| column.name.as_str()).collect();
        let mut set = Vec::new();
        let mut complete = true;
        for (name, span, value) in value.table()?.entries() {
            match entity.columns.iter().position(|column| column.name == name) {
                None => self.document.mistake(span.start, unknown("column", name, &names)),
                Some(key) if entity.key.contains(&key) => {
                    value.mistake(format!("'{name}' is of the key: it is generated, not set"));
                }
                Some(column) if matches!(entity.columns[column].generator, Generator::Reference { .. }) => {
                    value.mistake(format!("'{name}' refers to another row: say which with 'from'"));
                }
                Some(column) => {
                    if let Some(value) = setting(&value, entity.columns[column].kind) {
                        set.push(Setting { column, value });
                        continue;
                    }
                }
            }
            complete = false;
        }
        complete.then_some(set)
    }
}

/// What fills a column in one step: a text with placeholders, a literal, a choice, or a generator.
fn setting(value: &Value<'_, '_>, kind: ColumnType) -> Option<Generator> {
    if value.is_table() {
        let table = value.table()?;
        let generator = generator::read(&table, value, kind, None);
        if generator.is_some() {
            table.finish();
        }
        return generator;
    }
    if value.is_array() {
        return generator::choice(value, kind);
    }
    match kind {
        ColumnType::Json | ColumnType::Jsonb | ColumnType::Inet => {
            generator::template(value, kind).map(Generator::Template)
        }
        kind if kind.is_text() => generator::template(value, kind).map(Generator::Template),
        _ => generator::literal(value, kind).map(Generator::Fixed),
    }
}
