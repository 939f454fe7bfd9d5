//! The change stream's cursor is killed on the server in the middle of a run: it resumes after the last
//! reply's token, and nothing is lost or seen twice.

use std::time::Duration;

use anyhow::{Result, bail};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use streamgauge_end_to_end::{Observer, finish, get, scenario, start_run};
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_killed_cursor_is_resumed_without_a_gap() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let client = Client::with_uri_str(bed.mongo_uri()).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 50, 6)?, &["--prepare"]).await?;
    let report = async || -> Result<Report, String> {
        let body = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?.body;
        serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))
    };
    wait_for("the first rows", LIMIT, || async {
        let account = report().await?.account;
        if account.delivered >= 50 { Ok(()) } else { Err(format!("{account:?}")) }
    })
    .await?;

    let admin = client.database("admin");
    let cursor = wait_for("the observer's cursor", LIMIT, || async {
        stream_cursor(&admin).await.map_err(|error| format!("{error:#}"))
    });
    let kill = doc! { "killCursors": "$cmd.aggregate", "cursors": [cursor.await?] };
    client.database(bed.database()).run_command(kill).await?;
    wait_for("the error to be counted", LIMIT, || async {
        let errors = report().await?.counters["observer_errors"];
        if errors > 0 { Ok(()) } else { Err(format!("{errors} errors")) }
    })
    .await?;

    let finished = finish(&run, Duration::from_secs(60)).await?;
    let (report, shown) = (observer.report()?, format!("{}\n{}", finished.stdout, finished.stderr));
    assert_eq!((report.account.entries, report.account.delivered), (600, 600), "{shown}");
    assert_eq!((report.events.total, report.events.first), (600, 600), "no event is seen twice: {shown}");
    assert_eq!(report.counters["observer_errors"], 1, "{shown}");
    assert_ne!(report.validity.state, ValidityState::Invalid, "{shown}");
    bed.stop()
}

/// The id of the cursor behind the observer's change stream, idle or waiting in a getMore.
async fn stream_cursor(admin: &Database) -> Result<Bson> {
    let stages = [doc! { "$currentOp": { "allUsers": true, "idleCursors": true } }];
    let mut operations = admin.aggregate(stages).await?;
    let mut seen = Vec::new();
    while operations.advance().await? {
        let operation: Document = operations.deserialize_current()?;
        let ours = operation.get_str("appName").ok() == Some("streamgauge-observer");
        let cursor = operation.get_document("cursor").ok().and_then(|cursor| cursor.get("cursorId"));
        if let Some(id) = cursor.filter(|_| ours) {
            return Ok(id.clone());
        }
        seen.push(operation.get_str("op").unwrap_or("?").to_owned());
    }
    bail!("none among {seen:?}")
}
