//! What a merged report was made of.

use serde::{Deserialize, Serialize};

/// The runs that a report was merged from, and what it does not have for that reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// In the order of their times.
    pub from: Vec<MergedRun>,
    /// Sentences: what could not be merged, and what is to be known of what was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergedRun {
    /// Its id.
    pub id: String,
    /// The name of its folder.
    pub folder: String,
    /// UTC, RFC 3339.
    pub started_at: String,
    /// Of its measured phase, seconds.
    pub duration_s: f64,
    /// Its entries.
    pub entries: u64,
}

impl Merged {
    /// The summary's lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let run = |run: &MergedRun| {
            format!("run {} of {}, {:.0} s, {} entries", run.id, run.started_at, run.duration_s, run.entries)
        };
        let mut lines = vec![format!("merged from {} runs", self.from.len())];
        lines.extend(self.from.iter().map(run));
        lines.extend(self.notes.iter().cloned());
        lines
    }
}
