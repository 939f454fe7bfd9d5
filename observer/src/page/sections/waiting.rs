//! Rows on their way.

use streamgauge_shared::account::as_f64;

use super::Between;
use crate::chart::{Axis, Detail, Lines, Quantity, Series, Tone};
use crate::page::Shown;
use crate::page::chart_data::largest;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let steps = shown.steps();
    let points = largest(&steps, |second| second.pending.map(as_f64));
    let scope = format!("{}, the most in {}; all scenarios", shown.scope(), Shown::step_words(&steps));
    let chart = Lines {
        caption: shown.caption(
            "waiting",
            "Rows in flight",
            scope,
            "Rows that were sent and have not arrived. A line that only rises is a pipeline that does not keep up."
                .to_owned(),
        ),
        time: shown.axis(),
        quantity: Quantity::Count,
        values: Axis::Linear,
        series: vec![Series { name: "in flight".to_owned(), tone: Tone::S3, dashed: false, points }],
        spans: shown.spans(),
        limits: Vec::new(),
        detail: Detail::Page,
    };
    Some(format!("<h2 class=\"visually-hidden\">Rows in flight</h2>{}", chart.draw()))
}
