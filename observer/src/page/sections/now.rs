//! The few figures that people look at first: the headline, what is on its way, and the load.

use askama::Template;
use streamgauge_shared::account::as_f64;
use streamgauge_shared::report::{Figure, as_rate};
use streamgauge_shared::timeline::Latency;

use super::Between;
use crate::html::figure;
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/now.html")]
struct Now {
    of: String,
    tiles: Vec<Tile>,
    latency: Vec<Row>,
    beside: Option<String>,
    notes: Vec<String>,
}

/// One row of the table of the headline.
struct Row {
    scope: String,
    cells: Vec<String>,
}

/// One figure with what it is of.
struct Tile {
    name: &'static str,
    scope: String,
    value: String,
    tone: &'static str,
}

/// Seconds over which "now" is a rate.
const RATE_SECONDS: usize = 10;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let (pointer, stats) = shown.stats(Latency::CdcE2eLatency);
    let at = |name: &str| if pointer.is_empty() { String::new() } else { format!("{pointer}/{name}") };
    let whole = vec![
        figure::figure(&at("p50"), stats.p50),
        figure::figure(&at("p95"), stats.p95),
        figure::figure(&at("p99"), stats.p99),
        figure::figure(&at("max"), stats.max),
        figure::count(&at("count"), stats.count),
    ];
    let mut latency = vec![Row { scope: "whole run".to_owned(), cells: whole }];
    if let Some((scope, recent)) = shown.recent() {
        let quantile = |q: f64| {
            let value = recent.quantile(q).map(streamgauge_shared::time::Nanos::as_millis_f64);
            figure::figure("", value.map_or(Figure::Absent, Figure::Value))
        };
        let count = figure::count("", recent.count());
        let cells = vec![quantile(0.5), quantile(0.95), quantile(0.99), quantile(1.0), count];
        latency.push(Row { scope: format!("{scope}, arrived"), cells });
    }
    let report = shown.report();
    let notes = report.latency.get(Latency::CdcE2eLatency.name()).map(|latency| latency.notes());
    Now {
        of: shown.view.words(),
        tiles: tiles(shown),
        latency,
        beside: report.clock.beside(Latency::CdcE2eLatency),
        notes: notes.filter(|_| !shown.view.is_of_a_part()).unwrap_or_default(),
    }
    .render()
    .ok()
}

fn tiles(shown: &Shown<'_>) -> Vec<Tile> {
    let report = shown.report();
    let (account, whole) = (&report.account, || "whole run".to_owned());
    let mut tiles = Vec::new();
    let lost_tone = if account.lost > 0 { "bad" } else { "" };
    tiles.push(Tile {
        name: "rows lost",
        scope: whole(),
        value: figure::count("/account/lost", account.lost),
        tone: lost_tone,
    });
    if let Some(rate) = report.rates.get("cdc_success_rate") {
        tiles.push(Tile {
            name: "arrived in time",
            scope: whole(),
            value: figure::share("/rates/cdc_success_rate/rate", rate.rate),
            tone: "",
        });
    }
    if shown.is_live() {
        let pending = figure::count("/account/pending", account.pending);
        tiles.push(Tile { name: "rows in flight", scope: "now".to_owned(), value: pending, tone: "" });
        let gauges = shown.snapshot.scenarios.iter();
        if let Some(oldest) = gauges.clone().filter_map(|gauges| gauges.oldest_pending_age).max() {
            let value = figure::beside(&oldest.to_string());
            tiles.push(Tile { name: "oldest in flight", scope: "now".to_owned(), value, tone: "" });
        }
        let overdue: u64 = gauges.clone().map(|gauges| gauges.overdue).sum();
        if overdue > 0 {
            let value = figure::count("", overdue);
            tiles.push(Tile { name: "overdue", scope: "now".to_owned(), value, tone: "warn" });
        }
        let users: u32 = gauges.map(|gauges| gauges.load.active_users).sum();
        let value = figure::count("", u64::from(users));
        tiles.push(Tile { name: "users", scope: "now".to_owned(), value, tone: "" });
        tiles.extend(rates(shown));
    }
    if let Some(dropped) = report.counters.get("dropped_iterations").filter(|dropped| **dropped > 0) {
        let value = figure::count("/counters/dropped_iterations", *dropped);
        tiles.push(Tile { name: "dropped iterations", scope: whole(), value, tone: "warn" });
    }
    tiles
}

/// Sent and arrived per second over the last seconds that are over.
fn rates(shown: &Shown<'_>) -> Vec<Tile> {
    let seconds = &shown.report().load.seconds;
    let over = &seconds[..seconds.len().saturating_sub(1)];
    let last = &over[over.len().saturating_sub(RATE_SECONDS)..];
    let length: f64 = last.iter().map(|second| second.length_s()).sum();
    if length <= 0.0 {
        return Vec::new();
    }
    let per_second = |count: u64| figure::beside(&as_rate(as_f64(count) / length));
    let tile = |name, count: u64| Tile {
        name,
        scope: format!("last {length} s"),
        value: per_second(count),
        tone: "",
    };
    let sum = |of: fn(&streamgauge_shared::report::Second) -> u64| last.iter().map(of).sum();
    vec![tile("sent", sum(|second| second.sent)), tile("arrived", sum(|second| second.arrived))]
}
