//! Users in an iteration.

use super::Between;
use crate::chart::{Axis, Detail, Lines, Quantity, Series, Tone};
use crate::page::Shown;
use crate::page::chart_data::largest;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let steps = shown.steps();
    let points = largest(&steps, |second| second.active_users.map(f64::from));
    let scope = format!("{}, the most in {}; all scenarios", shown.scope(), Shown::step_words(&steps));
    let chart = Lines {
        caption: shown.caption(
            "users",
            "Users in an iteration",
            scope,
            "Virtual users in an iteration. At the most that there may be, an open loop drops iterations."
                .to_owned(),
        ),
        time: shown.axis(),
        quantity: Quantity::Count,
        values: Axis::Linear,
        series: vec![Series { name: "users".to_owned(), tone: Tone::S5, dashed: false, points }],
        spans: shown.spans(),
        limits: Vec::new(),
        detail: Detail::Page,
    };
    Some(format!("<h2 class=\"visually-hidden\">Users</h2>{}", chart.draw()))
}
