//! Test files: what a run does, read from TOML with every mistake reported at once.
//!
//! The writer reads the files and hands their texts to the observer, which parses the same texts with the
//! same scales: both programs know the test from one source. This module does no I/O.

mod column_type;
mod executor;
pub mod field_path;
mod flow;
mod mistake;
mod model;
mod name;
mod parse;
mod plan;
mod ramp;
mod reader;
mod scale;
mod sequence;
mod template;
mod window;

pub use column_type::ColumnType;
pub use executor::{
    Arrivals, CapacitySearch, ConstantArrivalRate, ConstantVus, Executor, Iterations, RampingArrivalRate,
    RampingVus, Rate, Stage,
};
pub use flow::{Action, Alternative, Check, Pick, Pool, RowFrom, Scope, Setting, Step, Timeout};
pub use mistake::{Mistake, Mistakes};
pub use model::{
    Column, DELETED_MARK, Deletes, DocumentKey, Entity, Generator, Landing, ListLength, Literal, Model,
    UNAVAILABLE,
};
pub use name::{NAME_BYTES_MAX, NameError, QualifiedName, quoted};
pub use parse::{parse, parse_model};
pub use plan::{CONNECTIONS_MAX, Count, ENTRY_BYTES, Memory, MemoryPart, Operations, Plan, ScenarioPlan};
pub use ramp::RampStage;
pub use scale::{Scale, ScaleError};
pub use sequence::{NumberText, Sequence};
pub use template::{Placeholder, Template};
pub use window::{CELLS_MAX, cell_of};

use serde::{Deserialize, Serialize};

use crate::threshold::{Tags, Threshold};
use crate::time::Nanos;
use crate::timeline::Latency;

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
    /// Rows that the test needs before its load; one user does it, in the phase `setup`.
    pub setup: Vec<Step>,
    /// What one user does after the load, in the phase `teardown`; the clean-up comes after it.
    pub teardown: Vec<Step>,
    /// At least one, in the file's order.
    pub scenarios: Vec<Scenario>,
    /// Rows that live on beyond their iteration.
    pub pools: Vec<Pool>,
    /// What arrivals must say.
    pub checks: Vec<Check>,
    /// Names of groups of steps.
    pub groups: Vec<String>,
    /// Names of stages over all scenarios; a stage without a name has its number, from 1.
    pub stages: Vec<String>,
    /// In the file's order.
    pub thresholds: Vec<Threshold>,
    /// The latency that everything shown leads with.
    pub headline: Headline,
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
    /// What its report is to answer.
    pub findings: Vec<Question>,
    /// The distance of a soak's checkpoints. Scaled.
    pub checkpoint: Nanos,
}

/// The latency that summary, page, comparison and SLA lead with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headline {
    /// As a threshold's key is written: `cdc_e2e_latency{operation:create}`.
    pub key: String,
    /// Which latency; one that ends with the arrival.
    pub latency: Latency,
    /// The entity and the operation that it is narrowed to, or neither.
    pub tags: Tags,
}

impl Default for Headline {
    /// From sent to observed, over all operations.
    fn default() -> Self {
        let latency = Latency::CdcE2eLatency;
        Self { key: latency.name().to_owned(), latency, tags: Tags::default() }
    }
}

/// A question that a scenario's report answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The load at which a threshold was first crossed and stayed crossed.
    BreakingPoint,
    /// How long after the load fell the latency was back in its earlier band.
    Recovery,
    /// How long the backlog of a spike took to be worked off.
    CatchUp,
    /// Whether latency, iteration time and memory stay as they are.
    Stability,
}

impl Test {
    /// Index of an entity by its name.
    #[must_use]
    pub fn entity(&self, name: &str) -> Option<usize> {
        self.model.entities.iter().position(|entity| entity.name == name)
    }

    /// Its capacity search, if it is one.
    #[must_use]
    pub fn capacity_search(&self) -> Option<&CapacitySearch> {
        self.scenarios.iter().find_map(|scenario| match &scenario.executor {
            Executor::CapacitySearch(search) => Some(search),
            _ => None,
        })
    }

    /// Users at the same time, at most, over all scenarios.
    #[must_use]
    pub fn peak_users(&self) -> u32 {
        self.scenarios.iter().map(|scenario| scenario.executor.peak_users()).sum()
    }
}
