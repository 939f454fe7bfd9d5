//! What is known of one operation right now.

use streamgauge_shared::account::Phase;

use super::window::Knows;
use super::{Entry, Matcher};

/// What the matcher knows of an operation.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// Its entry.
    Entry(&'a Entry),
    /// Its entry was here, of this phase, and has left: nothing more is expected of it.
    Left(Phase),
    /// No record of it has come.
    NotYet,
    /// The run has no such writer.
    NoWriter,
}

impl Matcher {
    /// Looks an operation up by its writer's index and its number within the writer.
    #[must_use]
    pub fn find(&self, writer: u16, sequence: u64) -> Found<'_> {
        let id = (writer, sequence);
        match (self.store.knows(id), self.store.get(id)) {
            (None, _) => Found::NoWriter,
            (_, Some(entry)) => Found::Entry(entry),
            (Some(Knows::Left(phase) | Knows::Refused(phase)), None) => Found::Left(phase),
            (Some(Knows::Open | Knows::Nothing), None) => Found::NotYet,
        }
    }
}
