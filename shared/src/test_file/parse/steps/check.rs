//! `check`: what an arrived row must say, bound to the operation before it.

use super::{Given, Kind};
use crate::test_file::parse::flow::{Checkable, Place};
use crate::test_file::parse::{Reader, generator};
use crate::test_file::reader::Value;
use crate::test_file::{Action, Check, Entity, Literal};

pub(super) const STEP: Kind = Kind { key: "check", companions: &[], read };

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    reader.check(given.subject, place).map(|()| None)
}

impl Reader<'_, '_> {
    /// Binds a check to the operation before it.
    fn check(&self, subject: &Value<'_, '_>, place: &mut Place<'_>) -> Option<()> {
        let Some(Checkable { step, entity, awaited: true }) = place.checkable.take() else {
            subject.mistake(
                "'check' speaks of the create or update before it in the same list, with one await between them",
            );
            return None;
        };
        // Of an operation with a mistake only the columns are judged, and those only where its entity is known.
        let entity = entity?;
        let before = &mut place.before;
        // An update says nothing of the columns that it leaves as they are.
        let written: Option<Vec<usize>> =
            match step.and_then(|step| before.get(step)).map(|step| &step.action) {
                Some(Action::Update { set, .. }) => Some(set.iter().map(|setting| setting.column).collect()),
                _ => None,
            };
        let columns = self.checked_columns(&self.model?.entities[entity], subject, written.as_deref())?;
        let step = step?;
        let index = {
            let mut checks = self.checks.borrow_mut();
            checks.push(Check { entity, columns });
            u16::try_from(checks.len() - 1).ok()?
        };
        match &mut before.get_mut(step)?.action {
            Action::Create { check, .. } | Action::Update { check, .. } => *check = Some(index),
            _ => unreachable!("only creates and updates are remembered for a check"),
        }
        Some(())
    }

    fn checked_columns(
        &self,
        entity: &Entity,
        subject: &Value<'_, '_>,
        written: Option<&[usize]>,
    ) -> Option<Vec<(usize, Option<Literal>)>> {
        let column = |name: &str, place: &Value<'_, '_>| {
            let column = self.column(entity, name, place)?;
            let kind = entity.columns[column].kind;
            if !kind.is_verifiable() {
                place.mistake(format!("'{name}' is of type {}, which has no canonical form", kind.sql()));
                return None;
            }
            Some(column)
        };
        let columns: Vec<Option<(usize, Option<Literal>)>> = if subject.is_array() {
            let items = subject.array()?;
            let read = |item: &Value<'_, '_>| {
                let name = item.text()?;
                let column = column(name, item)?;
                if written.is_some_and(|written| !written.contains(&column)) {
                    item.mistake(format!(
                        "the update before this check does not set '{name}': write the value it must have, as in check = {{ {name} = … }}"
                    ));
                    return None;
                }
                Some((column, None))
            };
            items.iter().map(read).collect()
        } else {
            let entries = subject.table()?.entries();
            let read = |(name, _, value): (&str, _, Value<'_, '_>)| {
                let column = column(name, &value)?;
                if value.is_text() && value.text().is_some_and(|text| text.contains(['{', '}'])) {
                    value.mistake(format!(
                        "a check compares with a fixed value, without placeholders: for what was written say check = [\"{name}\"]"
                    ));
                    return None;
                }
                if entity.columns[column].list.is_some() {
                    value.mistake(format!(
                        "'{name}' is an array, of which a check compares only what was written: say check = [\"{name}\"]"
                    ));
                    return None;
                }
                Some((column, Some(generator::literal(&value, entity.columns[column].kind)?)))
            };
            entries.into_iter().map(read).collect()
        };
        if columns.is_empty() {
            subject.mistake("a check names at least one column, as in { check = { status = \"active\" } }");
            return None;
        }
        columns.into_iter().collect()
    }
}
