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
            let Executor::ConstantArrivalRate(arrivals) = &scenario.executor else {
                unreachable!("the file's reader takes no other executor yet")
            };
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
            Schedule::new(test, context.source.seed, start),
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

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicU64;

    use streamgauge_shared::clock::Clock;
    use streamgauge_shared::exit_code::ExitCode;
    use streamgauge_shared::ledger::Record;
    use streamgauge_shared::stamp::RunId;
    use streamgauge_shared::test_file::{Scale, Source, parse};
    use tokio::time::timeout;

    use super::*;
    use crate::ledger_client::{Queued, queue};
    use crate::postgres::{Pool, Session};
    use crate::user::ScenarioCount;

    /// Twenty ticks in a second, after ten of a warm-up, for at most three users.
    const TEST: &str = r#"
        model = "shop.toml"
        [defaults]
        warm_up = "500ms"
        [scenarios.stuck]
        executor = "constant-arrival-rate"
        rate = 20
        duration = "1s"
        pre_allocated_vus = 1
        max_vus = 3
        graceful_stop = "300ms"
        flow = [ { create = "customer" } ]
    "#;

    /// Users of this run never get a session: there is no place in the pool.
    async fn stuck() -> (Arc<Context>, mpsc::Receiver<Queued>) {
        let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
        let model = include_str!("../../scenarios/models/shop.toml");
        let unscaled = Scale::default();
        let parsed = parse(&source("stuck.toml", TEST), unscaled, unscaled, |name| Ok(source(name, model)));
        let (test, _) = parsed.expect("a correct test");
        let address = "postgres://nobody@127.0.0.1:1/none".parse().expect("an address");
        let session = Session { address, synchronous_commit: None, entities: [].into() };
        let (ledger, queued, _) = queue(1_000);
        let context = Context {
            source: crate::entity::Source { seed: 1, run: RunId::from_bits(1), writer: 0 },
            clock: Clock::start(),
            pool: Pool::open(session, 0).await.expect("nothing to open"),
            ledger,
            sequence: AtomicU64::new(0),
            write_errors: AtomicU64::new(0),
            first_error: OnceLock::new(),
            counts: vec![ScenarioCount::default()],
            halt: crate::halt::Halt::default(),
            test,
        };
        (Arc::new(context), queued)
    }

    async fn carry(context: &Arc<Context>) -> Nanos {
        let began = context.clock.now();
        let load = Load::start(Arc::clone(context)).expect("a thread");
        timeout(Duration::from_secs(20), load.carry()).await.expect("the load ends by itself");
        context.clock.now() - began
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_tick_is_an_iteration_or_a_drop_and_users_grow_to_their_limit() {
        let (context, mut queued) = stuck().await;
        let took = carry(&context).await;
        // All three users are busy since the warm-up and cut when the graceful stop is over.
        let count = &context.counts[0];
        let load = count.load();
        assert_eq!((load.users, load.active_users), (3, 0));
        assert_eq!(load.dropped + load.iterations + load.interrupted, 20, "{load:?}");
        assert_eq!(load.iterations, 0, "{load:?}");
        // One user from the start and two more, each made while a tick is dropped for want of it.
        assert!(count.dropped_in_warm_up() >= 7, "{}", count.dropped_in_warm_up());
        assert!(count.insufficient.load(Ordering::Relaxed));
        assert!(took >= Nanos::from_millis(1_800), "{took}");
        // Nobody had a session, so no sequence was taken and no operation told.
        assert_eq!(context.sequence.load(Ordering::Relaxed), 0);
        assert!(!matches!(queued.try_recv(), Ok(Queued::Record(Record::Opened(_)))));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_interrupt_cuts_running_iterations_at_once() {
        let (context, mut queued) = stuck().await;
        let late = Arc::clone(&context);
        let interrupt = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let sentence = "interrupted by SIGINT".to_owned();
            late.halt.order(How::Cut, Failure { exit_code: ExitCode::Interrupted, sentence });
        });
        let took = carry(&context).await;
        interrupt.await.expect("no panic");
        assert!(took < Nanos::from_millis(1_000), "{took}");
        assert_eq!(context.counts[0].load().active_users, 0);
        assert!(!matches!(queued.try_recv(), Ok(Queued::Record(Record::Opened(_)))));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_crossed_threshold_leaves_the_graceful_stop() {
        let (context, _queued) = stuck().await;
        let sentence = "too slow".to_owned();
        context.halt.order(How::Finish, Failure { exit_code: ExitCode::ThresholdCrossed, sentence });
        let took = carry(&context).await;
        assert!(took < Nanos::from_millis(1_000), "{took}");
        assert_eq!(context.halt.cause().map(|cause| cause.exit_code), Some(ExitCode::ThresholdCrossed));
    }
}
