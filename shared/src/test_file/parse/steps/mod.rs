//! The steps of a flow, one file and one line of [`STEPS`] each: what stands beside it, and how it is read.
//!
//! A new one also needs its variant of `test_file::Action`, which says what it counts in a plan, its turn in the
//! writer's `user/iteration.rs`, and its row in `docs/scenario-files.md`.

mod check;
mod choose;
mod create;
mod delete;
mod maybe;
mod pause;
mod repeat;
mod transaction;
mod update;
mod wait;

use super::Reader;
use super::flow::Place;
use crate::test_file::Action;
use crate::test_file::reader::{Table, Value};

/// Every step, in the order in which mistakes list them.
pub(super) const STEPS: [Kind; 10] = [
    create::STEP,
    update::STEP,
    delete::STEP,
    wait::STEP,
    check::STEP,
    pause::STEP,
    choose::STEP,
    maybe::STEP,
    repeat::STEP,
    transaction::STEP,
];

/// One kind of step.
pub(super) struct Kind {
    /// The key that makes a table this step.
    pub(super) key: &'static str,
    /// The keys that may stand beside it.
    pub(super) companions: &'static [&'static str],
    /// Reads it; `Some(None)` for one that is bound to a step before it.
    pub(super) read: fn(&Reader<'_, '_>, &Given<'_, '_, '_>, &mut Place<'_>) -> Option<Option<Action>>,
}

/// What a file says of one step.
pub(super) struct Given<'s, 'd, 't> {
    /// All of it.
    pub(super) table: &'s Table<'d, 't>,
    /// The value of the key that makes it what it is.
    pub(super) subject: &'s Value<'d, 't>,
}
