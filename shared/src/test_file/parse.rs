//! From the text of a test and its model to a [`Test`], or to every mistake in both.

#[cfg(test)]
mod documented;
mod executor;
mod flow;
mod generator;
mod headline;
mod marks;
pub(super) mod model;
mod rows;
mod steps;
mod threshold;

use std::cell::RefCell;

use super::reader::{Document, Table, Value};
use super::{
    Check, Executor, Mistake, Mistakes, Model, Plan, Pool, Question, Scale, Scenario, Scope, Source, Step,
    Test,
};
use crate::time::Nanos;
use flow::Known;

/// The stage that the judged parts of a capacity search belong to.
const PROBE_STAGE: &str = "probe";
/// The shortest distance of checkpoints.
const CHECKPOINT_MIN: Nanos = Nanos::from_secs(1);

/// Reads a test. `load_model` gets the path as the test names it and returns the model's source, or
/// the reason why it cannot be read.
///
/// # Errors
/// [`Mistakes`]: all of both files, each with line, column, what is allowed and the nearest name.
pub fn parse(
    test: &Source,
    time_scale: Scale,
    load_scale: Scale,
    load_model: impl FnOnce(&str) -> Result<Source, String>,
) -> Result<(Test, Source), Mistakes> {
    let document = Document::new(&test.name, &test.text);
    let parsed = document.parse();
    if !document.is_clean() {
        // What a recovered tree says would only add mistakes that nobody made.
        return Err(Mistakes(document.into_mistakes()));
    }
    let root = document.root(&parsed);

    let source = match (root.get("entities"), root.get("model")) {
        // One file may be both.
        (Some(_), None) => Some(test.clone()),
        (Some(_), Some(value)) => {
            value.mistake("the entities stand in this file: remove 'model', or them");
            None
        }
        (None, _) => root.require("model", "\"models/shop.toml\"").and_then(|value| {
            let path = value.text()?;
            load_model(path)
                .map_err(|reason| value.mistake(format!("model '{path}' cannot be read: {reason}")))
                .ok()
        }),
    };
    let model_document = source.as_ref().map(|source| Document::new(&source.name, &source.text));
    let model = model_document.as_ref().and_then(model::read);

    let mut reader = Reader::new(&document, model.as_ref(), time_scale, load_scale);
    let defaults = reader.defaults(root.get("defaults"));
    reader.read_pools(root.get("pools"));
    let (setup_given, teardown_given) = (root.get("setup"), root.get("teardown"));
    let setup = reader.phase_flow(setup_given.as_ref());
    let scenarios = reader.scenarios(&root);
    let teardown = reader.phase_flow(teardown_given.as_ref());
    let phases_read =
        setup.is_some() == setup_given.is_some() && teardown.is_some() == teardown_given.is_some();
    let names = Names { scenarios: &scenarios, complete: phases_read && is_complete(&scenarios) };
    let thresholds = reader.thresholds(root.get("thresholds"), names);
    let headline = reader.headline(root.get("headline"), names);
    reader.check_pools(root.get("pools"));
    reader.check_capacity(&root, &scenarios, thresholds.as_deref());
    root.finish();
    let Reader { pools, checks, groups, stages, .. } = reader;

    let mut mistakes = document.into_mistakes();
    mistakes.extend(model_document.map(Document::into_mistakes).unwrap_or_default());
    match (mistakes.is_empty(), source, model) {
        (true, Some(source), Some(model)) => {
            let name =
                test.name.rsplit('/').next().unwrap_or(&test.name).trim_end_matches(".toml").to_owned();
            let Defaults { warm_up, arrival_timeout, lost_after, drain, synchronous_commit } = defaults;
            let file = test.name.clone();
            let test = Test {
                name,
                model,
                warm_up,
                arrival_timeout,
                lost_after,
                drain,
                synchronous_commit,
                setup: setup.unwrap_or_default(),
                teardown: teardown.unwrap_or_default(),
                scenarios: scenarios.into_iter().flatten().collect(),
                pools,
                checks: checks.into_inner(),
                groups: groups.into_inner(),
                stages: stages.into_inner(),
                thresholds: thresholds.unwrap_or_default(),
                headline: headline.unwrap_or_default(),
                time_scale,
                load_scale,
            };
            let short = Plan::of(&test).numbers_short(&test, |entity| {
                test.model.entities[entity].sequence().map_or(1, |(.., sequence)| sequence.start)
            });
            if short.is_empty() { Ok((test, source)) } else { Err(of_whole(&file, short)) }
        }
        _ => Err(Mistakes(mistakes)),
    }
}

/// Reads a model file on its own, for commands that need no test.
///
/// # Errors
/// [`Mistakes`]: all of the file, as [`parse`] has them.
pub fn parse_model(source: &Source) -> Result<Model, Mistakes> {
    let document = Document::new(&source.name, &source.text);
    let model = model::read(&document);
    let mistakes = document.into_mistakes();
    match model {
        Some(model) if mistakes.is_empty() => Ok(model),
        _ => Err(Mistakes(mistakes)),
    }
}

/// Mistakes that no one place of a file makes.
fn of_whole(file: &str, messages: Vec<String>) -> Mistakes {
    let mistake = |message| Mistake { file: file.to_owned(), line: 1, column: 1, message };
    Mistakes(messages.into_iter().map(mistake).collect())
}

struct Reader<'a, 't> {
    document: &'a Document<'t>,
    /// Absent where the model itself is wrong: then what refers to it is not judged.
    model: Option<&'a Model>,
    time_scale: Scale,
    load_scale: Scale,
    pools: Vec<Pool>,
    /// Whether a pool has a mistake, so that names of pools cannot be judged.
    broken_pools: bool,
    /// Pools that some create fills.
    filled: RefCell<Vec<usize>>,
    checks: RefCell<Vec<Check>>,
    groups: RefCell<Vec<String>>,
    stages: RefCell<Vec<String>>,
}

struct Defaults {
    warm_up: Nanos,
    arrival_timeout: Nanos,
    lost_after: Nanos,
    drain: Nanos,
    synchronous_commit: bool,
}

impl<'a, 't> Reader<'a, 't> {
    fn new(
        document: &'a Document<'t>,
        model: Option<&'a Model>,
        time_scale: Scale,
        load_scale: Scale,
    ) -> Self {
        Self {
            document,
            model,
            time_scale,
            load_scale,
            pools: Vec::new(),
            broken_pools: false,
            filled: RefCell::default(),
            checks: RefCell::default(),
            groups: RefCell::default(),
            stages: RefCell::default(),
        }
    }

    fn defaults(&self, value: Option<Value<'_, '_>>) -> Defaults {
        let mut read = Defaults {
            warm_up: Nanos::ZERO,
            arrival_timeout: Nanos::from_secs(30),
            lost_after: Nanos::from_secs(600),
            drain: Nanos::from_secs(60),
            synchronous_commit: true,
        };
        let Some(table) = value.and_then(|value| value.table()) else { return read };
        // Nothing where the value has a mistake.
        let span = |key, least, default| table.get(key).map_or(Some(default), |value| value.duration(least));
        let one_ms = Nanos::from_millis(1);
        let warm_up = span("warm_up", Nanos::ZERO, read.warm_up);
        let arrival_timeout = span("arrival_timeout", one_ms, read.arrival_timeout);
        let lost_after = span("lost_after", one_ms, read.lost_after);
        read.warm_up = self.time_scale.span(warm_up.unwrap_or(read.warm_up));
        read.arrival_timeout = arrival_timeout.unwrap_or(read.arrival_timeout);
        read.lost_after = lost_after.unwrap_or(read.lost_after);
        read.drain = span("drain", Nanos::ZERO, read.drain).unwrap_or(read.drain);
        read.synchronous_commit =
            table.get("synchronous_commit").and_then(|value| value.flag()).unwrap_or(true);
        if let (Some(lost_after), Some(arrival_timeout)) = (lost_after, arrival_timeout)
            && lost_after < arrival_timeout
        {
            table.mistake(format!(
                "'lost_after' ({lost_after}) is shorter than 'arrival_timeout' ({arrival_timeout}): a row must be late before it is lost"
            ));
        }
        table.finish();
        read
    }

    fn read_pools(&mut self, value: Option<Value<'_, '_>>) {
        const SCOPES: [(&str, Scope); 2] = [("shared", Scope::Shared), ("user", Scope::User)];
        let Some(table) = value.and_then(|value| value.table()) else { return };
        let entries = table.entries();
        for (name, _, value) in entries {
            let Some(pool) = value.table() else {
                self.broken_pools = true;
                continue;
            };
            let entity = pool.require("entity", "\"customer\"").and_then(|value| self.entity(&value));
            let scope = pool.get("scope").map_or(Some(Scope::Shared), |value| value.word("scope", &SCOPES));
            pool.finish();
            match (entity, scope) {
                (Some(entity), Some(scope)) => {
                    self.pools.push(Pool { name: name.to_owned(), entity, scope });
                }
                _ => self.broken_pools = true,
            }
        }
    }

    /// A pool that nothing fills leaves out every step that takes a row from it.
    fn check_pools(&self, value: Option<Value<'_, '_>>) {
        let Some(table) = value.and_then(|value| value.table()) else { return };
        if self.broken_pools || !self.document.is_clean() {
            return;
        }
        for (name, span, _) in table.entries() {
            let index = self.pools.iter().position(|pool| pool.name == name);
            if index.is_some_and(|index| !self.filled.borrow().contains(&index)) {
                self.document.mistake(
                    span.start,
                    format!("nothing fills pool '{name}': give a create of its entity into = \"{name}\""),
                );
            }
        }
    }

    /// The flow of `[setup]` or `[teardown]`.
    fn phase_flow(&self, value: Option<&Value<'_, '_>>) -> Option<Vec<Step>> {
        let table = value?.table()?;
        let flow = table.require("flow", "[ { create = \"customer\" }, { await = \"30s\" } ]");
        let flow = flow.and_then(|value| self.flow(&value, &mut Known::default()));
        table.finish();
        flow
    }

    /// Every scenario in the file's order; `None` stands for one with a mistake, so that indexes stay.
    fn scenarios(&self, root: &Table<'_, '_>) -> Vec<Option<Scenario>> {
        let example = "a table [scenarios.e2e_latency]";
        let Some(table) = root.require("scenarios", example).and_then(|value| value.table()) else {
            return Vec::new();
        };
        let entries = table.entries();
        if entries.is_empty() {
            table.mistake("there is no scenario: add a table [scenarios.e2e_latency]");
        }
        entries.iter().map(|(name, _, value)| self.scenario(name, value)).collect()
    }

    fn scenario(&self, name: &str, value: &Value<'_, '_>) -> Option<Scenario> {
        const FINDINGS: [(&str, Question); 4] = [
            ("breaking_point", Question::BreakingPoint),
            ("recovery", Question::Recovery),
            ("catch_up", Question::CatchUp),
            ("stability", Question::Stability),
        ];
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            value.mistake(format!("'{name}' is not a scenario name: letters, digits, _ and - only"));
        }
        let table = value.table()?;
        let executor = self.executor(&table);
        let span = |key| table.get(key).map(|value| value.duration(Nanos::ZERO));
        let start_time =
            span("start_time").unwrap_or(Some(Nanos::ZERO)).map(|span| self.time_scale.span(span));
        let graceful_stop = span("graceful_stop").unwrap_or(Some(executor::GRACEFUL));
        let findings: Option<Vec<Question>> = table.get("findings").map_or(Some(Vec::new()), |value| {
            value.array()?.iter().map(|item| item.word("finding", &FINDINGS)).collect()
        });
        let checkpoint = table
            .get("checkpoint")
            .map_or(Some(Nanos::from_secs(300)), |value| value.duration(CHECKPOINT_MIN));
        let flow = table.require("flow", "[ { create = \"customer\" }, { await = \"5s\" } ]");
        let flow = flow.and_then(|value| self.flow(&value, &mut Known::default()));
        if executor.is_some() {
            table.finish();
        }
        Some(Scenario {
            name: name.to_owned(),
            start_time: start_time?,
            graceful_stop: graceful_stop?,
            executor: executor??,
            flow: flow?,
            findings: findings?,
            checkpoint: self.time_scale.span(checkpoint?),
        })
    }

    /// A capacity search has the pipeline for itself, and something to judge it by. Thresholds with a mistake are
    /// absent, and not judged.
    fn check_capacity(
        &self,
        root: &Table<'_, '_>,
        scenarios: &[Option<Scenario>],
        thresholds: Option<&[crate::threshold::Threshold]>,
    ) {
        let Some(value) = root.get("scenarios").filter(|_| is_capacity(scenarios)) else { return };
        if scenarios.len() > 1 {
            value.mistake(
                "a capacity-search cannot stand beside other scenarios: their load would be part of what it finds",
            );
        }
        if thresholds.is_some_and(|all| !all.iter().any(|threshold| threshold.tags.stage.is_some())) {
            value.mistake(
                "a capacity-search needs a threshold on a latency or a rate, as in cdc_e2e_latency = [\"p(95)<2000\"]",
            );
        }
    }

    fn group(&self, name: &str) -> u16 {
        index_of(&self.groups, name)
    }

    fn stage(&self, name: &str) -> u16 {
        index_of(&self.stages, name)
    }
}

/// What thresholds can be narrowed to.
#[derive(Clone, Copy)]
struct Names<'n> {
    scenarios: &'n [Option<Scenario>],
    /// Whether no scenario and no phase has a mistake: otherwise names of scenarios, groups and stages may be
    /// missing that the file has, and none is judged.
    complete: bool,
}

/// Whether there are scenarios, and none has a mistake.
fn is_complete(scenarios: &[Option<Scenario>]) -> bool {
    !scenarios.is_empty() && scenarios.iter().all(Option::is_some)
}

/// Whether the test is a capacity search.
fn is_capacity(scenarios: &[Option<Scenario>]) -> bool {
    scenarios.iter().flatten().any(|scenario| matches!(scenario.executor, Executor::CapacitySearch(_)))
}

/// The index of a name in a list that takes it if it is not there.
fn index_of(names: &RefCell<Vec<String>>, name: &str) -> u16 {
    let mut names = names.borrow_mut();
    let index = names.iter().position(|other| other == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u16::try_from(index).unwrap_or(u16::MAX)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;

#[cfg(test)]
mod consequence_tests;
