//! Where the time goes: schedule lag, write, propagation, visibility; and the stages between marks.

use std::borrow::Cow;

use streamgauge_shared::report::{LatencyBy, Stats, millis};
use streamgauge_shared::timeline::Latency;

use super::Between;
use crate::chart::{Breakdown, BreakdownPart, BreakdownRow, Tone};
use crate::html::way;
use crate::page::Shown;

/// Bars of parts; the table of parts has more.
const PARTS_MAX: usize = 8;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let words = shown.view.words();
    let name = if words.is_empty() { "all rows".to_owned() } else { words };
    let mut rows: Vec<BreakdownRow> = way(name, |latency| shown.stats(latency).1.mean).into_iter().collect();
    if !shown.view.is_of_a_part() {
        let headline = shown.report().latency.get(Latency::CdcE2eLatency.name());
        let parts =
            headline.map(|headline| headline.by.as_slice()).filter(|by| by.len() > 1).unwrap_or_default();
        rows.extend(parts.iter().take(PARTS_MAX).filter_map(|part| {
            way(format!("{}, {}", part.entity, part.operation), |latency| of_part(shown, latency, part)?.mean)
        }));
        rows.extend(marks(shown));
    }
    let chart = Breakdown {
        caption: shown.caption(
            "breakdown",
            "Mean time from intended to visible",
            "whole run, means".to_owned(),
            "Schedule lag: waiting for a connection or for the writer. Write: until PostgreSQL committed. Propagation: until MongoDB had it. Visibility: until the change stream told it."
                .to_owned(),
        ),
        rows,
    };
    let note = shown.report().marks.as_ref().and_then(|marks| marks.note());
    let note =
        note.map(|note| format!("<p class=\"note\">{}</p>", crate::chart::escape(&note))).unwrap_or_default();
    Some(format!("<h2 class=\"visually-hidden\">Where the time goes</h2>{}{note}", chart.draw()))
}

fn of_part<'s>(shown: &Shown<'s>, latency: Latency, part: &LatencyBy) -> Option<Cow<'s, Stats>> {
    let all = &shown.report().latency.get(latency.name())?.by;
    let found = all.iter().find(|by| (&by.entity, &by.operation) == (&part.entity, &part.operation))?;
    Some(Cow::Borrowed(&found.stats))
}

/// The stages between the marks that the pipeline leaves, one after the other; nothing where no model names any.
fn marks(shown: &Shown<'_>) -> Option<BreakdownRow> {
    let stages = &shown.report().stages;
    let parts = stages.iter().enumerate().filter_map(|(number, stage)| {
        let value_ms = stage.stats.mean?;
        Some(BreakdownPart {
            name: format!("{} → {}", stage.from, stage.to),
            tone: Tone::of_series(number),
            value_ms,
            words: millis(value_ms),
        })
    });
    let parts: Vec<BreakdownPart> = parts.collect();
    let total = millis(parts.iter().map(|part| part.value_ms).sum());
    (!parts.is_empty()).then(|| BreakdownRow { name: "by marks".to_owned(), total, parts })
}
