//! Everything that a person can open of a finished run: the page, a row, the report, narrowed and in every look.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use streamgauge_browser::{Browser, differences};
use streamgauge_end_to_end::{
    MARKS, Observer, finish, get, model_with_marks, scenario, scenarios, start_run,
};
use streamgauge_testbed::{RowFaults, Testbed};

const RUN_LIMIT: Duration = Duration::from_secs(90);
/// Every so many rows one is lost: some figures are open.
const DROP_EVERY: u64 = 61;
/// More links than any page of a short run has.
const STOPS_MAX: usize = 300;
/// What the page and the report have to show of every run.
const SHOWN: [&str; 12] = [
    "/latency/cdc_e2e_latency/all/p50",
    "/latency/cdc_e2e_latency/all/p95",
    "/latency/cdc_e2e_latency/all/p99",
    "/latency/cdc_e2e_latency/all/max",
    "/latency/cdc_e2e_latency_intended/all/p95",
    "/latency/cdc_propagation/all/p95",
    "/latency/pg_write_duration/all/p95",
    "/floor/p95",
    "/account/entries",
    "/account/delivered",
    "/account/lost",
    "/rates/cdc_success_rate/rate",
];

fn shows_what_it_has_to(shown: &[String], of: &str) -> Result<()> {
    let lacking: Vec<&&str> =
        SHOWN.iter().filter(|pointer| !shown.iter().any(|one| one == *pointer)).collect();
    ensure!(lacking.is_empty(), "{of} does not show {lacking:?}");
    Ok(())
}

#[tokio::test]
async fn every_document_of_a_run_is_right_quiet_and_open_to_everybody() -> Result<()> {
    let rows = RowFaults { drop_every: DROP_EVERY.try_into().ok(), ..RowFaults::default() };
    let bed =
        Testbed::builder().delay(Duration::from_millis(40)).row_faults(rows).marks(true).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenario(&bed, 30, 10)?;
    let model = model_with_marks(&bed, MARKS)?;
    let shipped = scenarios().join("models/shop.toml").display().to_string();
    let text = fs::read_to_string(&path)?.replace(&shipped, &model.display().to_string());
    // Lost rows are waited for only so long.
    ensure!(text.contains("drain = \"60s\""), "{text}");
    fs::write(&path, text.replace("drain = \"60s\"", "drain = \"3s\""))?;
    let run = start_run(&bed, &observer, &path, &["--prepare"]).await?;
    let finished = finish(&run, RUN_LIMIT).await?;
    let json = get(&observer.address, "/api/snapshot").await?.body;
    let report: Value = serde_json::from_str(&json)?;
    ensure!(report["account"]["lost"].as_u64() > Some(2), "{}\n{}", finished.stdout, finished.stderr);
    let folder = observer.run_folders()?.pop().context("no run folder")?;
    let kept: Value = serde_json::from_str(&fs::read_to_string(folder.join("report.json"))?)?;
    let differing = differences(&kept, &report);
    ensure!(differing.is_empty(), "report.json and /api/snapshot differ: {differing:#?}");

    let browser = Browser::start(&bed).await?;
    let mut faults = Vec::new();
    browser.open(&observer.address).await?;
    browser.wait_for_state("", "over").await?;
    shows_what_it_has_to(&browser.shows(&json).await?, "the page")?;
    faults.extend(browser.faults().await?);
    let workable = browser.workable().await?;
    let stops = browser.tab_stops(STOPS_MAX).await?;
    ensure!(stops == workable, "Tab goes to {stops:#?}\nand can be worked: {workable:#?}");
    for expected in ["select entity", "select operation", "select scale", "a /rows/"] {
        ensure!(stops.iter().any(|stop| stop.starts_with(expected)), "{expected} is not reached: {stops:#?}");
    }

    // Narrowed, by the form and without a mouse's help.
    let narrow = "const form = document.getElementById('filters'); form.elements.operation.value = 'create';
        form.elements.scale.value = 'log'; form.requestSubmit()";
    browser.ask(narrow, vec![]).await?;
    browser
        .wait_until(
            "the narrowed page",
            "return location.search.includes('operation=create') && document.readyState === 'complete'",
        )
        .await?;
    browser.shows(&json).await?;
    faults.extend(browser.faults().await?);

    // The slowest rows and the lost ones, each with its own points.
    browser.open(&observer.address).await?;
    let links: Vec<String> = serde_json::from_value(
        browser
            .ask("return [...document.querySelectorAll('a[href^=\"/rows/\"]')].map(one => one.href)", vec![])
            .await?,
    )?;
    ensure!(links.len() > 5, "{links:?}");
    for link in [links.first(), links.last()].into_iter().flatten() {
        browser.open(link).await?;
        let text = browser.visible_text().await?;
        ensure!(text.contains("sent") && text.contains("intended"), "{link}: {text}");
        faults.extend(browser.faults().await?);
    }
    browser.health().await?.is_good(&observer.address)?;

    // What is sent to somebody: from disk, without a script.
    let file = folder.join("report.html");
    let html = fs::read_to_string(&file)?;
    ensure!(!html.contains("<script") && html.len() < 1_000_000, "{} bytes", html.len());
    browser.open_file(&file).await?;
    shows_what_it_has_to(&browser.shows(&json).await?, "report.html")?;
    faults.extend(browser.faults().await?);
    browser.health().await?.is_good(&format!("file://{}", file.canonicalize()?.display()))?;
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    browser.stop().await?;
    bed.stop()
}
