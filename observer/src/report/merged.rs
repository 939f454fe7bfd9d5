//! The folder of a merged run: what can be rendered, compared and merged of it is where it is in any run's folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use streamgauge_shared::histogram::{SignedHistogram, interval_log};
use streamgauge_shared::report::{Report, render};
use streamgauge_shared::time::UnixNanos;

use super::folder::{name_of, replace, write_totals};
use crate::kept::{KeptInterval, PARTIAL};
use crate::measure::Total;

/// Writes the folder of a merged run and names it in its report; one that is there from before is replaced.
///
/// # Errors
/// The file system's.
pub fn write_merged<'a>(
    runs: &Path,
    report: &mut Report,
    test_text: &str,
    intervals: impl Iterator<Item = &'a KeptInterval>,
    totals: impl Iterator<Item = &'a Total>,
) -> io::Result<PathBuf> {
    let run = &report.run;
    let begins = run.measured_from.as_deref().and_then(UnixNanos::from_rfc3339).unwrap_or(UnixNanos(0));
    let name = name_of(begins, &format!("{}-merged", run.test), &run.id);
    let (folder, partial) = (runs.join(&name), runs.join(format!("{name}{PARTIAL}")));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir_all(&partial)?;
    report.run.folder = Some(folder.display().to_string());
    replace(&partial.join("report.json"), &serde_json::to_string_pretty(report)?)?;
    replace(&partial.join("summary.txt"), &render(report, false))?;
    fs::write(partial.join("test.toml"), test_text)?;
    let mut intervals: Vec<&KeptInterval> = intervals.collect();
    intervals.sort_by_key(|interval| interval.start);
    let mut log = interval_log::header(begins).into_bytes();
    for interval in intervals {
        let tag = format!("{}.{}", interval.latency, interval.operation.name());
        let mut histogram = SignedHistogram::default();
        interval.histogram.add_to(&mut histogram);
        interval_log::append(&mut log, &tag, &histogram, interval.start - begins, interval.length);
    }
    fs::write(partial.join("latency.hlog"), log)?;
    write_totals(&partial, totals)?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(&partial, &folder)?;
    Ok(folder)
}
