//! A replica set of three whose primary steps down in the middle of a run, so that another node becomes primary: every
//! row is accounted for. The node that stepped down goes on serving the stream that was open on it, so the observer need not even be
//! interrupted.

use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::bson::doc;
use streamgauge_end_to_end::nodes::{self, Election};
use streamgauge_end_to_end::{Observer, finish, get, scenario, start_run};
use streamgauge_shared::report::Report;
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);
/// Operations of the run: 30 iterations a second for 12 s, each a create and a delete.
const ENTRIES: u64 = 720;

/// The name of the node that takes writes.
async fn primary(bed: &Testbed) -> Result<String> {
    let admin = bed.mongo_client().await?.database("admin");
    let hello = admin.run_command(doc! { "hello": 1 }).await?;
    Ok(hello.get_str("primary").context("no primary")?.to_owned())
}

/// The primary steps down and stays down, in favour of another node; returns once that one takes writes.
async fn hand_over(bed: &Testbed) -> Result<()> {
    let before = primary(bed).await?;
    let admin = bed.mongo_client().await?.database("admin");
    // The primary may close the connection instead of an answer; what counts is the election after it.
    let asked = admin.run_command(doc! { "replSetStepDown": 120, "secondaryCatchUpPeriodSecs": 10 }).await;
    wait_for("another primary", LIMIT, || async {
        match primary(bed).await {
            Ok(now) if now != before => Ok(()),
            Ok(now) => Err(format!("{now} still is it: {asked:?}")),
            Err(error) => Err(format!("{error:#}")),
        }
    })
    .await
}

#[tokio::test]
async fn a_primary_of_three_steps_down_and_no_row_is_lost() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    nodes::add(&bed, 2, Election::Electable).await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 30, 12)?, &["--prepare"]).await?;
    let delivered = async || -> Result<u64, String> {
        let body = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?.body;
        let report: Report = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        Ok(report.account.delivered)
    };
    wait_for("the first rows", LIMIT, || async {
        let seen = delivered().await?;
        if seen >= 50 { Ok(()) } else { Err(format!("{seen} delivered")) }
    })
    .await?;

    hand_over(&bed).await?;
    // The relay is no part of what is tried: it may not have lived through it.
    if bed.relay().is_running() {
        bed.relay().kill_9().await?;
    }
    bed.relay().start_again().await?;

    let finished = finish(&run, LIMIT).await?;
    let (report, shown) = (observer.report()?, format!("{}\n{}", finished.stdout, finished.stderr));
    let account = &report.account;
    assert_eq!(account.entries, ENTRIES, "{shown}");
    assert_eq!(account.delivered + account.late, ENTRIES, "nothing was lost: {shown}");
    assert_eq!(report.events.first + report.events.out_of_order, ENTRIES, "{shown}");
    assert_eq!(report.events.foreign, 0, "{shown}");
    bed.stop()
}
