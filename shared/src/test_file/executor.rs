//! How a scenario's load is shaped: k6's six executors with its options, and a search that k6 lacks.
//!
//! Lengths are scaled with `--time-scale`, users and rates with `--load-scale`; graceful periods stay.

use crate::time::Nanos;

/// How a scenario's load is shaped.
#[derive(Clone, Debug, PartialEq)]
pub enum Executor {
    /// k6's `shared-iterations`: so many iterations in total, done by whoever is free.
    SharedIterations(Iterations),
    /// k6's `per-vu-iterations`: so many iterations for each user.
    PerVuIterations(Iterations),
    /// k6's `constant-vus`: users that iterate for a time.
    ConstantVus(ConstantVus),
    /// k6's `ramping-vus`: a number of users that follows stages.
    RampingVus(RampingVus),
    /// k6's `constant-arrival-rate`: iterations start on a fixed schedule, whatever the system does.
    ConstantArrivalRate(ConstantArrivalRate),
    /// k6's `ramping-arrival-rate`: the same with a rate that follows stages.
    RampingArrivalRate(RampingArrivalRate),
    /// Finds the highest rate at which the thresholds hold and the backlog does not grow.
    CapacitySearch(CapacitySearch),
}

/// A number of iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iterations {
    /// Users.
    pub vus: u32,
    /// In total (`shared-iterations`), or of each user (`per-vu-iterations`).
    pub iterations: u64,
    /// After this no iteration starts; those not started count as dropped. Scaled.
    pub max_duration: Nanos,
}

/// A number of users for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantVus {
    /// Users.
    pub vus: u32,
    /// For how long. Scaled.
    pub duration: Nanos,
}

/// A number of users that follows stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RampingVus {
    /// Users at the start.
    pub start_vus: u32,
    /// At least one.
    pub stages: Vec<Stage<u32>>,
    /// How long a user whom the ramp removed may take to finish its iteration.
    pub graceful_ramp_down: Nanos,
}

/// One stage of a ramp: from the target before it to its own, in a straight line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage<T> {
    /// Index into [`super::Test::stages`].
    pub name: u16,
    /// Its length; zero means a jump. Scaled.
    pub duration: Nanos,
    /// Users, or iterations per [`RampingArrivalRate::per`], at its end. Scaled.
    pub target: T,
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
    /// How the starts are spaced.
    pub arrivals: Arrivals,
}

/// An open loop at a rate that follows stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RampingArrivalRate {
    /// The span that rates are counted in; the load scale's denominator is in it.
    pub per: Nanos,
    /// Iterations per [`Self::per`] at the start.
    pub start: u64,
    /// At least one; targets are iterations per [`Self::per`].
    pub stages: Vec<Stage<u64>>,
    /// Users made before the start.
    pub pre_allocated_vus: u32,
    /// Users made at most.
    pub max_vus: u32,
    /// How the starts are spaced.
    pub arrivals: Arrivals,
}

/// A search for the highest rate that holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CapacitySearch {
    /// The first probe's rate.
    pub start: Rate,
    /// No probe is faster.
    pub max: Rate,
    /// The search ends when the bracket is this narrow, as a share of its lower end; above 0, below 1.
    pub resolution: f64,
    /// Load of each probe before it counts. Scaled.
    pub settle: Nanos,
    /// The part of each probe that is judged. Scaled.
    pub probe: Nanos,
    /// Users made before the start.
    pub pre_allocated_vus: u32,
    /// Users made at most.
    pub max_vus: u32,
}

/// How starts are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// At equal distances, as in k6.
    #[default]
    Even,
    /// With exponentially distributed distances from the seed: independent callers.
    Poisson,
}

/// Iterations per span of time, as a fraction that scaling keeps exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Iterations, above 0.
    pub iterations: u64,
    /// In this span, above 0.
    pub per: Nanos,
}

impl Executor {
    /// k6's name for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SharedIterations(_) => "shared-iterations",
            Self::PerVuIterations(_) => "per-vu-iterations",
            Self::ConstantVus(_) => "constant-vus",
            Self::RampingVus(_) => "ramping-vus",
            Self::ConstantArrivalRate(_) => "constant-arrival-rate",
            Self::RampingArrivalRate(_) => "ramping-arrival-rate",
            Self::CapacitySearch(_) => "capacity-search",
        }
    }

    /// Users at the same time, at most.
    #[must_use]
    pub fn peak_users(&self) -> u32 {
        match self {
            Self::SharedIterations(load) | Self::PerVuIterations(load) => load.vus,
            Self::ConstantVus(load) => load.vus,
            Self::RampingVus(load) => {
                load.stages.iter().map(|stage| stage.target).fold(load.start_vus, u32::max)
            }
            Self::ConstantArrivalRate(load) => load.max_vus,
            Self::RampingArrivalRate(load) => load.max_vus,
            Self::CapacitySearch(load) => load.max_vus,
        }
    }

    /// Iterations in all, of an executor that counts them and ends with the last.
    #[must_use]
    pub fn counted_iterations(&self) -> Option<u64> {
        match self {
            Self::SharedIterations(load) => Some(load.iterations),
            Self::PerVuIterations(load) => Some(load.iterations.saturating_mul(load.vus.into())),
            _ => None,
        }
    }

    /// Iterations started per second, at most; nothing where they follow each other as the users get done.
    #[must_use]
    pub fn peak_rate_per_s(&self) -> Option<f64> {
        let rate = match self {
            Self::ConstantArrivalRate(load) => load.rate,
            Self::RampingArrivalRate(load) => {
                let iterations = load.stages.iter().map(|stage| stage.target).fold(load.start, u64::max);
                Rate { iterations, per: load.per }
            }
            Self::CapacitySearch(load) => load.max,
            Self::SharedIterations(_)
            | Self::PerVuIterations(_)
            | Self::ConstantVus(_)
            | Self::RampingVus(_) => return None,
        };
        Some(rate.per_second())
    }

    /// The length of its load, without graceful periods; for a number of iterations and for a search, at most.
    #[must_use]
    pub fn duration(&self) -> Nanos {
        match self {
            Self::SharedIterations(load) | Self::PerVuIterations(load) => load.max_duration,
            Self::ConstantVus(load) => load.duration,
            Self::RampingVus(load) => total(&load.stages),
            Self::ConstantArrivalRate(load) => load.duration,
            Self::RampingArrivalRate(load) => total(&load.stages),
            Self::CapacitySearch(load) => load.longest(),
        }
    }
}

impl CapacitySearch {
    /// Probes at most while the first rate holds: doubling up to the highest rate, halving the bracket down to
    /// the resolution, every failure repeated once, and the confirmation of the end.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    pub fn probes_max(&self) -> u32 {
        let doublings = (self.max.per_second() / self.start.per_second()).max(1.0).log2().ceil() as u32;
        let halvings = (1.0 / self.resolution).log2().ceil().max(0.0) as u32;
        doublings + 2 + 2 * (halvings + 1) + 2
    }

    /// How long the search takes at most, without the waits for a backlog between probes.
    #[must_use]
    pub fn longest(&self) -> Nanos {
        let probe = self.settle + self.probe;
        Nanos(probe.0.saturating_mul(i64::from(self.probes_max())))
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

fn total<T>(stages: &[Stage<T>]) -> Nanos {
    stages.iter().fold(Nanos::ZERO, |sum, stage| sum + stage.duration)
}
