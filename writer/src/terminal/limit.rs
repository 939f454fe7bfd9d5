//! What the 95th percentile of a scenario may be: the threshold that progress is held against. Pure.

use streamgauge_shared::display::Tone;
use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::{Figure, figure_words};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{Aggregate, Metric, Operator, Tags, Threshold};
use streamgauge_shared::time::Nanos;

/// The percentile that progress shows.
const PERCENTILE: f64 = 95.0;

/// An upper limit of the headline's 95th percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    bound: Nanos,
    /// Whether the bound itself is allowed.
    is_allowed: bool,
}

impl Limit {
    /// The strictest threshold on the same figure that progress shows of a scenario: of all its rows since the start.
    #[must_use]
    pub fn of(test: &Test, scenario: u16) -> Option<Self> {
        let all = test.headline.tags;
        let own = Tags { scenario: Some(scenario), ..all };
        let limit = |threshold: &Threshold| {
            let is_same = threshold.metric == Metric::Latency(test.headline.latency)
                && threshold.expression.aggregate == Aggregate::Percentile(PERCENTILE)
                && threshold.over.is_none()
                && [all, own].contains(&threshold.tags);
            let bound = Nanos::from_millis_f64(threshold.expression.bound);
            match threshold.expression.operator {
                Operator::Less if is_same => Some(Self { bound, is_allowed: false }),
                Operator::LessOrEqual if is_same => Some(Self { bound, is_allowed: true }),
                _ => None,
            }
        };
        test.thresholds.iter().filter_map(limit).min_by_key(|limit| (limit.bound, limit.is_allowed))
    }

    fn holds(self, value: Nanos) -> bool {
        value < self.bound || (self.is_allowed && value == self.bound)
    }
}

/// The 95th percentile beside its limit, and whether that is good: `p95 4.9ms < 2s`, `p95 ≥2.6s ≥ 2s`.
pub(super) fn percentile(seen: Quantile, limit: Option<Limit>) -> (String, Option<Tone>) {
    let figure = figure_words(Figure::of(seen));
    let Some(limit) = limit else { return (format!("p95 {figure}"), None) };
    let bounds = match seen {
        Quantile::NoData => return (format!("p95 {figure}, limit {}", limit.bound), None),
        Quantile::Value(value) => (value, Some(value)),
        Quantile::AtLeast(low) => (low, None),
        Quantile::Between(low, high) => (low, Some(high)),
    };
    let (sign, tone) = match bounds {
        (_, Some(high)) if limit.holds(high) => (if limit.is_allowed { "≤" } else { "<" }, Tone::Good),
        (low, _) if !limit.holds(low) => (if limit.is_allowed { ">" } else { "≥" }, Tone::Bad),
        // What is still on its way may take it past the limit, or not.
        _ => return (format!("p95 {figure}, limit {}", limit.bound), Some(Tone::Warn)),
    };
    (format!("p95 {figure} {sign} {}", limit.bound), Some(tone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_source::tests::parsed;

    fn limit(thresholds: &str) -> Option<Limit> {
        Limit::of(
            &parsed(&format!(
                "model = \"shop.toml\"\n[scenarios.s]\nexecutor = \"constant-vus\"\nvus = 5\nduration = \"1m\"\nflow = [ {{ create = \"customer\" }} ]\n[thresholds]\n{thresholds}"
            )),
            0,
        )
    }

    #[test]
    fn the_strictest_threshold_on_the_same_figure_is_the_limit() {
        let found = limit(
            "cdc_e2e_latency = [\"p(50)<100\", \"p(95)<2s\", \"p(95)<=1500\"]\n\"cdc_e2e_latency{scenario:s}\" = [\"p(95)<1800\"]",
        );
        assert_eq!(found, Some(Limit { bound: Nanos::from_millis(1_500), is_allowed: true }));
        assert_eq!(limit("\"cdc_e2e_latency{operation:create}\" = [\"p(95)<2s\"]"), None, "another figure");
        assert_eq!(limit("cdc_e2e_latency = [\"p(95)>1\"]"), None, "no upper limit");
    }

    #[test]
    fn the_figure_stands_beside_its_limit() {
        let limit = Some(Limit { bound: Nanos::from_secs(2), is_allowed: false });
        let (fast, slow) = (Nanos(4_900_000), Nanos::from_millis(2_600));
        let cases = [
            (Quantile::Value(fast), "p95 4.9ms < 2s", Some(Tone::Good)),
            (Quantile::Value(Nanos::from_secs(2)), "p95 2s ≥ 2s", Some(Tone::Bad)),
            (Quantile::AtLeast(fast), "p95 ≥4.9ms, limit 2s", Some(Tone::Warn)),
            (Quantile::AtLeast(slow), "p95 ≥2.6s ≥ 2s", Some(Tone::Bad)),
            (Quantile::Between(fast, slow), "p95 4.9ms to 2.6s, limit 2s", Some(Tone::Warn)),
            (Quantile::NoData, "p95 -, limit 2s", None),
        ];
        for (seen, text, tone) in cases {
            assert_eq!(percentile(seen, limit), (text.to_owned(), tone));
        }
        assert_eq!(percentile(Quantile::Value(fast), None), ("p95 4.9ms".to_owned(), None));
    }
}
