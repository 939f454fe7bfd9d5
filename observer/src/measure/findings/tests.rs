//! The findings together: what is asked for is there, as JSON and as sentences; what is not asked for is absent.

use serde_json::json;
use streamgauge_shared::report::{Findings, RecoveryState, Second, StabilityVerdict};

use super::fixture::{Pipeline, course, spike_stages, stages};
use super::{Asked, Config, Course, findings};

const ALL: Asked = Asked {
    breaking_point: true,
    recovery: true,
    catch_up: true,
    stalls: true,
    stability: true,
    checkpoints: true,
};

/// JSON and back must not change anything.
fn round_trip(found: &Findings) -> serde_json::Value {
    let json = serde_json::to_value(found).unwrap();
    assert_eq!(&serde_json::from_value::<Findings>(json.clone()).unwrap(), found);
    json
}

fn has(lines: &[String], part: &str) {
    assert!(lines.iter().any(|line| line.contains(part)), "no line has {part:?}:\n{}", lines.join("\n"));
}

#[test]
fn what_is_not_asked_for_is_absent() {
    let points = Pipeline::default().rate(20.0, 120.0);
    let found = findings(&course(&points, &spike_stages()), Asked::default(), &Config::default());
    assert_eq!(round_trip(&found), json!({}));
    assert!(found.is_empty() && found.lines().is_empty());
}

#[test]
fn an_empty_run_answers_without_data() {
    let found = findings(&course(&[], &[]), ALL, &Config::default());
    let json = round_trip(&found);
    assert_eq!(json["stalls"], json!([]));
    assert_eq!(json["stability"]["verdict"], "not_enough_data");
    assert_eq!((json.get("recovery"), json.get("catch_up")), (None, None), "no stages, no rise and fall");
    has(&found.lines(), "breaking point: not reached");
    has(&found.lines(), "cdc_e2e_latency p50: not enough data: no values");
}

#[test]
fn a_spike_with_a_stall_reads_as_it_happened() {
    let stages = spike_stages();
    let points = Pipeline { stalls: vec![(100.0, 120.0)], ..Pipeline::default() }.users(&stages, 0.5, 30.0);
    let found = findings(&course(&points, &stages), ALL, &Config::default());
    round_trip(&found);
    let lines = found.lines();
    has(&lines, "stall: at 1m");
    has(&lines, "500 rows waiting; caught up: ");
    has(&lines, "rows sent during the spike: ");
    has(&lines, "catch-up: ");
    has(
        &lines,
        "breaking point: not reached (no threshold stayed crossed for 10s beyond its window); highest load 500 users",
    );
    let recovery = found.recovery.unwrap();
    assert_ne!(recovery.state, RecoveryState::NotRecovered, "{recovery:?}");
}

#[test]
fn a_scaled_soak_has_its_checkpoints_and_its_verdict() {
    let stages = stages(50.0, &[(120.0, 50.0)]);
    let points = Pipeline { growth: 0.001, ..Pipeline::default() }.users(&stages, 1.0, 5.0);
    let asked = Asked { stability: true, checkpoints: true, ..Asked::default() };
    let found = findings(&course(&points, &stages), asked, &Config::default().scaled(1.0 / 60.0));
    round_trip(&found);
    assert_eq!(found.checkpoints.len(), 25);
    assert_eq!(found.checkpoints[0].width_s, 5.0);
    assert_eq!(found.stability.as_ref().unwrap().verdict, StabilityVerdict::Drifting);
    has(&found.lines(), "stability: drifting");
    has(&found.lines(), "cdc_e2e_latency p50: drifting; 30");
    has(&found.lines(), "checkpoint 5s: ");
}

#[test]
fn every_beginning_of_a_run_can_be_read() {
    let stages = spike_stages();
    let points = Pipeline { limit_per_s: 100.0, stalls: vec![(100.0, 120.0)], ..Pipeline::default() }
        .users(&stages, 0.5, 30.0);
    for seen in 0..points.len() {
        let found = findings(&course(&points[..seen], &stages), ALL, &Config::default());
        let catch_up = found.catch_up.as_ref().unwrap();
        let counted = catch_up.before.sent + catch_up.during.sent + catch_up.after.sent;
        assert_eq!(counted, points[..seen].iter().map(|point| point.sent).sum::<u64>());
        assert_eq!(found.checkpoints.iter().map(|line| line.sent).sum::<u64>(), counted);
        assert!(!found.lines().is_empty());
    }
}

#[test]
fn a_thinned_series_says_the_same_of_stability() {
    let points = Pipeline::default().rate(5.0, 7_200.0);
    let thinned: Vec<Second> = points.chunks(4).map(|four| Second { width_s: 4, ..four[0] }).collect();
    let asked = Asked { stability: true, ..Asked::default() };
    let verdict = |points: &[Second]| {
        let course = Course { load_end_s: Some(7_200.0), ..course(points, &[]) };
        findings(&course, asked, &Config::default()).stability.unwrap().verdict
    };
    assert_eq!((verdict(&points), verdict(&thinned)), (StabilityVerdict::Stable, StabilityVerdict::Stable));
}
