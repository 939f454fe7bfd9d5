//! `maybe`: a flow that takes place with a probability.

use super::{Given, Kind};
use crate::test_file::Action;
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::Place;

pub(super) const STEP: Kind = Kind { key: "maybe", companions: &["flow"], read };

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    place.checkable = None;
    let probability = given.subject.float(0.0..=1.0);
    let flow = reader.inner(given.table, place.known);
    Some(Some(Action::Maybe { probability: probability?, flow: flow? }))
}
