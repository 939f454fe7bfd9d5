//! Whatever is wrong is said in one clear sentence, with the right exit code, within ten seconds, and
//! without a password; and no run is started by half.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{
    Finished, Observer, START_LIMIT, finish, scenario, scenarios, serve, start_run, unbroken, writer,
};
use streamgauge_testbed::Testbed;

const LOOPBACK: &str = "127.0.0.1:0";

/// Runs a writer that is to fail and checks how.
async fn refused(bed: &Testbed, postgres: &str, args: &[&str], code: i32, says: &[&str]) -> Result<Finished> {
    let process = bed.run(writer(postgres, args)?).await?;
    let finished = finish(&process, START_LIMIT).await?;
    let shown = format!("{args:?} with {postgres}\nstdout: {}\nstderr: {}", finished.stdout, finished.stderr);
    assert_eq!(finished.code, code, "{shown}");
    for word in says {
        assert!(finished.stderr.contains(word), "'{word}' is missing: {shown}");
    }
    assert!(!finished.stderr.contains("s3cret") && !finished.stdout.contains("s3cret"), "{shown}");
    Ok(finished)
}

fn shipped() -> String {
    scenarios().join("e2e-latency.toml").display().to_string()
}

#[tokio::test]
async fn a_wrong_postgres_is_named_with_its_way_out() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = ["run", &shipped(), "--observer", &observer.address];
    refused(&bed, "postgresql://u:s3cret@127.0.0.1:notaport/shop", &run, 104, &["--postgres"]).await?;
    refused(&bed, "postgresql://u:s3cret@127.0.0.1:9/shop", &run, 107, &["--postgres", "127.0.0.1:9"])
        .await?;
    let (user, _) = bed
        .postgres_url()
        .split_once("://")
        .map_or(("", ""), |(_, rest)| rest.split_once(':').unwrap_or(("", "")));
    let host = bed.postgres_url().rsplit('@').next().unwrap_or_default();
    refused(&bed, &format!("postgresql://{user}:s3cret@{host}"), &run, 107, &["--postgres", "password"])
        .await?;
    refused(&bed, bed.postgres_url(), &run, 104, &["table 'customers'", "--prepare"]).await?;
    assert!(observer.run_folders().map_or(0, |folders| folders.len()) == 0, "no half-started run");
    bed.stop()
}

#[tokio::test]
async fn prepare_without_permission_names_the_grant() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    client
        .batch_execute(
            "CREATE ROLE limited LOGIN PASSWORD 's3cret'; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        )
        .await?;
    drop(client);
    connection.await??;
    let host = bed.postgres_url().rsplit('@').next().unwrap_or_default();
    let limited = format!("postgresql://limited:s3cret@{host}");
    refused(&bed, &limited, &["prepare", &shipped()], 107, &["limited", "GRANT"]).await?;
    bed.stop()
}

#[tokio::test]
async fn an_observer_that_cannot_be_reached_is_named() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let args = ["run", &shipped(), "--prepare", "--observer", "http://127.0.0.1:9"];
    refused(&bed, bed.postgres_url(), &args, 107, &["--observer", "http://127.0.0.1:9"]).await?;
    refused(&bed, bed.postgres_url(), &["run", &shipped(), "--observer", "nonsense"], 104, &["--observer"])
        .await?;
    bed.stop()
}

#[tokio::test]
async fn every_mistake_of_a_scenario_is_reported_at_once_before_anything_is_touched() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let path = scenario(&bed, 10, 10)?;
    let text = fs::read_to_string(&path)?.replace("time_unit", "time_unti").replace("p(95)<2000", "p95<2000");
    fs::write(&path, text)?;
    // Nothing listens there: a mistake of the file comes before any connection.
    let nowhere = "postgresql://u:s3cret@127.0.0.1:9/shop";
    let says = [
        "scenario.toml:14:1: unknown key 'time_unti', did you mean 'time_unit'?",
        "scenario.toml:29:",
        "'p95<2000'",
    ];
    let path = path.display().to_string();
    refused(&bed, nowhere, &["run", &path], 104, &says).await?;
    refused(&bed, nowhere, &["check", &path], 104, &says).await?;
    bed.stop()
}

async fn observer_refused(bed: &Testbed, uri: &str, listen: &str, code: i32, says: &[&str]) -> Result<()> {
    let process = bed.run(serve(uri, listen, Path::new(bed.folder()), &[])?).await?;
    let finished = finish(&process, START_LIMIT).await?;
    assert_eq!(finished.code, code, "{}", finished.stderr);
    for word in says {
        assert!(finished.stderr.contains(word), "'{word}' is missing: {}", finished.stderr);
    }
    assert!(!finished.stderr.contains("s3cret"), "{}", finished.stderr);
    Ok(())
}

#[tokio::test]
async fn a_mongodb_that_is_no_replica_set_is_refused() -> Result<()> {
    let bed = Testbed::builder().mongo_standalone().without_relay().start().await?;
    observer_refused(&bed, bed.mongo_uri(), LOOPBACK, 107, &["--mongo", "replica set", "rs.initiate()"])
        .await?;
    observer_refused(&bed, "nonsense://u:s3cret@h/shop", LOOPBACK, 104, &["--mongo", "mongodb://"]).await?;
    observer_refused(&bed, bed.mongo_uri(), "0.0.0.0:0", 104, &["--token-file"]).await?;
    bed.stop()
}

#[tokio::test]
async fn a_wrong_mongodb_password_ends_the_observer() -> Result<()> {
    let bed = Testbed::builder().mongo_auth().without_relay().start().await?;
    let host = bed.mongo_uri().rsplit('@').next().unwrap_or_default();
    let wrong = format!("mongodb://root:s3cret@{host}");
    observer_refused(&bed, &wrong, LOOPBACK, 107, &["--mongo", "password"]).await?;
    let observer = Observer::start(&bed, &[]).await?;
    assert!(observer.process.is_running(), "with the right one it serves");
    bed.stop()
}

#[tokio::test]
async fn nothing_arrived_is_no_pass_and_another_wal_level_is_a_warning() -> Result<()> {
    let bed = Testbed::builder().without_relay().postgres_setting("wal_level", "replica").start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let path = scenario(&bed, 10, 1)?;
    let text = fs::read_to_string(&path)?
        .replace("drain = \"60s\"", "drain = \"500ms\"")
        .replace("await = \"5s\"", "await = \"100ms\"")
        .replace(
            "cdc_propagation = [",
            "\"cdc_e2e_latency{operation:update}\" = [\"p(95)<1500\"]\ncdc_propagation = [",
        );
    fs::write(&path, text)?;
    let run = start_run(&bed, &observer, &path, &["--prepare"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, Duration::from_secs(30)).await?;
    assert_eq!(code, 99, "{stdout}\n{stderr}");
    assert!(stderr.contains("wal_level"), "{stderr}");
    let report = observer.report()?;
    assert!(report.thresholds.iter().all(|threshold| !threshold.passed), "{stdout}");
    let empty = report.thresholds.iter().find(|threshold| threshold.metric.contains("update"));
    assert!(empty.is_some_and(|threshold| threshold.observed.is_none()), "{stdout}");
    let said = "✗ cdc_e2e_latency{operation:update} 'p(95)<1500' no data";
    assert!(unbroken(&stdout).contains(said), "{stdout}");
    assert_eq!(
        (report.account.entries, report.account.lost, report.account.lost_no_row),
        (20, 20, 10),
        "{stdout}"
    );
    bed.stop()
}
