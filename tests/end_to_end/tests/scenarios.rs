//! Each shipped scenario runs from its file, shortened, passes its thresholds and leaves nothing behind.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, scenarios, start_run};
use streamgauge_shared::report::{Report, ThresholdResult};
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(120);

/// Runs a shipped scenario and checks what is true of each of them.
async fn passes(name: &str, time_scale: &str, load_scale: &str) -> Result<(Report, String)> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenarios().join(format!("{name}.toml"));
    let scales = ["--prepare", "--time-scale", time_scale, "--load-scale", load_scale];
    let run = start_run(&bed, &observer, &path, &scales).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let report = observer.report()?;
    let account = &report.account;
    assert!(account.entries > 20, "{stdout}");
    assert_eq!(account.delivered + account.superseded, account.entries, "every row arrived: {stdout}");
    assert_eq!(account.rejected + account.unknown, 0, "{stdout}");
    let checks = &report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "every row is as it was written: {stdout}");
    // A counter of 0 is data without a sample.
    let judged =
        |threshold: &ThresholdResult| threshold.passed && (!threshold.is_time || threshold.samples > 0);
    assert!(report.thresholds.iter().all(judged), "{stdout}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()?;
    Ok((report, stdout))
}

#[tokio::test]
async fn baseline() -> Result<()> {
    let (report, stdout) = passes("baseline", "0.02", "1").await?;
    assert_eq!(report.load.peak_users, 10, "{stdout}");
    let latency = &report.latency["cdc_e2e_latency"];
    let operations: Vec<&str> = latency.by.iter().map(|part| part.operation.as_str()).collect();
    assert_eq!(operations, ["create", "delete"], "{stdout}");
    Ok(())
}

#[tokio::test]
async fn stress() -> Result<()> {
    let (report, stdout) = passes("stress", "0.012", "1").await?;
    assert_eq!(report.load.peak_users, 150, "{stdout}");
    let findings = report.findings.expect("stress asks for findings");
    let breaking_point = findings.breaking_point.expect("it asks for the breaking point");
    assert!(breaking_point.broken.is_empty(), "the testbed's relay holds it: {stdout}");
    assert!(breaking_point.highest.users >= 140.0, "{stdout}");
    assert!(findings.recovery.is_some(), "{stdout}");
    Ok(())
}

#[tokio::test]
async fn spike() -> Result<()> {
    let (report, stdout) = passes("spike", "0.03", "0.4").await?;
    assert_eq!(report.load.peak_users, 200, "{stdout}");
    let catch_up = report.findings.and_then(|findings| findings.catch_up).expect("spike asks for it");
    for part in [&catch_up.before, &catch_up.during, &catch_up.after] {
        assert!(part.sent > 0 && part.arrived == part.sent, "{catch_up:?}");
    }
    Ok(())
}

#[tokio::test]
async fn soak() -> Result<()> {
    let (report, stdout) = passes("soak", "0.0015", "1").await?;
    assert_eq!(report.load.peak_users, 50, "{stdout}");
    let findings = report.findings.expect("soak asks for findings");
    assert!(!findings.checkpoints.is_empty(), "{stdout}");
    assert!(findings.stability.is_some(), "{stdout}");
    let operations: Vec<&str> =
        report.latency["cdc_e2e_latency"].by.iter().map(|part| part.operation.as_str()).collect();
    assert!(operations.contains(&"update"), "{operations:?}");
    Ok(())
}

#[tokio::test]
async fn mixed() -> Result<()> {
    let (report, stdout) = passes("mixed", "0.02", "1").await?;
    let parts: Vec<String> = report.latency["cdc_e2e_latency"]
        .by
        .iter()
        .map(|part| format!("{} {}", part.entity, part.operation))
        .collect();
    for expected in
        ["customer create", "customer update", "customer delete", "address create", "order create"]
    {
        assert!(parts.iter().any(|part| part == expected), "{expected} is missing: {parts:?}\n{stdout}");
    }
    assert_eq!(
        report.phases["setup"].account.delivered, 10,
        "ten customers are seeded and awaited: {stdout}"
    );
    Ok(())
}

#[tokio::test]
async fn a_users_own_table() -> Result<()> {
    let (report, stdout) = passes("own-table", "0.1", "1").await?;
    let total = report.rates["checks"].total;
    assert!(
        total >= 2 * report.account.entries,
        "content of numeric and boolean columns is compared: {stdout}"
    );
    Ok(())
}
