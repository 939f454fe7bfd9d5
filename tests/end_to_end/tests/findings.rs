//! Pipelines with known faults: stress finds where they break, spike and soak find the stall, soak the drift.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{Finished, Observer, finish, scenarios, start_run};
use streamgauge_shared::report::{Findings, RecoveryState, Report, StabilityVerdict, Stall};
use streamgauge_testbed::{Builder, Testbed};

const LIMIT: Duration = Duration::from_secs(300);
const STALL: Duration = Duration::from_secs(20);

/// Runs a shipped scenario through a pipeline with a fault; it may fail its thresholds, but not otherwise.
#[expect(clippy::print_stdout, reason = "the figures are what these tests are for")]
async fn run(builder: Builder, name: &str, extra: &[&str]) -> Result<(Report, Findings)> {
    let bed = builder.start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenarios().join(format!("{name}.toml"));
    let run = start_run(&bed, &observer, &path, &[&["--prepare"], extra].concat()).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    println!("{stdout}");
    assert!(matches!(code, 0 | 99), "{stdout}\n{stderr}");
    let report = observer.report()?;
    let account = &report.account;
    assert_eq!(account.pending + account.lost + account.unknown, 0, "{stdout}");
    let findings = report.findings.clone().expect("the scenario asks for findings");
    bed.stop()?;
    Ok((report, findings))
}

#[tokio::test]
async fn stress_breaks_at_the_pipelines_limit() -> Result<()> {
    let limit = 20.0;
    let builder = Testbed::builder().rate_limit(limit);
    let (_, findings) = run(builder, "stress", &["--time-scale", "0.08"]).await?;
    let breaking_point = findings.breaking_point.expect("stress asks for it");
    assert!(!breaking_point.broken.is_empty(), "{breaking_point:?}");
    let load = breaking_point.load.expect("the load where it broke");
    assert!((load.arrived_per_s / limit - 1.0).abs() <= 0.1, "{load:?}");
    assert!(load.users > 10.0 && load.users < 150.0, "{load:?}");
    Ok(())
}

/// The injected stall is the only one, and its length and recovery are as injected.
fn assert_stall(findings: &Findings) -> &Stall {
    let stalls = findings.stalls.as_ref().expect("looked for");
    let [stall] = &stalls[..] else { panic!("one stall was injected: {stalls:?}") };
    assert!((stall.length_s - STALL.as_secs_f64()).abs() <= 2.0, "{stall:?}");
    let recovered = stall.length_s + stall.recovered_after_s.expect("it recovers");
    assert!((recovered - STALL.as_secs_f64()).abs() <= 2.0, "{stall:?}");
    assert!(stall.ended && stall.rows_waiting > 0, "{stall:?}");
    stall
}

#[tokio::test]
async fn a_soak_reports_a_stall_and_the_recovery_from_it() -> Result<()> {
    let builder = Testbed::builder().stall(Duration::from_secs(18), STALL);
    let (_, findings) = run(builder, "soak", &["--time-scale", "0.0085"]).await?;
    assert_stall(&findings);
    Ok(())
}

#[tokio::test]
async fn a_spike_reports_a_stall_and_the_recovery_from_it() -> Result<()> {
    // The spike begins at 15 s: what its latency is takes five seconds of it, and the base load's says nothing of that.
    let builder = Testbed::builder().stall(Duration::from_secs(23), STALL);
    let (_, findings) = run(builder, "spike", &["--time-scale", "0.25", "--load-scale", "0.2"]).await?;
    let stall = assert_stall(&findings);
    // The load falls after 45 s, when the stall is just over.
    let catch_up = findings.catch_up.as_ref().expect("spike asks for it");
    assert_eq!(catch_up.pending_after_window, 0, "{catch_up:?}");
    assert_eq!(catch_up.during.arrived, catch_up.during.sent, "{catch_up:?}");
    let recovery = findings.recovery.as_ref().expect("spike asks for it");
    assert_ne!(recovery.state, RecoveryState::NotRecovered, "{recovery:?} {stall:?}");
    Ok(())
}

#[tokio::test]
async fn a_soak_on_a_pipeline_that_gets_slower_is_drifting_by_as_much() -> Result<()> {
    let builder = Testbed::builder().delay(Duration::from_millis(50)).delay_growth(1.0);
    let (_, findings) = run(builder, "soak", &["--time-scale", "0.0125"]).await?;
    let stability = findings.stability.expect("soak asks for it");
    assert_eq!(stability.verdict, StabilityVerdict::Drifting, "{stability:?}");
    for series in ["p50", "p95"] {
        let trend = stability.trends.iter().find(|trend| trend.series.ends_with(series)).expect("a trend");
        assert_eq!(trend.verdict, StabilityVerdict::Drifting, "{trend:?}");
        let slope = trend.fit.as_ref().expect("a line").slope_per_s;
        assert!((slope - 1.0).abs() <= 0.15, "{slope} ms/s instead of 1: {trend:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_same_soak_without_growth_is_stable() -> Result<()> {
    let builder = Testbed::builder().delay(Duration::from_millis(50));
    let (_, findings) = run(builder, "soak", &["--time-scale", "0.0125"]).await?;
    let stability = findings.stability.expect("soak asks for it");
    assert_eq!(stability.verdict, StabilityVerdict::Stable, "{stability:?}");
    Ok(())
}
