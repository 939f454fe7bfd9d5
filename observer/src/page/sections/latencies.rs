//! The table of all latencies.

use askama::Template;
use streamgauge_shared::timeline::Latency;

use super::Between;
use crate::html::figure::{self, STATS_HEAD};
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/latencies.html")]
struct Latencies {
    of: String,
    head: [&'static str; 8],
    rows: Vec<Row>,
}

struct Row {
    name: String,
    formula: &'static str,
    cells: Vec<String>,
    beside: Option<String>,
}

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let report = shown.report();
    let mut rows = Vec::new();
    for latency in Latency::ALL {
        let (pointer, stats) = shown.stats(latency);
        if stats.count + stats.censored + stats.unmeasured == 0 {
            continue;
        }
        rows.push(Row {
            name: latency.name().to_owned(),
            formula: latency.formula(),
            cells: figure::stats(&pointer, &stats),
            beside: report.clock.beside(latency),
        });
    }
    let of = shown.view.words();
    Latencies { of, head: STATS_HEAD, rows }.render().ok()
}
