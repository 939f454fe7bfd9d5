//! The documents: the live page around its fragments, the form to log in, style and script.

use askama::Template;
use streamgauge_shared::account::Operation;

use super::live::{Live, Rendered};
use super::view::View;
use crate::html;
use crate::measure::Snapshot;

/// The script of the live page.
pub const SCRIPT: &str = include_str!("page.js");

#[derive(Template)]
#[template(path = "page/page.html")]
struct Page<'p> {
    instance: &'p str,
    run: &'p str,
    state: &'p str,
    test: &'p str,
    events: String,
    restricted: bool,
    filters: Option<Filters<'p>>,
    unknown: String,
    rendered: &'p Rendered,
}

/// What the form of the view offers.
struct Filters<'p> {
    selects: Vec<Select<'p>>,
    log: bool,
    is_narrowed: bool,
}

struct Select<'p> {
    name: &'static str,
    label: &'static str,
    all: &'static str,
    options: Vec<(&'p str, bool)>,
}

/// The live page of a view, with its fragments in their places.
#[must_use]
pub fn page(
    live: &Live,
    rendered: &Rendered,
    snapshot: Option<&Snapshot>,
    view: &View,
    restricted: bool,
) -> String {
    let query = view.query();
    let events = if query.is_empty() { "/api/events".to_owned() } else { format!("/api/events?{query}") };
    let unknown = snapshot.map(|snapshot| view.unknown(snapshot)).unwrap_or_default();
    let page = Page {
        instance: live.instance(),
        run: snapshot.map_or("", |snapshot| snapshot.report.run.id.as_str()),
        state: rendered.state,
        test: snapshot.map_or("no run yet", |snapshot| snapshot.report.run.test.as_str()),
        events,
        restricted,
        filters: snapshot.map(|snapshot| filters(snapshot, view)),
        unknown: unknown.join(", "),
        rendered,
    };
    html::rendered(&page)
}

fn filters<'p>(snapshot: &'p Snapshot, view: &'p View) -> Filters<'p> {
    let parts = &snapshot.parts;
    let scenarios = distinct(parts.iter().map(|part| part.scenario.as_str()), view.scenario.as_deref());
    let entities = distinct(parts.iter().map(|part| part.entity.as_str()), view.entity.as_deref());
    let operation = view.operation.map(Operation::name);
    let operations = distinct(parts.iter().map(|part| part.operation.name()), operation);
    let stages =
        distinct(snapshot.planned_stages.iter().map(|stage| stage.name.as_str()), view.stage.as_deref());
    let select = |name, label, all, options| Select { name, label, all, options };
    let mut selects = vec![
        select("scenario", "Scenario", "all scenarios", scenarios),
        select("entity", "Entity", "all entities", entities),
        select("operation", "Operation", "all operations", operations),
        select("stage", "Stage", "whole run", stages),
    ];
    // Where there is one there is nothing to choose.
    selects.retain(|select| select.options.len() > 1 || select.options.iter().any(|(_, chosen)| *chosen));
    Filters { selects, log: view.log, is_narrowed: *view != View::default() }
}

/// Each name once, in the order they come, and whether it is the chosen one.
fn distinct<'p>(names: impl Iterator<Item = &'p str>, chosen: Option<&str>) -> Vec<(&'p str, bool)> {
    let mut all: Vec<(&str, bool)> = Vec::new();
    for name in names {
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, Some(name) == chosen));
        }
    }
    all
}

#[derive(Template)]
#[template(path = "page/login.html")]
struct Login<'l> {
    next: &'l str,
    refused: Option<&'l str>,
}

/// The form to log in; `next` is where it leads, `refused` why it is shown again.
#[must_use]
pub fn login(next: &str, refused: Option<&str>) -> String {
    html::rendered(&Login { next, refused })
}

/// The style sheet of the page: that of all documents, and what the page adds.
#[must_use]
pub fn style() -> String {
    format!("{}\n{}", html::STYLE, include_str!("page.css"))
}
