//! The headline by entity and operation, the slowest first, and the stages between marks.

use askama::Template;
use streamgauge_shared::report::Stats;
use streamgauge_shared::timeline::Latency;

use super::Between;
use crate::html::figure::{self, STATS_HEAD};
use crate::page::Shown;

/// Rows of the table: as many as an event has room for.
const ROWS_MAX: usize = 12;

#[derive(Template)]
#[template(path = "page/sections/parts.html")]
struct Parts {
    head: [&'static str; 8],
    rows: Vec<Row>,
    more: usize,
}

struct Row {
    name: String,
    cells: Vec<String>,
    beside: Option<String>,
}

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    if shown.view.is_of_a_part() {
        return None;
    }
    let report = shown.report();
    let name = Latency::CdcE2eLatency.name();
    let by = report.latency.get(name).map(|headline| headline.by.as_slice()).unwrap_or_default();
    let mut parts: Vec<(usize, f64)> =
        by.iter().enumerate().map(|(place, by)| (place, at_least(&by.stats))).collect();
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    let parts = parts.into_iter().filter(|_| by.len() > 1).map(|(place, _)| Row {
        name: format!("{}, {}", by[place].entity, by[place].operation),
        cells: figure::stats(&format!("/latency/{name}/by/{place}"), &by[place].stats),
        beside: None,
    });
    let stages = report.stages.iter().enumerate().map(|(place, stage)| Row {
        name: format!("{} → {}", stage.from, stage.to),
        cells: figure::stats(&format!("/stages/{place}"), &stage.stats),
        beside: Some(stage.beside()),
    });
    let mut rows: Vec<Row> = stages.chain(parts).collect();
    let more = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    if rows.is_empty() {
        return None;
    }
    Parts { head: STATS_HEAD, rows, more }.render().ok()
}

/// What the 95th percentile is at least, for the order.
fn at_least(stats: &Stats) -> f64 {
    use streamgauge_shared::report::Figure::{Absent, AtLeast, Between, Value};
    match stats.p95 {
        Absent => -1.0,
        Value(value) | AtLeast(value) | Between(value, _) => value,
    }
}
