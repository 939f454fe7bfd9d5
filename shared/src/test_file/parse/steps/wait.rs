//! `await`: waits until the observer has seen the user's last operation.

use super::{Given, Kind};
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::Place;
use crate::test_file::reader::Value;
use crate::test_file::{Action, Timeout};
use crate::time::Nanos;

pub(super) const STEP: Kind = Kind { key: "await", companions: &[], read };

/// The shortest wait for a row.
const AWAIT_MIN: Nanos = Nanos::from_millis(1);

fn read(_: &Reader<'_, '_>, given: &Given<'_, '_, '_>, place: &mut Place<'_>) -> Option<Option<Action>> {
    if !place.known.written && !place.known.unsure {
        given.subject.mistake("'await' has nothing to wait for: put a create before it");
    }
    if let Some(checkable) = &mut place.checkable {
        checkable.awaited = true;
    }
    timeout(given.subject).map(|timeout| Some(Action::Await { timeout }))
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
