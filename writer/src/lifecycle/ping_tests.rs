use streamgauge_shared::exit_code::ExitCode;

use super::*;

fn shop() -> Source {
    Source { name: SHOP.0.to_owned(), text: SHOP.2.to_owned() }
}

const LIMITS: Limits = Limits { within: Nanos::from_millis(1_500), timeout: Nanos::from_secs(30) };

#[test]
fn a_ping_is_one_row_of_the_first_entity_that_refers_to_no_other() {
    let ping = test(&shop(), None, LIMITS).expect("a test");
    assert_eq!(ping.entity, "customer");
    let test = ping.source.test;
    assert_eq!((test.scenarios[0].flow.len(), test.warm_up, test.peak_users()), (1, Nanos::ZERO, 1));
    assert_eq!((test.drain, test.arrival_timeout), (LIMITS.timeout, LIMITS.timeout));
    assert_eq!(test.thresholds[0].expression.text, "max<=1500");
}

#[test]
fn rows_that_it_refers_to_come_before_it_and_are_not_judged() {
    let ping = test(&shop(), Some("order"), LIMITS).expect("a test");
    assert_eq!(ping.source.test.scenarios[0].flow.len(), 2, "its customer, and itself");
    assert_eq!(ping.source.test.thresholds[0].key, "cdc_e2e_latency{entity:order}");
    let failure = test(&shop(), Some("orders"), LIMITS).err().expect("no such entity");
    assert_eq!(failure.exit_code, ExitCode::InvalidConfiguration);
    assert_eq!(
        failure.sentence,
        "--entity 'orders' is not in 'models/shop.toml', which has customer, address, order: give one of them"
    );
}

#[test]
fn a_test_and_a_model_alone_are_taken() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    for file in ["mixed.toml", "models/shop.toml", "own-table.toml"] {
        let (_, model) = read_model(Some(&scenarios.join(file))).expect("a model");
        assert!(test(&model, None, LIMITS).is_ok(), "{file}");
    }
    let failure = read_model(Some(Path::new("absent.toml"))).expect_err("no such file");
    assert!(failure.sentence.contains("'absent.toml' cannot be read"), "{failure}");
}

fn pong() -> Pong {
    Pong {
        entity: "customer".to_owned(),
        is_here: true,
        in_time: true,
        end_to_end: Figure::Value(27.3),
        write: Figure::Value(1.1),
        propagation: Figure::Value(26.2),
        floor: Figure::Absent,
        bound: None,
    }
}

#[test]
fn one_line_says_how_long_it_took() {
    assert_eq!(pong().line(None), "arrived after 27.3ms (write 1.1ms, propagation 26.2ms)\n");
    let late =
        Pong { in_time: false, floor: Figure::Value(0.9), bound: Some("± 300µs".to_owned()), ..pong() };
    assert_eq!(
        late.line(Some(Nanos::from_millis(20))),
        "arrived after 27.3ms ± 300µs, later than 20ms (write 1.1ms, propagation 26.2ms, floor 900µs)\n"
    );
    let lost = Pong {
        is_here: false,
        in_time: false,
        end_to_end: Figure::AtLeast(30_000.0),
        propagation: Figure::Absent,
        ..pong()
    };
    assert_eq!(lost.line(Some(Nanos::from_secs(2))), "not arrived after 30s (write 1.1ms)\n");
}
