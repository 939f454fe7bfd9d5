//! Arrivals at a constant rate below the one at which rows are written: something on the way carries no more.

use serde::{Deserialize, Serialize};

use super::words::seconds;

/// The queue grew while rows left it at a constant rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Arrivals while rows waited.
    pub rate_per_s: f64,
    /// Two standard errors of it.
    pub uncertainty_per_s: f64,
    /// Rows written at that time.
    pub written_per_s: f64,
    /// By how much the queue grew.
    pub growth_per_s: f64,
    /// Rows that waited in the end.
    pub rows_waiting: u64,
    /// When the queue began to grow, since the first row of those looked at …
    pub from_s: f64,
    /// … and when it was longest.
    pub to_s: f64,
}

impl RateLimit {
    /// The limit in one sentence.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "rate_limit: arrivals come at a constant {:.2}/s ± {:.2}/s while {:.2}/s were written: the queue grew by \
             {:.2}/s for {}, to {} rows; something carries no more than that",
            self.rate_per_s,
            self.uncertainty_per_s,
            self.written_per_s,
            self.growth_per_s,
            seconds(self.to_s - self.from_s),
            self.rows_waiting
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_stands_beside_what_was_written() {
        let limit = RateLimit {
            rate_per_s: 20.012,
            uncertainty_per_s: 0.11,
            written_per_s: 50.0,
            growth_per_s: 29.988,
            rows_waiting: 900,
            from_s: 1.0,
            to_s: 31.0,
        };
        assert_eq!(
            limit.line(),
            "rate_limit: arrivals come at a constant 20.01/s ± 0.11/s while 50.00/s were written: the queue grew by \
             29.99/s for 30s, to 900 rows; something carries no more than that"
        );
    }
}
