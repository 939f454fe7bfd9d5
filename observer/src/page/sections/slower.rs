//! The share of rows slower than x, with what the thresholds ask for.

use std::collections::BTreeMap;

use streamgauge_shared::report::ThresholdResult;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::Between;
use crate::chart::{Curve, Objective, SlowerThan, Tone};
use crate::page::Shown;
use crate::page::chart_data::in_millis;

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let shown = shown?;
    let (buckets, rows): (Vec<(Nanos, u64)>, u64) = if shown.stage().is_some() {
        let mut counts: BTreeMap<Nanos, u64> = BTreeMap::new();
        for (value, count) in shown.slots().flat_map(|slot| slot.arrived.buckets.iter()) {
            *counts.entry(*value).or_default() += count;
        }
        let rows = counts.values().sum();
        (counts.into_iter().collect(), rows)
    } else {
        let (arrived, unarrived, unmeasured) = shown.histograms(Latency::CdcE2eLatency);
        let rows = arrived.count() + unarrived.count() + unmeasured.count();
        (arrived.buckets().collect(), rows)
    };
    let words = shown.view.words();
    let name = if words.is_empty() { "all rows".to_owned() } else { words };
    let chart = SlowerThan {
        caption: shown.caption(
            "slower",
            "Share of rows slower than x",
            shown.scope_of_part(),
            format!(
                "For each latency the share of {rows} rows that took longer; it ends at one row of {rows}."
            ),
        ),
        curves: vec![Curve { name, tone: Tone::S1, values: in_millis(buckets), rows }],
        objectives: shown.report().thresholds.iter().filter_map(objective).collect(),
    };
    Some(format!("<h2 class=\"visually-hidden\">Share of rows slower than x</h2>{}", chart.draw()))
}

/// What a threshold on a percentile of the headline asks for.
fn objective(result: &ThresholdResult) -> Option<Objective> {
    let expression: String = result.expression.chars().filter(|c| !c.is_whitespace()).collect();
    let (percentile, rest) = expression.strip_prefix("p(")?.split_once(')')?;
    let percentile: f64 = percentile.parse().ok()?;
    let is_of_headline =
        result.metric == Latency::CdcE2eLatency.name() && result.is_time && rest.starts_with('<');
    is_of_headline.then_some(())?;
    Some(Objective {
        at_ms: result.bound?,
        share: 1.0 - percentile / 100.0,
        name: result.expression.clone(),
        held: result.passed,
    })
}
