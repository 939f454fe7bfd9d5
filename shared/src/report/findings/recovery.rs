//! How the latency came back after the load fell.

use serde::{Deserialize, Serialize};

use super::words::{millis, seconds};

/// How the latency came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// In one word.
    pub state: RecoveryState,
    /// When the load fell.
    pub load_fell_s: f64,
    /// From then until the latency was back; only if it recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
    /// How long it was seen to stay there afterwards; only if it recovered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stayed_s: Option<f64>,
    /// The highest p95 of a second since the load rose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_p95_ms: Option<f64>,
    /// What "back" means; absent where there was too little to learn it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
}

/// How a recovery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryState {
    /// The latency left its band and came back.
    Recovered,
    /// It left its band and did not come back before the run ended.
    NotRecovered,
    /// It never left its band.
    NeverLeft,
    /// Too few points before the load rose, or after it fell.
    NotEnoughData,
}

/// The band a latency keeps to while nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The points it is learned from: first second …
    pub from_s: f64,
    /// … and last one, excluded.
    pub to_s: f64,
    /// Points with a latency among them.
    pub points: u64,
    /// Median of their p95.
    pub median_p95_ms: f64,
    /// A p95 up to here is inside.
    pub upper_ms: f64,
}

impl Recovery {
    /// How the latency came back.
    #[must_use]
    pub fn line(&self) -> String {
        let fell = seconds(self.load_fell_s);
        let band = self.band.as_ref().map(Band::words).unwrap_or_default();
        let worst = self.worst_p95_ms.map(|worst| format!(", worst {}", millis(worst))).unwrap_or_default();
        match (self.state, self.after_s) {
            (RecoveryState::Recovered, Some(after)) => format!(
                "recovery: {} after the load fell at {fell} (p95 {band}{worst}; seen to stay there for {})",
                seconds(after),
                seconds(self.stayed_s.unwrap_or_default())
            ),
            (RecoveryState::NeverLeft, _) => {
                format!("recovery: none needed, the p95 never left its band ({band}{worst})")
            }
            (RecoveryState::NotEnoughData, _) => {
                format!("recovery: not enough data around the load's rise and its fall at {fell}")
            }
            _ => format!("recovery: not recovered after the load fell at {fell} (p95 not {band}{worst})"),
        }
    }
}

impl Band {
    fn words(&self) -> String {
        format!("back to at most {}, median before {}", millis(self.upper_ms), millis(self.median_p95_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_that_did_not_come_back_is_said_so() {
        let recovery = |state| Recovery {
            state,
            load_fell_s: 180.0,
            after_s: None,
            stayed_s: None,
            worst_p95_ms: Some(900.0),
            band: Some(Band { from_s: 0.0, to_s: 60.0, points: 60, median_p95_ms: 30.0, upper_ms: 45.0 }),
        };
        assert_eq!(
            recovery(RecoveryState::NotRecovered).line(),
            "recovery: not recovered after the load fell at 3m00s (p95 not back to at most 45ms, median before \
             30ms, worst 900ms)"
        );
        assert!(recovery(RecoveryState::NeverLeft).line().starts_with("recovery: none needed"));
    }
}
