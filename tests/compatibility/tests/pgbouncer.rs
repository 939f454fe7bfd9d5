//! PgBouncer 1.18 before PostgreSQL: it knows no prepared statements in transaction mode.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_compatibility::{Mode, PgBouncer};
use streamgauge_end_to_end::databases::stamps_in_postgres;
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, scenario, scenarios, writer};
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_testbed::{Testbed, wait_for};
use tokio_postgres::{NoTls, SimpleQueryMessage};

const LIMIT: Duration = Duration::from_secs(60);

/// The server processes that two sessions, both open, say they are with.
async fn server_processes(url: &str) -> Result<BTreeSet<String>> {
    let (mut sessions, mut processes) = (Vec::new(), BTreeSet::new());
    for _ in 0..2 {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        sessions.push((client, tokio::spawn(connection)));
    }
    for (client, _) in &sessions {
        let answer = client.simple_query("SELECT pg_backend_pid()").await?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        processes.insert(row.context("no row")?);
    }
    Ok(processes)
}

async fn call(bed: &Testbed, url: &str, args: &[&str]) -> Result<Finished> {
    finish(&bed.run(writer(url, args)?).await?, LIMIT).await
}

/// A run through a pooler.
async fn run(bed: &Testbed, observer: &Observer, url: &str, id: &str, more: &[&str]) -> Result<Finished> {
    let path = scenario(bed, 30, 4)?.display().to_string();
    let mut args = vec!["run", &path, "--observer", &observer.address, "--run-id", id, "--summary", "full"];
    args.extend(more);
    call(bed, url, &args).await
}

/// Nothing speaks against a run, unless this machine was too busy for it, which is not the pooler's doing.
fn valid(report: &Report) {
    const OF_THE_MACHINE: [&str; 4] =
        ["writer_starved", "observer_starved", "unmeasured_events", "schedule_lag"];
    let reasons = &report.validity.reasons;
    assert_ne!(report.validity.state, ValidityState::Invalid, "{reasons:?}");
    let others = reasons.iter().filter(|reason| !OF_THE_MACHINE.contains(&reason.code.as_ref()));
    assert_eq!(others.count(), 0, "{reasons:?}");
    assert!(!reasons.is_empty() || report.verdict.exit_code == 0, "{:?}", report.verdict);
}

/// Code and grade of a finding of `doctor`.
async fn pooler_of(bed: &Testbed, url: &str) -> Result<String> {
    let finished = call(bed, url, &["doctor", "--json"]).await?;
    let json: Value = serde_json::from_str(&finished.stdout).with_context(|| finished.stderr.clone())?;
    let findings = json["findings"].as_array().context("no findings")?;
    let found = findings.iter().find(|finding| finding["code"] == "pooler");
    Ok(found.map_or("fine".to_owned(), |found| format!("{}: {}", found["grade"], found["seen"])))
}

#[tokio::test]
async fn sessions_share_a_server_process_in_transaction_mode_only() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let pooled = PgBouncer::start(&bed, Mode::Transaction, 4).await?;
    assert_eq!(server_processes(&pooled.url).await?.len(), 1);
    let whole = PgBouncer::start(&bed, Mode::Session, 4).await?;
    assert_eq!(server_processes(&whole.url).await?.len(), 2);
    assert_eq!(server_processes(bed.postgres_url()).await?.len(), 2);
    bed.stop()
}

#[tokio::test]
async fn doctor_names_a_pooler_in_transaction_mode() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    // Also one that has a single session to share out.
    for size in [1, 4] {
        let pooled = PgBouncer::start(&bed, Mode::Transaction, size).await?;
        let found = pooler_of(&bed, &pooled.url).await?;
        assert!(found.starts_with("\"info\": \"a pooler in transaction mode"), "{found}");
    }
    let whole = PgBouncer::start(&bed, Mode::Session, 4).await?;
    assert_eq!(pooler_of(&bed, &whole.url).await?, "fine");
    assert_eq!(pooler_of(&bed, bed.postgres_url()).await?, "fine");
    bed.stop()
}

#[tokio::test]
async fn runs_through_a_small_pool_are_valid_with_every_row_accounted_for() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let pooled = PgBouncer::start(&bed, Mode::Transaction, 3).await?;
    // Twice: what the first had left in the pool's sessions would be in the second's way.
    let (first, second) = ("00000000000a", "00000000000b");
    run(&bed, &observer, &pooled.url, first, &["--prepare", "--connections", "16"]).await?;
    let finished = run(&bed, &observer, &pooled.url, second, &["--connections", "16"]).await?;
    assert!(finished.stderr.contains("is behind a pooler in transaction mode"), "{}", finished.stderr);
    assert!(finished.stdout.contains("each statement was parsed anew"), "{}", finished.stdout);
    for folder in observer.run_folders()? {
        let report = std::fs::read_to_string(folder.join("report.json"))?;
        let report: Report = serde_json::from_str(&report)?;
        valid(&report);
        assert_eq!((report.account.entries, report.account.delivered), (240, 240), "{:?}", report.account);
        assert_eq!(report.counters.get("pg_write_errors"), Some(&0), "{:?}", report.counters);
        assert_eq!(report.run.versions.get("postgres_pooler").map(String::as_str), Some("transaction"));
    }
    nothing_left(&bed, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn a_session_pool_keeps_prepared_statements() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let whole = PgBouncer::start(&bed, Mode::Session, 10).await?;
    run(&bed, &observer, &whole.url, "00000000000c", &["--prepare", "--connections", "4"]).await?;
    let report = observer.report()?;
    valid(&report);
    assert_eq!(report.run.versions.get("postgres_pooler").map(String::as_str), Some("none"));
    bed.stop()
}

#[tokio::test]
async fn nothing_of_ours_is_left_in_a_session_of_the_pool() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let pooled = PgBouncer::start(&bed, Mode::Transaction, 2).await?;
    let shop = scenarios().join("e2e-latency.toml").display().to_string();
    // Two at once, in both of the pool's sessions.
    let prepare = ["prepare", &shop];
    let (one, other) =
        tokio::try_join!(call(&bed, &pooled.url, &prepare), call(&bed, &pooled.url, &prepare))?;
    assert_eq!((one.code, other.code), (0, 0), "{}\n{}", one.stderr, other.stderr);
    let cleaned = call(&bed, &pooled.url, &["clean", &shop, "--older-than", "1d"]).await?;
    assert_eq!(cleaned.code, 0, "{}", cleaned.stderr);
    let (client, connection) = tokio_postgres::connect(&pooled.url, NoTls).await?;
    let _driver = tokio::spawn(connection);
    // Each session of the pool while another one is in a transaction.
    let (held, holding) = tokio_postgres::connect(&pooled.url, NoTls).await?;
    let _holding = tokio::spawn(holding);
    held.batch_execute("BEGIN").await?;
    let asked = "SELECT current_setting('lock_timeout'), (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')";
    for session in [&client, &held] {
        let row = session.query_typed_one(asked, &[]).await?;
        let left: (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        assert_eq!(left, ("0".to_owned(), 0, 0));
    }
    bed.stop()
}

#[tokio::test]
async fn a_pooled_server_that_commits_otherwise_than_the_test_wants_is_refused() -> Result<()> {
    let bed =
        Testbed::builder().without_relay().postgres_setting("synchronous_commit", "off").start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let pooled = PgBouncer::start(&bed, Mode::Transaction, 4).await?;
    let path = scenario(&bed, 10, 1)?.display().to_string();
    let finished =
        call(&bed, &pooled.url, &["run", &path, "--prepare", "--observer", &observer.address]).await?;
    assert_eq!(finished.code, 107, "{}", finished.stderr);
    for part in ["has synchronous_commit = off, the test wants on", "ALTER ROLE"] {
        assert!(finished.stderr.contains(part), "'{part}' is missing: {}", finished.stderr);
    }
    bed.stop()
}

/// A pooler that begins to share sessions out in the middle of a run, which no look at the start can see.
#[tokio::test]
async fn statements_that_are_lost_in_the_middle_of_a_run_are_sent_without_a_name() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let pooler = PgBouncer::start(&bed, Mode::Session, 20).await?;
    let path = scenario(&bed, 30, 6)?.display().to_string();
    let args = ["run", &path, "--prepare", "--observer", &observer.address, "--connections", "4"];
    let running = bed.run(writer(&pooler.url, &args)?).await?;
    wait_for("rows", LIMIT, || async {
        match stamps_in_postgres(&bed, "customers").await {
            Ok(rows) if !rows.is_empty() => Ok(()),
            other => Err(format!("{other:?}: {}", running.tail())),
        }
    })
    .await?;
    pooler.share_out().await?;
    let finished = finish(&running, LIMIT).await?;
    assert!(finished.stderr.contains("loses prepared statements"), "{}", finished.stderr);
    let report = observer.report()?;
    valid(&report);
    assert_eq!((report.account.entries, report.account.delivered), (360, 360), "{:?}", report.account);
    bed.stop()
}
