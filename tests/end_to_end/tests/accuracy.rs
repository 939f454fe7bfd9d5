//! A known delay goes in, and comes out: reported latencies against the relay's own times, row by row.

use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::Value;
use streamgauge_end_to_end::gallery::Acks;
use streamgauge_end_to_end::{Observer, finish, get, range, scenario, start_run};
use streamgauge_shared::report::Report;
use streamgauge_testbed::{Testbed, wait_for};

/// What the headline may differ from the relay's own figure, milliseconds.
const ACCURACY_MS: f64 = 3.0;
const RATE: u32 = 100;
const SECONDS: u32 = 20;

#[tokio::test]
async fn no_delay_is_reported_as_the_relay_saw_it() -> Result<()> {
    known_delay(0).await
}

#[tokio::test]
async fn a_delay_of_25_ms_is_reported_as_the_relay_saw_it() -> Result<()> {
    known_delay(25).await
}

#[tokio::test]
async fn a_delay_of_250_ms_is_reported_as_the_relay_saw_it() -> Result<()> {
    known_delay(250).await
}

#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
async fn known_delay(delay_ms: u32) -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(delay_ms.into())).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let scenario = scenario(&bed, RATE, SECONDS)?;
    let run = start_run(&bed, &observer, &scenario, &["--prepare"]).await?;
    let shown_live = row_while_it_runs(&observer).await?;
    let finished = finish(&run, Duration::from_secs(90)).await?;
    let report = observer.report()?;
    let shown = format!("{}\n{}", finished.stdout, finished.stderr);

    // Every row accounted for, and none but ours.
    let expected = u64::from(RATE * SECONDS) * 2 - 2 * report.counters["dropped_iterations"];
    assert_eq!(report.counters["dropped_iterations"], 0, "{shown}");
    assert_eq!((report.account.entries, report.account.delivered), (expected, expected), "{shown}");
    assert_eq!((report.events.total, report.events.first), (expected, expected), "{shown}");
    assert!(report.run.complete && report.clock.error_bound_ms == Some(0.0), "{shown}");

    // Row by row against the relay's own clock readings.
    let acks = Acks::of(&bed.relay().acks()?)?;
    let (mut differences, mut from_relay) = (Vec::new(), Vec::new());
    for row in observer.rows()? {
        let number = |name: &str| row[name].as_i64().with_context(|| format!("no {name} in {row}"));
        let (sent, observed, ack) = (number("sent_ns")?, number("observed_ns")?, acks.of_row(&row)?);
        differences.push(millis(observed - ack));
        from_relay.push(millis(ack - sent));
    }
    assert_eq!(differences.len() as u64, expected, "each row is kept");
    let e2e = &report.latency["cdc_e2e_latency"].all;
    let (low, high) = range(e2e.p50).context(shown.clone())?;
    let (difference, relay) = (median(&mut differences), median(&mut from_relay));
    let min = e2e.min.context("no minimum")?;
    println!(
        "delay {delay_ms} ms: p50 {low:.3} to {high:.3} ms, relay's {relay:.3} ms, median of observed - ack {difference:.3} ms, min {min:.3} ms"
    );
    assert!(difference.abs() <= ACCURACY_MS, "median of observed - ack: {difference} ms");
    for reported in [low, high] {
        assert!((reported - relay).abs() <= ACCURACY_MS, "reported {reported} ms, the relay's {relay} ms");
    }
    assert!(min >= f64::from(delay_ms), "{min} ms is below the delay");
    assert_eq!(finished.code, i32::from(report.verdict.exit_code));
    interval_log(&observer, &report)?;
    // Shown while the run went on, it is the line that the run leaves.
    let same = |row: &Value| (&row["writer"], &row["sequence"]) == (&0.into(), &0.into());
    assert_eq!(observer.rows()?.into_iter().find(same), Some(shown_live));
    bed.stop()
}

/// The first row of the run, asked for while the run goes on until it has arrived and PostgreSQL has answered.
async fn row_while_it_runs(observer: &Observer) -> Result<Value> {
    wait_for("the first row to have arrived", Duration::from_secs(15), || async {
        let answer = get(&observer.address, "/api/rows/0/0").await.map_err(|error| format!("{error:#}"))?;
        let row: Value =
            serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {}", answer.body))?;
        let whole = answer.status == 200 && row["outcome"] == "delivered" && row["committed_ns"].is_i64();
        if whole { Ok(row) } else { Err(answer.body) }
    })
    .await?;
    let unknown = get(&observer.address, "/api/rows/0/1000000").await?;
    assert_eq!(unknown.status, 404, "{}", unknown.body);
    assert!(unknown.body.contains("no record of this operation has come yet"), "{}", unknown.body);
    let row = get(&observer.address, "/api/rows/0/0").await?;
    Ok(serde_json::from_str(&row.body)?)
}

/// The seconds of `latency.hlog` together are what the report says: every value, and the same percentile.
fn interval_log(observer: &Observer, report: &Report) -> Result<()> {
    let sums = observer.interval_sums()?;
    for (latency, figures) in &report.latency {
        for by in &figures.by {
            let tag = format!("{latency}.{}", by.operation);
            let count = |tag: &str| sums.get(tag).map_or(0, Histogram::len);
            let counted = count(&tag) + count(&format!("{tag}.early"));
            assert_eq!(counted, by.stats.count, "{tag}");
        }
    }
    // The test has one entity; nothing of its values is below zero.
    let by = report.latency["cdc_e2e_latency"].by.iter().find(|by| by.operation == "create");
    let (sum, by) = (&sums["cdc_e2e_latency.create"], by.context("no creates")?);
    if by.stats.unmeasured > 0 {
        // The log has those that were timed alone, the report bounds the others.
        return Ok(());
    }
    let (p99, _) = range(by.stats.p99).context("no p99 of creates")?;
    let logged = millis(i64::try_from(sum.value_at_quantile(0.99))?);
    assert!((logged - p99).abs() <= p99 * 0.002, "p99 {logged} ms in the log, {p99} ms in the report");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "differences of minutes are exact")]
fn millis(ns: i64) -> f64 {
    ns as f64 / 1e6
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
