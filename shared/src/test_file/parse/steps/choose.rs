//! `choose`: one of several flows, drawn by weight.

use super::{Given, Kind};
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::{Known, Place};
use crate::test_file::reader::Value;
use crate::test_file::{Action, Alternative};

pub(super) const STEP: Kind = Kind { key: "choose", companions: &[], read };

/// Weights of a `choose` at most.
const WEIGHT_MAX: u64 = 1_000_000;

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    place.checkable = None;
    alternatives(reader, given.subject, place.known).map(|alternatives| Some(Action::Choose(alternatives)))
}

fn alternatives(
    reader: &Reader<'_, '_>,
    subject: &Value<'_, '_>,
    known: &mut Known,
) -> Option<Vec<Alternative>> {
    let items = subject.array()?;
    if items.len() < 2 {
        subject.mistake("'choose' needs at least two alternatives, each { weight = 30, flow = [ … ] }");
    }
    // Alternatives exclude each other: none of them knows what another one makes.
    let before = known.clone();
    let mut alternatives = Vec::new();
    let mut complete = true;
    for item in &items {
        let Some(table) = item.table() else {
            complete = false;
            continue;
        };
        let weight = table.require("weight", "30").and_then(|value| value.whole(1..=WEIGHT_MAX));
        let mut inner = before.clone();
        let flow = table.require("flow", "[ … ]").and_then(|value| reader.flow(&value, &mut inner));
        table.finish();
        known.learn(&before, &inner);
        let weight = weight.and_then(|weight| u32::try_from(weight).ok());
        match (weight, flow) {
            (Some(weight), Some(flow)) => alternatives.push(Alternative { weight, flow }),
            _ => complete = false,
        }
    }
    complete.then_some(alternatives)
}
