//! What a report says of the clocks.

use serde::{Deserialize, Serialize};

use super::text::millis;
use crate::clock::ClockDomain;
use crate::timeline::Latency;

/// What is known of the clocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockReport {
    /// How writers and observer relate: one kernel only if every writer shares it.
    pub domain: ClockDomain,
    /// How far a latency between the programs can be off, for all rows of the run; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_bound_ms: Option<f64>,
    /// Steps of a wall clock seen during the run; they do not move latencies between the programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// The steps and jumps, with their times; the first ones where there are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stepped: Vec<ClockStepReport>,
    /// By writer, what the exchanges found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writers: Vec<WriterClockReport>,
    /// mongod's clock against the observer's; absent where mongod did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mongodb: Option<MongodClockReport>,
    /// What a test clock of the observer does; with it no figure is a real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
}

/// One step of a clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockStepReport {
    /// `observer`, or `writer 0`.
    pub whose: String,
    /// UTC, RFC 3339.
    pub at: String,
    /// By how much, positive forward.
    pub by_ms: f64,
    /// Whether the offset between the programs jumped with it, so that latencies before were wrong. A step of
    /// a wall clock alone moves none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub moved_latencies: bool,
}

/// One writer's clock against the observer's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WriterClockReport {
    /// What it is ahead, as applied last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<f64>,
    /// What it gains, parts per million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
    /// How far the drift can be off: the less the longer a run is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_error_ppm: Option<f64>,
    /// The least time that an exchange spent on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
    /// How far a latency of this writer's rows can be off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_bound_ms: Option<f64>,
    /// Exchanges that were used.
    pub exchanges: u64,
    /// What a test clock of this writer does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<String>,
}

/// mongod's clock against the observer's, as it stands last. `mongo_visibility` is not corrected by it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MongodClockReport {
    /// What it is ahead: by so much `mongo_visibility` comes out too short.
    pub offset_ms: f64,
    /// How far the offset can be off.
    pub error_bound_ms: f64,
}

impl ClockReport {
    /// What stands beside each figure of a latency that spans both programs: `± 1.2ms`; absent where the
    /// bound is zero, and `± ?` where it is not known.
    #[must_use]
    pub fn beside(&self, latency: Latency) -> Option<String> {
        if !latency.is_between_programs() {
            return None;
        }
        match self.error_bound_ms {
            Some(bound) if bound > 0.0 => Some(format!("± {}", millis(bound))),
            Some(_) => None,
            None => Some("± ?".to_owned()),
        }
    }

    /// The summary's lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![match self.error_bound_ms {
            Some(0.0) => "one kernel, one clock: error bound 0".to_owned(),
            Some(bound) => format!(
                "two clocks, compared by exchange: every latency between the programs ± {}",
                millis(bound)
            ),
            None => "two clocks: error bound unknown".to_owned(),
        }];
        let exact = self.domain == ClockDomain::SameKernel;
        for (index, writer) in self.writers.iter().enumerate() {
            if let (false, Some(offset), Some(trip)) = (exact, writer.offset_ms, writer.round_trip_ms) {
                let drift = writer.drift_ppm.zip(writer.drift_error_ppm);
                let gains = drift.map(|(drift, unsure)| format!(", gains {drift:.0} ± {unsure:.0} ppm"));
                lines.push(format!(
                    "writer {index} is ahead by {}{}; least round trip {}",
                    millis(offset),
                    gains.unwrap_or_default(),
                    millis(trip)
                ));
            }
            if let Some(skewed) = &writer.test_clock {
                lines.push(format!("TEST CLOCK in writer {index}: {skewed}; these figures are of a test"));
            }
        }
        if let Some(skewed) = &self.test_clock {
            lines.push(format!("TEST CLOCK in the observer: {skewed}; these figures are of a test"));
        }
        if let Some(mongod) = self.mongodb {
            let (offset, bound) = (mongod.offset_ms, mongod.error_bound_ms);
            lines.push(if offset.abs() <= bound {
                format!("mongod's agrees within ± {}, and so does mongo_visibility", millis(bound))
            } else {
                format!(
                    "mongod's is ahead by {} ± {}: mongo_visibility is too short by that",
                    millis(offset),
                    millis(bound)
                )
            });
        }
        let stepped = self.stepped.iter().map(|step| {
            let what = if step.moved_latencies { "the offset jumped" } else { "the wall clock stepped" };
            format!("{}: {what} by {} at {}", step.whose, millis(step.by_ms), step.at)
        });
        lines.extend(stepped);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> ClockReport {
        ClockReport {
            domain: ClockDomain::Network,
            error_bound_ms: Some(1.25),
            steps: Some(1),
            stepped: vec![ClockStepReport {
                whose: "writer 0".into(),
                at: "2026-11-23T12:00:00.000Z".into(),
                by_ms: -500.0,
                moved_latencies: false,
            }],
            writers: vec![WriterClockReport {
                offset_ms: Some(400.0),
                drift_ppm: Some(50.2),
                drift_error_ppm: Some(7.0),
                round_trip_ms: Some(0.5),
                error_bound_ms: Some(1.25),
                exchanges: 60,
                test_clock: Some("offset 400ms".into()),
            }],
            mongodb: Some(MongodClockReport { offset_ms: -3.0, error_bound_ms: 0.75 }),
            test_clock: None,
        }
    }

    #[test]
    fn the_bound_stands_beside_latencies_between_the_programs_only() {
        let clock = report();
        assert_eq!(clock.beside(Latency::CdcE2eLatency).as_deref(), Some("± 1.25ms"));
        assert_eq!(clock.beside(Latency::PgWriteDuration), None);
        let exact = ClockReport { error_bound_ms: Some(0.0), ..report() };
        assert_eq!(exact.beside(Latency::CdcE2eLatency), None);
        let unknown = ClockReport { error_bound_ms: None, ..report() };
        assert_eq!(unknown.beside(Latency::CdcPropagation).as_deref(), Some("± ?"));
    }

    #[test]
    fn the_lines_say_what_was_found_and_that_a_clock_is_bent() {
        let lines = report().lines();
        assert_eq!(
            lines,
            [
                "two clocks, compared by exchange: every latency between the programs ± 1.25ms",
                "writer 0 is ahead by 400ms, gains 50 ± 7 ppm; least round trip 500µs",
                "TEST CLOCK in writer 0: offset 400ms; these figures are of a test",
                "mongod's is ahead by -3ms ± 750µs: mongo_visibility is too short by that",
                "writer 0: the wall clock stepped by -500ms at 2026-11-23T12:00:00.000Z",
            ]
        );
    }
}
