//! What a test will do, worked out without touching a database.
//!
//! Exact where a schedule says it. What depends on the system under test is said as a bound or as an
//! expectation, and marked so: a plan never pretends to know how fast the system is.

mod expected;
mod iterations;
mod memory;
mod numbers;

use std::collections::BTreeMap;

pub use memory::{ENTRY_BYTES, Memory, MemoryPart};

use super::{Executor, Scenario, Test};
use crate::account::Operation;
use crate::time::Nanos;

/// Sessions with PostgreSQL at most, unless the user asks for more: beyond that a usual server refuses or slows
/// down.
pub const CONNECTIONS_MAX: u32 = 64;
/// The figures of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// One for each scenario, in the file's order.
    pub scenarios: Vec<ScenarioPlan>,
    /// What the setup writes, expected.
    pub setup: Vec<Operations>,
    /// What the teardown writes, expected.
    pub teardown: Vec<Operations>,
    /// Users at the same time, at most.
    pub peak_users: u32,
    /// Iterations started per second, at most, over all scenarios with an open loop; nothing without one.
    pub peak_rate_per_s: Option<f64>,
    /// Sessions with PostgreSQL, unless the user says otherwise.
    pub connections: u32,
    /// What the programs are estimated to take.
    pub memory: Memory,
    /// From the first tick of the warm-up to the end of the last schedule.
    pub load: Nanos,
    /// The longest it can take, with graceful stop and drain; setup, teardown and clean-up come on top. Of a
    /// search without the waits for a backlog between its probes.
    pub longest: Nanos,
}

/// The figures of one scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct ScenarioPlan {
    /// Its name.
    pub name: String,
    /// Iterations after the warm-up.
    pub iterations: Count,
    /// What they write, in the order of entities and operations.
    pub operations: Vec<Operations>,
    /// Users at the same time, at most.
    pub peak_users: u32,
    /// Iterations started per second, at most; nothing for a closed loop.
    pub peak_rate_per_s: Option<f64>,
    /// The length of its load.
    pub load: Nanos,
}

/// How many, and how well that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// The schedule says it. Ticks without a free user and iterations not begun in time are dropped.
    Exactly(u64),
    /// The mean of what chance gives.
    About(u64),
    /// What the pauses alone allow, on average; the time that operations and waits take makes it fewer.
    AtMost(u64),
    /// A closed loop without a pause: as many as the system takes.
    Unknown,
}

/// Operations of one kind on one entity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operations {
    /// Index into the model's entities.
    pub entity: usize,
    /// Which.
    pub operation: Operation,
    /// In one iteration, expected: weights and probabilities counted in. Of setup and teardown: in all.
    pub each: f64,
    /// In all, when none fails and every step has a row to work on.
    pub total: Count,
}

impl Plan {
    /// The plan of a test.
    #[must_use]
    pub fn of(test: &Test) -> Self {
        let scenarios: Vec<ScenarioPlan> = test.scenarios.iter().map(ScenarioPlan::of).collect();
        let peak_users = test.peak_users();
        let rates: Vec<f64> = scenarios.iter().filter_map(|scenario| scenario.peak_rate_per_s).collect();
        let end = |scenario: &Scenario| test.warm_up + scenario.start_time + scenario.executor.duration();
        let load = test.scenarios.iter().map(end).max().unwrap_or(test.warm_up);
        let stopped = |scenario: &Scenario| end(scenario) + grace(scenario);
        let longest = test.scenarios.iter().map(stopped).max().unwrap_or(load) + test.drain;
        let connections = peak_users.clamp(1, CONNECTIONS_MAX);
        let mut plan = Self {
            setup: once(&test.setup),
            teardown: once(&test.teardown),
            peak_users,
            peak_rate_per_s: (!rates.is_empty()).then(|| rates.iter().sum()),
            connections,
            memory: Memory::default(),
            load,
            longest,
            scenarios,
        };
        plan.memory = Memory::of(test, &plan);
        plan
    }
}

impl ScenarioPlan {
    fn of(scenario: &Scenario) -> Self {
        let iterations = iterations::of(&scenario.executor, expected::pauses(&scenario.flow));
        let operations = expected::operations(&scenario.flow)
            .into_iter()
            .map(|((entity, operation), each)| Operations {
                entity,
                operation,
                each,
                total: iterations.times(each),
            })
            .collect();
        Self {
            name: scenario.name.clone(),
            iterations,
            operations,
            peak_users: scenario.executor.peak_users(),
            peak_rate_per_s: scenario.executor.peak_rate_per_s(),
            load: scenario.executor.duration(),
        }
    }
}

impl Count {
    /// The number, whatever it means; 0 where nothing is known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "for estimates")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Exactly(count) | Self::About(count) | Self::AtMost(count) => count as f64,
            Self::Unknown => 0.0,
        }
    }

    /// The number, where one is known.
    #[must_use]
    pub const fn number(self) -> Option<u64> {
        match self {
            Self::Exactly(count) | Self::About(count) | Self::AtMost(count) => Some(count),
            Self::Unknown => None,
        }
    }

    /// So many times `each`; exact only where `each` is a whole number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    fn times(self, each: f64) -> Self {
        let product = (self.as_f64() * each).round() as u64;
        match self {
            Self::Exactly(count) if each.fract() == 0.0 => Self::Exactly(count.saturating_mul(each as u64)),
            Self::Exactly(_) | Self::About(_) => Self::About(product),
            Self::AtMost(_) => Self::AtMost(product),
            Self::Unknown => Self::Unknown,
        }
    }
}

/// What a flow that is done once writes.
fn once(flow: &[super::Step]) -> Vec<Operations> {
    let written: BTreeMap<(usize, Operation), f64> = expected::operations(flow);
    written
        .into_iter()
        .map(|((entity, operation), each)| Operations {
            entity,
            operation,
            each,
            total: Count::Exactly(1).times(each),
        })
        .collect()
}

/// How long iterations may go on after the schedule.
fn grace(scenario: &Scenario) -> Nanos {
    match &scenario.executor {
        // A ramp that ends at a lower number still owes its users their ramp-down.
        Executor::RampingVus(load) => scenario.graceful_stop.max(load.graceful_ramp_down),
        _ => scenario.graceful_stop,
    }
}

#[cfg(test)]
mod tests;
