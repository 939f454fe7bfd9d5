//! Test files: what a run does, read from TOML with every mistake reported at once.
//!
//! The writer reads the files and hands their texts to the observer, which parses the same texts with the
//! same scales: both programs know the test from one source. This module does no I/O.

mod mistake;
mod model;
mod parse;
mod plan;
mod reader;
mod scale;
mod template;

pub use mistake::{Mistake, Mistakes};
pub use model::{Column, ColumnType, Deletes, Entity, Generator, Landing, Model};
pub use parse::parse;
pub use plan::Plan;
pub use scale::{Scale, ScaleError};
pub use template::{Placeholder, Template};

use serde::{Deserialize, Serialize};

use crate::threshold::Threshold;
use crate::time::Nanos;

/// The text of a file and the name a user knows it by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// As the user named it; for messages and the report.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A test as it will run: parsed, checked, scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The file's name without folder and ending.
    pub name: String,
    /// What is written, and where it lands.
    pub model: Model,
    /// The same load, before it counts. Scaled.
    pub warm_up: Nanos,
    /// Deadline of a row that nobody awaits, from `sent`.
    pub arrival_timeout: Nanos,
    /// When a row that has not arrived is given up, from `sent`.
    pub lost_after: Nanos,
    /// How long to wait, at most, for what is pending after the load.
    pub drain: Nanos,
    /// Whether the writer's sessions wait for their commits to be durable.
    pub synchronous_commit: bool,
    /// At least one, in the file's order.
    pub scenarios: Vec<Scenario>,
    /// In the file's order.
    pub thresholds: Vec<Threshold>,
    /// What lengths were multiplied with.
    pub time_scale: Scale,
    /// What users and rates were multiplied with.
    pub load_scale: Scale,
}

/// One load beside others.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Letters, digits, `_` and `-`.
    pub name: String,
    /// When its load starts, after the warm-up. Scaled.
    pub start_time: Nanos,
    /// How long iterations may go on once no new one starts.
    pub graceful_stop: Nanos,
    /// How its load is shaped.
    pub executor: Executor,
    /// What one iteration does.
    pub flow: Vec<Step>,
}

/// How a scenario's load is shaped.
#[derive(Clone, Debug, PartialEq)]
pub enum Executor {
    /// k6's `constant-arrival-rate`: iterations start on a fixed schedule, whatever the system does.
    ConstantArrivalRate(ConstantArrivalRate),
}

/// An open loop at one rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantArrivalRate {
    /// Iterations started per time unit.
    pub rate: Rate,
    /// For how long. Scaled.
    pub duration: Nanos,
    /// Users made before the start.
    pub pre_allocated_vus: u32,
    /// Users made at most.
    pub max_vus: u32,
}

/// Iterations per span of time, as a fraction that scaling keeps exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Iterations, above 0.
    pub iterations: u64,
    /// In this span, above 0.
    pub per: Nanos,
}

/// One step of an iteration.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Inserts a row.
    Create {
        /// Index into the model's entities.
        entity: usize,
        /// Columns that this step fills its own way: index into the entity's columns.
        set: Vec<(usize, Template)>,
    },
    /// Waits until the observer has seen this user's last operation.
    Await {
        /// From the start of the wait.
        timeout: Nanos,
    },
    /// Deletes the row of this entity that the iteration made last.
    Delete {
        /// Index into the model's entities.
        entity: usize,
    },
}

impl Test {
    /// Index of an entity by its name.
    #[must_use]
    pub fn entity(&self, name: &str) -> Option<usize> {
        self.model.entities.iter().position(|entity| entity.name == name)
    }

    /// Users at the same time, at most, over all scenarios.
    #[must_use]
    pub fn peak_users(&self) -> u32 {
        self.scenarios.iter().map(|scenario| scenario.executor.peak_users()).sum()
    }
}

impl Executor {
    /// Users at the same time, at most.
    #[must_use]
    pub const fn peak_users(&self) -> u32 {
        match self {
            Self::ConstantArrivalRate(arrivals) => arrivals.max_vus,
        }
    }

    /// The length of its load.
    #[must_use]
    pub const fn duration(&self) -> Nanos {
        match self {
            Self::ConstantArrivalRate(arrivals) => arrivals.duration,
        }
    }
}

impl Rate {
    /// Iterations per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    pub fn per_second(self) -> f64 {
        self.iterations as f64 / self.per.as_secs_f64()
    }
}
