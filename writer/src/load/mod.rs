//! The load: users, the pacer, and their end.
//!
//! The pacer's thread tells users when to start, to finish and to stop; this is what makes them and waits for
//! them. It ends when every scenario's load is over and every user has finished, or was cut after its graceful
//! stop, or as an order of [`crate::halt`] says. Nothing it started is left running.

mod search;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use streamgauge_shared::capacity::Probe;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::test_file::Executor;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use self::search::Search;
use crate::halt::{How, Order};
use crate::pacer;
use crate::schedule::{Schedule, UserTime};
use crate::user::{
    Context, Control, Crew, Dispatcher, FreeUser, GROW_MAX, LoadState, LoopingUser, TickedUser, is_closed,
};

/// From now to the first event at least, for it not to be late: the pacer's thread has to be there for it.
const START_DELAY: Nanos = Nanos::from_millis(20);
/// How often the load looks at the time; bounds how late a graceful stop ends after an order.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The load of a run.
pub struct Load {
    context: Arc<Context>,
    /// Each returns the index of its scenario.
    users: JoinSet<usize>,
    /// Of a capacity search; it ends with the load.
    searches: JoinSet<()>,
    scenarios: Vec<Scenario>,
    /// Tells the pacer to stop.
    stop: Arc<AtomicBool>,
    /// Taken when it is joined.
    pacer: Option<JoinHandle<()>>,
    paced: oneshot::Receiver<()>,
    grow: mpsc::Receiver<usize>,
}

struct Scenario {
    control: Arc<Control>,
    free: crossbeam_channel::Sender<FreeUser>,
    /// Users that have not ended; only of a closed loop.
    looping: Option<u32>,
    /// After an order to finish: when those still in an iteration are cut. Else the pacer says when.
    cut_at: UnixNanos,
    warned: bool,
}

impl Load {
    /// Makes the users and starts the pacer. The schedule begins at `at`, the same moment for every writer of the
    /// run: where that has passed already, or is too near for the pacer's thread, what is late is released at once,
    /// its lag is in the schedule lag, and a warning says so.
    ///
    /// # Errors
    /// The operating system gives no thread; exit code 107.
    pub fn start(
        context: Arc<Context>,
        at: UnixNanos,
        probed: watch::Receiver<Option<(u32, Probe)>>,
    ) -> Result<Self, Failure> {
        let now = context.clock.now();
        if at < now + START_DELAY {
            tracing::warn!("{}", late_start(at - now));
        }
        let (mut users, mut scenarios, mut crews) = (JoinSet::new(), Vec::new(), Vec::new());
        for index in 0..context.test.scenarios.len() {
            let (scenario, crew) = Scenario::start(&context, index, at, &mut users);
            scenarios.push(scenario);
            crews.push(crew);
        }
        let (more, grow) = mpsc::channel(GROW_MAX.min(scenarios.len()));
        let (done, paced) = oneshot::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let mut searches = JoinSet::new();
        let segments =
            Search::of(&context, at, probed, |index| crews[index].reach()).map(|(search, segments)| {
                searches.spawn(search.carry());
                segments
            });
        let pacer = pacer::spawn(
            context.clock,
            Schedule::new(&context.test, context.shard, context.seeds.seed, at, segments),
            Arc::clone(&stop),
            Dispatcher::new(Arc::clone(&context), crews, more),
            // Nobody waits for it when the load was dropped.
            move || done.send(()).unwrap_or_default(),
        );
        let pacer = pacer.map_err(|error| Failure::run(format!("no thread for the pacer: {error}")))?;
        Ok(Self { context, users, searches, scenarios, stop, pacer: Some(pacer), paced, grow })
    }

    /// Carries the load to its end.
    pub async fn carry(mut self) {
        let mut orders = self.context.halt.subscribe();
        let mut is_paced = false;
        while !(self.users.is_empty() && self.scenarios.iter().all(Scenario::is_over)) {
            tokio::select! {
                paced = &mut self.paced, if !is_paced => {
                    // By its end or an order; nobody hears of a step any more.
                    is_paced = true;
                    self.end_all(LoadState::Stopping);
                    if paced.is_err() {
                        self.context.halt.order(How::Cut, Failure::run("the pacer panicked: a bug of ours"));
                    }
                }
                Some(scenario) = self.grow.recv() => self.add_user(scenario),
                Some(ended) = self.users.join_next(), if !self.users.is_empty() => match ended {
                    Ok(scenario) => {
                        if self.scenarios[scenario].lose_user() {
                            self.context.counts[scenario].is_done(self.context.clock.now());
                        }
                    }
                    Err(error) if error.is_panic() => {
                        self.context.halt.order(How::Cut, Failure::run("a virtual user panicked: a bug of ours"));
                    }
                    // Dropped by an order.
                    Err(_) => {}
                },
                Ok(()) = orders.changed() => {
                    let order = orders.borrow_and_update().clone();
                    self.obey(order);
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.look();
        }
        // What it would still release nobody hears.
        self.stop.store(true, Ordering::Relaxed);
        // That it panicked, if it did, was told above or has changed nothing.
        drop(self.pacer.take().map(JoinHandle::join));
    }

    fn add_user(&mut self, index: usize) {
        let Scenario { free, control, .. } = &self.scenarios[index];
        if !control.is_over() {
            let user = TickedUser::new(Arc::clone(&self.context), index, Arc::clone(control), free.clone());
            spawn(&mut self.users, index, user.live());
        }
        self.context.counts[index].growing.store(false, Ordering::Relaxed);
    }

    fn obey(&mut self, order: Option<Order>) {
        let Some(Order { how, .. }) = order else { return };
        self.stop.store(true, Ordering::Relaxed);
        self.searches.abort_all();
        let ended = self.context.clock.now();
        for (scenario, count) in self.scenarios.iter().zip(&self.context.counts) {
            scenario.control.end(LoadState::Stopping);
            count.ends_at(ended);
            count.call_off_iterations(scenario.control.take_rest());
        }
        match how {
            How::Finish => {
                for (scenario, spec) in self.scenarios.iter_mut().zip(&self.context.test.scenarios) {
                    scenario.cut_at = scenario.cut_at.min(ended + spec.graceful_stop);
                }
            }
            How::Cut => self.end_all(LoadState::Cut),
            How::Drop => {
                self.end_all(LoadState::Cut);
                self.users.abort_all();
            }
        }
    }

    fn end_all(&self, state: LoadState) {
        self.scenarios.iter().for_each(|scenario| scenario.control.end(state));
    }

    /// What is due by now.
    fn look(&mut self) {
        let now = self.context.clock.now();
        let context = &self.context;
        let specs = context.counts.iter().zip(&context.test.scenarios).enumerate();
        for (scenario, (index, (count, spec))) in self.scenarios.iter_mut().zip(specs) {
            if now >= scenario.cut_at {
                scenario.control.end(LoadState::Cut);
            }
            if count.insufficient.load(Ordering::Relaxed) && !scenario.warned {
                scenario.warned = true;
                let users = context.most_users(index);
                tracing::warn!(
                    scenario = spec.name,
                    "Insufficient VUs, reached {users} active VUs and cannot initialize more"
                );
            }
        }
    }
}

impl Scenario {
    /// Makes the users with which it starts, and how the pacer reaches them.
    fn start(
        context: &Arc<Context>,
        index: usize,
        start: UnixNanos,
        users: &mut JoinSet<usize>,
    ) -> (Self, Crew) {
        let spec = &context.test.scenarios[index];
        let control = Arc::new(Control::new(&spec.executor, context.shard));
        let run_at = start + context.test.warm_up + spec.start_time;
        let count = &context.counts[index];
        // A capacity search says itself when its first probe begins.
        if !matches!(spec.executor, Executor::CapacitySearch(_)) {
            count.begins_at(run_at);
        }
        if let Some(time) = UserTime::of(spec, context.shard, context.test.warm_up) {
            count.plan_users(start, time);
        }
        count.plan_iterations(control.turns_left());
        let most = context.most_users(index);
        let (free, free_users) = crossbeam_channel::bounded(most as usize);
        let looping = is_closed(&spec.executor).then_some(most);
        let ticked = match &spec.executor {
            Executor::ConstantArrivalRate(load) => load.pre_allocated_vus,
            Executor::RampingArrivalRate(load) => load.pre_allocated_vus,
            Executor::CapacitySearch(load) => load.pre_allocated_vus,
            _ => 0,
        };
        let ticked = context.shard.users(ticked);
        for number in 1..=looping.unwrap_or(0) {
            let user = LoopingUser::new(Arc::clone(context), index, Arc::clone(&control), number, run_at);
            spawn(users, index, user.live());
        }
        for _ in 0..ticked {
            let user = TickedUser::new(Arc::clone(context), index, Arc::clone(&control), free.clone());
            spawn(users, index, user.live());
        }
        let crew = Crew::new(Arc::clone(&control), free_users);
        (Self { control, free, looping, cut_at: UnixNanos::MAX, warned: false }, crew)
    }

    /// Whether no iteration starts any more.
    fn is_over(&self) -> bool {
        self.control.is_over()
    }

    /// A user ended. Where all of a closed loop did, they have done what they had to do: returns whether that is so.
    fn lose_user(&mut self) -> bool {
        let Some(looping) = &mut self.looping else { return false };
        *looping = looping.saturating_sub(1);
        if *looping == 0 {
            self.control.end(LoadState::Stopping);
        }
        *looping == 0
    }
}

/// What is said of a load that is to begin so soon that its first moments are late; negative if it has begun.
fn late_start(in_time: Nanos) -> String {
    let heard = if in_time < Nanos::ZERO {
        format!("{} after the moment", Nanos::ZERO - in_time)
    } else {
        format!("only {in_time} before the moment")
    };
    format!(
        "the order to begin came {heard} at which all writers of the run begin: what is due meanwhile is sent at once, and its lateness is in schedule_lag; give the test a longer warm-up, in which nothing is measured, or see why the observer's message was late"
    )
}

fn spawn(users: &mut JoinSet<usize>, scenario: usize, life: impl Future<Output = ()> + Send + 'static) {
    users.spawn(async move {
        life.await;
        scenario
    });
}

impl Drop for Load {
    fn drop(&mut self) {
        // Users end with their set; the pacer would go on.
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
