//! For scripts. Times are milliseconds, changes are ratios: 1.1 is 10 % more. What is not known is left out.

use serde_json::{Map, Value, json};
use streamgauge_shared::report::Figure;

use super::super::bootstrap::RESAMPLES;
use super::super::chronicle::History;
use super::super::comparison::{Compared, Comparison, RunHead};
use super::super::conditions::Grade;
use super::super::effect::{Interval, OfSide, Told};
use super::super::verdict::{Unchanged, Verdict};
use super::words::{explained, notes, verdict};

/// The whole comparison.
pub(in crate::compare) fn comparison_json(comparison: &Comparison, gate: Option<&str>) -> Value {
    let run = |run: &RunHead| json!({ "label": run.label, "run": run.name, "started_at": run.started_at, "entries": run.entries, "duration_s": run.duration_s });
    let groups = comparison.groups.iter().map(|group| {
        let figures: Vec<Value> = group.figures.iter().map(figure).collect();
        json!({ "metric": group.name, "rows": { "a": group.rows[0], "b": group.rows[1] }, "figures": figures })
    });
    let conditions = comparison.conditions.iter().map(|condition| {
        let grade = match condition.grade {
            Grade::Warning => "warning",
            Grade::Refused => "refused",
            Grade::Unbelievable => "invalid",
        };
        json!({ "code": condition.code, "grade": grade, "sentence": condition.sentence })
    });
    let mut value = json!({
        "schema": "streamgauge.comparison/1",
        "test": comparison.test,
        "verdict": comparison.verdict.name(),
        "sentence": verdict(comparison),
        "a": comparison.sides[0].iter().map(run).collect::<Vec<_>>(),
        "b": comparison.sides[1].iter().map(run).collect::<Vec<_>>(),
        "conditions": conditions.collect::<Vec<_>>(),
        "metrics": groups.collect::<Vec<_>>(),
        "confidence_of_each": comparison.level,
        "matters": { "share": comparison.smallest.share, "at_least_ms": comparison.smallest.millis },
        "noise_between_runs_known": !comparison.single_runs(),
        "seed": comparison.seed,
        "resamples": RESAMPLES,
        "notes": notes(comparison),
    });
    if let Some(reason) = gate {
        value["gate"] = json!(reason);
    }
    value
}

fn figure(compared: &Compared) -> Value {
    let mut value = json!({ "name": compared.name, "verdict": compared.told.verdict().name() });
    value["a"] = side(&compared.first);
    value["b"] = side(&compared.second);
    match &compared.told {
        Told::Measured(change, verdict) => {
            value["ratio"] = interval(change.ratio);
            value["difference_ms"] = interval(change.difference);
            value["matters_from_ms"] = json!(change.matters);
            value["shown_from_ms"] = json!(change.shown_from);
            if let Verdict::Unchanged(how) = verdict {
                value["unchanged"] = json!(match how {
                    Unchanged::Same => "same",
                    Unchanged::Small => "small",
                    Unchanged::NotShown => "not_shown",
                });
            }
        }
        Told::ByBounds(by, _) => value["difference_at_least_ms"] = json!(by),
        Told::Nothing(_) => {}
    }
    if let Some(why) = explained(&compared.told) {
        value["why"] = json!(why);
    }
    value
}

fn side(side: &OfSide) -> Value {
    let mut map = Map::new();
    match side.figure {
        Figure::Absent => {}
        Figure::Value(value) => drop(map.insert("value_ms".to_owned(), json!(value))),
        Figure::AtLeast(low) => drop(map.insert("at_least_ms".to_owned(), json!(low))),
        Figure::Between(low, high) => {
            map.insert("at_least_ms".to_owned(), json!(low));
            map.insert("at_most_ms".to_owned(), json!(high));
        }
    }
    let blocks: Vec<usize> = side.runs.iter().map(|run| run.spread.block).collect();
    let effective: Vec<f64> = side.runs.iter().map(|run| run.spread.effective).collect();
    if !blocks.is_empty() {
        map.insert("block_slots".to_owned(), json!(blocks));
        map.insert("independent_slots".to_owned(), json!(effective));
    }
    Value::Object(map)
}

fn interval(interval: Interval) -> Value {
    json!({ "point": interval.point, "low": interval.low, "high": interval.high })
}

/// The history of one test.
pub(in crate::compare) fn history_json(history: &History) -> Value {
    let figures = history.figures.iter().map(|figure| {
        let changes = figure.changes.iter().map(|change| {
            json!({ "run": change.run, "before_ms": change.before, "after_ms": change.after, "ratio": change.after / change.before,
                "runs_before": change.runs_before, "runs_after": change.runs_after })
        });
        json!({ "name": figure.name, "median_ms": figure.median, "known_in": figure.known, "changes": changes.collect::<Vec<_>>() })
    });
    json!({
        "schema": "streamgauge.history/1",
        "test": history.test,
        "metric": history.metric,
        "runs": history.runs.iter().map(|run| json!({ "run": run.name, "started_at": run.started_at })).collect::<Vec<_>>(),
        "left_out": history.left_out,
        "figures": figures.collect::<Vec<_>>(),
    })
}
