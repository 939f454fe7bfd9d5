//! The distribution of the headline over time.

use super::Between;
use crate::chart::{Detail, HeatColumn, HeatMap};
use crate::page::Shown;
use crate::page::chart_data::in_millis;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let columns = shown.slots().map(|slot| HeatColumn {
        from_s: slot.from_s,
        to_s: slot.to_s,
        values: in_millis(slot.arrived.buckets.iter().copied()),
    });
    let chart = HeatMap {
        caption: shown.caption(
            "heat",
            "How latencies are spread over time",
            shown.scope_of_part(),
            "Each column is a step of time, each row a band of latency; the darker, the more rows arrived in it. Two bands are two kinds of rows, a gap is a time in which nothing arrived."
                .to_owned(),
        ),
        time: shown.axis(),
        columns: columns.collect(),
        spans: shown.spans(),
        detail: Detail::Page,
    };
    Some(format!("<h2 class=\"visually-hidden\">Distribution over time</h2>{}", chart.draw()))
}
