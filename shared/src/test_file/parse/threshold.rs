//! Reads thresholds: their keys with tags, and the long form with its options.

use super::{Names, PROBE_STAGE, Reader, is_capacity};
use crate::account::Operation;
use crate::test_file::mistake::unknown;
use crate::test_file::reader::Value;
use crate::threshold::{Expression, Metric, Tags, Threshold, split_key};
use crate::time::Nanos;
use crate::timeline::Latency;

/// The shortest window: figures are taken once a second.
const OVER_MIN: Nanos = Nanos::from_secs(1);
/// The longest: its figures are kept second by second.
const OVER_MAX: Nanos = Nanos::from_secs(3_600);

/// A metric and which part of it.
#[derive(Clone, Copy)]
pub(super) struct Key<'k> {
    text: &'k str,
    pub(super) metric: Metric,
    name: &'k str,
    pub(super) tags: Tags,
}

/// What the long form of a threshold says besides its key; lengths unscaled but for the window.
struct Options<'t> {
    text: &'t str,
    abort_on_fail: bool,
    delay_abort_eval: Nanos,
    over: Option<Nanos>,
    min_samples: u64,
    recover_within: Nanos,
    stage: Option<u16>,
}

impl<'t> Options<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            abort_on_fail: false,
            delay_abort_eval: Nanos::ZERO,
            over: None,
            min_samples: 0,
            recover_within: Nanos::ZERO,
            stage: None,
        }
    }
}

impl Reader<'_, '_> {
    /// Every threshold of the file; nothing where one has a mistake.
    pub(super) fn thresholds(
        &self,
        value: Option<Value<'_, '_>>,
        names: Names<'_>,
    ) -> Option<Vec<Threshold>> {
        let Some(value) = value else { return Some(Vec::new()) };
        let mut read = Vec::new();
        for (key, span, value) in value.table()?.entries() {
            let Some(key) = self.threshold_key(key, span.start, names) else {
                read.push(None);
                continue;
            };
            match if value.is_table() { Some(vec![value.clone()]) } else { value.array() } {
                Some(items) => read.extend(items.iter().map(|item| self.threshold(item, key, names))),
                None => read.push(None),
            }
        }
        read.into_iter().collect()
    }

    /// The key of a threshold, or of what is named like one.
    pub(super) fn threshold_key<'k>(&self, key: &'k str, at: usize, names: Names<'_>) -> Option<Key<'k>> {
        const TAGS: [&str; 5] = ["scenario", "entity", "operation", "group", "stage"];
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
                // Names in scenarios with mistakes are not judged.
                "scenario" | "group" | "stage" if !names.complete => {}
                "scenario" => {
                    let names: Vec<&str> =
                        names.scenarios.iter().flatten().map(|scenario| scenario.name.as_str()).collect();
                    tags.scenario = Some(index("scenario", word, &names)?);
                }
                "entity" => {
                    let names: Vec<&str> =
                        self.model?.entities.iter().map(|entity| entity.name.as_str()).collect();
                    tags.entity = Some(index("entity", word, &names)?);
                }
                "operation" => {
                    let names = Operation::ALL.map(Operation::name);
                    tags.operation = Some(Operation::ALL[usize::from(index("operation", word, &names)?)]);
                }
                "group" => {
                    let groups = self.groups.borrow();
                    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
                    tags.group = Some(index("group", word, &names)?);
                }
                "stage" => {
                    let stages = self.stages.borrow();
                    let names: Vec<&str> = stages.iter().map(String::as_str).collect();
                    tags.stage = Some(index("stage", word, &names)?);
                }
                _ => {
                    self.document.mistake(at, unknown("tag", tag, &TAGS));
                    return None;
                }
            }
        }
        let tags = checked_tags(metric, name, tags, |message| self.document.mistake(at, message))?;
        Some(Key { text: key, metric, name, tags })
    }

    fn threshold(&self, value: &Value<'_, '_>, key: Key<'_>, names: Names<'_>) -> Option<Threshold> {
        let Key { text: key_text, metric, name, mut tags } = key;
        let options = if value.is_table() { self.options(value, names)? } else { Options::of(value.text()?) };
        if options.stage.is_some() {
            tags.stage = options.stage;
            tags = checked_tags(metric, name, tags, |message| value.mistake(message))?;
        }
        let expression = Expression::parse(options.text, metric, name)
            .map_err(|error| value.mistake(error.to_string()))
            .ok()?;
        expression.meaning(metric, name).map_err(|error| value.mistake(error.to_string())).ok()?;
        if is_capacity(names.scenarios) && !is_by_scenario_only(metric) {
            // A search is judged by its probes, not by everything since the start.
            tags.stage = Some(self.stage(PROBE_STAGE));
        }
        Some(Threshold {
            metric,
            tags,
            key: key_text.to_owned(),
            expression,
            abort_on_fail: options.abort_on_fail,
            delay_abort_eval: self.time_scale.span(options.delay_abort_eval),
            over: options.over,
            min_samples: options.min_samples,
            recover_within: self.time_scale.span(options.recover_within),
        })
    }

    /// The long form.
    fn options<'v>(&self, value: &Value<'v, '_>, names: Names<'_>) -> Option<Options<'v>> {
        let table = value.table()?;
        let text = table.require("threshold", "\"p(95)<2000\"").and_then(|value| value.text());
        let abort = table.get("abort_on_fail").map_or(Some(false), |value| value.flag());
        let span = |key| table.get(key).map_or(Some(Nanos::ZERO), |value| value.duration(Nanos::ZERO));
        let (delay, recover) = (span("delay_abort_eval"), span("recover_within"));
        let over = table.get("over");
        let window = over.as_ref().map(|value| self.window(value));
        let min_samples = table.get("min_samples").map_or(Some(0), |value| value.whole(0..=u64::MAX / 2));
        if let (Some(recover), None) = (table.get("recover_within"), &over) {
            recover.mistake("'recover_within' needs a window to recover in: add over = \"30s\"");
        }
        // Names in scenarios with mistakes are not judged.
        let stage = table.get("stage").filter(|_| names.complete).map(|value| {
            let word = value.text()?;
            let found = self.stage_index(word);
            if found.is_none() {
                let stages = self.stages.borrow();
                let names: Vec<&str> = stages.iter().map(String::as_str).collect();
                value.mistake(unknown("stage", word, &names));
            }
            found
        });
        table.finish();
        let mut options = Options::of(text?);
        options.stage = match stage {
            Some(stage) => Some(stage?),
            None => None,
        };
        options.over = match window {
            Some(window) => Some(window?),
            None => None,
        };
        (options.abort_on_fail, options.delay_abort_eval) = (abort?, delay?);
        (options.recover_within, options.min_samples) = (recover?, min_samples?);
        Some(options)
    }

    fn stage_index(&self, name: &str) -> Option<u16> {
        let found = self.stages.borrow().iter().position(|other| other == name)?;
        u16::try_from(found).ok()
    }

    fn window(&self, value: &Value<'_, '_>) -> Option<Nanos> {
        let span = value.duration(OVER_MIN)?;
        if span > OVER_MAX {
            value.mistake(format!("{span} is too long: a window is at most {OVER_MAX}"));
            return None;
        }
        // A scaled window keeps at least one second: figures are taken once a second.
        Some(self.time_scale.span(span).max(OVER_MIN))
    }
}

/// Counters and durations of iterations belong to no operation.
fn is_by_scenario_only(metric: Metric) -> bool {
    matches!(metric, Metric::Counter(_) | Metric::Latency(Latency::IterationDuration))
}

/// The tags, if this metric can be narrowed by them.
fn checked_tags(metric: Metric, name: &str, tags: Tags, tell: impl Fn(String)) -> Option<Tags> {
    let narrowed = Tags { scenario: None, ..tags } != Tags::default();
    if narrowed && is_by_scenario_only(metric) {
        tell(format!("'{name}' is not counted per operation: only the tag 'scenario' narrows it"));
        return None;
    }
    Some(tags)
}
