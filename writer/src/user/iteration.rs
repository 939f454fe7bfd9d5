//! One iteration: the steps of a flow, one after the other.
//!
//! An operation that did not commit ends its iteration: what follows would have no row. A step for which there
//! is no row leaves out the rest of its own list of steps, is counted, and the iteration goes on after that
//! list. What is drawn by chance depends on the seed, the user and the iteration only: each step has a random
//! source of its own, so that a branch that was left out changes nothing after it. `operate` carries out the
//! operations, `transaction` those that commit together.

mod operate;
mod transaction;

use std::pin::Pin;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use streamgauge_shared::account::Phase;
use streamgauge_shared::ledger::Awaited;
use streamgauge_shared::test_file::{Action, Alternative, Step};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::watch;

use super::sessions::Sessions;
use super::{Context, LoadState, reached};
use crate::entity::{Author, Domain, of_steps};
use crate::rows::{Holding, UserRows};
use crate::schedule::Tick;
use transaction::Transaction;

/// How an iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It went through.
    Done,
    /// An operation did not commit.
    Failed,
    /// There was no session for an operation.
    NotConnected,
    /// It was cut.
    Cut,
}

/// Why a step is the last of its list, or of its iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There is no row for it; the iteration goes on after the list.
    NoRow,
    /// An operation did not commit.
    Failed,
    /// There was no session for an operation.
    NotConnected,
    /// It was cut.
    Cut,
    /// An awaited operation did not arrive, in the setup; the load goes on without it.
    Unseen {
        /// Of the row.
        entity: usize,
        /// How long it was waited for.
        timeout: Nanos,
    },
}

/// The operation that an `await` waits for.
#[derive(Clone, Copy, Debug)]
struct Last {
    sequence: u64,
    entity: usize,
}

pub(super) struct Iteration<'a> {
    pub(super) context: &'a Context,
    pub(super) author: Author<'a>,
    pub(super) phase: Phase,
    /// The scenario that its operations are counted for; the first for setup and teardown.
    pub(super) scenario: usize,
    /// The scenario's stage in which it started.
    pub(super) load_stage: Option<u16>,
    pub(super) state: &'a mut watch::Receiver<LoadState>,
    domain: Domain,
    rows: Holding<'a>,
    /// Nothing for what belongs to no scenario.
    pub(super) sessions: Option<Sessions<'a>>,
    last: Option<Last>,
    /// An operation became runnable in it.
    has_operations: bool,
    /// When the iteration was to start, until something in it has taken time.
    due: Option<UnixNanos>,
    /// The transaction that is open, while its steps are carried out.
    transaction: Option<Transaction<'a>>,
}

type Steps<'s> = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 's>>;

impl<'a> Iteration<'a> {
    /// An iteration of a scenario's load.
    pub(super) fn new(
        context: &'a Context,
        user: u32,
        number: u64,
        tick: Tick,
        state: &'a mut watch::Receiver<LoadState>,
        rows: &'a mut UserRows,
        sessions: Sessions<'a>,
    ) -> Self {
        let scenario = context.test.scenarios[tick.scenario].name.as_str();
        let author = Author { scenario, vu: user, iteration: number };
        Self {
            scenario: tick.scenario,
            load_stage: tick.stage,
            due: Some(tick.intended),
            sessions: Some(sessions),
            ..Self::apart(context, Domain::Scenario(tick.scenario), tick.phase, author, state, rows)
        }
    }

    /// An iteration that belongs to no scenario.
    pub(super) fn apart(
        context: &'a Context,
        domain: Domain,
        phase: Phase,
        author: Author<'a>,
        state: &'a mut watch::Receiver<LoadState>,
        rows: &'a mut UserRows,
    ) -> Self {
        let rows = rows.hold();
        Self {
            context,
            author,
            phase,
            scenario: 0,
            load_stage: None,
            state,
            domain,
            rows,
            sessions: None,
            last: None,
            has_operations: false,
            due: None,
            transaction: None,
        }
    }

    /// Carries out the scenario's flow.
    pub(super) async fn run(mut self) -> Outcome {
        let context = self.context;
        match self.carry_out(&context.test.scenarios[self.scenario].flow).await {
            Ok(()) | Err(Stop::NoRow) => {
                if !self.has_operations {
                    self.wrote();
                }
                Outcome::Done
            }
            Err(Stop::Failed | Stop::Unseen { .. }) => Outcome::Failed,
            Err(Stop::NotConnected) => Outcome::NotConnected,
            Err(Stop::Cut) => Outcome::Cut,
        }
    }

    /// Carries out a flow.
    pub(super) async fn carry_out(&mut self, flow: &'a [Step]) -> Result<(), Stop> {
        let Author { vu, iteration, .. } = self.author;
        let seed = of_steps(self.context.seeds, self.domain, vu, iteration).next_u64();
        self.list(flow, seed).await
    }

    /// A list of steps, and the end of what was picked in it.
    fn list<'s>(&'s mut self, steps: &'a [Step], seed: u64) -> Steps<'s> {
        Box::pin(async move {
            let mark = self.rows.mark();
            let mut seeds = StdRng::seed_from_u64(seed);
            for step in steps {
                let random = StdRng::seed_from_u64(seeds.next_u64());
                match self.step(step, random).await {
                    Ok(()) => {}
                    Err(Stop::NoRow) => {
                        match &mut self.transaction {
                            // Counted once, however often it is sent.
                            Some(transaction) => transaction.is_short = true,
                            None => self.skip(),
                        }
                        break;
                    }
                    Err(stop) => return Err(stop),
                }
            }
            self.rows.release_since(mark);
            Ok(())
        })
    }

    async fn step(&mut self, step: &'a Step, mut random: StdRng) -> Result<(), Stop> {
        match &step.action {
            Action::Create { .. } | Action::Update { .. } | Action::Delete { .. } => {
                self.operate(step, &mut random).await
            }
            Action::Transaction(flow) => self.transaction(flow, random.next_u64()).await,
            Action::Await { timeout } => self.wait(timeout.of(self.author.vu)).await,
            Action::Pause { min, max } => {
                let span = Nanos(random.random_range(min.0..=max.0.max(min.0)));
                self.pause(span).await
            }
            Action::Choose(alternatives) => {
                let flow = chosen(alternatives, &mut random);
                self.list(flow, random.next_u64()).await
            }
            Action::Maybe { probability, flow } => {
                if random.random_bool(*probability) {
                    self.list(flow, random.next_u64()).await?;
                }
                Ok(())
            }
            Action::Repeat { times, flow } => {
                for _ in 0..*times {
                    self.list(flow, random.next_u64()).await?;
                }
                Ok(())
            }
        }
    }

    fn skip_if(&self, is_short: bool) {
        if is_short {
            self.skip();
        }
    }

    fn skip(&self) {
        match self.phase {
            Phase::Run => self.context.counts[self.scenario].skip_step(),
            Phase::WarmUp => {}
            Phase::Setup | Phase::Teardown => {
                tracing::warn!("{}: a step was left out, there is no row for it", self.author.scenario);
            }
        }
    }

    /// Waits until the observer has seen the last operation, or for as long as the step says.
    async fn wait(&mut self, timeout: Nanos) -> Result<(), Stop> {
        let Some(Last { sequence, entity }) = self.last else { return Ok(()) };
        let deadline = self.context.clock.now() + timeout;
        let answer = self.context.ledger.wait_for(Awaited { sequence, deadline });
        let settled = async {
            match answer.await {
                Ok(arrived) => arrived,
                // Nobody will ever know: as if it did not arrive in time.
                Err(_) => std::future::pending().await,
            }
        };
        self.due = None;
        let _waiting = self.context.counts[self.scenario].wait();
        let arrived = tokio::select! {
            biased;
            arrived = settled => arrived,
            () = reached(self.state, LoadState::Cut) => return Err(Stop::Cut),
            () = tokio::time::sleep(timeout.to_std()) => false,
        };
        if self.phase == Phase::Setup && !arrived {
            return Err(Stop::Unseen { entity, timeout });
        }
        Ok(())
    }

    async fn pause(&mut self, span: Nanos) -> Result<(), Stop> {
        self.due = None;
        let _waiting = self.context.counts[self.scenario].wait();
        tokio::select! {
            biased;
            () = reached(self.state, LoadState::Cut) => Err(Stop::Cut),
            () = tokio::time::sleep(span.to_std()) => Ok(()),
        }
    }
}

/// One of several flows, by weight.
fn chosen<'a>(alternatives: &'a [Alternative], random: &mut StdRng) -> &'a [Step] {
    let sum: u64 = alternatives.iter().map(|alternative| u64::from(alternative.weight)).sum();
    let mut left = random.random_range(0..sum);
    for alternative in alternatives {
        match left.checked_sub(alternative.weight.into()) {
            Some(rest) => left = rest,
            None => return &alternative.flow,
        }
    }
    unreachable!("what is drawn is below the sum of the weights")
}

#[cfg(test)]
mod tests;
