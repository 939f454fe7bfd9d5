//! A capacity search whose users do not finish by themselves.

use streamgauge_shared::test_file::{CapacitySearch, Rate};

use super::*;

fn probe(number: u32) -> (u32, Probe) {
    let probe = Probe {
        rate_per_s: 20.0,
        sent_per_s: 20.0,
        arrived_per_s: 20.0,
        backlog_growth_per_s: 0.0,
        reason: (number > 0).then(|| "enough".to_owned()),
    };
    (number, probe)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_is_over_once_its_users_were_cut_and_the_next_one_has_them_all() {
    let rate = |iterations| Rate { iterations, per: ms(1_000) };
    let search = CapacitySearch {
        start: rate(20),
        max: rate(1_000),
        resolution: 0.9,
        settle: ms(100),
        probe: ms(300),
        pre_allocated_vus: 2,
        max_vus: 2,
    };
    let (context, mut queued) = context(loaded(Executor::CapacitySearch(search), ms(200)));
    let (tell, probed) = watch::channel(None);
    let begins = context.clock.now() + ms(50);
    let load = Load::start(Arc::clone(&context), begins, probed).expect("a thread");
    let carried = tokio::spawn(load.carry());
    let (mut until, mut sequences) = (UnixNanos(0), 0);
    for number in 0..2 {
        match queued.recv().await {
            Some(Queued::Record(Record::Probe(plan))) if plan.number == number => {
                assert!(plan.from >= until + ms(100), "it began while users of the one before worked");
                until = plan.until;
            }
            other => panic!("nothing comes between the probes: {other:?}"),
        }
        // Both users are stuck from the settling on, and are cut when the graceful stop is over.
        for _ in 0..2 {
            match queued.recv().await {
                Some(Queued::Record(Record::NotSent(operation))) => {
                    assert_eq!((operation.sequence, operation.cause), (sequences, NotSentCause::Cut));
                    sequences += 1;
                }
                other => panic!("both users work for probe {number}: {other:?}"),
            }
        }
        assert!(context.clock.now() >= until + ms(200), "they had their graceful stop");
        match queued.recv().await {
            Some(Queued::Record(Record::ProbeOver(over))) if over == number => {}
            other => panic!("probe {number} is over: {other:?}"),
        }
        tell.send_replace(Some(probe(number)));
    }
    context.halt.order(How::Finish, Failure::run("enough"));
    timeout(Duration::from_secs(10), carried).await.expect("it ends").expect("no panic");
    let load = loaded_by(&context)[0];
    assert!(load.load_began.is_some() && load.iterations_due == load.dropped, "{load:?}");
}
