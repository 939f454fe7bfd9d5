//! Virtual users: each a task that waits for a tick, carries out one iteration, and is free again.
//!
//! One operation is in flight per user. A free user stands in a bounded queue from which the pacer takes it
//! without waiting; the tick reaches the user through a queue of one place. What users share is [`Context`],
//! of atomics and queues only: no user waits for another, except for a session with PostgreSQL.

mod context;
mod dispatch;
mod iteration;
mod operation;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use streamgauge_shared::account::Phase;
use streamgauge_shared::ledger::{Iteration as Ended, Record};
use tokio::sync::{mpsc, watch};

use crate::schedule::Tick;

pub use context::{Context, ScenarioCount};
pub use dispatch::{Dispatcher, GROW_MAX};
use iteration::{Iteration, Outcome};

/// How far the end of a scenario's load has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Ticks come.
    Running,
    /// No tick comes any more; who is in an iteration finishes it.
    Stopping,
    /// Who is in an iteration ends at its next wait.
    Cut,
}

/// A free user, as the pacer holds it.
#[derive(Clone, Debug)]
pub struct FreeUser(mpsc::Sender<Tick>);

/// One virtual user.
pub struct User {
    context: Arc<Context>,
    scenario: usize,
    /// From 1, as in k6.
    number: u32,
    ticks: mpsc::Receiver<Tick>,
    itself: FreeUser,
    free: crossbeam_channel::Sender<FreeUser>,
    stage: watch::Receiver<Stage>,
}

impl User {
    /// A user that is free from now on. `free` has a place for every user of the scenario.
    #[must_use]
    pub fn new(
        context: Arc<Context>,
        scenario: usize,
        free: crossbeam_channel::Sender<FreeUser>,
        stage: watch::Receiver<Stage>,
    ) -> Self {
        let number = context.counts[scenario].users.fetch_add(1, Ordering::Relaxed) + 1;
        // A user has one tick at a time: it is not free again before it has taken it.
        let (tick, ticks) = mpsc::channel(1);
        let user = Self { context, scenario, number, ticks, itself: FreeUser(tick), free, stage };
        user.be_free();
        user
    }

    fn be_free(&self) {
        // Each user stands in the queue once at most, so there is a place; without a pacer nobody looks.
        drop(self.free.try_send(self.itself.clone()));
    }

    /// Carries out iterations until there are no more ticks.
    pub async fn live(mut self) {
        let mut iteration = 0;
        loop {
            let tick = tokio::select! {
                // A tick that is already here is not left behind.
                biased;
                tick = self.ticks.recv() => tick,
                () = reached(&mut self.stage, Stage::Stopping) => None,
            };
            let Some(tick) = tick else { return };
            self.iterate(tick, iteration).await;
            iteration += 1;
            self.be_free();
        }
    }

    async fn iterate(&mut self, tick: Tick, number: u64) {
        let context = &self.context;
        let count = &context.counts[self.scenario];
        let measured = tick.phase == Phase::Run;
        let began = context.clock.now();
        count.enter(measured);
        let outcome = Iteration::new(context, self.number, number, tick, &mut self.stage).run().await;
        let interrupted = outcome == Outcome::Cut;
        count.leave(measured, interrupted);
        if measured {
            let duration = context.clock.now() - began;
            let scenario = u16::try_from(self.scenario).expect("a test file has fewer than 65536 scenarios");
            context.ledger.record(Record::Iteration(Ended { scenario, duration, interrupted }));
        }
    }
}

/// Waits until a stage has been reached, or nobody is left who could say so.
async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    // An error means that the load is gone, which ends everything as well.
    drop(stage.wait_for(|stage| *stage >= wanted).await);
}
