//! `report` and `runs`: kept runs for a person or a script.

use std::path::Path;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::{figure_words, verdict_word};

use super::{FORMATS, Format, text};
use crate::cli::{Report, Runs};
use crate::kept::{KeptRun, Listed, list};
use crate::output::{display, print};

/// Renders a kept run again; returns the exit code 0, whatever the run's own was.
///
/// # Errors
/// There is no such run, it cannot be read (104), or a file cannot be written (107).
pub fn report(options: &Report) -> Result<u8, Failure> {
    let run = KeptRun::open(&options.runs, &options.run)?;
    for lack in &run.lacks {
        tracing::warn!("run {}: {lack}", run.report.run.id);
    }
    let rendered = |name: &str| format(name).render(&run);
    if let Some(path) = &options.form.html {
        return write(path, &rendered("html")?).map(|()| 0);
    }
    let text = if options.form.json {
        rendered("json")?
    } else if options.form.csv {
        rendered("csv")?
    } else {
        text::on(&run, display(options.no_color))
    };
    print(&text);
    Ok(0)
}

fn format(name: &str) -> &'static dyn Format {
    let found = FORMATS.iter().find(|format| format.name() == name);
    *found.expect("every option of the command has its line in FORMATS")
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    std::fs::write(path, content)
        .map_err(|error| Failure::run(format!("--html '{}' cannot be written: {error}", path.display())))
}

/// Lists the kept runs, newest first.
///
/// # Errors
/// The folder cannot be read (104).
pub fn runs(options: &Runs) -> Result<u8, Failure> {
    let listed = list(&options.runs)?;
    if options.json {
        let runs: Vec<serde_json::Value> = listed.iter().map(json).collect();
        print(&format!("{:#}\n", serde_json::Value::from(runs)));
    } else if listed.is_empty() {
        print(&format!("no runs are kept in '{}'\n", options.runs.display()));
    } else {
        print(&table(&listed));
    }
    Ok(0)
}

fn json(listed: &Listed) -> serde_json::Value {
    let folder = listed.folder.display().to_string();
    match &listed.head {
        Ok(head) => serde_json::json!({
            "folder": folder, "run": head.run, "verdict": head.verdict, "validity": head.validity.state,
            "cdc_e2e_latency": head.headline().map(|latency| &latency.all),
        }),
        Err(reason) => serde_json::json!({ "folder": folder, "unreadable": reason }),
    }
}

/// One line for each run, its columns as wide as their widest cell.
fn table(listed: &[Listed]) -> String {
    let heading =
        ["STARTED", "TEST", "RUN", "LASTED", "VERDICT", "MEASUREMENT", "ENTRIES", "P50", "P95", "P99"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(listed.iter().map(cells));
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cells(listed: &Listed) -> Vec<String> {
    let head = match &listed.head {
        Ok(head) => head,
        Err(reason) => return vec![format!("{}: {reason}", listed.name)],
    };
    let figures = head.headline().map(|latency| &latency.all);
    let figure = |of: fn(&streamgauge_shared::report::Stats) -> streamgauge_shared::report::Figure| {
        figures.map_or_else(|| "-".to_owned(), |stats| figure_words(of(stats)))
    };
    let verdict = if head.run.complete { verdict_word(head.verdict.state) } else { "did not end" };
    vec![
        head.run.started_at.clone(),
        head.run.test.clone(),
        head.run.id.clone(),
        format!("{:.0}s", head.run.duration_s),
        verdict.to_owned(),
        head.validity.state.name().to_uppercase(),
        head.entries().to_string(),
        figure(|stats| stats.p50),
        figure(|stats| stats.p95),
        figure(|stats| stats.p99),
    ]
}
