//! `doctor` of both programs against real servers: healthy ones pass, and what was spoiled on purpose is named.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::Value;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{Finished, finish, scenarios, writer};
use streamgauge_testbed::{Program, Testbed, find_program};

const LIMIT: Duration = Duration::from_secs(20);

fn observer(mongo: &str, args: &[&str]) -> Result<Program> {
    let program = find_program("streamgauge-observer")?;
    // Its log files are named after it.
    static STARTED: AtomicU32 = AtomicU32::new(1);
    let name = format!("doctor-{}", STARTED.fetch_add(1, Ordering::Relaxed));
    let program = Program::new(name, program).env("STREAMGAUGE_MONGO", mongo);
    Ok(program.args(["doctor"]).args(args.iter().copied()))
}

/// The machine itself is judged too, and it is not the test's.
const OF_THE_MACHINE: [&str; 3] = ["clock_source", "cpu", "cpu_throttled"];

/// Code and grade of what is not fine in the servers.
fn found(finished: &Finished) -> Result<Vec<(String, String)>> {
    let json: Value = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("{}\n{}", finished.stdout, finished.stderr))?;
    let findings = json["findings"].as_array().context("no findings")?;
    let worth_1 = findings.iter().any(|finding| finding["grade"] != "info");
    assert_eq!(finished.code, i32::from(worth_1), "{}", finished.stdout);
    let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let all = findings.iter().map(|finding| (text(finding, "code"), text(finding, "grade")));
    Ok(all.filter(|(code, _)| !OF_THE_MACHINE.contains(&code.as_str())).collect())
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(code, severity)| ((*code).to_owned(), (*severity).to_owned())).collect()
}

#[tokio::test]
async fn a_healthy_mongodb_passes_and_w_1_on_its_single_node_is_named() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let doctor = async |args: &[&str]| finish(&bed.run(observer(bed.mongo_uri(), args)?).await?, LIMIT).await;
    assert_eq!(found(&doctor(&["--json"]).await?)?, []);
    let client = Client::with_uri_str(bed.mongo_uri()).await?;
    assert_eq!(client.database(bed.database()).list_collection_names().await?, [""; 0], "nothing is left");

    let w_1 = doc! { "setDefaultRWConcern": 1, "defaultWriteConcern": { "w": 1 } };
    client.database("admin").run_command(w_1).await?;
    let finished = doctor(&["--json", "--database", "shop"]).await?;
    assert_eq!(found(&finished)?, pairs(&[("write_concern", "warning")]));
    let text = doctor(&[]).await?;
    for part in ["! write_concern", "journal", "next: ", "✓ change_stream", "(exit code 1)"] {
        assert!(text.stdout.contains(part), "'{part}' is missing:\n{}", text.stdout);
    }
    assert_eq!(text.code, 1);
    bed.stop()
}

#[tokio::test]
async fn a_reader_and_a_server_that_is_away_are_told_apart_from_trouble() -> Result<()> {
    let bed = Testbed::builder().without_relay().mongo_auth().start().await?;
    let admin = Client::with_uri_str(bed.mongo_uri()).await?.database("admin");
    let read = doc! { "role": "read", "db": bed.database() };
    let create =
        |name: &str, roles: Vec<Document>| doc! { "createUser": name, "pwd": "s3cret", "roles": roles };
    admin.run_command(create("reader", vec![read])).await?;
    admin.run_command(create("nobody", vec![])).await?;
    let host = bed.mongo_uri().rsplit('@').next().context("no host")?;
    let doctor = async |user: &str, args: &[&str]| {
        let uri = format!("mongodb://{user}:s3cret@{host}");
        let finished = finish(&bed.run(observer(&uri, args)?).await?, LIMIT).await?;
        assert!(!format!("{}{}", finished.stdout, finished.stderr).contains("s3cret"));
        anyhow::Ok(finished)
    };
    // What may not be looked at is said, and spoils nothing; the canary cannot write.
    let expected = pairs(&[("write_concern", "info"), ("canary", "info"), ("oplog", "info")]);
    assert_eq!(found(&doctor("reader", &["--json"]).await?)?, expected);
    let denied = found(&doctor("nobody", &["--json", "--database", "shop"]).await?)?;
    assert!(denied.contains(&("change_stream".into(), "error".into())), "{denied:?}");

    let away = finish(&bed.run(observer("mongodb://127.0.0.1:9/shop", &[])?).await?, LIMIT).await?;
    assert_eq!(away.code, 107, "{}", away.stderr);
    assert!(away.stderr.contains("127.0.0.1:9") && away.stdout.is_empty(), "{}", away.stderr);
    bed.stop()
}

#[tokio::test]
async fn a_standalone_mongodb_is_an_error() -> Result<()> {
    let bed = Testbed::builder().without_relay().mongo_standalone().start().await?;
    let finished = finish(&bed.run(observer(bed.mongo_uri(), &["--json"])?).await?, LIMIT).await?;
    let found = found(&finished)?;
    for code in ["topology", "change_stream"] {
        assert!(found.contains(&(code.into(), "error".into())), "{code}: {found:?}");
    }
    bed.stop()
}

#[tokio::test]
async fn a_healthy_postgres_passes_once_its_tables_are_there() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let test = scenarios().join("e2e-latency.toml").display().to_string();
    let doctor =
        async |args: &[&str]| finish(&bed.run(writer(bed.postgres_url(), args)?).await?, LIMIT).await;
    assert_eq!(found(&doctor(&["doctor", "--json"]).await?)?, []);
    let missing = found(&doctor(&["doctor", &test, "--json"]).await?)?;
    assert_eq!(missing.first(), pairs(&[("tables", "error")]).first(), "{missing:?}");
    assert_eq!(doctor(&["prepare", &test]).await?.code, 0);
    // The shipped model names no marks.
    assert_eq!(found(&doctor(&["doctor", &test, "--json"]).await?)?, pairs(&[("marks", "info")]));

    execute(&bed, "ALTER TABLE customers REPLICA IDENTITY NOTHING").await?;
    let finished = doctor(&["doctor", &test]).await?;
    for part in ["! replica_identity", "table 'customers': none", "✓ wal_level", "(exit code 1)"] {
        assert!(finished.stdout.contains(part), "'{part}' is missing:\n{}", finished.stdout);
    }
    bed.stop()
}

#[tokio::test]
async fn what_was_spoiled_in_a_postgres_is_named() -> Result<()> {
    let bed = Testbed::builder()
        .without_relay()
        .postgres_setting("wal_level", "replica")
        .postgres_setting("synchronous_commit", "off")
        .postgres_setting("fsync", "off")
        .postgres_setting("max_connections", "20")
        .postgres_setting("max_replication_slots", "0")
        .start()
        .await?;
    let finished = finish(&bed.run(writer(bed.postgres_url(), &["doctor", "--json"])?).await?, LIMIT).await?;
    let expected = pairs(&[
        ("wal_level", "warning"),
        ("synchronous_commit", "warning"),
        ("fsync", "warning"),
        ("replication_slots", "warning"),
        ("pipeline", "info"),
        ("connections", "info"),
    ]);
    assert_eq!(found(&finished)?, expected, "{}", finished.stdout);

    let away = finish(&bed.run(writer("postgresql://u:s3cret@127.0.0.1:9/shop", &["doctor"])?).await?, LIMIT)
        .await?;
    assert_eq!(away.code, 107, "{}", away.stderr);
    assert!(away.stderr.contains("127.0.0.1:9") && !away.stderr.contains("s3cret"), "{}", away.stderr);
    bed.stop()
}
