//! `transaction`: operations that commit together, or not at all.

use super::{Given, Kind};
use crate::test_file::Action;
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::Place;

pub(super) const STEP: Kind = Kind { key: "transaction", companions: &[], read };

/// The steps that may stand in one: what is not committed is not seen, so nothing in it can be waited for or checked, and
/// nothing holds its locks without need.
const INNER: [&str; 3] = ["create", "update", "delete"];

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    place.checkable = None;
    let mut sound = true;
    for item in given.subject.array()? {
        let table = item.table()?;
        for kind in super::STEPS.iter().filter(|kind| !INNER.contains(&kind.key)) {
            if let Some(value) = table.get(kind.key) {
                value.mistake(format!(
                    "a transaction holds create, update and delete only, this is '{}': put it before or after the transaction",
                    kind.key
                ));
                sound = false;
            }
        }
    }
    if !sound {
        place.known.unsure = true;
        return None;
    }
    let flow = reader.flow(given.subject, place.known)?;
    Some(Some(Action::Transaction(flow)))
}
