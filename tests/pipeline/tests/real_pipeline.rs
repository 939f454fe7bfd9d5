//! Debezium, Kafka and MongoDB's sink, natively, with the files of `compose/`: every row is accounted for, deletes are
//! matched by their key, the content is as it was written, and the death of the Connect worker loses nothing.
//!
//! One test, because one start of the pipeline serves both sinks. Needs Java 17 and Maven, as `.ci/run` looks before.

#![expect(clippy::print_stdout, reason = "the figures are half of what this test shows")]

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::{Observer, get};
use streamgauge_pipeline::{
    Artefacts, Measured, Overrides, Pipeline, Scenario, Settings, Sink, Variant, heading, line, measure,
};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::report::{Figure, ValidityState};
use streamgauge_testbed::wait_for;

/// Load on fresh tasks that nobody looks at, seconds.
const WARM_UP_S: u32 = 5;
/// Load of a measured run, seconds.
const RUN_S: u32 = 10;
/// Load of the run in which the worker dies: long enough to see the latency come back.
const KILL_RUN_S: u32 = 40;
/// The reasons that say that this machine had too little CPU for all of it.
const STARVED: [&str; 2] = ["writer_starved", "observer_starved"];
/// What a starved program does besides: arrivals that it read too late, operations that it sent too late.
const BY_STARVATION: [&str; 2] = ["unmeasured_events", "schedule_lag"];
/// How long the first rows may take to arrive.
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn rows_content_and_deletes_arrive_through_both_sinks_and_a_killed_worker_loses_none() -> Result<()> {
    let mut pipeline = Pipeline::start(Artefacts::find().await?).await?;
    let observer = Observer::start(pipeline.bed(), &[]).await?;
    println!("{}", heading());
    let mut settings =
        Settings { variant: Variant::Tuned, sink: Sink::Handler, overrides: Overrides::default() };
    for sink in [Sink::Handler, Sink::Unwrapped] {
        settings.sink = sink;
        pipeline.set_up(&settings).await?;
        measure(&pipeline, &observer, &settings, Scenario::new("e2e-latency", WARM_UP_S)?).await?;
        for name in ["e2e-latency", "mixed"] {
            let with_marks = sink == Sink::Unwrapped;
            let scenario = Scenario { with_marks, ..Scenario::new(name, RUN_S)? };
            let run = measure(&pipeline, &observer, &settings, scenario).await?;
            println!("{}", line(&run));
            assert_believable(&run);
            let account = &run.report.account;
            assert_eq!(account.entries, account.delivered, "every row arrived: {}", run.summary);
            assert_eq!(run.report.events.first, account.entries, "{}", run.summary);
            assert_eq!(run.report.events.foreign, 0, "deletes were matched by their key: {}", run.summary);
            assert_checked(&run);
            if with_marks {
                assert_staged(&run)?;
            }
        }
    }
    kill(&mut pipeline, &observer, &settings).await?;
    pipeline.stop()
}

/// Nothing weakens the figures but a machine that is too small for all of it.
fn assert_believable(run: &Measured) {
    let validity = &run.report.validity;
    let reasons: Vec<&str> = validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
    let is_starved = reasons.iter().any(|code| STARVED.contains(code));
    let by_that = reasons.iter().all(|code| STARVED.contains(code) || BY_STARVATION.contains(code));
    let is_believable = reasons.is_empty() || (is_starved && by_that);
    assert!(validity.state != ValidityState::Invalid && is_believable, "{reasons:?}: {}", run.summary);
}

/// Content was compared, and was as it had been written.
fn assert_checked(run: &Measured) {
    let account = &run.report.account;
    let checks = run.report.rates["checks"];
    assert_eq!(checks.passed, checks.total, "{}", run.summary);
    // Written and arrived are checks of each row; what is more is content.
    assert!(checks.total > 2 * account.entries, "content was compared: {}", run.summary);
}

/// The marks that the connectors leave are found in each row that a write left, and cut its way into all five stages.
fn assert_staged(run: &Measured) -> Result<()> {
    let marks = run.report.marks.as_ref().context("the model names marks")?;
    let stages: Vec<&str> = run.report.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert_eq!(stages, ["commit", "connector", "kafka", "mongodb", "observed"], "{}", run.summary);
    // A delete takes its document away, and the marks with it.
    let by = &run.report.latency["cdc_e2e_latency"].by;
    let deletes = by.iter().filter(|part| part.operation == "delete");
    let deletes: u64 = deletes.map(|part| part.stats.count).sum();
    assert!(marks.rows > 0 && marks.incomplete == deletes, "{deletes} deletes, {marks:?}: {}", run.summary);
    let medians = run.report.stages.iter().map(|stage| match stage.stats.p50 {
        Figure::Value(median) => format!("{} {median:.2}", stage.stage),
        _ => format!("{} unknown", stage.stage),
    });
    println!("stages, p50 in ms: {}", medians.collect::<Vec<_>>().join(", "));
    Ok(())
}

/// Kills the worker in the middle of a run through the sink that makes an event of each repeated row.
async fn kill(pipeline: &mut Pipeline, observer: &Observer, settings: &Settings) -> Result<()> {
    let scenario = Scenario { with_stalls: true, ..Scenario::new("e2e-latency", KILL_RUN_S)? };
    let run = scenario.start(pipeline, observer, &settings.overrides).await?;
    wait_for("the first two hundred rows", LIMIT, || async {
        let answer = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
        let snapshot: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
        let is_this = snapshot["run"]["duration_s"].as_f64().unwrap_or(0.0) > 0.0
            && snapshot["run"]["complete"] != true;
        let seen = snapshot["account"]["delivered"].as_u64().unwrap_or(0);
        if is_this && seen >= 200 { Ok(()) } else { Err(format!("{seen} delivered")) }
    })
    .await
    .with_context(|| run.tail())?;
    let clock = Clock::start();
    let killed = clock.now();
    pipeline.kill_worker().await?;
    pipeline.start_worker_again().await?;
    let restarted = clock.now();
    let run = scenario.finish(pipeline, observer, settings, &run).await?;
    println!("{}", line(&run));

    let (account, events) = (&run.report.account, &run.report.events);
    assert_eq!(account.entries, account.delivered + account.late, "nothing was lost: {}", run.summary);
    assert_eq!(events.first + events.out_of_order, account.entries, "{}", run.summary);
    assert!(events.duplicate > 0, "what was written again shows: {}", run.summary);
    assert_eq!(events.out_of_order, 0, "{}", run.summary);
    let stalls = run.report.findings.as_ref().and_then(|findings| findings.stalls.as_ref());
    let stalls = stalls.with_context(|| format!("no stalls were looked for: {}", run.summary))?;
    let longest = stalls.iter().max_by(|a, b| a.length_s.total_cmp(&b.length_s));
    let longest = longest.with_context(|| format!("the death was not seen as a stall: {}", run.summary))?;
    println!(
        "worker killed, started again after {:.0} ms: no row for {:.1} s, {} rows waiting, caught up {} later, latency back {} later, {} duplicates",
        (restarted - killed).as_millis_f64(),
        longest.length_s,
        longest.rows_waiting,
        seconds(longest.caught_up_after_s),
        seconds(longest.recovered_after_s),
        events.duplicate
    );
    assert!(longest.ended && longest.rows_waiting > 0, "{longest:?}");
    assert!(longest.caught_up_after_s.is_some(), "{longest:?}");
    Ok(())
}

fn seconds(value: Option<f64>) -> String {
    value.map_or("never".to_owned(), |value| format!("{value:.1} s"))
}
