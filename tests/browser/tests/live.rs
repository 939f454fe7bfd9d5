//! The page of a run that goes on: it moves by itself, and comes back when the observer does.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use streamgauge_browser::{Browser, Health, came_to_its_end};
use streamgauge_end_to_end::{Observer, finish, get, runs, scenario, serve, start_run};
use streamgauge_testbed::{Signal, Testbed, wait_for};

const RUN_LIMIT: Duration = Duration::from_secs(90);
const RATE: u32 = 20;
const SECONDS: u32 = 14;
/// How many different counts of rows are to be seen while the run goes on.
const STEPS: usize = 5;

/// That nobody was there for a while is no fault of the page, and the browser notes it by itself.
fn without_broken_connections(health: Health) -> Health {
    let broken = |complaint: &String| complaint.contains("net::ERR_");
    let complaints = health.complaints.into_iter().filter(|complaint| !broken(complaint)).collect();
    Health { complaints, ..health }
}

#[tokio::test]
async fn the_page_moves_by_itself_and_comes_back_with_the_observer() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(80)).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let browser = Browser::start(&bed).await?;
    browser.open(&observer.address).await?;
    browser.wait_for_state("", "before").await?;
    let text = browser.visible_text().await?;
    ensure!(text.contains("streamgauge-writer run") && text.contains(&observer.address), "{text}");
    let mut faults = browser.faults().await?;

    // The run begins; nobody loads the page.
    let scenario = scenario(&bed, RATE, SECONDS)?;
    let run = start_run(&bed, &observer, &scenario, &["--prepare"]).await?;
    let id = browser.wait_for_state("", "running").await?;
    browser.mark().await?;
    let mut seen = BTreeSet::new();
    while seen.len() < STEPS {
        let entries = wait_for("the count of rows to grow", RUN_LIMIT, || async {
            let entries = browser.figure("/account/entries").await.map_err(|error| format!("{error:#}"))?;
            if seen.contains(&entries) { Err(format!("{seen:?}")) } else { Ok(entries) }
        });
        let entries = entries.await?;
        seen.insert(entries);
    }
    faults.extend(browser.faults().await?);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let finished = finish(&run, RUN_LIMIT).await?;
    came_to_its_end(&finished)?;
    browser.wait_for_state(&id, "over").await?;
    ensure!(browser.is_marked().await?, "the page was loaded anew while the run went on");
    let shown = wait_for("the page to show the figures of /api/snapshot", RUN_LIMIT, || async {
        let json = get(&observer.address, "/api/snapshot").await.map_err(|error| format!("{error:#}"))?.body;
        browser.shows(&json).await.map_err(|error| format!("{error:#}"))
    })
    .await?;
    ensure!(shown.contains(&"/latency/cdc_e2e_latency/all/p95".to_owned()), "{shown:?}");
    browser.health().await?.is_good(&observer.address)?;

    // The observer goes, and the page says so; another one comes to the same place.
    observer.process.signal(Signal::Terminate)?;
    observer.process.ended().await;
    let said = "return !document.getElementById('connection').hidden && document.getElementById('connection').textContent";
    let said = browser.wait_until("the page to say that it is alone", said).await?;
    ensure!(said.as_str().is_some_and(|said| said.contains("Disconnected since")), "{said}");
    let listen = observer.address.strip_prefix("http://").context("an address")?;
    let again = Observer::start_program(&bed, serve(bed.mongo_uri(), listen, &runs(&bed), &[])?).await?;
    browser
        .wait_until(
            "the page to be back",
            "return document.getElementById('connection').hidden && window.streamgaugeTest !== true",
        )
        .await?;
    let next = start_run(&bed, &again, &scenario, &[]).await?;
    let next_id = browser.wait_for_state("", "running").await?;
    ensure!(next_id != id, "the page shows the run of before");
    wait_for("the page to count the rows of the next run", RUN_LIMIT, || async {
        let entries = browser.figure("/account/entries").await.map_err(|error| format!("{error:#}"))?;
        if entries == "0" { Err(entries) } else { Ok(()) }
    })
    .await?;
    ensure!(next.is_running(), "{}", next.tail());
    without_broken_connections(browser.health().await?).is_good(&observer.address)?;
    browser.stop().await?;
    bed.stop()
}
