//! One kept run.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;
use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::histogram::{CompactHistogram, interval_log};
use streamgauge_shared::report::{Report, SCHEMA};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::{PARTIAL, TOTALS};
use crate::measure::Total;

/// A run folder that was read.
#[derive(Clone, Debug)]
pub struct KeptRun {
    /// Where it is.
    pub folder: PathBuf,
    /// Its report.
    pub report: Report,
    /// What it does not have that a run of today has, one sentence each; empty where it has everything.
    pub lacks: Vec<String>,
}

/// One latency of one operation in one interval of `latency.hlog`: what became known in it, whenever its row was sent.
/// Rows that never arrived, and those that arrived at a time that cannot be believed, are not in it.
#[derive(Clone, Debug)]
pub struct KeptInterval {
    /// When it began.
    pub start: UnixNanos,
    /// How long it is: a second; 10 or 60 late in a long run.
    pub length: Nanos,
    /// Which latency.
    pub latency: Latency,
    /// Which operation.
    pub operation: Operation,
    /// Its values, each the highest of its bucket.
    pub histogram: CompactHistogram,
}

impl KeptRun {
    /// Reads a run: `named` is the path of its folder, the folder's name in `runs`, or a run id or the beginning of one.
    ///
    /// # Errors
    /// There is no such run, more than one, or its report cannot be read (104).
    pub fn open(runs: &Path, named: &str) -> Result<Self, Failure> {
        let folder = find(runs, named)?;
        Self::read(folder)
    }

    /// Reads the run in a folder.
    ///
    /// # Errors
    /// Its report is not there or cannot be read (104).
    pub fn read(folder: PathBuf) -> Result<Self, Failure> {
        let path = folder.join("report.json");
        let unreadable = |why: String| {
            Failure::configuration(format!(
                "run folder '{}' cannot be read: {why}; give a folder that 'streamgauge-observer serve' wrote",
                folder.display()
            ))
        };
        let text = fs::read_to_string(&path).map_err(|error| unreadable(format!("report.json: {error}")))?;
        let json: Value =
            serde_json::from_str(&text).map_err(|error| unreadable(format!("report.json: {error}")))?;
        let schema = json["schema"].as_str().unwrap_or("none");
        if schema != SCHEMA {
            return Err(unreadable(format!(
                "report.json has the schema '{schema}', and this version reads '{SCHEMA}'"
            )));
        }
        let report: Report =
            serde_json::from_value(json).map_err(|error| unreadable(format!("report.json: {error}")))?;
        let lacks = lacks(&folder, &report);
        Ok(Self { folder, report, lacks })
    }

    /// The name of its folder.
    #[must_use]
    pub fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// The intervals of `latency.hlog` in their order; none where the folder has no such file.
    ///
    /// # Errors
    /// The file is there and cannot be read (104).
    pub fn intervals(&self) -> Result<Vec<KeptInterval>, Failure> {
        let mut intervals: Vec<KeptInterval> = Vec::new();
        let mut each = |interval: &KeptInterval| {
            let same = intervals.iter_mut().rev().take_while(|known| known.start == interval.start);
            let key = (interval.latency, interval.operation);
            let same = { same }.find(|known| (known.latency, known.operation) == key);
            match same {
                // The values below zero have a line of their own.
                Some(known) => known.histogram.merge(&interval.histogram),
                None => intervals.push(interval.clone()),
            }
            true
        };
        self.each_interval(&|_| true, &mut each)?;
        Ok(intervals)
    }

    /// Each interval of some latencies, one after the other and in the order of the log, until `each` returns false: those
    /// of days do not fit into memory together. Values below zero are intervals of their own.
    ///
    /// # Errors
    /// The file is there and cannot be read (104).
    pub fn each_interval(
        &self,
        wanted: &dyn Fn(Latency) -> bool,
        each: &mut dyn FnMut(&KeptInterval) -> bool,
    ) -> Result<(), Failure> {
        let path = self.folder.join("latency.hlog");
        let unreadable =
            |why: String| Failure::configuration(format!("'{}' cannot be read: {why}", path.display()));
        let mut file = match fs::File::open(&path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let (mut reader, mut text, mut number) = (interval_log::Reader::default(), String::new(), 0_u64);
        loop {
            text.clear();
            number += 1;
            file.read_line(&mut text).map_err(|error| unreadable(error.to_string()))?;
            // The end, or a line that a process which was killed left torn.
            let Some(line) = text.strip_suffix('\n') else { return Ok(()) };
            let is_wanted = |name: &str| tag(name).is_some_and(|(latency, _)| wanted(latency));
            let read = reader.next(line, is_wanted);
            let read = read.map_err(|why| unreadable(format!("line {number} cannot be read: {why}")))?;
            let Some(line) = read else { continue };
            let Some((latency, operation)) = tag(&line.tag) else { continue };
            let interval = KeptInterval {
                start: line.start,
                length: line.length,
                latency,
                operation,
                histogram: CompactHistogram::from(&line.histogram),
            };
            if !each(&interval) {
                return Ok(());
            }
        }
    }

    /// The lines of `rows.jsonl` in their order: first the rows that are not plain, then the slowest plain ones. None where
    /// the folder has no such file.
    ///
    /// # Errors
    /// The file is there and cannot be read (104).
    pub fn rows(&self) -> Result<Vec<Value>, Failure> {
        let path = self.folder.join("rows.jsonl");
        let unreadable =
            |why: String| Failure::configuration(format!("'{}' cannot be read: {why}", path.display()));
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let mut rows = Vec::new();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let line = line.map_err(|error| unreadable(error.to_string()))?;
            let row = serde_json::from_str(&line)
                .map_err(|error| unreadable(format!("line {}: {error}", number + 1)))?;
            rows.push(row);
        }
        Ok(rows)
    }

    /// Every latency by scenario, entity and operation; absent where the folder has no `histograms.jsonl`.
    ///
    /// # Errors
    /// The file is there and cannot be read (104).
    pub fn totals(&self) -> Result<Option<Vec<Total>>, Failure> {
        let path = self.folder.join(TOTALS);
        let unreadable =
            |why: String| Failure::configuration(format!("'{}' cannot be read: {why}", path.display()));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        let total = |(number, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| unreadable(format!("line {}: {error}", number + 1)))
        };
        text.lines().enumerate().map(total).collect::<Result<Vec<Total>, Failure>>().map(Some)
    }

    /// The test as it ran, model included; absent where the folder has no `test.toml`.
    #[must_use]
    pub fn test_text(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("test.toml")).ok()
    }
}

/// The latency and operation of an interval log's tag.
fn tag(tag: &str) -> Option<(Latency, Operation)> {
    let (latency, operation) = tag.split_once('.')?;
    let operation = Operation::ALL.into_iter().find(|known| known.name() == operation)?;
    Some((latency.parse().ok()?, operation))
}

fn lacks(folder: &Path, report: &Report) -> Vec<String> {
    let mut lacks = Vec::new();
    if !report.run.complete {
        lacks.push("the run did not end: its figures are those of the last refresh".to_owned());
    }
    for (file, what) in [
        ("latency.hlog", "no latency.hlog: nothing is known of its latencies over time"),
        ("rows.jsonl", "no rows.jsonl: nothing is known of its single rows"),
        (TOTALS, "no histograms.jsonl: of whole runs only latencies by operation are known"),
        ("test.toml", "no test.toml: the test as it ran is not known"),
    ] {
        if !folder.join(file).exists() {
            lacks.push(what.to_owned());
        }
    }
    if report.load.written.is_empty() {
        lacks.push("no share of the planned load that was written: an earlier version wrote it".to_owned());
    }
    if report.thresholds.iter().any(|result| result.bound.is_none()) {
        lacks.push("no bounds beside its thresholds: an earlier version wrote it".to_owned());
    }
    lacks
}

/// The folder that a name stands for.
fn find(runs: &Path, named: &str) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(named);
    if path.join("report.json").is_file() {
        return Ok(path);
    }
    let unknown = |why: String| Failure::configuration(format!("there is no run '{named}': {why}"));
    let entries = fs::read_dir(runs).map_err(|error| {
        unknown(format!("it is no run folder, and --runs '{}' cannot be read: {error}", runs.display()))
    })?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let whole = name.strip_suffix(PARTIAL).unwrap_or(&name);
            let id = whole.rsplit_once('-').map_or("", |(_, id)| id);
            !named.is_empty() && (name == named || whole == named || id.starts_with(named))
        })
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(unknown(format!(
            "neither a folder with a report.json nor the beginning of a run id in --runs '{}'; 'streamgauge-observer runs' lists what is there",
            runs.display()
        ))),
        many => Err(unknown(format!(
            "{} runs begin so in --runs '{}': give more of the id",
            many.len(),
            runs.display()
        ))),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
