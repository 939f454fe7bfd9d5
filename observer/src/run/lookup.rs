//! One row of the run that goes on, for whoever asks.

use streamgauge_shared::account::Phase;

use super::core::Core;
use crate::matcher::Found;
use crate::measure::{RowRecord, Rows};

impl Core {
    /// One row as far as it is known. Looks through at most all rows kept: a few milliseconds, and no event's time
    /// depends on it.
    pub(super) fn row(&self, writer: u16, sequence: u64) -> Result<serde_json::Value, String> {
        let (rows, test) = (self.recorder.rows(), &self.brief.test);
        match self.matcher.find(writer, sequence) {
            Found::Entry(entry) => {
                let duplicates = rows.duplicates(writer, sequence);
                Ok(RowRecord { duplicates, ..RowRecord::of(writer, sequence, entry) }.to_json(test))
            }
            Found::Left(Phase::Run) => {
                let kept = rows.find(writer, sequence);
                kept.map(|row| row.to_json(test)).ok_or_else(|| Rows::why_not_kept().to_owned())
            }
            Found::Left(phase) => {
                Err(format!("it was of the phase {}: only rows of the measured phase are kept", phase.name()))
            }
            Found::NotYet => Err("no record of this operation has come yet".to_owned()),
            Found::NoWriter => Err(format!("the run has {} writers, numbered from 0", self.brief.writers)),
        }
    }
}
