//! The latency that everything shown leads with.

use serde::{Deserialize, Serialize};

use super::{ClockReport, LatencyReport, Report, Stats};
use crate::timeline::Latency;

/// A headline that the test names; absent from reports of tests that name none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeadlineReport {
    /// As the test writes it: `cdc_e2e_latency{operation:create}`.
    pub metric: String,
    /// The latency's name.
    pub latency: String,
    /// The entity that it is narrowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// The operation that it is narrowed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Its figures.
    #[serde(flatten)]
    pub stats: Stats,
}

impl HeadlineReport {
    /// What the clocks add to it in doubt, as beside every latency.
    pub(super) fn beside(&self, clock: &ClockReport) -> Option<String> {
        self.latency.parse::<Latency>().ok().and_then(|latency| clock.beside(latency))
    }

    /// The same as a latency without parts.
    pub(super) fn alone(&self) -> LatencyReport {
        LatencyReport { all: self.stats.clone(), by: Vec::new() }
    }

    /// Its name where there is little room: `cdc_e2e_latency, create`.
    #[must_use]
    pub fn short_name(&self) -> String {
        let narrowed = [&self.entity, &self.operation].into_iter().flatten();
        std::iter::once(&self.latency).chain(narrowed).map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl Report {
    /// The name and the figures of the headline: what the test names, else `cdc_e2e_latency` over all operations.
    /// Nothing in a report that does not even have that.
    #[must_use]
    pub fn headline(&self) -> Option<(&str, &Stats)> {
        let named = self.headline.as_ref().map(|named| (named.metric.as_str(), &named.stats));
        let default = Latency::CdcE2eLatency.name();
        named.or_else(|| self.latency.get(default).map(|figures| (default, &figures.all)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_headline_survives_json_and_leaves_out_what_it_is_not_narrowed_to() {
        let headline = HeadlineReport {
            metric: "cdc_e2e_latency{operation:create}".into(),
            latency: "cdc_e2e_latency".into(),
            entity: None,
            operation: Some("create".into()),
            stats: Stats::default(),
        };
        let json = serde_json::to_value(&headline).unwrap();
        assert!(
            json.get("entity").is_none() && json["operation"] == "create" && json["count"] == 0,
            "{json}"
        );
        assert_eq!(serde_json::from_value::<HeadlineReport>(json).unwrap(), headline);
        assert_eq!(headline.short_name(), "cdc_e2e_latency, create");
    }
}
