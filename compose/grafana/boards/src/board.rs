//! A board: rows of panels, what the reader chooses at its top, what is marked in its charts, and where it leads.

use serde_json::{Value, json};

use crate::look::{self, Colour, data_source};
use crate::panel::Panel;
use crate::query::SCENARIO;

/// Grafana's grid is this wide.
const COLUMNS: u64 = 24;

/// Panels beside each other, of one height.
pub(crate) struct Line {
    pub(crate) height: u64,
    pub(crate) panels: Vec<Panel>,
}

/// A part of a board under a heading.
pub(crate) struct Row {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Line>,
}

impl Row {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, lines: Vec::new() }
    }

    /// Figures: as low as they can be read.
    pub(crate) fn figures(self, panels: impl Into<Vec<Panel>>) -> Self {
        self.line(4, panels)
    }

    /// Charts.
    pub(crate) fn charts(self, panels: impl Into<Vec<Panel>>) -> Self {
        self.line(8, panels)
    }

    /// States over time, of which a few lines are enough.
    pub(crate) fn states(self, panels: impl Into<Vec<Panel>>) -> Self {
        self.line(6, panels)
    }

    fn line(mut self, height: u64, panels: impl Into<Vec<Panel>>) -> Self {
        self.lines.push(Line { height, panels: panels.into() });
        self
    }
}

/// What the reader can choose.
#[derive(Clone, Copy)]
pub(crate) enum Choice {
    Scenario,
    Entity,
    Operation,
}

impl Choice {
    /// Name, label, and where its values come from.
    const fn parts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Scenario => ("scenario", "Scenario", "streamgauge_entries"),
            Self::Entity => ("entity", "Entity", r#"streamgauge_operations_total{scenario=~"$scenario"}"#),
            Self::Operation => (
                "operation",
                "Operation",
                r#"streamgauge_operations_total{scenario=~"$scenario", entity=~"$entity"}"#,
            ),
        }
    }

    fn json(self) -> Value {
        let (name, label, series) = self.parts();
        json!({
            "type": "query",
            "name": name,
            "label": label,
            "datasource": data_source(),
            "query": format!("label_values({series}, {name})"),
            "refresh": 2,
            "sort": 1,
            "regex": "",
            "hide": 0,
            "multi": true,
            "includeAll": true,
            "allValue": ".*",
            "current": { "text": ["All"], "value": ["$__all"], "selected": true },
            "options": [],
        })
    }
}

/// What is marked in the charts of a board.
#[derive(Clone, Copy)]
pub(crate) enum Mark {
    Stages,
    Runs,
    Alerts,
    NotValid,
}

impl Mark {
    fn json(self) -> Value {
        let stages = format!("streamgauge_scenario_stage{{{SCENARIO}}} == 1");
        let (name, colour, promql, title, text) = match self {
            Self::Stages => ("Stages", Colour::Sent, stages.as_str(), "{{stage}}", "stage of {{scenario}}"),
            Self::Runs => (
                "Runs",
                Colour::Begins,
                "streamgauge_run_info unless streamgauge_run_info offset 15s",
                "run {{run}}",
                "{{test}}",
            ),
            Self::Alerts => (
                "Alerts",
                Colour::Bad,
                r#"ALERTS{alertname=~"Streamgauge.*", alertstate="firing"}"#,
                "{{alertname}}",
                "{{scenario}} {{metric}} {{expression}}",
            ),
            Self::NotValid => (
                "Not valid",
                Colour::Warn,
                r#"streamgauge_validity{state=~"degraded|invalid"} == 1"#,
                "{{state}}",
                "what was measured now is not certain",
            ),
        };
        json!({
            "name": name,
            "datasource": data_source(),
            "enable": true,
            "hide": false,
            "iconColor": colour.name(),
            "expr": promql,
            "titleFormat": title,
            "textFormat": text,
            "step": "5s",
        })
    }
}

/// One board.
pub(crate) struct Board {
    /// What its address ends with.
    pub(crate) uid: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    /// How much it shows when it is opened: `now-…`.
    pub(crate) from: &'static str,
    pub(crate) refresh: &'static str,
    pub(crate) choices: &'static [Choice],
    pub(crate) marks: &'static [Mark],
    pub(crate) rows: Vec<Row>,
}

impl Board {
    /// As Grafana reads it.
    pub(crate) fn json(&self) -> Value {
        let source = json!({
            "type": "datasource",
            "name": "datasource",
            "label": "Prometheus",
            "query": "prometheus",
            "current": { "text": "Prometheus", "value": "streamgauge-prometheus", "selected": true },
            "hide": 0,
            "refresh": 1,
            "regex": "",
            "multi": false,
            "includeAll": false,
            "options": [],
        });
        let page = json!({
            "type": "textbox",
            "name": "page",
            "label": "Live page",
            "query": look::LIVE_PAGE,
            "current": { "text": look::LIVE_PAGE, "value": look::LIVE_PAGE, "selected": true },
            "hide": 0,
            "options": [],
        });
        let own = json!({
            "builtIn": 1,
            "name": "Annotations & Alerts",
            "datasource": { "type": "grafana", "uid": "-- Grafana --" },
            "enable": true,
            "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)",
            "type": "dashboard",
        });
        let choices = self.choices.iter().map(|choice| choice.json());
        let variables: Vec<Value> = [source].into_iter().chain(choices).chain([page]).collect();
        let marks: Vec<Value> = [own].into_iter().chain(self.marks.iter().map(|mark| mark.json())).collect();
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [look::TAG],
            "schemaVersion": 39,
            "version": 1,
            "editable": true,
            // One line through all charts at the pointer.
            "graphTooltip": 1,
            "timezone": "",
            "refresh": self.refresh,
            "time": { "from": self.from, "to": "now" },
            "templating": { "list": variables },
            "annotations": { "list": marks },
            "links": look::links(),
            "panels": self.panels(),
        })
    }

    /// Each panel at its place: from left to right, one line below the other.
    fn panels(&self) -> Vec<Value> {
        let (mut placed, mut y) = (Vec::new(), 0);
        for row in &self.rows {
            let place = json!({ "x": 0, "y": y, "w": COLUMNS, "h": 1 });
            let id = placed.len() + 1;
            placed.push(json!({
                "id": id, "type": "row", "title": row.title, "collapsed": false, "gridPos": place, "panels": [],
            }));
            y += 1;
            for line in &row.lines {
                let mut x = 0;
                for panel in &line.panels {
                    let place = json!({ "x": x, "y": y, "w": panel.width, "h": line.height });
                    placed.push(look::panel(panel, placed.len() + 1, &place));
                    x += panel.width;
                }
                assert_eq!(
                    x, COLUMNS,
                    "{}: the line of '{}' fills the grid",
                    self.uid, line.panels[0].question
                );
                y += line.height;
            }
        }
        placed
    }
}
