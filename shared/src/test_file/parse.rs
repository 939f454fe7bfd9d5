//! From the text of a test and its model to a [`Test`], or to every mistake in both.

use super::mistake::unknown;
use super::model::{self, Generator, Model};
use super::reader::{Document, Table, Value};
use super::template::Template;
use super::{
    Action, Arrivals, ConstantArrivalRate, Executor, Mistakes, Rate, RowFrom, Scale, Scenario, Setting,
    Source, Step, Test, Timeout,
};
use crate::account::Operation;
use crate::threshold::{Expression, Metric, Tags, Threshold, split_key};
use crate::time::Nanos;

/// k6's minimum length of a scenario.
const DURATION_MIN: Nanos = Nanos::from_secs(1);
/// Users at most: each costs a task and a place in a queue.
const USERS_MAX: u64 = 100_000;
/// Iterations per time unit at most: the pacer's thread reaches about 100,000 a second.
const RATE_MAX: u64 = 1_000_000;

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

    let source = root.require("model", "\"models/shop.toml\"").and_then(|value| {
        let path = value.text()?;
        load_model(path)
            .map_err(|reason| value.mistake(format!("model '{path}' cannot be read: {reason}")))
            .ok()
    });
    let model_document = source.as_ref().map(|source| Document::new(&source.name, &source.text));
    let model = model_document.as_ref().and_then(model::read);

    let reader = Reader { document: &document, model: model.as_ref(), time_scale, load_scale };
    let defaults = reader.defaults(root.get("defaults"));
    let scenarios = reader.scenarios(&root);
    let thresholds = reader.thresholds(root.get("thresholds"), &scenarios);
    root.finish();

    let mut mistakes = document.into_mistakes();
    mistakes.extend(model_document.map(Document::into_mistakes).unwrap_or_default());
    match (mistakes.is_empty(), source, model) {
        (true, Some(source), Some(model)) => {
            let name =
                test.name.rsplit('/').next().unwrap_or(&test.name).trim_end_matches(".toml").to_owned();
            let Defaults { warm_up, arrival_timeout, lost_after, drain, synchronous_commit } = defaults;
            let scenarios = scenarios.into_iter().flatten().collect();
            let test = Test {
                name,
                model,
                warm_up,
                arrival_timeout,
                lost_after,
                drain,
                synchronous_commit,
                setup: Vec::new(),
                teardown: Vec::new(),
                scenarios,
                pools: Vec::new(),
                checks: Vec::new(),
                groups: Vec::new(),
                stages: Vec::new(),
                thresholds,
                time_scale,
                load_scale,
            };
            Ok((test, source))
        }
        _ => Err(Mistakes(mistakes)),
    }
}

struct Reader<'a, 't> {
    document: &'a Document<'t>,
    /// Absent where the model itself is wrong: then what refers to it is not judged.
    model: Option<&'a Model>,
    time_scale: Scale,
    load_scale: Scale,
}

struct Defaults {
    warm_up: Nanos,
    arrival_timeout: Nanos,
    lost_after: Nanos,
    drain: Nanos,
    synchronous_commit: bool,
}

impl Reader<'_, '_> {
    fn defaults(&self, value: Option<Value<'_, '_>>) -> Defaults {
        let mut read = Defaults {
            warm_up: Nanos::ZERO,
            arrival_timeout: Nanos::from_secs(30),
            lost_after: Nanos::from_secs(600),
            drain: Nanos::from_secs(60),
            synchronous_commit: true,
        };
        let Some(table) = value.and_then(|value| value.table()) else { return read };
        let span = |key, least| table.get(key).and_then(|value| value.duration(least));
        let one_ms = Nanos::from_millis(1);
        read.warm_up = self.time_scale.span(span("warm_up", Nanos::ZERO).unwrap_or(read.warm_up));
        read.arrival_timeout = span("arrival_timeout", one_ms).unwrap_or(read.arrival_timeout);
        read.lost_after = span("lost_after", one_ms).unwrap_or(read.lost_after);
        read.drain = span("drain", Nanos::ZERO).unwrap_or(read.drain);
        read.synchronous_commit =
            table.get("synchronous_commit").and_then(|value| value.flag()).unwrap_or(true);
        if read.lost_after < read.arrival_timeout {
            table.mistake(format!(
                "'lost_after' ({}) is shorter than 'arrival_timeout' ({}): a row must be late before it is lost",
                read.lost_after, read.arrival_timeout
            ));
        }
        table.finish();
        read
    }

    /// Every scenario in the file's order; `None` stands for one with a mistake, so that indexes stay.
    fn scenarios(&self, root: &Table<'_, '_>) -> Vec<Option<Scenario>> {
        let example = "a table [scenarios.e2e_latency]";
        let Some(table) = root.require("scenarios", example).and_then(|value| value.table()) else {
            return Vec::new();
        };
        let mut entries: Vec<_> = table.entries().collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        if entries.is_empty() {
            table.mistake("there is no scenario: add a table [scenarios.e2e_latency]");
        }
        entries.iter().map(|(name, _, value)| self.scenario(name, value)).collect()
    }

    fn scenario(&self, name: &str, value: &Value<'_, '_>) -> Option<Scenario> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            value.mistake(format!("'{name}' is not a scenario name: letters, digits, _ and - only"));
        }
        let table = value.table()?;
        let executor = table.require("executor", "\"constant-arrival-rate\"");
        let executor = executor.and_then(|value| value.word("executor", &[("constant-arrival-rate", ())]));
        let executor = executor.and_then(|()| self.constant_arrival_rate(&table));
        let span = |key| table.get(key).map(|value| value.duration(Nanos::ZERO));
        let start_time =
            span("start_time").unwrap_or(Some(Nanos::ZERO)).map(|span| self.time_scale.span(span));
        let graceful_stop = span("graceful_stop").unwrap_or(Some(Nanos::from_secs(30)));
        let flow = table.require("flow", "[ { create = \"customer\" }, { await = \"5s\" } ]");
        let flow = flow.and_then(|value| self.flow(&value));
        table.finish();
        Some(Scenario {
            name: name.to_owned(),
            start_time: start_time?,
            graceful_stop: graceful_stop?,
            executor: executor?,
            flow: flow?,
            findings: Vec::new(),
            checkpoint: self.time_scale.span(Nanos::from_secs(300)),
        })
    }

    fn constant_arrival_rate(&self, table: &Table<'_, '_>) -> Option<Executor> {
        let iterations = table.require("rate", "10").and_then(|value| value.whole(1..=RATE_MAX));
        let per = table
            .get("time_unit")
            .map_or(Some(Nanos::from_secs(1)), |value| value.duration(Nanos::from_millis(1)));
        let duration = table.require("duration", "\"5m\"").and_then(|value| value.duration(DURATION_MIN));
        let pre_allocated =
            table.require("pre_allocated_vus", "20").and_then(|value| value.whole(1..=USERS_MAX));
        let max_value = table.get("max_vus");
        let max = max_value.as_ref().map_or(pre_allocated, |value| value.whole(1..=USERS_MAX));
        if let Some(value) = table.get("arrivals") {
            value.word("spacing of arrivals", &[("even", ())]);
        }
        if let (Some(value), Some(pre_allocated), Some(max)) = (&max_value, pre_allocated, max)
            && max < pre_allocated
        {
            value.mistake(format!(
                "'max_vus' ({max}) is below 'pre_allocated_vus' ({pre_allocated}): raise it or leave it out"
            ));
        }
        let rate = Rate {
            iterations: iterations?.checked_mul(self.load_scale.numerator())?,
            per: Nanos(per?.0.checked_mul(i64::try_from(self.load_scale.denominator()).ok()?)?),
        };
        let users = |count: u64| self.load_scale.users(u32::try_from(count).unwrap_or(u32::MAX));
        Some(Executor::ConstantArrivalRate(ConstantArrivalRate {
            rate,
            duration: self.time_scale.span(duration?),
            pre_allocated_vus: users(pre_allocated?),
            max_vus: users(max?),
            arrivals: Arrivals::Even,
        }))
    }

    fn flow(&self, value: &Value<'_, '_>) -> Option<Vec<Step>> {
        let items = value.array()?;
        if items.is_empty() {
            value.mistake(
                "'flow' is empty: an iteration needs at least one step, as in { create = \"customer\" }",
            );
        }
        let mut made = Vec::new();
        let mut written = false;
        let steps: Vec<Option<Step>> =
            items.iter().map(|item| self.step(item, &mut made, &mut written)).collect();
        steps.into_iter().collect()
    }

    /// One step. `made` holds the entities of which the iteration has a row at this point, `written`
    /// whether it has done any operation.
    fn step(&self, value: &Value<'_, '_>, made: &mut Vec<usize>, written: &mut bool) -> Option<Step> {
        let step = |action| Step { group: None, action };
        let table = value.table()?;
        let (create, wait, delete, set) =
            (table.get("create"), table.get("await"), table.get("delete"), table.get("set"));
        let kinds =
            usize::from(create.is_some()) + usize::from(wait.is_some()) + usize::from(delete.is_some());
        table.finish();
        if kinds != 1 {
            value.mistake("a step has exactly one of: create, await, delete");
            return None;
        }
        if let (Some(set), None) = (&set, &create) {
            set.mistake("'set' goes with create only");
        }
        if let Some(create) = create {
            *written = true;
            let entity = self.entity(&create)?;
            made.push(entity);
            let set = set.map_or(Some(Vec::new()), |set| self.set(entity, &set))?;
            let set =
                set.into_iter().map(|(column, text)| Setting { column, value: Generator::Template(text) });
            let (set, parents) = (set.collect(), Vec::new());
            return Some(step(Action::Create { entity, set, parents, into: None, check: None }));
        }
        if let Some(wait) = wait {
            if !*written {
                wait.mistake("'await' has nothing to wait for: put a create before it");
            }
            let timeout = Timeout::fixed(wait.duration(Nanos::from_millis(1))?);
            return Some(step(Action::Await { timeout }));
        }
        let delete = delete?;
        let entity = self.entity(&delete)?;
        match made.iter().rposition(|other| *other == entity) {
            Some(row) => drop(made.remove(row)),
            None => delete
                .mistake("the iteration has no such row here: put a create of this entity before its delete"),
        }
        Some(step(Action::Delete { entity, row: RowFrom::Own }))
    }

    fn entity(&self, value: &Value<'_, '_>) -> Option<usize> {
        let (name, model) = (value.text()?, self.model?);
        let found = model.entities.iter().position(|entity| entity.name == name);
        if found.is_none() {
            let names: Vec<&str> = model.entities.iter().map(|entity| entity.name.as_str()).collect();
            value.mistake(unknown("entity", name, &names));
        }
        found
    }

    fn set(&self, entity: usize, value: &Value<'_, '_>) -> Option<Vec<(usize, Template)>> {
        let entity = &self.model?.entities[entity];
        let names: Vec<&str> = entity.columns.iter().map(|column| column.name.as_str()).collect();
        let mut set = Vec::new();
        for (name, span, value) in value.table()?.entries() {
            match entity.columns.iter().position(|column| column.name == name) {
                None => self.document.mistake(span.start, unknown("column", name, &names)),
                Some(key) if entity.key.contains(&key) => {
                    value.mistake(format!("'{name}' is the key: it is generated, not set"))
                }
                Some(column) => set.extend(Template::read(&value).map(|template| (column, template))),
            }
        }
        Some(set)
    }

    fn thresholds(&self, value: Option<Value<'_, '_>>, scenarios: &[Option<Scenario>]) -> Vec<Threshold> {
        let Some(table) = value.and_then(|value| value.table()) else { return Vec::new() };
        let mut read = Vec::new();
        for (key, span, value) in table.entries() {
            let Some((metric, name, tags)) = self.threshold_key(key, span.start, scenarios) else { continue };
            let items = if value.is_table() { Some(vec![value.clone()]) } else { value.array() };
            for item in items.into_iter().flatten() {
                read.extend(self.threshold(&item, key, metric, name, tags));
            }
        }
        read
    }

    fn threshold_key<'k>(
        &self,
        key: &'k str,
        at: usize,
        scenarios: &[Option<Scenario>],
    ) -> Option<(Metric, &'k str, Tags)> {
        let (name, pairs) =
            split_key(key).map_err(|error| self.document.mistake(at, error.to_string())).ok()?;
        let Some(metric) = Metric::from_name(name) else {
            self.document.mistake(at, unknown("metric", name, &Metric::names().collect::<Vec<_>>()));
            return None;
        };
        let mut tags = Tags::default();
        let index = |what: &str, word: &str, names: &[&str]| {
            let found =
                names.iter().position(|name| *name == word).and_then(|index| u16::try_from(index).ok());
            if found.is_none() {
                self.document.mistake(at, unknown(what, word, names));
            }
            found
        };
        for (tag, word) in pairs {
            match tag {
                "scenario" if scenarios.iter().all(Option::is_some) => {
                    let names: Vec<&str> =
                        scenarios.iter().flatten().map(|scenario| scenario.name.as_str()).collect();
                    tags.scenario = Some(index("scenario", word, &names)?);
                }
                "scenario" => {}
                "entity" => {
                    let names: Vec<&str> =
                        self.model?.entities.iter().map(|entity| entity.name.as_str()).collect();
                    tags.entity = Some(index("entity", word, &names)?);
                }
                "operation" => {
                    let names = Operation::ALL.map(Operation::name);
                    tags.operation = Some(Operation::ALL[usize::from(index("operation", word, &names)?)]);
                }
                _ => {
                    self.document.mistake(at, unknown("tag", tag, &["scenario", "entity", "operation"]));
                    return None;
                }
            }
        }
        let narrowed = tags.entity.is_some() || tags.operation.is_some();
        let per_operation = !matches!(
            metric,
            Metric::Counter(_) | Metric::Latency(crate::timeline::Latency::IterationDuration)
        );
        if narrowed && !per_operation {
            self.document.mistake(
                at,
                format!(
                    "'{name}' is not counted per entity or operation: only the tag 'scenario' narrows it"
                ),
            );
            return None;
        }
        Some((metric, name, tags))
    }

    fn threshold(
        &self,
        value: &Value<'_, '_>,
        key: &str,
        metric: Metric,
        name: &str,
        tags: Tags,
    ) -> Option<Threshold> {
        let (text, abort_on_fail, delay) = if value.is_table() {
            let table = value.table()?;
            let text = table.require("threshold", "\"p(95)<2000\"").and_then(|value| value.text());
            let abort = table.get("abort_on_fail").map_or(Some(false), |value| value.flag());
            let delay =
                table.get("delay_abort_eval").map_or(Some(Nanos::ZERO), |value| value.duration(Nanos::ZERO));
            table.finish();
            (text?, abort?, delay?)
        } else {
            (value.text()?, false, Nanos::ZERO)
        };
        let expression =
            Expression::parse(text, metric, name).map_err(|error| value.mistake(error.to_string())).ok()?;
        let delay_abort_eval = self.time_scale.span(delay);
        Some(Threshold {
            metric,
            tags,
            key: key.to_owned(),
            expression,
            abort_on_fail,
            delay_abort_eval,
            over: None,
            min_samples: 0,
            recover_within: Nanos::ZERO,
        })
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
