//! What an iteration does: steps, the rows they work on, and the pools that rows are kept in.

use super::model::Generator;
use crate::account::Operation;
use crate::time::Nanos;

/// One step of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The group its own operations belong to: index into [`super::Test::groups`]. Steps within it have their own.
    pub group: Option<u16>,
    /// What it does.
    pub action: Action,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Inserts a row.
    Create {
        /// Index into the model's entities.
        entity: usize,
        /// Columns that this step fills its own way; the others take the model's generators.
        set: Vec<Setting>,
        /// For each column that refers to another row, by index of the column: where that row comes from.
        parents: Vec<(usize, RowFrom)>,
        /// The pool that takes the row once its insert has committed: index into [`super::Test::pools`].
        into: Option<usize>,
        /// What a later `check` step expects of its arrival: index into [`super::Test::checks`].
        check: Option<u16>,
    },
    /// Updates a row, its stamp included.
    Update {
        /// Index into the model's entities.
        entity: usize,
        /// Which row.
        row: RowFrom,
        /// What changes; at least one column, none of them of the key.
        set: Vec<Setting>,
        /// As in [`Action::Create`].
        check: Option<u16>,
    },
    /// Deletes a row, and before it, each by an operation of its own, the rows of ours that refer to it.
    Delete {
        /// Index into the model's entities.
        entity: usize,
        /// Which row.
        row: RowFrom,
    },
    /// Waits until the observer has seen this user's last operation.
    Await {
        /// From the start of the wait.
        timeout: Timeout,
    },
    /// Does nothing for a time, drawn evenly from a range.
    Pause {
        /// The shortest.
        min: Nanos,
        /// The longest; equal to `min` for a fixed pause.
        max: Nanos,
    },
    /// One of several flows, drawn by weight.
    Choose(Vec<Alternative>),
    /// A flow that takes place with a probability.
    Maybe {
        /// From 0 to 1.
        probability: f64,
        /// What may take place.
        flow: Vec<Step>,
    },
    /// Operations that commit together, or not at all: creates, updates and deletes, no other steps.
    Transaction(Vec<Step>),
    /// A flow several times.
    Repeat {
        /// How often, at least once.
        times: u32,
        /// What is repeated.
        flow: Vec<Step>,
    },
}

/// One of the flows of a `choose`.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Its share of the sum of all weights; above 0.
    pub weight: u32,
    /// What it does.
    pub flow: Vec<Step>,
}

/// One column that a step fills its own way.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Index into the entity's columns.
    pub column: usize,
    /// With what.
    pub value: Generator,
}

/// Which row a step works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFrom {
    /// The row of the entity that this iteration made or picked last. The step is left out, with the rest of
    /// its list of steps, when there is none at that moment.
    Own,
    /// One from a pool that nobody works on. It is this iteration's until the end of the list of steps in
    /// which it was picked. As above when there is none.
    Pool {
        /// Index into [`super::Test::pools`].
        pool: usize,
        /// Which one.
        pick: Pick,
        /// At least this many live rows must be in the pool besides the one picked.
        keep: u32,
    },
}

/// Which of a pool's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// Any, each as likely.
    #[default]
    Random,
    /// The one that has been in the pool for longest.
    Oldest,
}

/// Rows that live on beyond their iteration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name in the file.
    pub name: String,
    /// What is in it: index into the model's entities.
    pub entity: usize,
    /// Who shares it.
    pub scope: Scope,
}

/// Who shares a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All users of the run.
    #[default]
    Shared,
    /// Nobody: each user has its own.
    User,
}

/// How long an `await` waits: `base`, and more for users of a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// For users 1 to 9.
    pub base: Nanos,
    /// Added for each ten of the user's number.
    pub per_10_users: Nanos,
    /// At most.
    pub max: Nanos,
}

/// What the arrived row must say. Bound to the operation before it when the file is read, so that the observer
/// knows it when the row arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Index into the model's entities.
    pub entity: usize,
    /// Index of each column, and its text where the check names one; otherwise it must be as written.
    pub columns: Vec<(usize, Option<super::Literal>)>,
}

impl Timeout {
    /// The same for every user.
    #[must_use]
    pub const fn fixed(span: Nanos) -> Self {
        Self { base: span, per_10_users: Nanos::ZERO, max: span }
    }

    /// For the user with this number, from 1.
    #[must_use]
    pub fn of(self, user: u32) -> Nanos {
        let more = self.per_10_users.0.saturating_mul(i64::from(user / 10));
        Nanos(self.base.0.saturating_add(more)).min(self.max)
    }
}

impl Action {
    /// The operation that it is on its own, without the flows within it.
    #[must_use]
    pub const fn operation(&self) -> Option<(usize, Operation)> {
        match self {
            Self::Create { entity, .. } => Some((*entity, Operation::Create)),
            Self::Update { entity, .. } => Some((*entity, Operation::Update)),
            Self::Delete { entity, .. } => Some((*entity, Operation::Delete)),
            _ => None,
        }
    }

    /// How long it pauses on average, seconds.
    #[must_use]
    pub fn mean_pause_s(&self) -> f64 {
        match self {
            Self::Pause { min, max } => f64::midpoint(min.as_secs_f64(), max.as_secs_f64()),
            _ => 0.0,
        }
    }

    /// How many rows it puts into pools, less what it takes out for good.
    #[must_use]
    pub const fn pooled(&self) -> f64 {
        match self {
            Self::Create { into: Some(_), .. } => 1.0,
            Self::Delete { row: RowFrom::Pool { .. }, .. } => -1.0,
            _ => 0.0,
        }
    }

    /// The flows within it, each with how often it takes place on average.
    #[must_use]
    pub fn inner(&self) -> Vec<(f64, &[Step])> {
        match self {
            Self::Choose(alternatives) => {
                let weights: f64 = alternatives.iter().map(|one| f64::from(one.weight)).sum();
                alternatives.iter().map(|one| (f64::from(one.weight) / weights, &one.flow[..])).collect()
            }
            Self::Maybe { probability, flow } => vec![(*probability, flow)],
            Self::Transaction(flow) => vec![(1.0, flow)],
            Self::Repeat { times, flow } => vec![(f64::from(*times), flow)],
            _ => Vec::new(),
        }
    }
}

impl Step {
    /// Calls `visit` for this step and every step within it, in the order of the file.
    pub fn visit(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        for (_, flow) in self.action.inner() {
            flow.iter().for_each(|step| step.visit(visit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_grows_with_the_users_number_up_to_its_maximum() {
        let ms = Nanos::from_millis;
        // (10 + number/10, at most 30) × 300 ms
        let timeout = Timeout { base: ms(3_000), per_10_users: ms(300), max: ms(9_000) };
        let spans = [1, 9, 10, 57, 199, 200, 1_000].map(|user| timeout.of(user));
        assert_eq!(spans, [ms(3_000), ms(3_000), ms(3_300), ms(4_500), ms(8_700), ms(9_000), ms(9_000)]);
        assert_eq!(Timeout::fixed(ms(5)).of(100), ms(5));
    }
}
