//! The look of every board: colours by meaning, units, legends, and the JSON of each kind of panel.

use serde_json::{Value, json};

use crate::panel::{Kind, Leads, Panel};
use crate::query::Query;

/// All boards have it; the links at their tops are found by it.
pub(crate) const TAG: &str = "streamgauge";
/// Where compose publishes the observer; a reader with another address writes it at the top of the board.
pub(crate) const LIVE_PAGE: &str = "http://127.0.0.1:9464/";

/// Colours by what they mean, the same in all boards. Percentiles have those of the observer's own page and report on a
/// dark ground, as Grafana's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    P50,
    P95,
    P99,
    Max,
    /// In order.
    Good,
    /// Look at it.
    Warn,
    /// Wrong.
    Bad,
    /// What must not be crossed.
    Bound,
    /// No judgement.
    Plain,
    /// Nothing.
    Clear,
    /// Towards PostgreSQL: sent, written.
    Sent,
    /// Seen in MongoDB.
    Seen,
    /// Neither here nor there yet.
    Waiting,
    /// Of no weight: what is only there to be compared with.
    Aside,
    /// A row that another one replaced.
    Replaced,
    /// PostgreSQL refused it.
    Refused,
    /// Nobody knows.
    Unknown,
    /// The beginning of a run.
    Begins,
    /// The longer the time, the darker.
    Over5m,
    Over30m,
    Over1h,
    Over6h,
    Over3d,
}

impl Colour {
    /// As Grafana knows it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P50 => "#4ea8e8",
            Self::P95 => "#ff8c42",
            Self::P99 => "#dd8fc6",
            Self::Max | Self::Aside => "#9ba3ad",
            Self::Good => "green",
            Self::Warn => "#dba63a",
            Self::Bad | Self::Bound => "red",
            Self::Plain => "text",
            Self::Clear => "transparent",
            Self::Sent => "semi-dark-blue",
            Self::Seen => "green",
            Self::Waiting => "#8fd0ff",
            Self::Replaced => "light-green",
            Self::Refused | Self::Begins => "purple",
            Self::Unknown => "light-purple",
            Self::Over5m => "super-light-blue",
            Self::Over30m => "light-blue",
            Self::Over1h => "blue",
            Self::Over6h => "semi-dark-purple",
            Self::Over3d => "dark-purple",
        }
    }
}

/// What becomes of a row: every outcome that the ledger knows.
pub(crate) const OUTCOMES: &[(&str, Colour)] = &[
    ("delivered", Colour::Good),
    ("superseded", Colour::Replaced),
    ("late", Colour::Warn),
    ("lost", Colour::Bad),
    ("rejected", Colour::Refused),
    ("unknown", Colour::Unknown),
    ("pending", Colour::Waiting),
];

/// Words for values, each with its colour.
pub(crate) type Words = &'static [(i64, &'static str, Colour)];

pub(crate) const VALIDITY: Words =
    &[(0, "VALID", Colour::Good), (1, "DEGRADED", Colour::Warn), (2, "INVALID", Colour::Bad)];
pub(crate) const HOLDS: Words = &[(0, "crossed", Colour::Bad), (1, "holds", Colour::Good)];
pub(crate) const CONNECTED: Words = &[(0, "gone", Colour::Bad), (1, "connected", Colour::Good)];
pub(crate) const MEASURED: Words = &[(0, "no", Colour::Bad), (1, "yes", Colour::Good)];
pub(crate) const MET: Words = &[(0, "missed", Colour::Bad), (1, "met", Colour::Good)];
/// A run that has ended is nothing to worry about.
pub(crate) const RUNNING: Words = &[(0, "ended", Colour::Plain), (1, "running", Colour::Good)];
/// Counts above have no word.
pub(crate) const ALL_HOLD: Words = &[(0, "all hold", Colour::Good)];

/// What a figure is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    None,
    /// Grafana writes ms and µs by itself.
    Seconds,
    Share,
    Rows,
    RowsPerSecond,
    Users,
    PerSecond,
    /// How many times faster than the budget allows.
    Times,
    Crossed,
    Events,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Seconds => "s",
            Self::Share => "percentunit",
            Self::Rows => "suffix: rows",
            Self::RowsPerSecond => "suffix: rows/s",
            Self::Users => "suffix: users",
            Self::PerSecond => "suffix: /s",
            Self::Times => "suffix: ×",
            Self::Crossed => "suffix: crossed",
            Self::Events => "suffix: events",
        }
    }
}

/// The data source that is chosen at the top of the board.
pub(crate) fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// At the top of each board: the others, and the live page.
pub(crate) fn links() -> Value {
    let link = |kind: &str, title: &str, tooltip: &str, url: &str| {
        let boards = kind == "dashboards";
        json!({
            "type": kind,
            "title": title,
            "tags": if boards { vec![TAG] } else { Vec::new() },
            "asDropdown": false,
            "includeVars": boards,
            "keepTime": boards,
            "targetBlank": !boards,
            "icon": "external link",
            "tooltip": tooltip,
            "url": url,
        })
    };
    json!([
        link("dashboards", "Streamgauge", "The other boards, at the same time", ""),
        link(
            "link",
            "Live page",
            "The observer's own page: exact percentiles, latest lost and slowest rows",
            "${page}"
        ),
    ])
}

/// A panel as Grafana reads it.
pub(crate) fn panel(panel: &Panel, id: usize, place: &Value) -> Value {
    let mut json = json!({
        "id": id,
        "type": type_name(panel.kind),
        "title": panel.title(),
    });
    let mut set = |name: &str, value: Value| json[name] = value;
    if matches!(panel.kind, Kind::Prose) {
        set("gridPos", place.clone());
        let code = json!({ "language": "plaintext", "showLineNumbers": false, "showMiniMap": false });
        set("options", json!({ "mode": "markdown", "code": code, "content": panel.shows }));
        return json;
    }
    set("description", json!(format!("{}\n\nNot counted: {}.", panel.shows, panel.not_counted)));
    set("gridPos", place.clone());
    set("datasource", data_source());
    set("targets", targets(panel));
    set("fieldConfig", json!({ "defaults": defaults(panel), "overrides": overrides(panel) }));
    set("options", options(panel));
    json
}

const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Figure | Kind::NamedFigures | Kind::Name => "stat",
        Kind::Lines | Kind::Parts => "timeseries",
        Kind::States => "state-timeline",
        Kind::Spread => "heatmap",
        Kind::Prose => "text",
    }
}

/// The name of each query, in the order A, B, C; bounds are `bound`, `bound2`.
fn named(panel: &Panel) -> impl Iterator<Item = (String, &Query)> {
    let queries = panel.queries.iter().zip('A'..='Z').map(|(query, letter)| (letter.to_string(), query));
    let bounds = panel.bounds.iter().enumerate().map(|(index, query)| {
        let name = if index == 0 { "bound".to_owned() } else { format!("bound{}", index + 1) };
        (name, query)
    });
    queries.chain(bounds)
}

fn targets(panel: &Panel) -> Value {
    let at_once = matches!(type_name(panel.kind), "stat");
    let target = |(name, query): (String, &Query)| {
        let mut target = json!({
            "refId": name,
            "datasource": data_source(),
            "expr": query.promql,
            "legendFormat": query.legend,
        });
        if at_once {
            target["instant"] = json!(true);
        }
        target["range"] = json!(!at_once);
        if matches!(panel.kind, Kind::Spread) {
            target["format"] = json!("heatmap");
        }
        target
    };
    named(panel).map(target).collect()
}

fn defaults(panel: &Panel) -> Value {
    let base = [json!({ "color": panel.base.name(), "value": null })];
    let limits = panel.limits.iter().map(|(value, colour)| json!({ "color": colour.name(), "value": value }));
    let steps: Vec<Value> = base.into_iter().chain(limits).collect();
    let judged = !matches!(panel.kind, Kind::Lines | Kind::Parts | Kind::Spread);
    let mut defaults = json!({
        "unit": panel.unit.name(),
        "noValue": panel.empty,
        "color": { "mode": if judged { "thresholds" } else { "palette-classic" } },
        "thresholds": { "mode": "absolute", "steps": steps },
    });
    let mut set = |name: &str, value: Value| defaults[name] = value;
    if let Some(decimals) = panel.decimals {
        set("decimals", json!(decimals));
    }
    if !panel.words.is_empty() {
        let words = panel.words.iter().enumerate().map(|(index, (value, text, colour))| {
            (value.to_string(), json!({ "text": text, "color": colour.name(), "index": index }))
        });
        set("mappings", json!([{ "type": "value", "options": words.collect::<serde_json::Map<_, _>>() }]));
    }
    match panel.kind {
        Kind::Lines | Kind::Parts => {
            if !panel.signed {
                set("min", json!(0));
            }
            set("custom", drawn(matches!(panel.kind, Kind::Parts), !panel.limits.is_empty()));
        }
        Kind::States => set("custom", json!({ "lineWidth": 0, "fillOpacity": 70 })),
        _ => {}
    }
    let leads = match panel.leads {
        Leads::Nowhere => return defaults,
        Leads::ToLivePage => json!({ "title": "The live page", "url": "${page}", "targetBlank": true }),
        Leads::ToRun => json!({
            "title": "The run at this time",
            "url": "/d/streamgauge-run?${__url_time_range}&${scenario:queryparam}&${page:queryparam}",
            "targetBlank": false,
        }),
    };
    set("links", json!([leads]));
    defaults
}

/// How lines are drawn.
fn drawn(stacked: bool, limited: bool) -> Value {
    json!({
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": if stacked { 20 } else { 0 },
        "showPoints": "auto",
        // A gap is a gap: nothing was measured there.
        "spanNulls": false,
        "stacking": { "mode": if stacked { "normal" } else { "none" }, "group": "A" },
        "thresholdsStyle": { "mode": if limited { "dashed" } else { "off" } },
    })
}

fn overrides(panel: &Panel) -> Value {
    let of_query = |(name, query): (String, &Query)| {
        let mut properties = Vec::new();
        if name.starts_with("bound") {
            properties.extend(bound());
        } else if let Some(colour) = query.colour {
            // Several series of one query, as of several scenarios, have its shades.
            let mode = if query.legend.contains("{{") { "shades" } else { "fixed" };
            properties.push(property("color", json!({ "mode": mode, "fixedColor": colour.name() })));
        }
        if query.dotted {
            properties.push(property("custom.lineStyle", json!({ "fill": "dot", "dash": [0, 8] })));
        }
        let matcher = json!({ "id": "byFrameRefID", "options": name });
        (!properties.is_empty()).then(|| json!({ "matcher": matcher, "properties": properties }))
    };
    let of_name = |(name, colour): &(&str, Colour)| {
        let colour = property("color", json!({ "mode": "fixed", "fixedColor": colour.name() }));
        json!({ "matcher": { "id": "byName", "options": name }, "properties": [colour] })
    };
    named(panel).filter_map(of_query).chain(panel.names.iter().map(of_name)).collect()
}

/// What must not be crossed is a dashed red line, and takes no part in a stack.
fn bound() -> [Value; 5] {
    [
        property("color", json!({ "mode": "fixed", "fixedColor": Colour::Bound.name() })),
        property("custom.lineStyle", json!({ "fill": "dash", "dash": [10, 10] })),
        property("custom.showPoints", json!("never")),
        property("custom.stacking", json!({ "mode": "none", "group": "B" })),
        property("custom.fillOpacity", json!(0)),
    ]
}

fn property(name: &str, value: Value) -> Value {
    json!({ "id": name, "value": value })
}

fn options(panel: &Panel) -> Value {
    match panel.kind {
        Kind::Figure => figure("value"),
        Kind::NamedFigures => figure("value_and_name"),
        Kind::Name => figure("name"),
        Kind::Lines | Kind::Parts => json!({
            // The last value and the highest. A mean of percentiles means nothing, so there is none.
            "legend": {
                "showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": ["lastNotNull", "max"],
            },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Kind::States => json!({
            "mergeValues": true,
            "showValue": "auto",
            "rowHeight": 0.9,
            "alignValue": "left",
            "legend": { "showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": [] },
            "tooltip": { "mode": "single", "sort": "none" },
        }),
        Kind::Spread => json!({
            "calculate": false,
            "color": {
                "mode": "scheme", "scheme": "Blues", "fill": "dark-blue", "scale": "exponential",
                "exponent": 0.5, "steps": 64, "reverse": false,
            },
            "cellGap": 1,
            "filterValues": { "le": 1e-9 },
            "yAxis": { "axisPlacement": "left", "reverse": false, "unit": Unit::Seconds.name() },
            "rowsFrame": { "layout": "auto" },
            "showValue": "never",
            "tooltip": { "show": true, "yHistogram": false },
            "legend": { "show": true },
            "exemplars": { "color": "rgba(255,0,255,0.7)" },
        }),
        Kind::Prose => Value::Null,
    }
}

fn figure(text: &str) -> Value {
    json!({
        "reduceOptions": { "values": false, "calcs": ["lastNotNull"], "fields": "" },
        "orientation": "auto",
        "textMode": text,
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
    })
}
