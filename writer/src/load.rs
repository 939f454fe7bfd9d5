//! The load: users, the pacer, and their end.
//!
//! It ends when the schedule is over and every user has finished, or was cut after its scenario's graceful
//! stop, or as an order of [`crate::halt`] says. Nothing it started is left running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Executor;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::halt::{How, Order};
use crate::pacer;
use crate::schedule::Schedule;
use crate::user::{Context, Dispatcher, FreeUser, GROW_MAX, Stage, User};

/// From now to the first tick: the pacer's thread has to be there in time for it.
const START_DELAY: Nanos = Nanos::from_millis(20);
/// How often the load looks at the time; bounds how late a graceful stop ends.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The load of a run.
pub struct Load {
    context: Arc<Context>,
    start: UnixNanos,
    users: JoinSet<()>,
    scenarios: Vec<Scenario>,
    /// Tells the pacer to stop.
    stop: Arc<AtomicBool>,
    /// Taken when it is joined.
    pacer: Option<JoinHandle<()>>,
    paced: oneshot::Receiver<()>,
    grow: mpsc::Receiver<usize>,
}

struct Scenario {
    free: crossbeam_channel::Sender<FreeUser>,
    stage: watch::Sender<Stage>,
    /// When those still in an iteration are cut.
    cut_at: UnixNanos,
    warned: bool,
}

impl Load {
    /// Makes the users and starts the pacer; the first tick is 20 ms from now.
    ///
    /// # Errors
    /// The operating system gives no thread; exit code 107.
    pub fn start(context: Arc<Context>) -> Result<Self, Failure> {
        let start = context.clock.now() + START_DELAY;
        let test = &context.test;
        let (mut users, mut scenarios, mut waiting) = (JoinSet::new(), Vec::new(), Vec::new());
        for (index, scenario) in test.scenarios.iter().enumerate() {
            let Executor::ConstantArrivalRate(arrivals) = &scenario.executor;
            let (free, free_users) = crossbeam_channel::bounded(arrivals.max_vus as usize);
            let stage = watch::Sender::new(Stage::Running);
            for _ in 0..arrivals.pre_allocated_vus {
                let user = User::new(Arc::clone(&context), index, free.clone(), stage.subscribe());
                users.spawn(user.live());
            }
            let load_end = start + test.warm_up + scenario.start_time + arrivals.duration;
            scenarios.push(Scenario {
                free,
                stage,
                cut_at: load_end + scenario.graceful_stop,
                warned: false,
            });
            waiting.push(free_users);
        }
        let (more, grow) = mpsc::channel(GROW_MAX.min(scenarios.len()));
        let (done, paced) = oneshot::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let pacer = pacer::spawn(
            context.clock,
            Schedule::new(test, start),
            Arc::clone(&stop),
            Dispatcher::new(Arc::clone(&context), waiting, more),
            // Nobody waits for it when the load was dropped.
            move || done.send(()).unwrap_or_default(),
        );
        let pacer = pacer.map_err(|error| Failure::run(format!("no thread for the pacer: {error}")))?;
        Ok(Self { context, start, users, scenarios, stop, pacer: Some(pacer), paced, grow })
    }

    /// When the first tick is due.
    #[must_use]
    pub fn begins_at(&self) -> UnixNanos {
        self.start
    }

    /// Carries the load to its end.
    pub async fn carry(mut self) {
        let mut orders = self.context.halt.subscribe();
        let mut is_paced = false;
        while !(is_paced && self.users.is_empty()) {
            tokio::select! {
                _ = &mut self.paced, if !is_paced => {
                    is_paced = true;
                    self.advance_all(Stage::Stopping);
                }
                Some(scenario) = self.grow.recv() => self.add_user(scenario),
                Some(ended) = self.users.join_next(), if !self.users.is_empty() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        self.context.halt.order(How::Cut, Failure::run("a virtual user panicked: a bug of ours"));
                    }
                }
                Ok(()) = orders.changed() => {
                    let order = orders.borrow_and_update().clone();
                    self.obey(order);
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.look();
        }
        if self.pacer.take().is_some_and(|pacer| pacer.join().is_err()) {
            self.context.halt.order(How::Cut, Failure::run("the pacer panicked: a bug of ours"));
        }
    }

    fn add_user(&mut self, index: usize) {
        let Scenario { free, stage, .. } = &self.scenarios[index];
        let user = User::new(Arc::clone(&self.context), index, free.clone(), stage.subscribe());
        self.users.spawn(user.live());
        self.context.counts[index].growing.store(false, Ordering::Relaxed);
    }

    fn obey(&mut self, order: Option<Order>) {
        let Some(Order { how, .. }) = order else { return };
        self.stop.store(true, Ordering::Relaxed);
        match how {
            How::Finish => {
                let now = self.context.clock.now();
                for (scenario, spec) in self.scenarios.iter_mut().zip(&self.context.test.scenarios) {
                    scenario.cut_at = scenario.cut_at.min(now + spec.graceful_stop);
                }
            }
            How::Cut => self.advance_all(Stage::Cut),
            How::Drop => {
                self.advance_all(Stage::Cut);
                self.users.abort_all();
            }
        }
    }

    fn advance_all(&self, stage: Stage) {
        self.scenarios.iter().for_each(|scenario| scenario.advance(stage));
    }

    /// What is due by now.
    fn look(&mut self) {
        let now = self.context.clock.now();
        for (scenario, (count, spec)) in
            self.scenarios.iter_mut().zip(self.context.counts.iter().zip(&self.context.test.scenarios))
        {
            if now >= scenario.cut_at {
                scenario.advance(Stage::Cut);
            }
            if count.insufficient.load(Ordering::Relaxed) && !scenario.warned {
                scenario.warned = true;
                let users = spec.executor.peak_users();
                tracing::warn!(
                    scenario = spec.name,
                    "Insufficient VUs, reached {users} active VUs and cannot initialize more"
                );
            }
        }
    }
}

impl Scenario {
    /// Goes on to a later stage, never back.
    fn advance(&self, stage: Stage) {
        self.stage.send_if_modified(|current| {
            let later = *current < stage;
            *current = (*current).max(stage);
            later
        });
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Users end with their set; the pacer would go on.
        self.stop.store(true, Ordering::Relaxed);
    }
}
