//! Which runs are kept.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::{AccountReport, LatencyReport, Run, SCHEMA, Validity, Verdict};
use streamgauge_shared::timeline::Latency;

use super::PARTIAL;

/// A run folder as a list shows it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it is.
    pub folder: PathBuf,
    /// The folder's name.
    pub name: String,
    /// What its report begins with, or why it cannot be read.
    pub head: Result<Head, String>,
}

/// What a list shows of a report.
#[derive(Clone, Debug, Deserialize)]
pub struct Head {
    schema: String,
    /// Which run.
    pub run: Run,
    /// How it ended.
    pub verdict: Verdict,
    /// Whether it is to be believed.
    pub validity: Validity,
    account: AccountReport,
    latency: std::collections::BTreeMap<String, LatencyReport>,
}

impl Head {
    /// Entries of the measured phase.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.account.entries
    }

    /// The headline's figures; absent where the run has none.
    #[must_use]
    pub fn headline(&self) -> Option<&LatencyReport> {
        self.latency.get(Latency::CdcE2eLatency.name())
    }
}

/// The run folders in `runs`, newest first; those of runs that died or go on too. What is no run folder is left out.
///
/// # Errors
/// The folder cannot be read (104).
pub fn list(runs: &Path) -> Result<Vec<Listed>, Failure> {
    let entries = fs::read_dir(runs).map_err(|error| {
        Failure::configuration(format!(
            "--runs '{}' cannot be read: {error}; give the folder that 'serve' keeps its runs in",
            runs.display()
        ))
    })?;
    let mut listed: Vec<Listed> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .filter_map(|folder| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            let is_partial = name.ends_with(PARTIAL);
            (is_partial || folder.join("report.json").exists()).then(|| Listed {
                head: head(&folder),
                folder,
                name,
            })
        })
        .collect();
    // Their names begin with their times.
    listed.sort_by(|one, other| other.name.cmp(&one.name));
    Ok(listed)
}

fn head(folder: &Path) -> Result<Head, String> {
    let text =
        fs::read_to_string(folder.join("report.json")).map_err(|error| format!("report.json: {error}"))?;
    let head: Head = serde_json::from_str(&text).map_err(|error| format!("report.json: {error}"))?;
    if head.schema == SCHEMA {
        Ok(head)
    } else {
        Err(format!("report.json has the schema '{}', and this version reads '{SCHEMA}'", head.schema))
    }
}
