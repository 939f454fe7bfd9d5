//! One line for each stretch of a long run.

use serde::{Deserialize, Serialize};

use super::words::{mebibytes, millis, seconds};

/// One stretch of a long run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its end.
    pub at_s: f64,
    /// Its length.
    pub width_s: f64,
    /// Rows sent in it.
    pub sent: u64,
    /// Rows that arrived in it.
    pub arrived: u64,
    /// Errors in it.
    pub errors: u64,
    /// Rows waiting at its end.
    pub pending: u64,
    /// Users at its end.
    pub users: f64,
    /// Median of its seconds' p50, weighted with their arrivals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// The same of their p95.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// The same of their p99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Mean time of an iteration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration_ms: Option<f64>,
    /// Resident memory of the writer at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer_rss_bytes: Option<u64>,
    /// Of the observer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer_rss_bytes: Option<u64>,
}

impl Checkpoint {
    /// One line of the course of a soak.
    #[must_use]
    pub fn line(&self) -> String {
        let ms = |value: Option<f64>| value.map_or("-".to_owned(), millis);
        #[expect(clippy::cast_precision_loss, reason = "memory is below 2^53 bytes")]
        let memory = |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| mebibytes(bytes as f64));
        format!(
            "checkpoint {}: {} sent, {} arrived, {} waiting, {} errors, p50 {}, p95 {}, p99 {}, iteration {}, \
             memory writer {}, observer {}",
            seconds(self.at_s),
            self.sent,
            self.arrived,
            self.pending,
            self.errors,
            ms(self.p50_ms),
            ms(self.p95_ms),
            ms(self.p99_ms),
            ms(self.iteration_ms),
            memory(self.writer_rss_bytes),
            memory(self.observer_rss_bytes)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash() {
        let line = Checkpoint { at_s: 300.0, sent: 7, p50_ms: Some(12.0), ..Checkpoint::default() }.line();
        assert!(line.starts_with("checkpoint 5m00s: 7 sent, 0 arrived"), "{line}");
        assert!(line.ends_with("p50 12ms, p95 -, p99 -, iteration -, memory writer -, observer -"), "{line}");
    }
}
