//! Operations per second: intended, sent, arrived.

use super::Between;
use crate::chart::{Axis, Detail, Lines, Quantity, Series, Tone};
use crate::page::Shown;
use crate::page::chart_data::per_second;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let steps = shown.steps();
    let series = |name: &str, tone, dashed, points| Series { name: name.to_owned(), tone, dashed, points };
    let mut lines = vec![
        series("sent", Tone::S1, false, per_second(&steps, |second| Some(second.sent))),
        series("arrived", Tone::S2, false, per_second(&steps, |second| Some(second.arrived))),
    ];
    let intended = per_second(&steps, |second| second.intended);
    if intended.iter().any(|point| point.value.is_some()) {
        lines.insert(0, series("intended", Tone::Muted, true, intended));
    }
    let scope = format!("{}, per {}; all scenarios", shown.scope(), Shown::step_words(&steps));
    let description =
        "Operations a second: intended by the schedule, sent to PostgreSQL, and arrived in MongoDB. \
                       Where arrived stays below sent, rows pile up."
            .to_owned();
    let chart = Lines {
        caption: shown.caption("rate", "Operations per second", scope, description),
        time: shown.axis(),
        quantity: Quantity::PerSecond,
        values: Axis::Linear,
        series: lines,
        spans: shown.spans(),
        limits: Vec::new(),
        detail: Detail::Page,
    };
    Some(format!("<h2 class=\"visually-hidden\">Load</h2>{}", chart.draw()))
}
