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
    let model = include_str!("../../../scenarios/models/shop.toml");
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
        rows: crate::rows::Rows::new(&test.pools),
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
