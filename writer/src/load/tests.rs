use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::ExitCode;
use streamgauge_shared::ledger::{NotSent, NotSentCause, Record, ScenarioLoad};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::{
    Arrivals, ConstantVus, Iterations, RampingArrivalRate, RampingVus, Scale, Source, Stage as Corner, Test,
    parse,
};
use tokio::time::timeout;

use super::*;
use crate::ledger_client::{Queued, queue};
use crate::postgres::{Learned, Pool, Session};
use crate::schedule::Shard;
use crate::user::ScenarioCount;

mod probes;
mod without_session;

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

fn ms(millis: i64) -> Nanos {
    Nanos::from_millis(millis)
}

fn test() -> Test {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let model = include_str!("../../../scenarios/models/shop.toml");
    let unscaled = Scale::default();
    let parsed = parse(&source("stuck.toml", TEST), unscaled, unscaled, |name| Ok(source(name, model)));
    parsed.expect("a correct test").0
}

/// Without a warm-up.
fn loaded(executor: Executor, graceful_stop: Nanos) -> Test {
    let mut test = test();
    test.warm_up = Nanos::ZERO;
    test.scenarios[0].graceful_stop = graceful_stop;
    test.scenarios[0].executor = executor;
    test
}

/// Users that never get a session, because there is no place in the pool, are stuck in their iteration.
fn context(test: Test) -> (Arc<Context>, mpsc::Receiver<Queued>) {
    with_places(test, 0)
}

/// A pool with so many places, and nothing that listens where it connects.
fn with_places(test: Test, places: u32) -> (Arc<Context>, mpsc::Receiver<Queued>) {
    let address = "postgres://nobody@127.0.0.1:1/none".parse().expect("an address");
    let session =
        Session { address, synchronous_commit: None, entities: [].into(), learned: Learned::default() };
    let (ledger, queued, _) = queue(100_000);
    let context = Context {
        shard: Shard::WHOLE,
        seeds: crate::entity::Seeds { seed: 1, run: RunId::from_bits(1), writer: 0 },
        numbers: crate::entity::Numbers::new(&test.model, &[], Shard::WHOLE),
        clock: Clock::start(),
        wall: parking_lot::Mutex::default(),
        pool: Pool::unopened(session, places),
        ledger,
        sequence: AtomicU64::new(0),
        write_errors: AtomicU64::new(0),
        first_error: OnceLock::new(),
        rejections: parking_lot::Mutex::default(),
        rows: crate::rows::Rows::of(&test),
        counts: test.scenarios.iter().map(|_| ScenarioCount::default()).collect(),
        halt: crate::halt::Halt::default(),
        test,
    };
    (Arc::new(context), queued)
}

/// How each scenario stands.
fn loaded_by(context: &Context) -> Vec<ScenarioLoad> {
    let now = context.clock.now();
    context.counts.iter().map(|count| count.load(now)).collect()
}

/// What the ledger was told of operations that were not sent, and that no other was told.
fn not_sent(queued: &mut mpsc::Receiver<Queued>) -> Vec<NotSent> {
    let records = std::iter::from_fn(|| queued.try_recv().ok()).filter_map(|queued| match queued {
        Queued::Record(Record::NotSent(operation)) => Some(operation),
        Queued::Record(Record::Iteration(_)) => None,
        other => panic!("nothing else is told: {other:?}"),
    });
    records.collect()
}

async fn stuck() -> (Arc<Context>, mpsc::Receiver<Queued>) {
    context(test())
}

fn start(context: &Arc<Context>, at: UnixNanos) -> Load {
    Load::start(Arc::clone(context), at, watch::channel(None).1).expect("a thread")
}

async fn carry(context: &Arc<Context>) -> Nanos {
    let began = context.clock.now();
    let load = start(context, began + ms(50));
    timeout(Duration::from_secs(20), load.carry()).await.expect("the load ends by itself");
    context.clock.now() - began
}

/// Carries a load with stuck users and returns its counts and how long it took.
async fn carry_stuck(executor: Executor, graceful_stop: Nanos) -> (ScenarioLoad, Nanos) {
    let (context, _queued) = context(loaded(executor, graceful_stop));
    let took = carry(&context).await;
    (loaded_by(&context)[0], took)
}

/// Carries a load whose iterations have nothing to do, and so are over at once.
async fn carry_quick(mut test: Test) -> (Vec<ScenarioLoad>, Nanos) {
    test.scenarios.iter_mut().for_each(|scenario| scenario.flow.clear());
    let (context, _queued) = context(test);
    let took = carry(&context).await;
    (loaded_by(&context), took)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tick_is_an_iteration_or_a_drop_and_users_grow_to_their_limit() {
    let (context, mut queued) = stuck().await;
    let took = carry(&context).await;
    // All three users are busy since the warm-up and cut when the graceful stop is over.
    let count = &context.counts[0];
    let load = loaded_by(&context)[0];
    assert_eq!((load.users, load.active_users), (3, 0));
    assert_eq!(load.dropped + load.iterations + load.interrupted, 20, "{load:?}");
    assert_eq!(load.iterations, 0, "{load:?}");
    // One user from the start and two more, each made while a tick is dropped for want of it.
    assert!(count.dropped_in_warm_up() >= 7, "{}", count.dropped_in_warm_up());
    assert!(count.insufficient.load(Ordering::Relaxed));
    assert!(took >= ms(1_800), "{took}");
    // Nobody had a session: each user's operation is told as one that the load's end has cut.
    let not_sent: Vec<NotSent> = not_sent(&mut queued);
    assert_eq!(context.sequence.load(Ordering::Relaxed), 3);
    assert!(not_sent.len() == 3 && not_sent.iter().all(|operation| operation.cause == NotSentCause::Cut));
    assert_eq!((load.iterations_due, load.iterations_written, load.dropped_by_writer), (20, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ramping_rate_starts_what_its_line_says() {
    let (second, stage) = (ms(1_000), |duration, target| Corner { name: 0, duration: ms(duration), target });
    let ramp = RampingArrivalRate {
        per: second,
        start: 0,
        stages: vec![stage(500, 40), stage(500, 0)],
        pre_allocated_vus: 2,
        max_vus: 2,
        arrivals: Arrivals::Even,
    };
    // 20 by the area; two users are stuck, the others find nobody.
    let (load, took) = carry_stuck(Executor::RampingArrivalRate(ramp), ms(100)).await;
    assert_eq!((load.interrupted, load.dropped, load.peak_users), (2, 18, 2), "{load:?}");
    assert!(took >= ms(1_100), "{took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_constant_number_of_users_is_cut_once_after_the_graceful_stop() {
    let constant = ConstantVus { vus: 500, duration: ms(300) };
    let (load, took) = carry_stuck(Executor::ConstantVus(constant), ms(200)).await;
    assert_eq!((load.users, load.peak_users, load.active_users), (500, 500, 0));
    assert_eq!((load.iterations, load.interrupted, load.dropped), (0, 500, 0));
    assert!(took >= ms(500), "{took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_whom_a_ramp_removed_are_cut_after_its_grace_and_come_again() {
    let corner = |duration, target| Corner { name: 0, duration: ms(duration), target };
    let ramp = |stages: Vec<Corner<u32>>| {
        Executor::RampingVus(RampingVus { start_vus: 4, stages, graceful_ramp_down: ms(200) })
    };
    // Down to one at 200 ms; three are cut at 400 ms and start another iteration at 600 ms; cut at 900 ms.
    let stages = vec![corner(200, 4), corner(0, 1), corner(400, 1), corner(0, 4), corner(200, 4)];
    let (load, took) = carry_stuck(ramp(stages), ms(100)).await;
    assert_eq!(
        (load.iterations, load.interrupted, load.peak_users, load.users),
        (0, 3 + 4, 4, 4),
        "{load:?}"
    );
    assert!(took >= ms(900), "{took}");
    // Up again before the grace is over: nobody is cut before the end.
    let stages = vec![corner(200, 4), corner(0, 1), corner(100, 1), corner(0, 4), corner(500, 4)];
    let (load, _) = carry_stuck(ramp(stages), ms(100)).await;
    assert_eq!(load.interrupted, 4, "{load:?}");
    // The graceful stop is shorter than the grace.
    let (load, took) = carry_stuck(ramp(vec![corner(100, 4), corner(0, 0)]), ms(50)).await;
    assert_eq!((load.interrupted, load.users), (4, 0), "{load:?}");
    assert!(took >= ms(150), "{took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iterations_are_done_exactly_and_the_load_ends_with_the_last() {
    let iterations = Iterations { vus: 7, iterations: 100, max_duration: ms(600_000) };
    for (executor, done) in
        [(Executor::SharedIterations(iterations), 100), (Executor::PerVuIterations(iterations), 700)]
    {
        let (loads, took) = carry_quick(loaded(executor, ms(30_000))).await;
        let load = loads[0];
        assert_eq!((load.iterations, load.interrupted, load.dropped), (done, 0, 0));
        // One without operations is written when it completes.
        assert_eq!(
            (load.iterations_due, load.iterations_written, load.load_ended.is_some()),
            (done, done, true)
        );
        assert!(took < ms(10_000), "{took}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn iterations_that_did_not_start_in_time_are_dropped() {
    let iterations = Iterations { vus: 3, iterations: 10, max_duration: ms(200) };
    let (load, took) = carry_stuck(Executor::SharedIterations(iterations), ms(200)).await;
    assert_eq!((load.interrupted, load.dropped), (3, 7), "{load:?}");
    assert!(took >= ms(400), "{took}");
    let (load, _) = carry_stuck(Executor::PerVuIterations(iterations), ms(0)).await;
    assert_eq!((load.interrupted, load.dropped), (3, 27), "{load:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_starts_in_the_warm_up_of_a_closed_loop_does_not_count() {
    let constant = Executor::ConstantVus(ConstantVus { vus: 3, duration: ms(200) });
    let mut test = loaded(constant, ms(100));
    test.warm_up = ms(200);
    let (context, _queued) = context(test.clone());
    carry(&context).await;
    // They are stuck since the warm-up: nothing of the run ever started.
    let load = loaded_by(&context)[0];
    assert_eq!((load.iterations, load.interrupted, load.peak_users), (0, 0, 0), "{load:?}");

    // All users loop in it, and each has all its iterations afterwards.
    let iterations = Iterations { vus: 3, iterations: 5, max_duration: ms(600_000) };
    test.scenarios[0].executor = Executor::PerVuIterations(iterations);
    test.scenarios[0].start_time = ms(100);
    let (loads, took) = carry_quick(test).await;
    assert_eq!((loads[0].iterations, loads[0].dropped), (15, 0));
    assert!(took >= ms(300), "{took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_become_active_one_by_one_and_none_before_its_time() {
    // One comes each 50 ms and is stuck: the number of those active follows the plan.
    let corner = Corner { name: 0, duration: ms(500), target: 10 };
    let ramp = RampingVus { start_vus: 0, stages: vec![corner], graceful_ramp_down: ms(0) };
    let (context, _queued) = context(loaded(Executor::RampingVus(ramp), ms(0)));
    let begins = context.clock.now() + ms(50);
    let carried = tokio::spawn(start(&context, begins).carry());
    let mut seen = 0;
    while !carried.is_finished() {
        // Read in this order, because time goes on.
        let active = loaded_by(&context)[0].active_users;
        let since = context.clock.now() - begins;
        let most = u32::try_from((since.0 / 50_000_000).max(0)).expect("small");
        assert!(active <= most, "{active} users are active after {since}");
        seen = seen.max(active);
        tokio::task::yield_now().await;
    }
    carried.await.expect("no panic");
    assert!(seen >= 9, "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scenarios_side_by_side_end_each_by_itself() {
    let mut test = loaded(Executor::ConstantVus(ConstantVus { vus: 2, duration: ms(300) }), ms(100));
    let mut second = test.scenarios[0].clone();
    second.name = "second".to_owned();
    second.start_time = ms(200);
    let load = Iterations { vus: 3, iterations: 4, max_duration: ms(300) };
    second.executor = Executor::SharedIterations(load);
    test.scenarios.push(second);
    let (context, _queued) = context(test);
    let took = carry(&context).await;
    let [first, second] = [0, 1].map(|index| loaded_by(&context)[index]);
    assert_eq!((first.interrupted, first.dropped), (2, 0), "{first:?}");
    assert_eq!((second.interrupted, second.dropped), (3, 1), "{second:?}");
    assert!(took >= ms(600), "{took}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_cuts_running_iterations_at_once() {
    let (context, mut queued) = stuck().await;
    let late = Arc::clone(&context);
    let interrupt = tokio::spawn(async move {
        while loaded_by(&late)[0].active_users == 0 {
            tokio::task::yield_now().await;
        }
        let sentence = "interrupted by SIGINT".to_owned();
        late.halt.order(How::Cut, Failure { exit_code: ExitCode::Interrupted, sentence });
    });
    let took = carry(&context).await;
    interrupt.await.expect("no panic");
    assert!(took < ms(1_000), "{took}");
    assert_eq!(loaded_by(&context)[0].active_users, 0);
    assert!(!matches!(queued.try_recv(), Ok(Queued::Record(Record::Opened(_)))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_order_ends_a_closed_loop_and_drops_no_iteration() {
    let iterations = Iterations { vus: 3, iterations: 10, max_duration: ms(600_000) };
    for (how, interrupted) in [(How::Finish, 3..=3), (How::Cut, 3..=3), (How::Drop, 0..=3)] {
        let (context, _queued) = context(loaded(Executor::SharedIterations(iterations), ms(100)));
        let load = start(&context, context.clock.now() + ms(50));
        let carried = tokio::spawn(load.carry());
        while loaded_by(&context)[0].active_users < 3 {
            tokio::task::yield_now().await;
        }
        context.halt.order(how, Failure::run("enough"));
        timeout(Duration::from_secs(10), carried).await.expect("it ends").expect("no panic");
        let load = loaded_by(&context)[0];
        // Whoever was dropped before it heard of the cut counts nothing.
        assert!(interrupted.contains(&load.interrupted), "{how:?} {load:?}");
        assert_eq!((load.iterations, load.dropped), (0, 0), "{how:?} {load:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crossed_threshold_leaves_the_graceful_stop() {
    let (context, _queued) = stuck().await;
    let sentence = "too slow".to_owned();
    context.halt.order(How::Finish, Failure { exit_code: ExitCode::ThresholdCrossed, sentence });
    let took = carry(&context).await;
    assert!(took < ms(1_000), "{took}");
    assert_eq!(context.halt.cause().map(|cause| cause.exit_code), Some(ExitCode::ThresholdCrossed));
}
