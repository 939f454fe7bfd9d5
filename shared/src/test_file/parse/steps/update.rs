//! `update`: changes a row, its stamp included.

use super::{Given, Kind};
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::{Known, Place};
use crate::test_file::{Action, RowFrom};

pub(super) const STEP: Kind =
    Kind { key: "update", companions: &["set", "from", "pick", "keep", "group"], read };

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    let entity = reader.entity(given.subject);
    let action = update(reader, given, entity, place.known);
    place.remember(entity, action.is_some());
    action.map(Some)
}

fn update(
    reader: &Reader<'_, '_>,
    given: &Given<'_, '_, '_>,
    entity: Option<usize>,
    known: &mut Known,
) -> Option<Action> {
    let set = given.table.require("set", "{ status = \"active\" }");
    let row = reader.row(given.table, given.subject, entity, known, "update");
    known.written = true;
    let entity = entity?;
    let set = set.and_then(|value| {
        let set = reader.set(entity, &value)?;
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
