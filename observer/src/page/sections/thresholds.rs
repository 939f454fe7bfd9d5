//! Thresholds as bars with their limits.

use streamgauge_shared::report::ThresholdResult;

use super::Between;
use crate::chart::{ThresholdBar, ThresholdBars};
use crate::page::Shown;

/// Bars at most.
const BARS_MAX: usize = 16;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let results = &shown.report().thresholds;
    if results.is_empty() {
        return None;
    }
    let failed = results.iter().filter(|result| !result.passed).count();
    let description = format!("{} thresholds, {failed} of them crossed or without data", results.len());
    let caption =
        shown.caption("thresholds", "Thresholds and their limits", "whole run".to_owned(), description);
    let bars = ThresholdBars { caption, bars: shown_first(results).map(bar).collect() };
    let more = results.len().saturating_sub(BARS_MAX);
    let more = if more > 0 {
        format!("<p class=\"note\">and {more} more: the summary has all of them</p>")
    } else {
        String::new()
    };
    Some(format!("<h2 class=\"visually-hidden\">Thresholds</h2>{}{more}", bars.draw()))
}

/// As many as an event has room for: those that do not hold first.
fn shown_first(results: &[ThresholdResult]) -> impl Iterator<Item = &ThresholdResult> {
    let failed = results.iter().filter(|result| !result.passed);
    failed.chain(results.iter().filter(|result| result.passed)).take(BARS_MAX)
}

/// A threshold as the charts take it.
pub(super) fn bar(result: &ThresholdResult) -> ThresholdBar {
    let of_limit = |value: f64| result.bound.filter(|bound| *bound > 0.0).map(|bound| value / bound);
    let open = if result.at_least { Some(f64::INFINITY) } else { None };
    ThresholdBar {
        metric: result.metric.clone(),
        expression: result.expression.clone(),
        observed: result.observed(),
        held: result.passed,
        used: result.observed.and_then(of_limit),
        used_at_most: result.at_most.and_then(of_limit).or(open),
    }
}
