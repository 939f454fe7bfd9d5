//! With a token on the port a browser logs in by a form, and keeps a cookie that no script reads.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use streamgauge_browser::{Browser, came_to_its_end};
use streamgauge_end_to_end::{Observer, finish, scenario, start_run};
use streamgauge_testbed::Testbed;

const RUN_LIMIT: Duration = Duration::from_secs(90);

async fn log_in(browser: &Browser, token: &str) -> Result<()> {
    browser
        .ask("const field = document.getElementById('token'); field.value = arguments[0]; field.form.requestSubmit()", vec![token.into()])
        .await
        .map(drop)
}

#[tokio::test]
async fn a_reader_logs_in_and_sees_the_run_but_keeps_no_token() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let (token, read) = (bed.folder().join("token"), bed.folder().join("read-token"));
    fs::write(&token, "the-token-that-writes\n")?;
    fs::write(&read, "the-token-that-reads\n")?;
    let (token, read) = (token.display().to_string(), read.display().to_string());
    let observer = Observer::start(&bed, &["--token-file", &token, "--read-token-file", &read]).await?;
    let browser = Browser::start(&bed).await?;
    browser.open(&observer.address).await?;
    browser.wait_until("the form", "return document.getElementById('token')").await?;
    let mut faults = browser.faults().await?;
    log_in(&browser, "a-wrong-one").await?;
    browser.wait_until("the refusal", "return document.querySelector('[role=alert]')").await?;
    faults.extend(browser.faults().await?);
    // The status of the refusal, which the browser notes.
    let complaints = browser.health().await?.complaints;
    ensure!(complaints.iter().all(|complaint| complaint.contains("401")), "{complaints:?}");

    log_in(&browser, "the-token-that-reads").await?;
    browser.wait_for_state("", "before").await?;
    let cookies = browser.cookies().await?;
    let [cookie] = &cookies[..] else { anyhow::bail!("one cookie expected: {cookies:?}") };
    ensure!(cookie["httpOnly"] == true && cookie["sameSite"] == "Strict", "{cookie}");
    ensure!(!cookie["value"].as_str().context("a value")?.contains("token"), "{cookie}");
    ensure!(browser.ask("return document.cookie", vec![]).await? == "", "a script reads the cookie");

    let scenario = scenario(&bed, 20, 5)?;
    let run = start_run(&bed, &observer, &scenario, &["--prepare", "--token-file", &token]).await?;
    let id = browser.wait_for_state("", "running").await?;
    let finished = finish(&run, RUN_LIMIT).await?;
    came_to_its_end(&finished)?;
    browser.wait_for_state(&id, "over").await?;
    browser.health().await?.is_good(&observer.address)?;

    browser.ask("document.querySelector('form[action=\"/logout\"]').requestSubmit()", vec![]).await?;
    browser.wait_until("the form again", "return document.getElementById('token')").await?;
    browser.open(&observer.address).await?;
    browser.wait_until("no way back", "return document.getElementById('token')").await?;
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    browser.stop().await?;
    bed.stop()
}
