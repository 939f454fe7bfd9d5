//! `ping`: one row through the whole pipeline, as a run of its own, and how long it took.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use streamgauge_shared::account::Operation;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::Verdict;
use streamgauge_shared::report::{Figure, Report, Stats, ValidityState, figure_words};
use streamgauge_shared::test_file::{self, Generator, Model, Scale, Source};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::run;
use crate::cli::{Locks, Ping, Run, Scales, Summary};
use crate::terminal;
use crate::test_source::TestSource;

/// The model where none is given, and the shipped test that others of its commands can be given.
const SHOP: (&str, &str, &str) =
    ("models/shop.toml", "scenarios/e2e-latency.toml", include_str!("../../../scenarios/models/shop.toml"));
/// How long a lock of `prepare` would wait, which is not asked for.
const LOCK_TIMEOUT: Nanos = Nanos::from_secs(2);

/// Sends the row; 0 when it arrived in time, 99 when not.
///
/// # Errors
/// The file or the entity is wrong, or the run could not take place.
pub(super) async fn ping(options: Ping) -> Result<u8, Failure> {
    let (file, model) = read_model(options.source.as_deref())?;
    let test = test(&model, options.entity.as_deref(), Limits::of(&options))?;
    let entity = test.entity.clone();
    let Ping { within, json, .. } = options;
    let run = Run {
        test: file,
        postgres: options.postgres,
        observer: options.observer,
        token_file: options.token_file,
        seed: None,
        run_id: None,
        shard_index: 0,
        shard_count: 1,
        scales: Scales { time_scale: Scale::default(), load_scale: Scale::default() },
        connections: Some(1),
        clock: options.clock,
        prepare: false,
        locks: Locks { lock_timeout: LOCK_TIMEOUT },
        keep_rows: false,
        quiet: true,
        no_color: false,
        summary: Summary::Text,
    };
    let print = move |verdict: &Verdict, report: &Report| {
        let pong = Pong::of(report, &entity)?;
        terminal::print(&if json { pong.json(report, verdict) } else { pong.line(within) });
        if report.validity.state == ValidityState::Invalid {
            let sentences = report.validity.reasons.iter().flat_map(|reason| reason.lines(""));
            sentences.for_each(|said| terminal::note(&said));
        }
        Ok(report.verdict.exit_code)
    };
    run::carry_out(run, test.source, print).await
}

/// The model, and the file that other commands take for it: a test's, or a model file alone.
fn read_model(file: Option<&Path>) -> Result<(PathBuf, Source), Failure> {
    let Some(path) = file else {
        return Ok((PathBuf::from(SHOP.1), Source { name: SHOP.0.to_owned(), text: SHOP.2.to_owned() }));
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::configuration(format!(
            "'{name}' cannot be read: {error}; give the path of a test or of a model, or none for the shop's"
        ))
    })?;
    let alone = Source { name, text };
    if test_file::parse_model(&alone).is_ok() {
        return Ok((path.to_owned(), alone));
    }
    let source = TestSource::read(path, Scale::default(), Scale::default())?;
    Ok((path.to_owned(), source.model))
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// For an exit code of 0.
    within: Nanos,
    /// Until the row is given up.
    timeout: Nanos,
}

impl Limits {
    fn of(options: &Ping) -> Self {
        let within = options.within.unwrap_or(options.timeout);
        Self { within, timeout: options.timeout.max(within) }
    }
}

/// The test that a ping is.
struct PingTest {
    source: TestSource,
    entity: String,
}

/// One row of an entity, after the rows that it refers to.
///
/// # Errors
/// There is no such entity, or the model cannot be written in this way; exit code 104.
fn test(source: &Source, entity: Option<&str>, limits: Limits) -> Result<PingTest, Failure> {
    let wrong = |mistakes: test_file::Mistakes| Failure::configuration(mistakes.to_string());
    let model = test_file::parse_model(source).map_err(wrong)?;
    let chosen = chosen(&model, entity, &source.name)?;
    let mut flow = String::new();
    for index in rows_of(&model, chosen) {
        writeln!(flow, "  {{ create = \"{}\" }},", model.entities[index].name).expect("into a text");
    }
    let name = &model.entities[chosen].name;
    let Limits { within, timeout } = limits;
    let (within, timeout) = (within.as_millis_f64(), timeout.as_millis_f64());
    let text = format!(
        r#"# One row, and how long it took.
model = "model.toml"

[defaults]
arrival_timeout = "{timeout}ms"
lost_after = "{timeout}ms"
drain = "{timeout}ms"

[scenarios.ping]
executor = "shared-iterations"
vus = 1
iterations = 1
max_duration = "1m"
flow = [
{flow}]

[thresholds]
"cdc_e2e_latency{{entity:{name}}}" = ["max<={within}"]
"#
    );
    let file = Source { name: "ping.toml".to_owned(), text };
    let (test, model) =
        test_file::parse(&file, Scale::default(), Scale::default(), |_| Ok(source.clone())).map_err(wrong)?;
    Ok(PingTest { source: TestSource { test, file, model }, entity: name.clone() })
}

/// The entity that is named, or the first that can be written without another.
fn chosen(model: &Model, named: Option<&str>, file: &str) -> Result<usize, Failure> {
    let Some(named) = named else {
        let alone = (0..model.entities.len()).find(|index| parents(model, *index).next().is_none());
        return Ok(alone.unwrap_or(0));
    };
    model.entities.iter().position(|entity| entity.name == named).ok_or_else(|| {
        let known: Vec<&str> = model.entities.iter().map(|entity| entity.name.as_str()).collect();
        Failure::configuration(format!(
            "--entity '{named}' is not in '{file}', which has {}: give one of them",
            known.join(", ")
        ))
    })
}

/// Entities that a row refers to.
fn parents(model: &Model, entity: usize) -> impl Iterator<Item = usize> {
    model.entities[entity].columns.iter().filter_map(|column| match column.generator {
        Generator::Reference { entity } => Some(entity),
        _ => None,
    })
}

/// An entity and all that it refers to, those first that others need.
fn rows_of(model: &Model, entity: usize) -> Vec<usize> {
    let mut rows = vec![entity];
    let mut next = 0;
    while let Some(row) = rows.get(next).copied() {
        next += 1;
        for parent in parents(model, row) {
            if !rows.contains(&parent) {
                rows.push(parent);
            }
        }
    }
    // A reference is to an entity that stands before its own.
    rows.sort_unstable();
    rows
}

/// What became of the row.
#[derive(Clone, Debug, PartialEq)]
struct Pong {
    entity: String,
    /// Whether it has been seen in MongoDB.
    is_here: bool,
    /// Whether it arrived in time.
    in_time: bool,
    end_to_end: Figure,
    write: Figure,
    propagation: Figure,
    /// The median of what MongoDB and the observer take by themselves; absent in a run too short for a canary.
    floor: Figure,
    /// The clocks' error bound, where there is one to be told.
    bound: Option<String>,
}

impl Pong {
    /// # Errors
    /// PostgreSQL refused the row, or the run ended before there was one.
    fn of(report: &Report, entity: &str) -> Result<Self, Failure> {
        let row = |latency: Latency| {
            let by = report.latency.get(latency.name())?.by.iter();
            by.clone().find(|by| by.entity == entity && by.operation == Operation::Create.name())
        };
        let figure = |latency| row(latency).map_or(Figure::Absent, |by| one(&by.stats));
        let Some(end_to_end) = row(Latency::CdcE2eLatency) else {
            let causes = report.rejections.notes().into_iter().chain(report.verdict.cause.clone());
            let causes = causes.collect::<Vec<_>>().join("; ");
            return Err(Failure::run(format!(
                "no row was written: {}",
                if causes.is_empty() { "its insert did not commit".to_owned() } else { causes }
            )));
        };
        let is_here = end_to_end.stats.count + end_to_end.stats.unmeasured > 0;
        Ok(Self {
            entity: entity.to_owned(),
            is_here,
            in_time: is_here && report.thresholds.iter().all(|threshold| threshold.passed),
            end_to_end: one(&end_to_end.stats),
            write: figure(Latency::PgWriteDuration),
            propagation: if is_here { figure(Latency::CdcPropagation) } else { Figure::Absent },
            floor: report.floor.as_ref().map_or(Figure::Absent, |floor| floor.p50),
            bound: report.clock.beside(Latency::CdcE2eLatency),
        })
    }

    /// One line for people.
    fn line(&self, within: Option<Nanos>) -> String {
        let parts = [("write", self.write), ("propagation", self.propagation), ("floor", self.floor)];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, figure)| *figure != Figure::Absent)
            .map(|(name, figure)| format!("{name} {}", figure_words(*figure)))
            .collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        let bound = self.bound.as_ref().map(|bound| format!(" {bound}")).unwrap_or_default();
        let late = within
            .filter(|_| !self.in_time)
            .map_or_else(String::new, |within| format!(", later than {within}"));
        let told = figure_words(self.end_to_end);
        match self.is_here {
            true => format!("arrived after {told}{bound}{late}{parts}\n"),
            false => format!("not arrived after {}{parts}\n", told.trim_start_matches('≥')),
        }
    }

    /// One object for scripts; milliseconds, what is not known is left out.
    fn json(&self, report: &Report, verdict: &Verdict) -> String {
        let mut object = Map::new();
        object.insert("arrived".to_owned(), self.is_here.into());
        object.insert("in_time".to_owned(), self.in_time.into());
        object.insert("entity".to_owned(), self.entity.clone().into());
        let figures = [
            ("e2e_ms", self.end_to_end),
            ("write_ms", self.write),
            ("propagation_ms", self.propagation),
            ("floor_ms", self.floor),
        ];
        for (name, figure) in figures {
            match figure {
                Figure::Absent => {}
                Figure::Value(value) => drop(object.insert(name.to_owned(), value.into())),
                Figure::AtLeast(low) => drop(object.insert(format!("{name}_at_least"), low.into())),
                Figure::Between(low, high) => {
                    object.insert(format!("{name}_at_least"), low.into());
                    object.insert(format!("{name}_at_most"), high.into());
                }
            }
        }
        if let Some(bound) = report.clock.error_bound_ms {
            object.insert("clock_error_bound_ms".to_owned(), bound.into());
        }
        object.insert("validity".to_owned(), report.validity.state.name().into());
        object.insert("exit_code".to_owned(), report.verdict.exit_code.into());
        object.insert("run".to_owned(), report.run.id.clone().into());
        if let Some(folder) = &verdict.folder {
            object.insert("folder".to_owned(), json!(folder));
        }
        format!("{}\n", Value::Object(object))
    }
}

/// The figure of the only row: exact where it was measured.
fn one(stats: &Stats) -> Figure {
    match stats.min {
        Some(value) if stats.count == 1 && stats.censored + stats.unmeasured == 0 => Figure::Value(value),
        _ => stats.p50,
    }
}

#[cfg(test)]
#[path = "ping_tests.rs"]
mod tests;
