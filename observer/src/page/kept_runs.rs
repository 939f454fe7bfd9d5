//! The list of kept runs, as the page shows it: read anew only when the folder has other names in it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::kept::{self, Listed};

/// How old a look at the folder may be.
const LOOK_EVERY: Nanos = Nanos::from_secs(3);
/// Runs that are shown, the newest.
pub(super) const RUNS_SHOWN_MAX: usize = 50;

/// The kept runs of a folder.
pub(super) struct KeptRuns {
    runs: PathBuf,
    seen: tokio::sync::Mutex<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    at: Option<UnixNanos>,
    names: BTreeSet<String>,
    /// Counts the lists that were read.
    version: u64,
    list: Arc<Kept>,
}

/// What is kept.
#[derive(Default)]
pub struct Kept {
    /// The newest first, at most 50.
    pub runs: Vec<Listed>,
    /// How many more there are.
    pub more: usize,
    /// Why the folder cannot be read.
    pub unreadable: Option<String>,
}

impl KeptRuns {
    pub(super) fn new(runs: PathBuf) -> Self {
        Self { runs, seen: tokio::sync::Mutex::new(Seen::default()) }
    }

    /// The list, and a number that changes with it.
    pub(super) async fn list(&self, now: UnixNanos) -> (u64, Arc<Kept>) {
        let mut seen = self.seen.lock().await;
        if seen.at.is_none_or(|at| now - at >= LOOK_EVERY) {
            let (runs, before) = (self.runs.clone(), seen.clone());
            if let Ok(looked) = tokio::task::spawn_blocking(move || look(runs, before)).await {
                *seen = looked;
            }
            seen.at = Some(now);
        }
        (seen.version, Arc::clone(&seen.list))
    }
}

fn look(runs: PathBuf, before: Seen) -> Seen {
    let entries = std::fs::read_dir(&runs).into_iter().flatten().flatten();
    let names: BTreeSet<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    if before.version > 0 && names == before.names {
        return before;
    }
    // There is no folder before the first run.
    let listed = if runs.exists() { kept::list(&runs) } else { Ok(Vec::new()) };
    let list = match listed {
        Ok(mut runs) => {
            let more = runs.len().saturating_sub(RUNS_SHOWN_MAX);
            runs.truncate(RUNS_SHOWN_MAX);
            Kept { runs, more, unreadable: None }
        }
        Err(failure) => Kept { unreadable: Some(failure.sentence), ..Kept::default() },
    };
    Seen { at: before.at, names, version: before.version + 1, list: Arc::new(list) }
}
