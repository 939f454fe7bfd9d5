use streamgauge_shared::exit_code::ExitCode;
use streamgauge_shared::ledger::Progress;
use streamgauge_shared::test_file::Source;

use super::*;

const MODEL: &str = include_str!("../../../scenarios/models/shop.toml");
const TEST: &str = include_str!("../../../scenarios/e2e-latency.toml");

fn hello(run: u64, index: u16, count: u16) -> Hello {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    Hello {
        version: "1".into(),
        process: u64::from(index) + 1,
        run: RunId::from_bits(run),
        test: source("e2e-latency.toml", TEST),
        model: source("shop.toml", MODEL),
        time_scale: "1".into(),
        load_scale: "1".into(),
        seed: 3,
        shard_index: index,
        shard_count: count,
        clock: Clock::start().identity(),
        postgres_version: "15".into(),
        postgres_tls: "none".into(),
        postgres_pooler: "none".into(),
        greatest_numbers: Vec::new(),
    }
}

fn active(first: &Hello) -> Active {
    let shards = Shards::new(first).expect("one of so many");
    let (inputs, _) = mpsc::channel(1);
    let clock = Clock::start();
    Active { run: first.run, test: "e2e-latency".into(), inputs, shards, clock, first_numbers: vec![5] }
}

#[test]
fn a_writer_of_the_run_takes_its_seat_and_another_runs_hears_that_the_observer_is_busy() {
    let mut active = active(&hello(7, 0, 2));
    for index in [0, 1, 0] {
        let Ok(Decision::Takes(admission)) = active.decide(&hello(7, index, 2)) else {
            panic!("its own writer")
        };
        assert_eq!(admission.writer, index);
    }
    let Err(refused) = active.decide(&hello(8, 0, 2)) else { panic!("of another run") };
    assert_eq!(refused.exit_code, ExitCode::RunFailed);
    assert!(refused.sentence.contains("busy with run 000000000007 of test 'e2e-latency'"), "{refused}");
    let Err(refused) = active.decide(&hello(7, 2, 3)) else { panic!("it counts otherwise") };
    assert!(refused.sentence.contains("another --shard-count"), "{refused}");
}

#[test]
fn the_verdict_waits_for_the_writers_of_the_run_that_is_over() {
    let verdict = Verdict { report_json: "{}".into(), folder: None, progress: Progress::default() };
    let over = Over { run: RunId::from_bits(7), next_records: vec![4, 9], verdict };
    match over.decide(&hello(7, 1, 2)) {
        Some(Decision::Over { writer, next_record, .. }) => assert_eq!((writer, next_record), (1, 9)),
        _ => panic!("its own writer"),
    }
    assert!(over.decide(&hello(8, 1, 2)).is_none(), "another run may begin");
}

#[test]
fn a_test_that_cannot_be_read_or_judged_ends_before_the_start() {
    assert_eq!(read_test(&hello(7, 0, 1)).expect("the shipped test").name, "e2e-latency");
    let broken = Hello { time_scale: "fast".into(), ..hello(7, 0, 1) };
    assert_eq!(read_test(&broken).expect_err("no scale").exit_code, ExitCode::InvalidConfiguration);
    let visibility = format!("{TEST}\nmongo_visibility = [\"p(95)<100\"]\n");
    let mut asking = hello(7, 0, 1);
    asking.test.text = visibility;
    let test = read_test(&asking).expect("a test");
    let told = check_server(&test, "5.0.31").expect_err("no wallTime there").sentence;
    assert!(told.contains("MongoDB 5.0.31 gives events no wallTime") && told.contains("upgrade"), "{told}");
    assert!(check_server(&test, "6.0.1").is_ok());
}
