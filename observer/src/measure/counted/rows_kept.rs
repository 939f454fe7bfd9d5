//! The single rows of a run that is over: the lines of `rows.jsonl`.

use std::sync::Arc;

use serde_json::{Value, json};
use streamgauge_shared::test_file::Test;

use super::rows::{RowRecord, Rows};

/// Rows in the order of their lines.
pub struct KeptRows {
    pub(super) test: Arc<Test>,
    /// First those that are not plain, then the plain ones, slowest first.
    pub(super) rows: Vec<RowRecord>,
    /// Duplicates of rows that are not kept, by writer and sequence.
    pub(super) duplicated: Vec<((u16, u64), u32)>,
}

impl KeptRows {
    /// The lines: each row, and last the duplicates of rows of which nothing else is left.
    pub fn lines(&self) -> impl Iterator<Item = Value> {
        let counts = self.duplicated.iter().map(|((writer, sequence), duplicates)| {
            json!({ "writer": writer, "sequence": sequence, "duplicates": duplicates })
        });
        self.rows.iter().map(|row| row.to_json(&self.test)).chain(counts)
    }

    /// The line of one row.
    #[must_use]
    pub fn find(&self, writer: u16, sequence: u64) -> Option<Value> {
        let row = self.rows.iter().find(|row| (row.writer, row.sequence) == (writer, sequence))?;
        Some(row.to_json(&self.test))
    }

    /// Why a row is not here.
    #[must_use]
    pub fn why_not(&self) -> String {
        format!("the run is over, and it had no such row or {}", Rows::why_not_kept())
    }
}
