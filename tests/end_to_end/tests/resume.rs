//! The change stream's cursor is killed on the server in the middle of a run: it resumes after the last
//! reply's token, and nothing is lost or seen twice.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::{Observer, finish, get, scenario, start_run};
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_killed_cursor_is_resumed_without_a_gap() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
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

    bed.kill_stream_cursor("streamgauge-observer").await?;
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
