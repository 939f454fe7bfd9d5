//! What load there was: how much of what the test planned was written, and the course of time.

use serde::{Deserialize, Serialize};

use super::Second;
use super::text::as_share;

/// What load there was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Iterations that the schedules hold; absent where users decide when they start the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_iterations: Option<u64>,
    /// How much of the planned load was written, by scenario; without those of which nothing was due yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<WrittenLoad>,
    /// Users in an iteration at the same time, at most.
    pub peak_users: u32,
    /// Operations sent in one second, at most.
    pub peak_rate_per_s: f64,
    /// One point for each step of time, oldest first.
    pub seconds: Vec<Second>,
}

/// How much of one scenario's planned load was written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenLoad {
    /// The scenario's name.
    pub scenario: String,
    /// What its load is counted in.
    pub unit: LoadUnit,
    /// What was due.
    pub planned: f64,
    /// What was written of it.
    pub written: f64,
    /// `written / planned`.
    pub share: f64,
    /// What is missing because PostgreSQL refused, failed or hung, or because every user waited for it or for an
    /// arrival.
    pub missed_by_postgres: f64,
    /// What is missing because the writer itself was too slow.
    pub missed_by_writer: f64,
}

/// What a scenario's load is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadUnit {
    /// Ticks of an open loop: written where the first operation of their iteration committed.
    Ticks,
    /// Iterations of a fixed count: written likewise.
    Iterations,
    /// Seconds that users were planned to iterate: written where they had a session with PostgreSQL, or could have.
    UserSeconds,
}

impl LoadUnit {
    /// The unit as a sentence names it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ticks => "ticks",
            Self::Iterations => "iterations",
            Self::UserSeconds => "user seconds",
        }
    }
}

impl WrittenLoad {
    /// The load in one sentence; nothing where all of it was written.
    #[must_use]
    pub fn line(&self) -> Option<String> {
        if self.missed_by_postgres + self.missed_by_writer <= 0.0 {
            return None;
        }
        let missed = [(self.missed_by_postgres, "PostgreSQL"), (self.missed_by_writer, "the writer")];
        let missed = missed.into_iter().filter(|(amount, _)| *amount > 0.0);
        let missed: Vec<String> = missed.map(|(amount, by)| format!("{amount:.0} missed by {by}")).collect();
        Some(format!(
            "load written: {} of {:.0} {} of {}; {}",
            as_share(self.share),
            self.planned,
            self.unit.words(),
            self.scenario,
            missed.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_its_cause() {
        let load = WrittenLoad {
            scenario: "steady".to_owned(),
            unit: LoadUnit::Ticks,
            planned: 600.0,
            written: 400.0,
            share: 400.0 / 600.0,
            missed_by_postgres: 195.0,
            missed_by_writer: 5.0,
        };
        assert_eq!(
            load.line().as_deref(),
            Some(
                "load written: 66.66% of 600 ticks of steady; 195 missed by PostgreSQL, 5 missed by the writer"
            )
        );
        let json = serde_json::to_value(&load).expect("numbers");
        assert_eq!((&json["unit"], &json["planned"]), (&"ticks".into(), &600.0.into()));
        assert_eq!(WrittenLoad { missed_by_postgres: 0.0, missed_by_writer: 0.0, ..load }.line(), None);
    }
}
