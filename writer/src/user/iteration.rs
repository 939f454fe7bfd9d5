//! One iteration: the steps of a scenario's flow, one after the other.
//!
//! An operation that did not commit ends its iteration: what follows would have no row. A row that was
//! created and is not deleted stays for the clean-up.

use streamgauge_shared::ledger::Awaited;
use streamgauge_shared::test_file::Action;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::watch;
use uuid::Uuid;

use super::operation::{Statement, Write};
use super::{Context, Stage, reached};
use crate::entity::Author;
use crate::schedule::Tick;

/// How an iteration, or one of its steps, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It went through.
    Done,
    /// An operation did not commit.
    Failed,
    /// It was cut.
    Cut,
}

pub(super) struct Iteration<'a> {
    pub(super) context: &'a Context,
    pub(super) author: Author<'a>,
    pub(super) tick: Tick,
    pub(super) stage: &'a mut watch::Receiver<Stage>,
    /// Rows that this iteration made and has not deleted: entity and key.
    rows: Vec<(usize, Uuid)>,
    /// The last operation's sequence.
    last: Option<u64>,
}

impl<'a> Iteration<'a> {
    pub(super) fn new(
        context: &'a Context,
        user: u32,
        number: u64,
        tick: Tick,
        stage: &'a mut watch::Receiver<Stage>,
    ) -> Self {
        let scenario = context.test.scenarios[tick.scenario].name.as_str();
        let author = Author { scenario, vu: user, iteration: number };
        Self { context, author, tick, stage, rows: Vec::new(), last: None }
    }

    pub(super) async fn run(mut self) -> Outcome {
        let context = self.context;
        for step in &context.test.scenarios[self.tick.scenario].flow {
            let outcome = match &step.action {
                Action::Create { entity, set, .. } => self.write(*entity, Statement::Insert { set }).await,
                Action::Delete { entity, .. } => match self.take_row(*entity) {
                    Some(key) => self.write(*entity, Statement::Delete { key }).await,
                    None => unreachable!("a flow is checked: a delete follows a create of its entity"),
                },
                Action::Await { timeout } => self.wait(timeout.of(self.author.vu)).await,
                _ => unreachable!("the file's reader takes no other step yet"),
            };
            if outcome != Outcome::Done {
                return outcome;
            }
        }
        Outcome::Done
    }

    /// The row of this entity that was made last.
    fn take_row(&mut self, entity: usize) -> Option<Uuid> {
        let index = self.rows.iter().rposition(|(other, _)| *other == entity)?;
        Some(self.rows.remove(index).1)
    }

    async fn write(&mut self, entity: usize, statement: Statement<'_>) -> Outcome {
        let is_insert = matches!(statement, Statement::Insert { .. });
        let write = Write { entity, statement, intended: self.intended() };
        match write.carry_out(self).await {
            Ok(written) => {
                self.last = Some(written.sequence);
                if is_insert {
                    self.rows.push((entity, written.key));
                }
                Outcome::Done
            }
            Err(outcome) => outcome,
        }
    }

    /// The tick for an iteration's first operation; for each other, the moment its step becomes runnable.
    fn intended(&self) -> UnixNanos {
        if self.last.is_none() { self.tick.intended } else { self.context.clock.now() }
    }

    /// Waits until the observer has seen the last operation, or for as long as the step says.
    async fn wait(&mut self, timeout: Nanos) -> Outcome {
        let Some(sequence) = self.last else { return Outcome::Done };
        let deadline = self.context.clock.now() + timeout;
        let answer = self.context.ledger.wait_for(Awaited { sequence, deadline });
        let settled = async {
            if answer.await.is_err() {
                // Nobody will ever know: as if it did not arrive in time.
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = settled => Outcome::Done,
            () = reached(self.stage, Stage::Cut) => Outcome::Cut,
            () = tokio::time::sleep(timeout.to_std()) => Outcome::Done,
        }
    }
}
