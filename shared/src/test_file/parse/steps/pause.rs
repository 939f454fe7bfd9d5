//! `pause`: does nothing for a time.

use super::{Given, Kind};
use crate::test_file::Action;
use crate::test_file::parse::Reader;
use crate::test_file::parse::flow::Place;
use crate::test_file::reader::Value;
use crate::time::Nanos;

pub(super) const STEP: Kind = Kind { key: "pause", companions: &[], read };

fn read(_: &Reader<'_, '_>, given: &Given<'_, '_, '_>, _: &mut Place<'_>) -> Option<Option<Action>> {
    pause(given.subject).map(Some)
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
