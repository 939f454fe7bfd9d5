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
        let Some(window) = self.windows.get(usize::from(writer)) else { return Found::NoWriter };
        match window.get(sequence).or_else(|| self.lost.get(&(writer, sequence))) {
            Some(entry) => Found::Entry(entry),
            None => match window.knows(sequence) {
                Knows::Retired(phase) => Found::Left(phase),
                Knows::Open | Knows::Nothing | Knows::TooFarAhead => Found::NotYet,
            },
        }
    }
}
