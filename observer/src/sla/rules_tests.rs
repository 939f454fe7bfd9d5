//! The shipped rules are what the command makes of the shipped objective, and what cannot be told is refused.

use super::*;
use crate::sla::openslo;

const SHIPPED: &str = include_str!("../../../compose/prometheus/rules/slo.yml");
const EXAMPLE: &str = include_str!("../../../docs/sla-example.yaml");
const COMMAND: &str = "streamgauge-observer sla rules --slo docs/sla-example.yaml";

fn made(objectives: &[&str], window: &str, lower_bucket: bool) -> Result<String, String> {
    let texts: Vec<String> = objectives.iter().map(|text| (*text).to_owned()).collect();
    let objectives = Objective::parse_all(&texts, None)?;
    let window = Window::parse(window)?;
    generate(&Asked { objectives: &objectives, window, lower_bucket, rows_min: None, command: "the test" })
}

#[test]
fn the_shipped_rules_are_generated_from_the_shipped_objective() {
    let slo = openslo::read(EXAMPLE).expect("an SLO");
    let asked = Asked {
        objectives: &slo.objectives,
        window: slo.window,
        lower_bucket: false,
        rows_min: None,
        command: COMMAND,
    };
    let file = generate(&asked).expect("rules");
    assert_eq!(file, SHIPPED, "generate it again: {COMMAND} > compose/prometheus/rules/slo.yml");
}

#[test]
fn a_bound_is_a_buckets_edge_or_the_neighbours_are_named() {
    let said = made(&["p(99)<4s"], "30d", false).expect_err("no bucket");
    assert!(said.contains("its neighbours end at 3s and 5s") && said.contains("--lower-bucket"), "{said}");
    let lower = made(&["p(99)<4s"], "30d", true).expect("rules");
    assert!(lower.contains("# No bucket of /metrics ends at 4s: held at the one below, 3s."), "{lower}");
    assert!(lower.contains("le=\"3.001024511\"") || lower.contains("le=\"3.0"), "{lower}");
    assert!(made(&["p(99)<100us"], "30d", true).is_err());
    assert!(
        made(&["cdc_e2e_latency{operation:create}: p(99)<5s"], "30d", false)
            .expect_err("tag")
            .contains("by scenario only")
    );
    assert!(made(&["cdc_propagation: p(99)<5s"], "30d", false).expect_err("signed").contains("two families"));
}

#[test]
fn thresholds_windows_and_least_rows_follow_the_window_and_the_target() {
    let week = made(&["p(99.9)<5s"], "7d", false).expect("rules");
    for part in [
        "ratio1h >= 16.8 * 0.001",
        "ratio6h >= 5.6 * 0.001",
        "ratio1d >= 2.8 * 0.001",
        "increase1h >= 60",
        "ratio2h",
    ] {
        assert!(week.contains(part), "{part} in\n{week}");
    }
    let low = made(&["p(90)<5s"], "30d", false).expect("rules");
    assert!(
        low.contains(
            "No alert StreamgaugeSloBurnFast of cdc_e2e_latency<5s: a burn rate is at most 10 at 90%"
        ),
        "{low}"
    );
    assert!(!low.contains("- alert: StreamgaugeSloBurnFast"));
    let two = made(&["p(99)<5s", "p(99.9)<30s"], "30d", false).expect("rules");
    assert!(
        two.contains("streamgauge:slo_bad:ratio1h{objective=\"cdc_e2e_latency<30s\"} >= 14.4 * 0.001"),
        "{two}"
    );
}
