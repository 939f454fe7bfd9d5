//! The boards as Grafana reads them, for tests: from the committed files, not from their source.

use std::fs;
use std::io;

use serde_json::Value;

use crate::folder;

/// What Grafana sets for scrapes of 5 s: four of them.
const RATE_INTERVAL: &str = "20s";

/// One query of a panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// Its letter, or `bound…` for the line of a threshold.
    pub id: String,
    /// PromQL with Grafana's variables.
    pub expression: String,
}

impl Query {
    /// The query with each variable set to all, as Grafana sets it when a board is opened.
    #[must_use]
    pub fn opened(&self) -> String {
        opened(&self.expression)
    }
}

/// An expression with its variables set.
fn opened(expression: &str) -> String {
    let expression = expression.replace("$__rate_interval", RATE_INTERVAL);
    ["$scenario", "$entity", "$operation"]
        .into_iter()
        .fold(expression, |text, variable| text.replace(variable, ".*"))
}

/// One panel that shows figures.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The question, and of which time the answer is.
    pub title: String,
    /// All of it.
    pub json: Value,
    /// What it asks.
    pub queries: Vec<Query>,
}

/// One board.
#[derive(Clone, Debug)]
pub struct Board {
    /// Its file's name.
    pub file: String,
    /// All of it.
    pub json: Value,
    /// Its panels, without the rows that group them and the prose.
    pub panels: Vec<Panel>,
}

impl Board {
    /// The queries of its annotations, by name.
    #[must_use]
    pub fn annotations(&self) -> Vec<(String, String)> {
        let list = self.json["annotations"]["list"].as_array().into_iter().flatten();
        list.filter_map(|one| Some((text(one, "name"), opened(one["expr"].as_str()?)))).collect()
    }

    /// The `label_values` of its variables: series and label.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let list = self.json["templating"]["list"].as_array().into_iter().flatten();
        let values = |one: &Value| {
            let inner = one["query"].as_str()?.strip_prefix("label_values(")?.strip_suffix(')')?;
            let (series, label) = inner.rsplit_once(", ")?;
            Some((opened(series), label.to_owned()))
        };
        list.filter_map(values).collect()
    }
}

/// All shipped boards, by their files' names.
///
/// # Errors
/// When a file cannot be read, or is no JSON.
pub fn boards() -> io::Result<Vec<Board>> {
    let mut boards = Vec::new();
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        let json: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let panels = json["panels"].as_array().into_iter().flatten();
        let panels =
            panels.filter(|panel| panel["type"] != "row" && panel["type"] != "text").map(panel).collect();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        boards.push(Board { file, panels, json });
    }
    boards.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(boards)
}

fn panel(json: &Value) -> Panel {
    let targets = json["targets"].as_array().into_iter().flatten();
    let query = |target: &Value| Query { id: text(target, "refId"), expression: text(target, "expr") };
    Panel { title: text(json, "title"), json: json.clone(), queries: targets.map(query).collect() }
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_default().to_owned()
}
