//! What MongoDB's side can do to an observer: causes that no waiting helps against are named, and what passes is waited for.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::Client;
use mongodb::bson::doc;
use streamgauge_end_to_end::wire::Wire;
use streamgauge_end_to_end::{Observer, START_LIMIT, finish, get, runs, scenario, serve, start_run};
use streamgauge_shared::report::Report;
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);
const LOOPBACK: &str = "127.0.0.1:0";

#[tokio::test]
async fn a_cause_that_will_not_go_away_ends_the_observer_with_its_name() -> Result<()> {
    let bed = Testbed::builder().without_relay().start().await?;
    let uri = bed.mongo_uri();
    let cases = [
        (uri.replace("replicaSet=testbed", "replicaSet=rs0"), ["replicaSet=rs0", "called 'testbed'"]),
        (format!("{uri}&readConcernLevel=local"), ["read concern", "readConcernLevel"]),
    ];
    for (uri, says) in cases {
        let process = bed.run(serve(&uri, LOOPBACK, Path::new(bed.folder()), &[])?).await?;
        let finished = finish(&process, START_LIMIT).await?;
        assert_eq!(finished.code, 107, "{uri}: {}", finished.stderr);
        for word in says {
            assert!(finished.stderr.contains(word), "'{word}' is missing: {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("cannot be reached"), "{}", finished.stderr);
    }
    bed.stop()
}

/// The report of the only run, of which every row has arrived.
fn accounted(observer: &Observer) -> Result<Report> {
    let report = observer.report()?;
    assert_eq!(report.account.delivered + report.account.late, report.account.entries, "all of them arrived");
    Ok(report)
}

async fn delivered(observer: &Observer, at_least: u64) -> Result<()> {
    wait_for("rows", LIMIT, || async {
        let answer = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
        let json: serde_json::Value =
            serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
        let seen = json["account"]["delivered"].as_u64().unwrap_or(0);
        if seen >= at_least { Ok(()) } else { Err(format!("{seen} delivered")) }
    })
    .await
}

/// A wire before the testbed's MongoDB, and the part of a URI after the user that leads through it.
async fn before_mongo(bed: &Testbed) -> Result<(Wire, String)> {
    let (_, rest) = bed.mongo_uri().split_once("127.0.0.1:").context("no host")?;
    let (port, _) = rest.split_once('/').context("no port")?;
    let wire = Wire::start(&format!("127.0.0.1:{port}")).await?;
    let near = wire.address().replace("http://", "");
    Ok((wire, format!("{near}/{}?directConnection=true", bed.database())))
}

/// The pipeline goes on while the observer's connection says nothing: an interruption, and not a slow pipeline.
#[tokio::test]
async fn a_stream_that_falls_silent_is_an_interruption() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let (wire, near) = before_mongo(&bed).await?;
    let uri = format!("mongodb://{near}");
    let program = serve(&uri, LOOPBACK, &runs(&bed), &["--once", "--no-canary"])?;
    let observer = Observer::start_program(&bed, program).await?;
    let path = scenario(&bed, 10, 14)?;
    // Nobody waits for a row: users must be free while none is seen.
    let text = fs::read_to_string(&path)?.replace("{ await = \"5s\" },\n", "");
    fs::write(&path, text)?;
    let run = start_run(&bed, &observer, &path, &["--prepare"]).await?;
    delivered(&observer, 20).await?;
    wire.swallow();
    wait_for("the observer to notice", LIMIT, || async {
        let stderr = observer.process.stderr();
        if stderr.contains("the change stream has said nothing for") { Ok(()) } else { Err(stderr) }
    })
    .await?;
    wire.mend();
    let finished = finish(&run, LIMIT).await?;

    let report = accounted(&observer)?;
    let reason = report.validity.reasons.iter().find(|reason| reason.code == "stream_interrupted");
    let reason = reason.with_context(|| finished.stdout.clone())?;
    let span = reason.spans.first().context("it is known for how long")?;
    assert!(span.until_s - span.from_s >= 4.5, "from its last word on: {span:?}");
    let unmeasured = report.latency["cdc_e2e_latency"].all.unmeasured;
    assert!(unmeasured >= 20, "what came meanwhile has no time of its own: {unmeasured}");
    bed.stop()
}

/// The user is not known for a while, as when all nodes come up again: the credentials were right before.
#[tokio::test]
async fn refused_credentials_are_waited_for_once_they_were_right() -> Result<()> {
    let bed = Testbed::builder().mongo_auth().start().await?;
    let admin = Client::with_uri_str(bed.mongo_uri()).await?.database("admin");
    let read = doc! { "role": "read", "db": bed.database() };
    let create = doc! { "createUser": "watcher", "pwd": "s3cret", "roles": [read] };
    admin.run_command(create.clone()).await?;
    let (wire, near) = before_mongo(&bed).await?;
    let uri = format!("mongodb://watcher:s3cret@{near}&authSource=admin");
    let program = serve(&uri, LOOPBACK, &runs(&bed), &["--once", "--no-canary"])?;
    let observer = Observer::start_program(&bed, program).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 10, 8)?, &["--prepare"]).await?;
    delivered(&observer, 20).await?;

    wire.cut();
    admin.run_command(doc! { "dropUser": "watcher" }).await?;
    wire.mend();
    wait_for("a refusal", LIMIT, || async {
        let stderr = observer.process.stderr();
        let refused = |line: &str| line.contains("interrupted") && line.contains("uthentication");
        if stderr.lines().any(refused) { Ok(()) } else { Err(stderr) }
    })
    .await?;
    admin.run_command(create).await?;
    let finished = finish(&run, LIMIT).await?;
    let report = accounted(&observer)?;
    let codes: Vec<&str> = report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert!(codes.contains(&"stream_interrupted"), "{codes:?}\n{}", finished.stdout);
    assert!(!format!("{}{}", observer.process.stderr(), finished.stdout).contains("s3cret"));
    bed.stop()
}
