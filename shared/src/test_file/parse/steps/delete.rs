//! `delete`: deletes a row, and before it the rows of ours that refer to it.

use super::{Given, Kind};
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::{Known, Place};
use crate::test_file::{Action, RowFrom};

pub(super) const STEP: Kind = Kind { key: "delete", companions: &["from", "pick", "keep", "group"], read };

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    let entity = reader.entity(given.subject);
    let action = delete(reader, given, entity, place.known);
    place.checkable = None;
    action.map(Some)
}

fn delete(
    reader: &Reader<'_, '_>,
    given: &Given<'_, '_, '_>,
    entity: Option<usize>,
    known: &mut Known,
) -> Option<Action> {
    let row = reader.row(given.table, given.subject, entity, known, "delete");
    known.written = true;
    let entity = entity?;
    if row == Some(RowFrom::Own)
        && let Some(index) = known.rows.iter().rposition(|other| *other == entity)
    {
        known.rows.remove(index);
    }
    Some(Action::Delete { entity, row: row? })
}
