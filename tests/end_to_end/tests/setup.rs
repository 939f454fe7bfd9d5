//! What is made before the load is there for it, and whatever interrupts it, nothing of ours stays.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{
    Finished, Observer, finish, get, left_behind, nothing_left, scenarios, start_run, unbroken,
};
use streamgauge_shared::report::Report;
use streamgauge_testbed::{Signal, Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);

/// The shipped `mixed` with a shorter await in its setup.
fn mixed(bed: &Testbed, setup_await: &str) -> Result<PathBuf> {
    let shipped = fs::read_to_string(scenarios().join("mixed.toml"))?;
    let model = scenarios().join("models/shop.toml").display().to_string();
    let (before, setup) = shipped.split_once("[setup]").expect("mixed has a setup");
    let (flow, after) = setup.split_once("\n[").expect("something follows it");
    let flow = flow.replace("await = \"30s\"", &format!("await = \"{setup_await}\""));
    assert!(flow.contains(setup_await), "{flow}");
    let path = bed.folder().join("mixed.toml");
    let text = format!("{before}[setup]{flow}\n[{after}")
        .replace("models/shop.toml", &model)
        // A pipeline that stands still is not waited for any longer.
        .replace("drain = \"60s\"", "drain = \"5s\"");
    fs::write(&path, text)?;
    Ok(path)
}

#[tokio::test]
async fn a_setup_whose_rows_do_not_arrive_fails_the_run_and_leaves_nothing() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    bed.relay().stall()?;
    let run = start_run(&bed, &observer, &mixed(&bed, "1500ms")?, &["--prepare"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 107, "{stdout}\n{stderr}");
    assert!(
        unbroken(&stdout).contains("setup: a row of 'customer' was not seen in MongoDB within"),
        "{stdout}\n{stderr}"
    );
    bed.relay().resume()?;
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn an_interrupted_setup_leaves_nothing() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    bed.relay().stall()?;
    let run = start_run(&bed, &observer, &mixed(&bed, "300s")?, &["--prepare"]).await?;
    wait_for("the first row of the setup", LIMIT, || async {
        match left_behind(&bed).await {
            Ok((rows, _)) if rows > 0 => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .await?;
    run.signal(Signal::Interrupt)?;
    bed.relay().resume()?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 105, "{stdout}\n{stderr}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn an_interrupted_load_on_tables_with_foreign_keys_leaves_nothing() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = mixed(&bed, "30s")?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--time-scale", "0.2"]).await?;
    wait_for("children to arrive", LIMIT, || async {
        let body = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?.body;
        let report: Report = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        let children = report.latency.get("cdc_e2e_latency").is_some_and(|latency| {
            latency.by.iter().any(|part| part.entity == "order" && part.stats.count >= 5)
        });
        if children { Ok(()) } else { Err(format!("{:?}", report.account)) }
    })
    .await?;
    run.signal(Signal::Interrupt)?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 105, "{stdout}\n{stderr}");
    let account = observer.report()?.account;
    assert_eq!(account.entries, account.delivered + account.superseded, "drained: {stdout}");
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}
