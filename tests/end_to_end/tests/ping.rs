//! `ping`: one row, how long it took, and an exit code for scripts.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{
    Finished, Observer, finish, left_behind, nothing_left, range, scenarios, writer,
};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::report::{Report, figure_words};
use streamgauge_shared::time::Nanos;
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(30);

async fn ping(bed: &Testbed, observer: &Observer, extra: &[&str]) -> Result<Finished> {
    let mut args = vec!["ping", "--observer", &observer.address];
    args.extend(extra);
    let process = bed.run(writer(bed.postgres_url(), &args)?).await?;
    finish(&process, LIMIT).await
}

async fn prepared(bed: &Testbed) -> Result<()> {
    let shop = scenarios().join("mixed.toml").display().to_string();
    let prepare = bed.run(writer(bed.postgres_url(), &["prepare", &shop])?).await?;
    let finished = finish(&prepare, LIMIT).await?;
    anyhow::ensure!(finished.code == 0, "{}", finished.stderr);
    Ok(())
}

/// The report of the last run.
fn last(observer: &Observer) -> Result<Report> {
    let folders = observer.run_folders()?;
    let text = fs::read_to_string(folders.last().context("no run")?.join("report.json"))?;
    Ok(serde_json::from_str(&text)?)
}

#[tokio::test]
async fn a_row_arrives_and_the_line_says_what_the_report_says() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let missing = ping(&bed, &observer, &[]).await?;
    assert_eq!(missing.code, 104, "{}", missing.stderr);
    assert!(missing.stderr.contains("table 'customers'"), "{}", missing.stderr);
    prepared(&bed).await?;

    let (clock, limit) = (Clock::start(), Nanos::from_secs(3));
    let began = clock.now();
    let Finished { code, stdout, stderr } = ping(&bed, &observer, &["--within", "5s"]).await?;
    let took = clock.now() - began;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let report = last(&observer)?;
    assert_eq!((report.account.entries, report.account.delivered), (1, 1), "{stdout}");
    assert_eq!(report.run.test, "ping");
    let figure = |name: &str| figure_words(report.latency[name].all.p50);
    let (whole, write) = (figure("cdc_e2e_latency"), figure("pg_write_duration"));
    let expected = format!("arrived after {whole} (write {write}, propagation {}", figure("cdc_propagation"));
    assert!(stdout.starts_with(&expected) && stdout.lines().count() == 1, "{expected}\n{stdout}");
    assert!(!stderr.contains("WARN") && !stderr.contains("execution:"), "nothing else is said: {stderr}");
    assert_eq!(left_behind(&bed).await?.0, 0, "its row is gone");
    nothing_left(&bed, LIMIT).await?;
    // A relay takes a few milliseconds; the rest is two programs that get to know each other.
    assert!(took < limit, "a ping took {took}");
    bed.stop()
}

#[tokio::test]
async fn scripts_get_one_object_and_an_entity_of_their_own() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    prepared(&bed).await?;
    let model = scenarios().join("models/shop.toml").display().to_string();
    let finished = ping(&bed, &observer, &[&model, "--entity", "order", "--json"]).await?;
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
    let told: Value = serde_json::from_str(&finished.stdout)?;
    let report = last(&observer)?;
    assert_eq!(
        (&told["arrived"], &told["in_time"], &told["entity"]),
        (&true.into(), &true.into(), &"order".into())
    );
    assert_eq!((&told["exit_code"], &told["run"]), (&0.into(), &report.run.id.clone().into()));
    assert_eq!(report.account.entries, 2, "an order and its customer");
    let by = &report.latency["cdc_e2e_latency"].by;
    let order = by.iter().find(|by| by.entity == "order").context("no order")?;
    assert_eq!(told["e2e_ms"].as_f64(), order.stats.min, "{told}");
    let (low, high) = range(order.stats.p50)?;
    assert!(low > 0.0 && high < 5_000.0, "{low} to {high}");
    bed.stop()
}

#[tokio::test]
async fn what_comes_late_or_never_has_an_exit_code_of_its_own() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(300)).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    prepared(&bed).await?;
    let late = ping(&bed, &observer, &["--within", "100ms"]).await?;
    assert_eq!(late.code, 99, "{}\n{}", late.stdout, late.stderr);
    assert!(late.stdout.starts_with("arrived after 3"), "{}", late.stdout);
    assert!(late.stdout.contains("later than 100ms"), "{}", late.stdout);

    let lost = ping(&bed, &observer, &["--timeout", "150ms"]).await?;
    assert_eq!(lost.code, 99, "{}\n{}", lost.stdout, lost.stderr);
    assert!(lost.stdout.starts_with("not arrived after "), "{}", lost.stdout);

    execute(&bed, "ALTER TABLE customers ADD CONSTRAINT refuses CHECK (email = '')").await?;
    let refused = ping(&bed, &observer, &[]).await?;
    assert_eq!(refused.code, 107, "{}\n{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("23514"), "the SQLSTATE is named: {}", refused.stderr);
    bed.stop()
}
