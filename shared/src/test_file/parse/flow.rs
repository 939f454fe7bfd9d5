//! Reads flows: steps, the rows they work on, and what a check binds to.

use super::Reader;
use super::check::Checkable;
use super::generator;
use crate::test_file::mistake::unknown;
use crate::test_file::reader::{Table, Value};
use crate::test_file::{
    Action, Alternative, ColumnType, Entity, Generator, Pick, RowFrom, Setting, Step, Timeout,
};
use crate::time::Nanos;

/// Repetitions of one `repeat` at most.
const TIMES_MAX: u64 = 100_000;
/// Weights of a `choose` at most.
const WEIGHT_MAX: u64 = 1_000_000;
/// The shortest wait for a row.
const AWAIT_MIN: Nanos = Nanos::from_millis(1);

/// What is certain of an iteration at one point of its flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Entities of which the iteration may have a row of its own.
    rows: Vec<usize>,
    /// Whether it may have done any operation.
    written: bool,
    /// A step before has a mistake: what it would have made is not known, and what needs it is not judged.
    unsure: bool,
}

/// The keys that make a step, and what each may stand beside.
const KINDS: [&str; 9] =
    ["create", "update", "delete", "await", "check", "pause", "choose", "maybe", "repeat"];
const COMPANIONS: [(&str, &[&str]); 7] = [
    ("set", &["create", "update"]),
    ("into", &["create"]),
    ("from", &["create", "update", "delete"]),
    ("pick", &["update", "delete"]),
    ("keep", &["update", "delete"]),
    ("flow", &["maybe", "repeat"]),
    ("group", &["create", "update", "delete"]),
];

impl Reader<'_, '_> {
    /// A list of steps; what it makes is known after it.
    pub(super) fn flow(&self, value: &Value<'_, '_>, known: &mut Known) -> Option<Vec<Step>> {
        let items = value.array()?;
        if items.is_empty() {
            value.mistake("a flow needs at least one step, as in { create = \"customer\" }");
        }
        let mut steps = Vec::new();
        let mut checkable = None;
        let mut complete = true;
        for item in &items {
            match self.step(item, known, &mut steps, &mut checkable) {
                Some(step) => steps.extend(step),
                None => {
                    complete = false;
                    known.unsure = true;
                }
            }
        }
        complete.then_some(steps)
    }

    /// One step; `Some(None)` for a check, which is bound to a step before it.
    fn step(
        &self,
        value: &Value<'_, '_>,
        known: &mut Known,
        before: &mut [Step],
        checkable: &mut Option<Checkable>,
    ) -> Option<Option<Step>> {
        let table = value.table()?;
        let mut found: Vec<(&'static str, Value<'_, '_>)> = Vec::new();
        for kind in KINDS {
            found.extend(table.get(kind).map(|value| (kind, value)));
        }
        let group = table.get("group").map(|value| value.text().map(|name| self.group(name)));
        for (companion, kinds) in COMPANIONS {
            if let Some(value) = table.get(companion)
                && found.len() == 1
                && !kinds.contains(&found[0].0)
            {
                value.mistake(format!("'{companion}' goes with {} only", kinds.join(" or ")));
            }
        }
        let [(kind, subject)] = &found[..] else {
            table.finish();
            value.mistake(format!("a step has exactly one of: {}", KINDS.join(", ")));
            return None;
        };
        let action = match *kind {
            "create" => self.create(&table, subject, known),
            "update" => self.update(&table, subject, known),
            "delete" => self.delete(&table, subject, known),
            "await" => {
                if !known.written && !known.unsure {
                    subject.mistake("'await' has nothing to wait for: put a create before it");
                }
                timeout(subject).map(|timeout| Action::Await { timeout })
            }
            "check" => {
                table.finish();
                return self.check(subject, before, checkable).map(|()| None);
            }
            "pause" => pause(subject),
            "choose" => self.choose(subject, known),
            "maybe" => {
                let probability = subject.float(0.0..=1.0);
                let flow = self.inner(&table, known);
                Some(Action::Maybe { probability: probability?, flow: flow? })
            }
            _ => {
                let times = subject.whole(1..=TIMES_MAX);
                let before = known.rows.clone();
                let flow = self.inner(&table, known);
                known.again(&before, times.unwrap_or(1));
                let times = u32::try_from(times?).ok()?;
                Some(Action::Repeat { times, flow: flow? })
            }
        };
        table.finish();
        let action = action?;
        match &action {
            Action::Create { entity, .. } | Action::Update { entity, .. } => {
                *checkable = Some(Checkable { step: before.len(), entity: *entity, awaited: false });
            }
            Action::Await { .. } => {
                if let Some(checkable) = checkable {
                    checkable.awaited = true;
                }
            }
            Action::Pause { .. } => {}
            _ => *checkable = None,
        }
        Some(Some(Step { group: group.flatten(), action }))
    }

    fn create(&self, table: &Table<'_, '_>, subject: &Value<'_, '_>, known: &mut Known) -> Option<Action> {
        let entity = self.entity(subject);
        let pool = table.get("into").map(|value| self.pool(&value));
        if let (Some(entity), Some(Some(pool)), Some(value)) = (entity, pool, table.get("into")) {
            self.same_entity(&value, pool, entity);
            self.filled.borrow_mut().push(pool);
        }
        let (set, from) = (table.get("set"), table.get("from"));
        known.written = true;
        let entity = entity?;
        let set = set.map_or(Some(Vec::new()), |set| self.set(entity, &set));
        let parents = self.parents(entity, subject, from.as_ref(), known);
        known.rows.push(entity);
        let into = match pool {
            Some(pool) => Some(pool?),
            None => None,
        };
        Some(Action::Create { entity, set: set?, parents: parents?, into, check: None })
    }

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
        complete.then_some(parents)
    }

    fn update(&self, table: &Table<'_, '_>, subject: &Value<'_, '_>, known: &mut Known) -> Option<Action> {
        let entity = self.entity(subject);
        let set = table.require("set", "{ status = \"active\" }");
        let row = self.row(table, subject, entity, known, "update");
        known.written = true;
        let entity = entity?;
        let set = set.and_then(|value| {
            let set = self.set(entity, &value)?;
            if set.is_empty() {
                value.mistake("an update changes at least one column");
            }
            Some(set)
        });
        if matches!(row, Some(RowFrom::Pool { .. })) {
            known.rows.push(entity);
        }
        Some(Action::Update { entity, row: row?, set: set?, check: None })
    }

    fn delete(&self, table: &Table<'_, '_>, subject: &Value<'_, '_>, known: &mut Known) -> Option<Action> {
        let entity = self.entity(subject);
        let row = self.row(table, subject, entity, known, "delete");
        known.written = true;
        let entity = entity?;
        if row == Some(RowFrom::Own)
            && let Some(index) = known.rows.iter().rposition(|other| *other == entity)
        {
            known.rows.remove(index);
        }
        Some(Action::Delete { entity, row: row? })
    }

    /// Which row an update or delete works on.
    fn row(
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

    fn choose(&self, subject: &Value<'_, '_>, known: &mut Known) -> Option<Action> {
        let items = subject.array()?;
        if items.len() < 2 {
            subject.mistake("'choose' needs at least two alternatives, each { weight = 30, flow = [ … ] }");
        }
        let before = known.clone();
        let mut alternatives = Vec::new();
        let mut complete = true;
        for item in &items {
            let Some(table) = item.table() else {
                complete = false;
                continue;
            };
            let weight = table.require("weight", "30").and_then(|value| value.whole(1..=WEIGHT_MAX));
            // Alternatives exclude each other: none of them knows what another one makes.
            let mut inner = before.clone();
            let flow = table.require("flow", "[ … ]").and_then(|value| self.flow(&value, &mut inner));
            table.finish();
            known.learn(&before, &inner);
            let weight = weight.and_then(|weight| u32::try_from(weight).ok());
            match (weight, flow) {
                (Some(weight), Some(flow)) => alternatives.push(Alternative { weight, flow }),
                _ => complete = false,
            }
        }
        complete.then_some(Action::Choose(alternatives))
    }

    fn inner(&self, table: &Table<'_, '_>, known: &mut Known) -> Option<Vec<Step>> {
        let before = known.clone();
        let mut inner = before.clone();
        let flow = table.require("flow", "[ … ]").and_then(|value| self.flow(&value, &mut inner));
        known.learn(&before, &inner);
        flow
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

    fn pool(&self, value: &Value<'_, '_>) -> Option<usize> {
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

    fn same_entity(&self, value: &Value<'_, '_>, pool: usize, entity: usize) -> bool {
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

    fn set(&self, entity: usize, value: &Value<'_, '_>) -> Option<Vec<Setting>> {
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

impl Known {
    /// Whether the iteration may have a row of this entity.
    fn has(&self, entity: usize) -> bool {
        self.unsure || self.rows.contains(&entity)
    }

    /// What a repeated flow has made once it makes each time; more than a few make no difference.
    fn again(&mut self, before: &[usize], times: u64) {
        const ROWS_MAX: usize = 1_000;
        let made = self.rows.get(before.len()..).unwrap_or_default().to_vec();
        for _ in 1..times {
            if made.is_empty() || self.rows.len() > ROWS_MAX {
                break;
            }
            self.rows.extend(&made);
        }
    }

    /// What a flow within the list has made may be there after it.
    fn learn(&mut self, before: &Self, inner: &Self) {
        self.written |= inner.written;
        self.unsure |= inner.unsure;
        for entity in &inner.rows {
            let count = |rows: &[usize]| rows.iter().filter(|other| *other == entity).count();
            if count(&inner.rows) > count(&before.rows) && count(&inner.rows) > count(&self.rows) {
                self.rows.push(*entity);
            }
        }
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
        ColumnType::Text | ColumnType::Jsonb => generator::template(value, kind).map(Generator::Template),
        _ => generator::literal(value, kind).map(Generator::Fixed),
    }
}

fn timeout(value: &Value<'_, '_>) -> Option<Timeout> {
    if !value.is_table() {
        return value.duration(AWAIT_MIN).map(Timeout::fixed);
    }
    let table = value.table()?;
    let base = table.require("base", "\"3s\"").and_then(|value| value.duration(AWAIT_MIN));
    let more = table.get("per_10_users").map_or(Some(Nanos::ZERO), |value| value.duration(Nanos::ZERO));
    let max_value = table.get("max");
    let max = max_value.as_ref().map_or(Some(Nanos(i64::MAX)), |value| value.duration(AWAIT_MIN));
    table.finish();
    let (base, per_10_users, max) = (base?, more?, max?);
    if let (true, Some(value)) = (max < base, max_value) {
        value.mistake(format!("'max' ({max}) is below 'base' ({base})"));
    }
    Some(Timeout { base, per_10_users, max })
}

fn pause(value: &Value<'_, '_>) -> Option<Action> {
    if !value.is_array() {
        let span = value.duration(Nanos::ZERO)?;
        return Some(Action::Pause { min: span, max: span });
    }
    let items = value.array()?;
    let [min, max] = &items[..] else {
        value.mistake("a range of pauses has two ends, as in pause = [\"1s\", \"3s\"]");
        return None;
    };
    let (min, max) = (min.duration(Nanos::ZERO), max.duration(Nanos::ZERO));
    let (min, max) = (min?, max?);
    if max < min {
        value.mistake(format!("the range is empty: {min} is above {max}"));
    }
    Some(Action::Pause { min, max })
}
