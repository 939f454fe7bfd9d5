//! PostgreSQL refuses every connection.

use streamgauge_shared::account::{Operation, Phase};
use streamgauge_shared::ledger::Ending;

use super::*;

/// Twice as many users as places, so that some wait for a place in which then no session is to be had either.
fn refused(test: Test) -> (Arc<Context>, mpsc::Receiver<Queued>) {
    with_places(test, 2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_without_a_session_is_an_entry_of_its_tick() {
    let (context, mut queued) = refused(test());
    let begins = context.clock.now() + ms(50);
    timeout(Duration::from_secs(20), start(&context, begins).carry()).await.expect("the load ends by itself");
    let load = loaded_by(&context)[0];
    assert_eq!((load.iterations, load.iterations_due, load.iterations_written), (0, 20, 0), "{load:?}");
    assert_eq!(load.failed + load.dropped, 20, "{load:?}");
    assert_eq!((load.load_began, load.load_ended), (Some(begins + ms(500)), Some(begins + ms(1_500))));
    assert_eq!(context.write_errors.load(Ordering::Relaxed), context.sequence.load(Ordering::Relaxed));

    let operations = not_sent(&mut queued);
    let sequences: BTreeSet<u64> = operations.iter().map(|operation| operation.sequence).collect();
    assert!(sequences.iter().copied().eq(0..context.sequence.load(Ordering::Relaxed)), "dense");
    let keys: BTreeSet<&str> =
        operations.iter().map(|operation| operation.key.as_deref().expect("known")).collect();
    assert_eq!(keys.len(), sequences.len(), "each has the key of a row of its own");
    let run: Vec<&NotSent> = operations.iter().filter(|operation| operation.phase == Phase::Run).collect();
    assert_eq!(run.len() as u64, load.failed);
    for operation in run {
        assert_eq!((operation.operation, operation.cause), (Operation::Create, NotSentCause::NotConnected));
        let tick = operation.intended - (begins + ms(500));
        assert!(tick.0 % ms(50).0 == 0 && tick < ms(1_000), "the tick, not the failure: {tick}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_pauses_longer_each_time_and_keeps_its_turns() {
    let iterations = Iterations { vus: 4, iterations: 200, max_duration: ms(2_000) };
    let (context, mut queued) = refused(loaded(Executor::SharedIterations(iterations), ms(500)));
    carry(&context).await;
    let load = loaded_by(&context)[0];
    // Each at 0, 100, 300, 700 and 1,500 ms.
    assert!((8..=20).contains(&load.failed), "{load:?}");
    assert_eq!(load.failed + load.dropped, 200, "{load:?}");
    assert_eq!((load.iterations_due, load.iterations_written, load.iterations), (200, 0, 0), "{load:?}");
    assert_eq!(not_sent(&mut queued).len() as u64, load.failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loops_user_is_free_again_at_once() {
    let mut test = loaded(test().scenarios[0].executor.clone(), ms(500));
    let Executor::ConstantArrivalRate(rate) = &mut test.scenarios[0].executor else {
        panic!("as in the file")
    };
    rate.rate.iterations = 10;
    rate.max_vus = 1;
    let (context, _queued) = refused(test);
    carry(&context).await;
    let load = loaded_by(&context)[0];
    assert!(load.failed >= 9, "a pause of 100 ms and more would drop every second tick: {load:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_without_a_session_for_all_of_their_time() {
    let constant = Executor::ConstantVus(ConstantVus { vus: 4, duration: ms(1_000) });
    let mut test = loaded(constant, ms(500));
    test.warm_up = ms(300);
    let (context, mut queued) = refused(test);
    carry(&context).await;
    let load = loaded_by(&context)[0];
    assert_eq!((load.user_time, load.iterations_due), (ms(4_000), 0), "{load:?}");
    assert_eq!(load.user_time_without_session, ms(4_000), "since the warm-up: {load:?}");
    let phases: BTreeSet<Phase> = not_sent(&mut queued).iter().map(|operation| operation.phase).collect();
    assert_eq!(phases, BTreeSet::from([Phase::WarmUp, Phase::Run]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_order_calls_off_is_not_due() {
    let iterations = Iterations { vus: 4, iterations: 200, max_duration: ms(600_000) };
    let (context, _queued) = refused(loaded(Executor::SharedIterations(iterations), ms(500)));
    let load = start(&context, context.clock.now() + ms(50));
    let carried = tokio::spawn(load.carry());
    while loaded_by(&context)[0].failed == 0 {
        tokio::task::yield_now().await;
    }
    context.halt.order(How::Finish, Failure::run("enough"));
    timeout(Duration::from_secs(10), carried).await.expect("it ends").expect("no panic");
    let load = loaded_by(&context)[0];
    assert_eq!((load.iterations_due, load.dropped), (load.failed + load.interrupted, 0), "{load:?}");
    assert!(load.load_ended.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_iteration_without_a_session_ended_by_failing() {
    let (context, mut queued) = refused(loaded(test().scenarios[0].executor.clone(), ms(500)));
    carry(&context).await;
    let endings: Vec<Ending> = std::iter::from_fn(|| queued.try_recv().ok())
        .filter_map(|queued| match queued {
            Queued::Record(Record::Iteration(iteration)) => Some(iteration.ending),
            _ => None,
        })
        .collect();
    assert!(!endings.is_empty() && endings.iter().all(|ending| *ending == Ending::Failed), "{endings:?}");
}
