//! The headline over time: percentiles of what arrived in each slot, with stages and interruptions.

use super::Between;
use crate::chart::{Axis, Detail, Lines, Quantity, Series, Tone};
use crate::page::Shown;

/// In the order of the lines of a merged slot, with the tones of the report.
const LINES: [(&str, Tone); 4] =
    [("p50", Tone::S1), ("p95", Tone::S2), ("p99", Tone::S4), ("max", Tone::Muted)];

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let width = shown.snapshot.over_time.width();
    let scope = format!("{}, per {}", shown.scope_of_part(), super::verdict::whole_seconds(width));
    let scale = if shown.view.log { "log" } else { "linear" };
    let description = format!(
        "Percentiles of the end to end latency of what arrived in each {width}, on a {scale} scale; marked are stages and interruptions."
    );
    let series = LINES.iter().enumerate().map(|(line, (name, tone))| Series {
        name: (*name).to_owned(),
        tone: *tone,
        dashed: false,
        points: shown.line(line),
    });
    let chart = Lines {
        caption: shown.caption("latency", "End to end latency over time", scope, description),
        time: shown.axis(),
        quantity: Quantity::Time,
        values: if shown.view.log { Axis::Log } else { Axis::Linear },
        series: series.collect(),
        spans: shown.spans(),
        limits: Vec::new(),
        detail: Detail::Page,
    };
    Some(format!("<h2 class=\"visually-hidden\">Latency over time</h2>{}", chart.draw()))
}
