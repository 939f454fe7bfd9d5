//! A PostgreSQL that only reads for a moment, as during a switchover: what it refuses is sent again in a new session.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Observer, finish, get, scenario, start_run, writer};
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(30);

async fn read_only(bed: &Testbed, on: bool) -> Result<()> {
    // Apart: a message of several statements is one transaction, and ALTER SYSTEM takes none.
    execute(bed, &format!("ALTER SYSTEM SET default_transaction_read_only = {on}")).await?;
    execute(bed, "SELECT pg_reload_conf()").await
}

/// A counter of the run so far.
async fn counted(observer: &Observer, name: &str) -> Result<u64, String> {
    let answer = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
    let snapshot: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    Ok(snapshot["counters"][name].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn what_a_server_that_only_reads_refuses_is_sent_again_elsewhere() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 20, 5)?, &["--prepare"]).await?;
    wait_for("rows", LIMIT, || async {
        match counted(&observer, "iterations").await? {
            0 => Err(run.tail()),
            _ => Ok(()),
        }
    })
    .await?;
    read_only(&bed, true).await?;
    let refusal = "in a read-only transaction";
    wait_for("a refusal", LIMIT, || async {
        let log = bed.postgres().tail();
        if bed.postgres().stderr().contains(refusal) { Ok(()) } else { Err(log) }
    })
    .await?;
    read_only(&bed, false).await?;
    let finished = finish(&run, LIMIT).await?;
    let report = observer.report().with_context(|| finished.stderr.clone())?;
    let account = &report.account;
    assert!(report.counters.get("pg_write_errors").is_some_and(|errors| *errors > 0), "{}", finished.stdout);
    assert_eq!((account.entries, account.delivered), (200, 200), "{account:?}\n{}", finished.stderr);

    read_only(&bed, true).await?;
    let path = scenario(&bed, 20, 1)?.display().to_string();
    let process =
        bed.run(writer(bed.postgres_url(), &["run", &path, "--observer", &observer.address])?).await?;
    let refused = finish(&process, LIMIT).await?;
    assert_eq!(refused.code, 107, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("takes no writes") && refused.stderr.contains("target_session_attrs"),
        "{}",
        refused.stderr
    );
    bed.stop()
}
