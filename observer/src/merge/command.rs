//! Reads the runs, merges them, and keeps what comes out as a run folder.

use std::fs;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::render_full;
use xxhash_rust::xxh3::xxh3_64;

use super::{Side, combine, conditions};
use crate::cli::Merge;
use crate::kept::KeptRun;
use crate::output::{display, print};
use crate::report::{write_html, write_merged};

/// Merges runs, prints the summary, and keeps the merged run beside the others; returns its verdict's exit code.
///
/// # Errors
/// The runs cannot be merged (104), or the folder cannot be written (107).
pub fn merge(options: &Merge) -> Result<u8, Failure> {
    let sides = options.named.iter().map(|named| {
        let run = KeptRun::open(&options.runs, named)?;
        Ok(Side {
            name: run.name(),
            totals: run.totals()?,
            intervals: run.intervals()?,
            test_text: run.test_text().unwrap_or_default(),
            report: run.report,
        })
    });
    let sides = conditions::merged(sides.collect::<Result<Vec<Side>, Failure>>()?)?;
    let mut report = combine::report(&sides, &id(&sides.sides));
    let test_text = sides.sides.first().map_or("", |side| side.test_text.as_str());
    let totals = sides.sides.iter().all(|side| side.totals.is_some());
    let totals = totals.then(|| sides.sides.iter().flat_map(|side| side.totals.iter().flatten()));
    let intervals = sides.sides.iter().flat_map(|side| &side.intervals);
    let folder = write_merged(&options.runs, &mut report, test_text, intervals, totals.into_iter().flatten());
    let folder = folder.map_err(|error| {
        Failure::run(format!("the merged run cannot be kept in --runs '{}': {error}", options.runs.display()))
    })?;
    write_html(&folder).map_err(Failure::run)?;
    if options.json {
        let json = serde_json::to_string_pretty(&report);
        print(&format!("{}\n", json.map_err(|error| Failure::run(error.to_string()))?));
    } else {
        print(&render_full(&report, display(false)));
        print(&format!("  kept in {}\n", fs::canonicalize(&folder).unwrap_or(folder).display()));
    }
    Ok(report.verdict.exit_code)
}

/// An id that the same runs always get: twelve hexadecimal digits, as every run id.
fn id(sides: &[Side]) -> String {
    let ids: Vec<&str> = sides.iter().map(|side| side.report.run.id.as_str()).collect();
    format!("{:012x}", xxh3_64(ids.join(" ").as_bytes()) & 0xffff_ffff_ffff)
}
