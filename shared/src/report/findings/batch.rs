//! Arrivals that come in batches without a fixed period: something on the way collects rows.

use serde::{Deserialize, Serialize};

use super::words::{millis, share};

/// Rows are collected and handed on together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// How long the first row of a batch waits for others; absent where a number of rows closes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_ms: Option<f64>,
    /// Two standard errors of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncertainty_ms: Option<f64>,
    /// The rows that close a batch; absent where its time does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Rows in one, in the mean.
    pub rows_mean: f64,
    /// Batches seen.
    pub batches: u64,
    /// The share of them that are as said.
    pub batches_explained: f64,
}

impl Batch {
    /// The batches in one sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let seen = format!(
            "({} batches of {:.1} rows in the mean, {} of them so)",
            self.batches,
            self.rows_mean,
            share(self.batches_explained)
        );
        match (self.waits_ms, self.uncertainty_ms, self.rows) {
            (Some(waits), uncertainty, _) => format!(
                "batch: the first row of a batch waits {} ± {} for others {seen}: something collects rows for a time; \
                 look for a linger, as Kafka's linger.ms, or a flush by time",
                millis(waits),
                millis(uncertainty.unwrap_or_default())
            ),
            (None, _, rows) => format!(
                "batch: rows come {} at a time {seen}: something waits until it has as many; look for the size of a \
                 batch, and for the time after which one is sent that is not full",
                rows.unwrap_or_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_closes_a_batch_is_said() {
        let timed = Batch {
            waits_ms: Some(100.2),
            uncertainty_ms: Some(0.3),
            rows: None,
            rows_mean: 3.04,
            batches: 120,
            batches_explained: 1.0,
        };
        assert!(
            timed.line().starts_with(
                "batch: the first row of a batch waits 100.2ms ± 300µs for others (120 batches of 3.0 rows in the mean, \
                 100.00% of them so): something collects rows for a time"
            ),
            "{}",
            timed.line()
        );
        let sized = Batch { waits_ms: None, uncertainty_ms: None, rows: Some(20), ..timed };
        assert!(sized.line().starts_with("batch: rows come 20 at a time"), "{}", sized.line());
    }
}
