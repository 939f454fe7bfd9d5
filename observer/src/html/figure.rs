//! Single figures as markup: in the summary's words, and with their place in the report.

use streamgauge_shared::report::{Figure, Stats, as_share, figure_words, millis};

use crate::chart::escape;

/// A figure of the report, by its JSON pointer. An empty pointer: one that the report does not have.
fn marked(pointer: &str, value: Option<String>, words: &str) -> String {
    let words = escape(words);
    if pointer.is_empty() {
        return format!("<span class=\"figure\">{words}</span>");
    }
    let value = value.map(|value| format!(" data-value=\"{}\"", escape(&value))).unwrap_or_default();
    format!("<span class=\"figure\" data-figure=\"{}\"{value}>{words}</span>", escape(pointer))
}

/// A number as JSON writes it.
fn json(value: f64) -> Option<String> {
    serde_json::to_string(&value).ok()
}

/// A count.
#[must_use]
pub fn count(pointer: &str, count: u64) -> String {
    marked(pointer, Some(count.to_string()), &count.to_string())
}

/// A percentile.
#[must_use]
pub fn figure(pointer: &str, figure: Figure) -> String {
    let value = if let Figure::Value(value) = figure { json(value) } else { None };
    marked(pointer, value, &figure_words(figure))
}

/// A time in milliseconds that is known or absent.
#[must_use]
pub fn time(pointer: &str, value: Option<f64>) -> String {
    marked(pointer, value.and_then(json), &value.map_or("-".to_owned(), millis))
}

/// A length in seconds, as the summary writes spans.
#[must_use]
pub fn lasted(pointer: &str, seconds: f64) -> String {
    marked(pointer, json(seconds), &millis(seconds * 1e3))
}

/// A share.
#[must_use]
pub fn share(pointer: &str, rate: f64) -> String {
    marked(pointer, json(rate), &as_share(rate))
}

/// A figure that the report does not have.
#[must_use]
pub fn beside(words: &str) -> String {
    marked("", None, words)
}

/// The cells of a row of statistics, in the order of [`STATS_HEAD`].
#[must_use]
pub fn stats(pointer: &str, stats: &Stats) -> Vec<String> {
    let at = |name: &str| if pointer.is_empty() { String::new() } else { format!("{pointer}/{name}") };
    vec![
        count(&at("count"), stats.count),
        time(&at("mean"), stats.mean),
        time(&at("min"), stats.min),
        figure(&at("p50"), stats.p50),
        figure(&at("p90"), stats.p90),
        figure(&at("p95"), stats.p95),
        figure(&at("p99"), stats.p99),
        figure(&at("max"), stats.max),
    ]
}

/// What stands above the cells of [`stats`].
pub const STATS_HEAD: [&str; 8] = ["rows", "mean", "min", "p50", "p90", "p95", "p99", "max"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_its_place_its_number_and_the_summarys_words() {
        assert_eq!(
            figure("/latency/cdc_e2e_latency/all/p95", Figure::Value(612.3456)),
            "<span class=\"figure\" data-figure=\"/latency/cdc_e2e_latency/all/p95\" data-value=\"612.3456\">612.34ms</span>"
        );
        assert_eq!(
            figure("/floor/p99", Figure::AtLeast(1_200.0)),
            "<span class=\"figure\" data-figure=\"/floor/p99\">≥1.2s</span>"
        );
        assert_eq!(share("", 0.99996), "<span class=\"figure\">99.99%</span>");
        assert_eq!(stats("", &Stats::default()).len(), STATS_HEAD.len());
    }
}
