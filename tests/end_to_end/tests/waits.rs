//! What the latencies say of the pipeline without its marks: the relay polls, collects or does neither.

use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::{Finished, Observer, finish, scenarios, start_run, unbroken};
use streamgauge_shared::report::{Findings, Report};
use streamgauge_testbed::{Builder, Testbed};

const LIMIT: Duration = Duration::from_secs(120);
/// Ten creates and ten deletes a second for so long: 20 polls of 500 ms, and 100 batches of 100 ms.
const SECONDS: u32 = 10;
const POISSON: &str = "arrivals = \"poisson\"";
const EVEN: &str = "arrivals = \"even\"";

/// The steps after the create of the shipped test.
const REST: &str = r#"  { await = "5s" },
  # A delete sent the moment its row has arrived would be in step with the pipeline's polls, and wait for a whole one.
  { pause = ["0s", "1s"] },
  { delete = "customer" },
"#;

/// The shipped `e2e-latency` through a pipeline, without warm-up, with one more change; the report and the whole summary.
async fn run(builder: Builder, from: &str, to: &str) -> Result<(Report, String)> {
    let bed = builder.start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let shipped = std::fs::read_to_string(scenarios().join("e2e-latency.toml"))?;
    let changed = shipped
        .replace("models/shop.toml", &scenarios().join("models/shop.toml").display().to_string())
        .replace("warm_up = \"5s\"", "warm_up = \"0s\"")
        .replace("duration = \"5m\"", &format!("duration = \"{SECONDS}s\""))
        .replace(from, to);
    anyhow::ensure!(shipped.contains(from), "the shipped test has no {from}");
    let path = bed.folder().join("waits.toml");
    std::fs::write(&path, changed)?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--seed", "7"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    // A poll of 500 ms may cost it a threshold; nothing else may.
    assert!(matches!(code, 0 | 99), "{stdout}\n{stderr}");
    let report = observer.report()?;
    let folders = observer.run_folders()?;
    let summary = std::fs::read_to_string(folders.first().context("no run folder")?.join("summary.txt"))?;
    bed.stop()?;
    Ok((report, unbroken(&summary)))
}

fn found(report: &Report) -> Findings {
    report.findings.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_poll_is_found_with_its_interval() -> Result<()> {
    let (report, summary) =
        run(Testbed::builder().poll(Duration::from_millis(500)), POISSON, POISSON).await?;
    let period = found(&report).period.with_context(|| summary.clone())?;
    assert!((period.period_ms - 500.0).abs() <= 3.0, "{period:?}");
    assert!(period.uncertainty_ms < 10.0 && period.rows_of_next > 0.9, "{period:?}");
    assert!(summary.contains("something polls; Debezium's poll.interval.ms is 500 by default"), "{summary}");
    assert_eq!((found(&report).batch, found(&report).rate_limit), (None, None), "{summary}");
    Ok(())
}

#[tokio::test]
async fn a_batch_is_found_with_its_wait() -> Result<()> {
    let (report, summary) =
        run(Testbed::builder().batch(Duration::from_millis(200)), POISSON, POISSON).await?;
    let batch = found(&report).batch.with_context(|| summary.clone())?;
    let waits_ms = batch.waits_ms.context("closed by a time")?;
    assert!((waits_ms - 200.0).abs() <= 15.0, "{batch:?}");
    assert!(summary.contains("something collects rows for a time"), "{summary}");
    assert_eq!((found(&report).period, found(&report).rate_limit), (None, None), "{summary}");
    Ok(())
}

#[tokio::test]
async fn a_limit_is_found_with_its_rate() -> Result<()> {
    let (report, summary) = run(Testbed::builder().rate_limit(4.0), REST, "").await?;
    let limit = found(&report).rate_limit.with_context(|| summary.clone())?;
    assert!((limit.rate_per_s - 4.0).abs() <= limit.uncertainty_per_s.max(0.2), "{limit:?}");
    assert!(summary.contains("something carries no more than that"), "{summary}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_found_where_rows_wait_for_none_of_it() -> Result<()> {
    let jitter = Testbed::builder().delay(Duration::from_millis(50)).jitter(Duration::from_millis(30), 3);
    for (builder, arrivals) in [(Testbed::builder(), POISSON), (Testbed::builder(), EVEN), (jitter, POISSON)]
    {
        let (report, summary) = run(builder, POISSON, arrivals).await?;
        let Findings { period, batch, rate_limit, .. } = found(&report);
        assert_eq!((period, batch, rate_limit), (None, None, None), "{summary}");
        // The test's own headline leads.
        let (name, stats) = report.headline().context("a headline")?;
        assert_eq!(name, "cdc_e2e_latency{operation:create}");
        let creates = report.latency["cdc_e2e_latency"].by.iter().find(|by| by.operation == "create");
        assert_eq!(Some(stats), creates.map(|by| &by.stats), "{summary}");
        let after = summary.split("█ LATENCY").nth(1).context("no latencies")?.trim_start();
        assert!(after.starts_with("cdc_e2e_latency{operation:create}"), "{summary}");
    }
    Ok(())
}
