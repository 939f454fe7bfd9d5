//! The way of a row as one bar of a breakdown: what each part of it takes on the mean. Page and report draw the same.

use streamgauge_shared::report::millis;
use streamgauge_shared::timeline::Latency;

use crate::chart::{BreakdownPart, BreakdownRow, Tone};

/// The bar of some rows, from the means of their latencies, milliseconds; nothing where none of the parts is known.
/// Visibility is the end of propagation: it is taken out of it.
pub(crate) fn way(name: String, mean: impl Fn(Latency) -> Option<f64>) -> Option<BreakdownRow> {
    let visibility = mean(Latency::MongoVisibility);
    let propagation = mean(Latency::CdcPropagation).map(|mean| mean - visibility.unwrap_or(0.0));
    let parts = [
        ("schedule lag", Tone::S4, mean(Latency::ScheduleLag)),
        ("write", Tone::S1, mean(Latency::PgWriteDuration)),
        ("propagation", Tone::S2, propagation),
        ("visibility", Tone::S3, visibility),
    ];
    let part = |(name, tone, mean): (&str, Tone, Option<f64>)| {
        let value_ms = mean?;
        Some(BreakdownPart { name: name.to_owned(), tone, value_ms, words: millis(value_ms) })
    };
    let parts: Vec<BreakdownPart> = parts.into_iter().filter_map(part).collect();
    let total = millis(mean(Latency::CdcE2eLatencyIntended)?);
    (!parts.is_empty()).then_some(BreakdownRow { name, total, parts })
}
