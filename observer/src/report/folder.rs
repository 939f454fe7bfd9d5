//! `runs/<utc time>-<test>-<run id>/`: written under a temporary name and renamed once it is whole.
//!
//! While the run goes on the temporary folder holds the report so far, marked incomplete: a run that dies
//! leaves what it knew.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use streamgauge_shared::report::{Report, render};
use streamgauge_shared::test_file::Source;
use streamgauge_shared::time::UnixNanos;

use super::IntervalLog;
use crate::kept::{KeptRun, PARTIAL, TOTALS};
use crate::measure::{Interval, KeptRows, Total};

/// The folder of one run.
#[derive(Debug)]
pub struct Folder {
    run: String,
    path: PathBuf,
    partial: PathBuf,
    latencies: Mutex<IntervalLog>,
}

impl Folder {
    /// Makes the folder under its temporary name, with the test as it will run: a bad path fails before an
    /// hour of work, not after.
    ///
    /// # Errors
    /// The file system's.
    pub fn create(
        runs: &Path,
        started_at: UnixNanos,
        test_name: &str,
        run: &str,
        test: &Source,
        model: &Source,
    ) -> io::Result<Self> {
        let name = name_of(started_at, test_name, run);
        let partial = runs.join(format!("{name}{PARTIAL}"));
        fs::create_dir_all(&partial)?;
        let latencies = Mutex::new(IntervalLog::create(&partial.join("latency.hlog"), started_at)?);
        let folder = Self { run: run.to_owned(), path: runs.join(&name), partial, latencies };
        let as_run = format!(
            "{}\n# ---- the model, {} ----\n#{}\n",
            test.text,
            model.name,
            model.text.trim_end().replace('\n', "\n#")
        );
        fs::write(folder.partial.join("test.toml"), as_run)?;
        Ok(folder)
    }

    /// The id of its run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Where the run will be kept.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what is known so far; a reader sees the old report or the new one, never half of one.
    ///
    /// # Errors
    /// The file system's.
    pub fn refresh(&self, report: &Report) -> io::Result<()> {
        replace(&self.partial.join("report.json"), &serde_json::to_string_pretty(report)?)?;
        replace(&self.partial.join("summary.txt"), &render(report, false))
    }

    /// Adds to the interval log.
    ///
    /// # Errors
    /// The file system's; what could not be written is written with the next interval.
    pub fn log(&self, intervals: Vec<Interval>) -> io::Result<()> {
        let mut latencies = self.latencies.lock();
        intervals.into_iter().try_for_each(|interval| latencies.add(interval))
    }

    /// Writes the final report and the single rows, and gives the folder its name.
    ///
    /// # Errors
    /// The file system's; what was written stays under the temporary name.
    pub fn finish(&self, report: &Report, rows: &KeptRows, totals: &[Total]) -> io::Result<()> {
        self.refresh(report)?;
        self.latencies.lock().flush()?;
        write_totals(&self.partial, totals)?;
        let mut lines = io::BufWriter::new(fs::File::create(self.partial.join("rows.jsonl"))?);
        for line in rows.lines() {
            writeln!(lines, "{line}")?;
        }
        lines.flush()?;
        fs::rename(&self.partial, &self.path)
    }
}

/// Writes the whole run's histograms, one line for each latency of each part: what `merge` adds up.
///
/// # Errors
/// The file system's.
pub(super) fn write_totals<'a>(folder: &Path, totals: impl IntoIterator<Item = &'a Total>) -> io::Result<()> {
    let mut lines = io::BufWriter::new(fs::File::create(folder.join(TOTALS))?);
    for total in totals {
        serde_json::to_writer(&mut lines, total)?;
        lines.write_all(b"\n")?;
    }
    lines.flush()
}

/// What the folder of a run is called: names sort by their times, and are legal in every file system.
pub(super) fn name_of(started_at: UnixNanos, test: &str, run: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let test: String = test.chars().map(legal).collect();
    format!("{}-{test}-{run}", started_at.to_basic())
}

/// Writes `report.html` into the folder of a run that is over. It takes as long as its interval log is large, so it is
/// written once everybody has the verdict.
///
/// # Errors
/// A sentence: a file of the folder cannot be read, or this one not be written. The folder has everything else.
pub fn write_html(folder: &Path) -> Result<(), String> {
    let run = KeptRun::read(folder.to_owned()).map_err(|failure| failure.sentence)?;
    let document = super::html(&run).map_err(|failure| failure.sentence)?;
    replace(&folder.join("report.html"), &document).map_err(|error| format!("report.html: {error}"))
}

pub(super) fn replace(path: &Path, content: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, content)?;
    fs::rename(temporary, path)
}
