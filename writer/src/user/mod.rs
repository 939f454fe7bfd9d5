//! Virtual users: each a task that carries out one iteration after the other.
//!
//! In an open loop a user waits for a tick: it stands in a bounded queue from which the pacer takes it without
//! waiting, and the tick reaches it through a queue of one place. In a closed loop it goes on by itself for as
//! long as it is planned. One operation is in flight per user. What users share is [`Context`], of atomics and
//! queues only, but for one short lock on the pools of rows: no user waits for another, except for a session
//! with PostgreSQL.
//!
//! A user that gets no session fails its iteration. In an open loop it is free again at once; in a closed loop it
//! pauses before its next iteration, longer each time, so that an outage of PostgreSQL does not use up a fixed
//! count of iterations in a moment.

mod apart;
mod attempt;
mod context;
mod control;
mod count;
mod dispatch;
mod iteration;
mod operation;
mod sessions;
mod without_session;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use streamgauge_shared::account::Phase;
use streamgauge_shared::ledger::{Ending, Iteration as Ended, Record};
use streamgauge_shared::time::UnixNanos;
use tokio::sync::{mpsc, watch};

use crate::rows::UserRows;
use crate::schedule::Tick;

pub use apart::apart;
pub use context::Context;
pub use control::{Control, LoadState, is_closed};
pub use count::ScenarioCount;
pub use dispatch::{Crew, Dispatcher, GROW_MAX};
use iteration::{Iteration, Outcome};
use sessions::Sessions;

/// The pause of a closed loop's user that got no session; doubled for each further one.
const SESSION_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest such pause.
const SESSION_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A free user of an open loop, as the pacer holds it.
#[derive(Clone, Debug)]
pub struct FreeUser(mpsc::Sender<Tick>);

/// The free users of an open loop, for whoever wants to know whether all are.
#[derive(Clone, Debug)]
pub struct FreeUsers(crossbeam_channel::Receiver<FreeUser>);

impl FreeUsers {
    /// Those that wait in this queue for a tick.
    #[must_use]
    pub fn new(free: crossbeam_channel::Receiver<FreeUser>) -> Self {
        Self(free)
    }

    /// Whether all users of the scenario are free and none is being made.
    #[must_use]
    pub fn are_all(&self, count: &ScenarioCount) -> bool {
        !count.growing.load(Ordering::Relaxed)
            && self.0.len() as u64 == u64::from(count.users.load(Ordering::Relaxed))
    }
}

/// One virtual user.
pub struct User {
    context: Arc<Context>,
    scenario: usize,
    /// Among this writer's, from 1 as in k6.
    number: u32,
    /// Its next iteration, from 0; the warm-up's count as well.
    iteration: u64,
    control: Arc<Control>,
    state: watch::Receiver<LoadState>,
    /// The pools as it sees them; its own outlive its iterations.
    rows: UserRows,
    /// It asked for a session, got none, and has had none since.
    lacks_session: bool,
}

/// A user that waits for ticks.
pub struct TickedUser {
    user: User,
    ticks: mpsc::Receiver<Tick>,
    itself: FreeUser,
    free: crossbeam_channel::Sender<FreeUser>,
}

/// A user that goes on by itself.
pub struct LoopingUser {
    user: User,
    /// When its scenario's run begins; what starts before it is warm-up.
    run_at: UnixNanos,
}

impl TickedUser {
    /// One more user, free from now on. `free` has a place for every user of the scenario.
    #[must_use]
    pub fn new(
        context: Arc<Context>,
        scenario: usize,
        control: Arc<Control>,
        free: crossbeam_channel::Sender<FreeUser>,
    ) -> Self {
        let number = context.counts[scenario].users.fetch_add(1, Ordering::Relaxed) + 1;
        // A user has one tick at a time: it is not free again before it has taken it.
        let (tick, ticks) = mpsc::channel(1);
        let user = User::new(context, scenario, number, control);
        let user = Self { user, ticks, itself: FreeUser(tick), free };
        user.be_free();
        user
    }

    fn be_free(&self) {
        // Each user stands in the queue once at most, so there is a place; without a pacer nobody looks.
        drop(self.free.try_send(self.itself.clone()));
    }

    /// Carries out an iteration for each tick until the load is over.
    pub async fn live(mut self) {
        loop {
            let tick = tokio::select! {
                // A tick that is already here is not left behind.
                biased;
                tick = self.ticks.recv() => tick,
                () = self.user.is_over() => None,
            };
            let Some(tick) = tick else { return };
            self.user.iterate(tick).await;
            self.be_free();
        }
    }
}

impl LoopingUser {
    /// The user with a number, from 1; it waits until it is planned.
    #[must_use]
    pub fn new(
        context: Arc<Context>,
        scenario: usize,
        control: Arc<Control>,
        number: u32,
        run_at: UnixNanos,
    ) -> Self {
        Self { user: User::new(context, scenario, number, control), run_at }
    }

    /// Iterates while it is planned, until the load is over or it has done what it has to do.
    pub async fn live(mut self) {
        // The moment its next iteration became due, once it has done one without having had to wait.
        let mut due = None;
        let mut pause = SESSION_PAUSE_MIN;
        loop {
            match self.go_on().await {
                None => return,
                Some(Waited(true)) => due = None,
                Some(Waited(false)) => {}
            }
            let user = &mut self.user;
            let intended = due.unwrap_or_else(|| user.control.runnable_since(user.number));
            let phase = if intended < self.run_at { Phase::WarmUp } else { Phase::Run };
            if phase == Phase::Run && !user.control.take_turn(user.number) {
                return;
            }
            let executor = &user.context.test.scenarios[user.scenario].executor;
            let stage = match phase {
                Phase::Run => executor.stage_at(intended - self.run_at),
                _ => None,
            };
            let outcome = user.iterate(Tick { scenario: user.scenario, phase, stage, intended }).await;
            if outcome == Outcome::NotConnected {
                tokio::select! {
                    () = reached(&mut user.state, LoadState::Stopping) => {}
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(SESSION_PAUSE_MAX);
            } else {
                pause = SESSION_PAUSE_MIN;
            }
            due = Some(user.context.clock.now());
            // An iteration that never had to wait would otherwise keep its thread from all others.
            tokio::task::yield_now().await;
        }
    }

    /// Waits until it may iterate and says whether it had to; nothing if it never may again.
    async fn go_on(&mut self) -> Option<Waited> {
        let User { control, state, .. } = &mut self.user;
        let mut waited = Waited(false);
        loop {
            let told = *state.borrow_and_update();
            if control.is_over() {
                return None;
            }
            if told == LoadState::Running {
                return Some(waited);
            }
            waited = Waited(true);
            state.changed().await.ok()?;
        }
    }
}

/// Whether a user had to wait until it was planned.
struct Waited(bool);

impl User {
    fn new(context: Arc<Context>, scenario: usize, number: u32, control: Arc<Control>) -> Self {
        let state = control.subscribe(number);
        let rows = context.rows.user();
        Self { context, scenario, number, iteration: 0, control, state, rows, lacks_session: false }
    }

    /// Waits until no iteration starts any more.
    async fn is_over(&mut self) {
        while !self.control.is_over() {
            // An error means that the load is gone, which ends everything as well.
            if self.state.changed().await.is_err() {
                return;
            }
        }
    }

    async fn iterate(&mut self, tick: Tick) -> Outcome {
        let context = &self.context;
        let count = &context.counts[self.scenario];
        let measured = tick.phase == Phase::Run;
        let number = self.iteration;
        self.iteration += 1;
        let began = context.clock.now();
        count.enter(measured);
        // Rows tell users of all writers apart.
        let user = context.shard.number(self.number);
        let sessions = Sessions { count, user: self.number, lacks: &mut self.lacks_session };
        let iteration =
            Iteration::new(context, user, number, tick, &mut self.state, &mut self.rows, sessions);
        let outcome = iteration.run().await;
        let ending = match outcome {
            Outcome::Done => Ending::Completed,
            Outcome::Failed | Outcome::NotConnected => Ending::Failed,
            Outcome::Cut => Ending::Interrupted,
        };
        let ended = context.clock.now();
        count.leave(measured, ending, ended);
        if measured {
            let duration = ended - began;
            let scenario = u16::try_from(self.scenario).expect("a test file has fewer than 65536 scenarios");
            context.ledger.record(Record::Iteration(Ended { scenario, began, duration, ending }));
        }
        outcome
    }
}

/// Waits until a state has been reached, or nobody is left who could say so.
async fn reached(state: &mut watch::Receiver<LoadState>, wanted: LoadState) {
    // An error means that the load is gone, which ends everything as well.
    drop(state.wait_for(|state| *state >= wanted).await);
}
