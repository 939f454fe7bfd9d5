//! Thresholds in k6's grammar: what must hold for a run to pass, and whether it does.
//!
//! `grammar` reads them, `meaning` refuses those that no run can decide, `evaluate` judges them on figures,
//! `watch` follows one that is judged on a window each second. All pure: time is an argument.

mod evaluate;
mod grammar;
mod meaning;
mod watch;

pub use evaluate::{Figures, Judgement, LatencyFigures, judge};
pub use grammar::{ExpressionError, Key, KeyError, split_key};
pub use meaning::{Fate, Meaningless, Meant};
pub use watch::Watch;

use crate::account::Operation;
use crate::time::Nanos;
use crate::timeline::Latency;

/// One threshold of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// What is judged.
    pub metric: Metric,
    /// Which part of it; all when empty.
    pub tags: Tags,
    /// The key as the test writes it: `cdc_e2e_latency{operation:create}`.
    pub key: String,
    /// What must hold.
    pub expression: Expression,
    /// Whether the run stops once the threshold certainly fails.
    pub abort_on_fail: bool,
    /// How long into the run an abort waits, so that a slow start does not end it.
    pub delay_abort_eval: Nanos,
    /// Judged each second on what arrived in a window of this length, and on what is pending; it fails when it
    /// was crossed in any window for longer than `recover_within`. Absent: judged on everything since the start.
    /// Scaled.
    pub over: Option<Nanos>,
    /// A window with fewer samples is not judged; a run with fewer fails as "no data".
    pub min_samples: u64,
    /// How long a windowed threshold may stay crossed. Scaled.
    pub recover_within: Nanos,
}

/// The metrics that thresholds can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// A distribution; k6 calls it a trend.
    Latency(Latency),
    /// A share of successes.
    Rate(Rate),
    /// A number that only grows.
    Counter(Counter),
}

/// The shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rate {
    /// (delivered + superseded) / (entries − pending).
    CdcSuccessRate,
    /// (rejected + unknown) / entries.
    PgWriteFailed,
    /// Each operation: written, arrived, its data matches.
    Checks,
}

/// The counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Iterations that ran to their end.
    Iterations,
    /// Iterations that ended because an operation did not commit.
    FailedIterations,
    /// Ticks for which no virtual user was free.
    DroppedIterations,
    /// Failed attempts to write.
    PgWriteErrors,
    /// Errors of the change stream.
    ObserverErrors,
    /// Steps left out, each with the rest of its list, because there was no row for them.
    SkippedSteps,
    /// Deletes that committed and that the model expects no event of (`deletes = "ignored"`).
    NotExpected,
}

/// Which part of a metric; `None` means all. Indexes are those of the test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tags {
    /// Only this scenario.
    pub scenario: Option<u16>,
    /// Only this entity.
    pub entity: Option<u16>,
    /// Only this operation.
    pub operation: Option<Operation>,
    /// Only steps of this group.
    pub group: Option<u16>,
    /// Only iterations that started in stages of this name.
    pub stage: Option<u16>,
}

/// `aggregate operator bound`, for example `p(95)<2000`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// What is taken of the metric.
    pub aggregate: Aggregate,
    /// How it is compared.
    pub operator: Operator,
    /// With what: milliseconds for a latency, else a plain number.
    pub bound: f64,
    /// As the test writes it.
    pub text: String,
}

/// What is taken of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The arithmetic mean of what arrived.
    Avg,
    /// The smallest of what arrived.
    Min,
    /// The largest.
    Max,
    /// A percentile from 0 to 100; `med` is the 50th.
    Percentile(f64),
    /// How many.
    Count,
    /// The share of a rate; for a counter, how many per second.
    Rate,
}

/// How a value is compared with the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==` and `===`
    Equal,
    /// `!=`
    NotEqual,
}

impl Tags {
    /// Whether they narrow by group or stage: what no entity, operation and scenario together add up to.
    #[must_use]
    pub const fn is_slice(self) -> bool {
        self.group.is_some() || self.stage.is_some()
    }
}

impl Metric {
    /// Every name that a threshold may use.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let latencies = Latency::ALL.into_iter().map(Latency::name);
        let rates = Rate::ALL.into_iter().map(Rate::name);
        latencies.chain(rates).chain(Counter::ALL.into_iter().map(Counter::name))
    }

    /// The metric of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let latency = name.parse().ok().map(Self::Latency);
        let rate = || Rate::ALL.into_iter().find(|rate| rate.name() == name).map(Self::Rate);
        let counter = || Counter::ALL.into_iter().find(|counter| counter.name() == name).map(Self::Counter);
        latency.or_else(rate).or_else(counter)
    }

    /// The methods that its expressions may use, as an error message lists them.
    #[must_use]
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Latency(_) => "avg, min, max, med, p(N)",
            Self::Rate(_) => "rate",
            Self::Counter(_) => "count, rate",
        }
    }
}

impl Rate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::CdcSuccessRate, Self::PgWriteFailed, Self::Checks];

    /// The name in thresholds and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CdcSuccessRate => "cdc_success_rate",
            Self::PgWriteFailed => "pg_write_failed",
            Self::Checks => "checks",
        }
    }
}

impl Counter {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Iterations,
        Self::FailedIterations,
        Self::DroppedIterations,
        Self::PgWriteErrors,
        Self::ObserverErrors,
        Self::SkippedSteps,
        Self::NotExpected,
    ];

    /// The name in thresholds and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::FailedIterations => "failed_iterations",
            Self::DroppedIterations => "dropped_iterations",
            Self::PgWriteErrors => "pg_write_errors",
            Self::ObserverErrors => "observer_errors",
            Self::SkippedSteps => "skipped_steps",
            Self::NotExpected => "not_expected",
        }
    }
}
