//! The pipeline dies in the middle of a run and comes back: nothing is lost, and the wait is in the figures.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::{Observer, finish, get, range, scenario, start_run};
use streamgauge_shared::clock::Clock;
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(30);
/// How long the outage lasts at least. Shorter than the await's timeout of 5 s, so that no row is late.
const OUTAGE_MS: f64 = 1_500.0;

#[tokio::test]
async fn a_killed_relay_delays_rows_and_loses_none() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 40, 10)?, &["--prepare"]).await?;
    let snapshot = async || -> Result<Value, String> {
        let answer = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
        serde_json::from_str(&answer.body).map_err(|error| error.to_string())
    };
    let delivered = wait_for("the first hundred rows", LIMIT, || async {
        let seen = snapshot().await?["account"]["delivered"].as_u64().unwrap_or(0);
        if seen >= 100 { Ok(seen) } else { Err(format!("{seen} delivered")) }
    });
    delivered.await?;

    let clock = Clock::start();
    bed.relay().kill_9().await?;
    let killed = clock.now();
    wait_for("rows that have waited long enough", LIMIT, || async {
        let metrics = get(&observer.address, "/metrics").await.map_err(|error| error.to_string())?.body;
        let age =
            metrics.lines().find_map(|line| line.strip_prefix("streamgauge_oldest_pending_age_seconds{"));
        let age: f64 =
            age.and_then(|rest| rest.rsplit(' ').next()?.parse().ok()).ok_or("nothing is pending")?;
        if age * 1e3 >= OUTAGE_MS { Ok(()) } else { Err(format!("the oldest has waited {age} s")) }
    })
    .await?;
    let restarted = clock.now();
    bed.relay().start_again().await?;
    let finished = finish(&run, Duration::from_secs(90)).await?;

    let (report, shown) = (observer.report()?, &finished.stdout);
    let (account, events) = (&report.account, &report.events);
    assert_eq!(account.entries, account.delivered + account.late, "every row arrived in the end: {shown}");
    assert_eq!(events.first + events.out_of_order, account.entries, "{shown}");
    assert_eq!(
        events.total,
        events.first + events.out_of_order + events.duplicate + events.foreign,
        "{shown}"
    );
    let (max, _) = range(report.latency["cdc_e2e_latency"].all.max).context(shown.clone())?;
    println!(
        "outage of {:.0} ms: longest latency {max:.0} ms, {} duplicates",
        (restarted - killed).as_millis_f64(),
        events.duplicate
    );
    assert!(max >= OUTAGE_MS, "{max}");

    // Each row that was sent during the outage was seen only after it.
    let mut waited = 0;
    for row in observer.rows()? {
        let point = |name: &str| row[name].as_i64().with_context(|| format!("no {name} in {row}"));
        let (sent, observed) = (point("sent_ns")?, point("observed_ns")?);
        if (killed.0..restarted.0).contains(&sent) {
            waited += 1;
            assert!(observed >= restarted.0, "{row}");
        }
    }
    assert!(waited > 20, "{waited} rows were sent during the outage");
    bed.stop()
}
