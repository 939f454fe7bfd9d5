//! Pairs of real runs for `compare`: of one seed, through a relay that holds every row for a known time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use streamgauge_testbed::{Testbed, find_program};

use crate::{Observer, finish, scenario, start_run};

/// Rows a second: a customer is made and deleted in each iteration.
const ITERATIONS_PER_SECOND: u32 = 40;
/// A run that goes on longer than this hangs.
const LIMIT: Duration = Duration::from_secs(90);
/// What a row takes in the first side of each pair.
pub const BASE: Duration = Duration::from_millis(100);
/// And in the second side of a pair that differs: 10 % more.
pub const MORE: Duration = Duration::from_millis(110);

/// Runs for so many seconds through a relay with this delay, and keeps the run folder in `kept`.
///
/// # Errors
/// When a program cannot be started or does not end.
pub async fn run(kept: &Path, delay: Duration, seed: u32, seconds: u32) -> Result<PathBuf> {
    let bed = Testbed::builder().delay(delay).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let path = scenario(&bed, ITERATIONS_PER_SECOND, seconds)?;
    let seed = seed.to_string();
    let run = start_run(&bed, &observer, &path, &["--prepare", "--seed", &seed]).await?;
    finish(&run, LIMIT).await?;
    observer.process.ended().await;
    let [folder] = &observer.run_folders()?[..] else { bail!("one run folder is expected") };
    let copied = kept.join(folder.file_name().context("a run folder has a name")?);
    fs::create_dir(&copied)?;
    for file in fs::read_dir(folder)? {
        let file = file?;
        fs::copy(file.path(), copied.join(file.file_name()))?;
    }
    bed.stop()?;
    Ok(copied)
}

/// What `compare --json` says of two run folders, with its exit code.
///
/// # Errors
/// When it cannot be run or prints no JSON.
pub fn compare(first: &Path, second: &Path, extra: &[&str]) -> Result<(Value, Option<i32>)> {
    let mut command = Command::new(find_program("streamgauge-observer")?);
    command.args(["compare", "--json"]).args(extra).arg(first).arg(second);
    let output = command.output().context("compare cannot be started")?;
    let json = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((json, output.status.code()))
}

/// One line on a comparison: verdict, and the change of each percentile with its interval.
#[must_use]
pub fn line(compared: &Value) -> String {
    let figures = compared["metrics"][0]["figures"].as_array().map_or(&[][..], Vec::as_slice);
    let figure = |figure: &Value| {
        let name = figure["name"].as_str().unwrap_or_default();
        let change = |field: &str| figure["ratio"][field].as_f64().map(|ratio| (ratio - 1.0) * 100.0);
        match (change("point"), change("low"), change("high")) {
            (Some(point), Some(low), Some(high)) => {
                format!("{name} {point:+.1}% ({low:+.1}% to {high:+.1}%)")
            }
            _ => format!("{name} cannot be told"),
        }
    };
    let figures: Vec<String> = figures.iter().map(figure).collect();
    format!("{}: {}", compared["verdict"].as_str().unwrap_or("no verdict"), figures.join(", "))
}
