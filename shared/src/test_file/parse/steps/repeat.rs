//! `repeat`: a flow several times.

use super::{Given, Kind};
use crate::test_file::Action;
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::Place;

pub(super) const STEP: Kind = Kind { key: "repeat", companions: &["flow"], read };

/// Repetitions of one `repeat` at most.
const TIMES_MAX: u64 = 100_000;

fn read(reader: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    place.checkable = None;
    let times = given.subject.whole(1..=TIMES_MAX);
    let before = place.known.rows.clone();
    let flow = reader.inner(given.table, place.known);
    place.known.again(&before, times.unwrap_or(1));
    let times = u32::try_from(times?).ok()?;
    Some(Some(Action::Repeat { times, flow: flow? }))
}
