//! Reads flows: lists of steps, and what is certain at each place of a list.

use super::Reader;
use super::steps::{Given, STEPS};
use crate::test_file::Step;
use crate::test_file::mistake::unknown;
use crate::test_file::reader::{Table, Value};

/// What is certain of an iteration at one point of its flow.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Entities of which the iteration may have a row of its own.
    pub(super) rows: Vec<usize>,
    /// Whether it may have done any operation.
    pub(super) written: bool,
    /// A step before has a mistake: what it would have made is not known, and what needs it is not judged.
    pub(super) unsure: bool,
}

/// Where a step stands.
pub(super) struct Place<'p> {
    /// The steps before it in its list.
    pub(super) before: Vec<Step>,
    /// What the iteration has here.
    pub(super) known: &'p mut Known,
    /// The last operation of the list that a check could speak of.
    pub(super) checkable: Option<Checkable>,
}

/// An operation that a check could speak of.
pub(super) struct Checkable {
    /// Its place in the list; absent where it has a mistake.
    pub(super) step: Option<usize>,
    /// Index into the model's entities; absent where a mistake hides it.
    pub(super) entity: Option<usize>,
    /// Whether an `await` came after it.
    pub(super) awaited: bool,
}

impl Reader<'_, '_> {
    /// A list of steps; what it makes is known after it.
    pub(super) fn flow(&self, value: &Value<'_, '_>, known: &mut Known) -> Option<Vec<Step>> {
        let items = value.array()?;
        if items.is_empty() {
            value.mistake("a flow needs at least one step, as in { create = \"customer\" }");
        }
        let mut place = Place { before: Vec::new(), known, checkable: None };
        let mut complete = true;
        for item in &items {
            match self.step(item, &mut place) {
                Some(step) => place.before.extend(step),
                None => {
                    complete = false;
                    place.known.unsure = true;
                }
            }
        }
        complete.then_some(place.before)
    }

    /// One step; `Some(None)` for one that is bound to a step before it.
    fn step(&self, value: &Value<'_, '_>, place: &mut Place<'_>) -> Option<Option<Step>> {
        let Some(table) = value.table() else {
            place.doubt();
            return None;
        };
        let mut found = Vec::new();
        for kind in &STEPS {
            found.extend(table.get(kind.key).map(|value| (kind, value)));
        }
        let group = table.get("group").map(|value| value.text().map(|name| self.group(name)));
        for companion in STEPS.iter().flat_map(|kind| kind.companions) {
            let beside = table.get(companion);
            if let (Some(value), [(kind, _)]) = (beside, &found[..])
                && !kind.companions.contains(companion)
            {
                let takes = STEPS.iter().filter(|kind| kind.companions.contains(companion));
                let takes: Vec<&str> = takes.map(|kind| kind.key).collect();
                value.mistake(format!("'{companion}' goes with {} only", takes.join(" or ")));
            }
        }
        let [(kind, subject)] = &found[..] else {
            let found: Vec<&str> = found.iter().map(|(kind, _)| kind.key).collect();
            Self::no_single_step(value, table, &found);
            place.doubt();
            return None;
        };
        let action = (kind.read)(self, &Given { table: &table, subject }, place);
        table.finish();
        action.map(|action| action.map(|action| Step { group: group.flatten(), action }))
    }

    /// The one mistake of a step whose kind is not known or not one.
    fn no_single_step(value: &Value<'_, '_>, table: Table<'_, '_>, found: &[&str]) {
        let kinds: Vec<&str> = STEPS.iter().map(|kind| kind.key).collect();
        if let ([], Some((name, place))) = (found, table.first_unknown()) {
            // The other keys are judged once it is known what they stand beside.
            return place.mistake(unknown("step", name, &kinds));
        }
        table.finish();
        let has =
            if found.is_empty() { String::new() } else { format!("; this one has {}", found.join(" and ")) };
        value.mistake(format!("a step has exactly one of: {}{has}", kinds.join(", ")));
    }

    /// The flow within a step; what it makes may be there after it.
    pub(super) fn inner(&self, table: &Table<'_, '_>, known: &mut Known) -> Option<Vec<Step>> {
        let before = known.clone();
        let mut inner = before.clone();
        let flow = table.require("flow", "[ … ]").and_then(|value| self.flow(&value, &mut inner));
        known.learn(&before, &inner);
        flow
    }
}

impl Place<'_> {
    /// An operation that a check may speak of; `is_sound` where it has no mistake.
    pub(super) fn remember(&mut self, entity: Option<usize>, is_sound: bool) {
        let step = is_sound.then_some(self.before.len());
        self.checkable = Some(Checkable { step, entity, awaited: false });
    }

    /// A step that cannot be read may have been any: nothing that needs one before it is judged.
    fn doubt(&mut self) {
        self.known.unsure = true;
        self.checkable = Some(Checkable { step: None, entity: None, awaited: true });
    }
}

impl Known {
    /// Whether the iteration may have a row of this entity.
    pub(super) fn has(&self, entity: usize) -> bool {
        self.unsure || self.rows.contains(&entity)
    }

    /// What a repeated flow has made once it makes each time; more than a few make no difference.
    pub(super) fn again(&mut self, before: &[usize], times: u64) {
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
    pub(super) fn learn(&mut self, before: &Self, inner: &Self) {
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
