//! The command: reads the kept runs, prints what came out, and says with which code the process ends.

use std::fs;
use std::path::Path;

use streamgauge_shared::exit_code::{ExitCode, Failure};

use super::chronicle::{Kept, history};
use super::comparison::{Comparison, Input, Question, comparison};
use super::effect::Smallest;
use super::render::{comparison_json, history_json, history_text, markdown, page, text};
use super::verdict::gate;
use crate::cli::Compare;
use crate::kept::{self, KeptRun};
use crate::output::print;

/// Columns where nobody says how wide the terminal is.
const COLUMNS: usize = 100;

/// Compares the runs, or looks through a history; returns the exit code.
///
/// # Errors
/// The runs cannot be read or must not be compared (104), or the page cannot be written (107).
pub fn run(options: &Compare) -> Result<u8, Failure> {
    let smallest = Smallest { share: options.min_change, millis: options.min_difference.as_millis_f64() };
    if let Some(folder) = &options.history {
        return look_back(options, folder, smallest);
    }
    let (first, second) = options.sides()?;
    let read =
        |names: &[String]| names.iter().map(|name| input(&options.runs, name)).collect::<Result<Vec<_>, _>>();
    let question =
        Question { smallest, seed: options.seed, force: options.force, shift: options.html.is_some() };
    let comparison = comparison(&read(first)?, &read(second)?, question)?;
    let failed =
        options.fail_on_regression.and_then(|limit| gate(comparison.verdict, comparison.worst(), limit));
    if let Some(path) = &options.html {
        write_page(path, &comparison)?;
    }
    let words = if options.json {
        let json = comparison_json(&comparison, failed.as_deref());
        format!("{json:#}\n")
    } else if options.markdown {
        markdown(&comparison)
    } else {
        text(&comparison, columns())
    };
    print(&words);
    match failed {
        Some(reason) => {
            tracing::error!("--fail-on-regression: {reason}");
            Ok(ExitCode::ThresholdCrossed.number())
        }
        None => Ok(ExitCode::Passed.number()),
    }
}

fn look_back(options: &Compare, folder: &Path, smallest: Smallest) -> Result<u8, Failure> {
    let listed = kept::list(folder)?;
    let known = listed.into_iter().filter_map(|listed| {
        let head = listed.head.ok()?;
        let headline = head.headline().cloned();
        Some(Kept { name: listed.name, run: head.run, validity: head.validity.state, headline })
    });
    let history = history(known.collect(), options.test.as_deref(), smallest, options.seed)?;
    let words = if options.json {
        format!("{:#}\n", history_json(&history))
    } else {
        history_text(&history, columns())
    };
    print(&words);
    Ok(ExitCode::Passed.number())
}

fn input(runs: &Path, named: &str) -> Result<Input, Failure> {
    let kept = KeptRun::open(runs, named)?;
    let (name, intervals, test) = (kept.name(), kept.intervals()?, kept.test_text());
    Ok(Input { name, report: kept.report, intervals, test, lacks: kept.lacks })
}

fn write_page(path: &Path, comparison: &Comparison) -> Result<(), Failure> {
    fs::write(path, page(comparison))
        .map_err(|error| Failure::run(format!("--html '{}' cannot be written: {error}", path.display())))
}

/// How wide the terminal is, as far as a shell tells its programs.
fn columns() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(COLUMNS)
}
