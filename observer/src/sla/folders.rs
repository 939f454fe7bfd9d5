//! The command: reads the run folders, asks for the account and writes it. All I/O of this folder is here.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::report::Report;
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Latency;

use super::account::{Expect, Interval, Question, Source, account, is_on_minutes};
use super::objective::Objective;
use super::openslo::{self, Slo};
use super::rules::{Asked, generate};
use super::time_set::Span;
use super::window::Window;
use super::zone::Zone;
use super::{html, text};
use crate::cli::{Judge, Objectives, Rules};
use crate::kept::{self, KeptRun};
use crate::output::print;

/// The window where none is asked for.
const WINDOW: &str = "30d";

/// A run folder.
struct Folder(KeptRun);

/// Judges objectives over run folders, and writes the account. 0 where all are met, 99 where one is missed or it cannot
/// be told, 111 where there is no data.
///
/// # Errors
/// An option is wrong, a folder cannot be read, or a file cannot be written.
pub fn run(options: &Judge) -> Result<u8, Failure> {
    let slo = asked(&options.objectives)?;
    let zone = zone(options.tz.as_deref(), slo.zone)?;
    let maintenance: Result<Vec<Span>, Failure> =
        options.maintenance.iter().map(|text| maintenance(text, &zone)).collect();
    let expect = if options.expect_always() { Expect::Always } else { Expect::Runs };
    let until = match (&options.until, expect) {
        (Some(text), _) => Some(zone.parse(text).map_err(|why| wrong(&format!("--until {why}")))?),
        // All of the window is expected: up to now, whether there was a run or not.
        (None, Expect::Always) => Some(Clock::start().now()),
        (None, Expect::Runs) => None,
    };
    let question = Question {
        title: slo.title,
        objectives: slo.objectives,
        window: slo.window,
        zone,
        expect,
        maintenance: maintenance?,
        rows_min: options.objectives.min_rows,
        until,
    };
    let folders: Vec<Folder> = open(&options.runs)?.into_iter().map(Folder).collect();
    let sources: Vec<&dyn Source> = folders.iter().map(|folder| folder as &dyn Source).collect();
    let account = account(&question, &sources)?;
    if let Some(path) = &options.html {
        fs::write(path, html::render(&account, &question.zone)).map_err(|error| {
            wrong(&format!(
                "--html '{}' cannot be written: {error}; give a file in a folder that is there",
                path.display()
            ))
        })?;
    }
    if options.json {
        let json = serde_json::to_string_pretty(&account)
            .map_err(|error| Failure::run(format!("the account cannot be written as JSON: {error}")))?;
        print(&format!("{json}\n"));
    } else {
        print(&text::render(&account, &question.zone));
    }
    Ok(account.verdict.exit_code().number())
}

/// Writes Prometheus' rules of objectives to standard output.
///
/// # Errors
/// An option is wrong, or an objective cannot be told from `/metrics` (104).
pub fn write_rules(options: &Rules) -> Result<u8, Failure> {
    let slo = asked(&options.objectives)?;
    let command = command(options);
    let asked = Asked {
        objectives: &slo.objectives,
        window: slo.window,
        lower_bucket: options.lower_bucket,
        rows_min: options.objectives.min_rows,
        command: &command,
    };
    print(&generate(&asked).map_err(|why| wrong(&why))?);
    Ok(ExitCode::Passed.number())
}

/// The command that makes the same rules again.
fn command(options: &Rules) -> String {
    let Objectives { objective, target, window, slo, min_rows } = &options.objectives;
    let mut command = "streamgauge-observer sla rules".to_owned();
    let quoted = objective.iter().map(|text| format!(" --objective '{text}'"));
    command.extend(quoted);
    command.extend(target.iter().map(|text| format!(" --target {text}")));
    command.extend(window.iter().map(|text| format!(" --window {text}")));
    command.extend(slo.iter().map(|path| format!(" --slo {}", path.display())));
    command.extend(min_rows.iter().map(|rows| format!(" --min-rows {rows}")));
    if options.lower_bucket {
        command.push_str(" --lower-bucket");
    }
    command
}

/// What is asked, from a file or from options.
struct Asking {
    title: Option<String>,
    objectives: Vec<Objective>,
    window: Window,
    zone: Option<Zone>,
}

fn asked(options: &Objectives) -> Result<Asking, Failure> {
    if let Some(path) = &options.slo {
        let text = fs::read_to_string(path)
            .map_err(|error| wrong(&format!("--slo '{}' cannot be read: {error}", path.display())))?;
        let read =
            openslo::read(&text).map_err(|why| wrong(&format!("--slo '{}': {why}", path.display())))?;
        let Slo { title, objectives, window, zone } = read;
        return Ok(Asking { title: Some(title), objectives, window, zone });
    }
    if options.objective.is_empty() {
        return Err(wrong(
            "there is no objective: give --objective 'cdc_e2e_latency<5s' --target 99.9%, or --slo FILE with an SLO of OpenSLO",
        ));
    }
    let objectives =
        Objective::parse_all(&options.objective, options.target.as_deref()).map_err(|why| wrong(&why))?;
    let window = options.window.as_deref().unwrap_or(WINDOW);
    let window = Window::parse(window).map_err(|why| wrong(&format!("--{why}")))?;
    Ok(Asking { title: None, objectives, window, zone: None })
}

/// The time zone: that of the option, or of the file, which must not contradict each other; else UTC.
fn zone(option: Option<&str>, of_file: Option<Zone>) -> Result<Zone, Failure> {
    let option = option.map(Zone::named).transpose().map_err(|why| wrong(&format!("--tz: {why}")))?;
    match (option, of_file) {
        (Some(option), Some(file)) if option.name() != file.name() => Err(wrong(&format!(
            "--tz {} contradicts the file, whose calendar is of {}: leave --tz out",
            option.name(),
            file.name()
        ))),
        (option, file) => Ok(option.or(file).unwrap_or_else(Zone::utc)),
    }
}

/// A maintenance window: `FROM/TO`.
fn maintenance(text: &str, zone: &Zone) -> Result<Span, Failure> {
    let malformed = |why: &str| {
        wrong(&format!(
            "--maintenance '{text}' {why}; write its beginning and its end, as in 2026-11-03T02:00/2026-11-03T04:00"
        ))
    };
    let (from, until) = text.split_once('/').ok_or_else(|| malformed("has no '/'"))?;
    let point = |text: &str| zone.parse(text).map_err(|why| malformed(&format!("cannot be read: {why}")));
    let span = (point(from)?, point(until)?);
    if span.0 >= span.1 {
        return Err(malformed("ends before it begins"));
    }
    if !is_on_minutes(span) {
        return Err(malformed("does not begin and end on whole minutes"));
    }
    Ok(span)
}

/// The runs of the folders, each once. A folder with a report is a run, any other one holds runs.
fn open(paths: &[PathBuf]) -> Result<Vec<KeptRun>, Failure> {
    let mut runs: Vec<KeptRun> = Vec::new();
    for path in paths {
        if path.join("report.json").is_file() {
            runs.push(KeptRun::read(path.clone())?);
            continue;
        }
        let listed = kept::list(path)?;
        if listed.is_empty() {
            return Err(wrong(&format!(
                "'{}' is neither a run folder nor a folder that holds any: give the folder that 'serve --runs' names",
                path.display()
            )));
        }
        for run in listed {
            runs.push(KeptRun::read(run.folder)?);
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    // A folder that is given twice would count twice.
    runs.retain(|run| seen.insert(canonical(&run.folder)));
    Ok(runs)
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

impl Source for Folder {
    fn name(&self) -> String {
        self.0.name()
    }

    fn report(&self) -> &Report {
        &self.0.report
    }

    fn lacks(&self) -> &[String] {
        &self.0.lacks
    }

    fn has_log(&self) -> bool {
        self.0.folder.join("latency.hlog").is_file()
    }

    fn rows(&self) -> Result<Vec<Value>, Failure> {
        self.0.rows()
    }

    fn intervals(
        &self,
        wanted: &dyn Fn(Latency) -> bool,
        each: &mut dyn FnMut(Interval<'_>) -> bool,
    ) -> Result<(), Failure> {
        self.0.each_interval(wanted, &mut |interval| {
            each(Interval {
                middle: UnixNanos(interval.start.0 + interval.length.0 / 2),
                latency: interval.latency,
                operation: interval.operation,
                histogram: &interval.histogram,
            })
        })
    }
}

fn wrong(sentence: &str) -> Failure {
    Failure::configuration(sentence)
}
