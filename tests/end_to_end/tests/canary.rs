//! The canary: the measurement floor is in report, summary and metrics, and nowhere in the run's own figures.

use std::time::Duration;

use anyhow::{Context, Result};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use streamgauge_end_to_end::{Finished, Observer, finish, get, nothing_left, scenario, start_run, unbroken};
use streamgauge_shared::report::{Figure, Report};
use streamgauge_testbed::{Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);
const COLLECTION: &str = "streamgauge_canary";

async fn run(bed: &Testbed, observer: &Observer, rate: u32, seconds: u32) -> Result<(Report, Finished)> {
    let run = start_run(bed, observer, &scenario(bed, rate, seconds)?, &["--prepare"]).await?;
    let finished = finish(&run, LIMIT).await?;
    Ok((observer.report()?, finished))
}

#[tokio::test]
async fn the_floor_is_measured_beside_a_run_and_leaves_nothing() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let client = Client::with_uri_str(bed.mongo_uri()).await?;
    let shop = client.database(bed.database());
    // What an observer that was killed left behind.
    let left = doc! { "_id": "00c0ffee0042", "stamp": "1.00c0ffee0042.0.3.1795406706789012345" };
    shop.collection::<Document>(COLLECTION).insert_one(left).await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let (report, finished) = run(&bed, &observer, 20, 8).await?;
    let shown = format!("{}\n{}\n{}", finished.stdout, finished.stderr, observer.process.tail());

    // Exactly the run's rows, in every phase.
    let expected = 20 * 8 * 2;
    assert_eq!((report.account.entries, report.account.delivered), (expected, expected), "{shown}");
    assert_eq!((report.events.total, report.events.first), (expected, expected), "{shown}");
    assert!(report.phases.is_empty(), "{shown}");

    let floor = report.floor.as_ref().with_context(|| format!("no floor: {shown}"))?;
    assert!(floor.count >= 5, "{floor:?}\n{shown}");
    // A busy machine may leave some of them unmeasured, but one a second is all there are.
    let seconds = report.run.duration_s + 3.0;
    assert!(f64::from(u32::try_from(floor.count + floor.unmeasured)?) <= seconds, "{floor:?}\n{shown}");
    assert_eq!(report.no_floor, None, "{shown}");
    let (Figure::Value(p50), Some(min)) = (floor.p50, floor.min) else { panic!("no median: {shown}") };
    println!("floor: p50 {p50:.2} ms, min {min:.2} ms, of {} writes", floor.count);
    assert!(min > 0.0 && p50 < 1_000.0, "{shown}");
    assert!(finished.stdout.contains("measurement_floor"), "{shown}");

    nothing_left(&bed, LIMIT).await?;
    let names = shop.list_collection_names().await?;
    assert!(!names.iter().any(|name| name == COLLECTION), "the canary's collection is left: {names:?}");
    bed.stop()
}

#[tokio::test]
async fn the_floor_is_on_the_metrics_page_while_the_run_goes_on() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 5, 4)?, &["--prepare"]).await?;
    wait_for("two arrivals of the canary", LIMIT, || async {
        let page = get(&observer.address, "/metrics").await.map_err(|error| error.to_string())?.body;
        let count =
            page.lines().find_map(|line| line.strip_prefix("streamgauge_measurement_floor_seconds_count "));
        match count.and_then(|count| count.parse::<u64>().ok()) {
            Some(2..) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    finish(&run, LIMIT).await?;
    bed.stop()
}

#[tokio::test]
async fn a_user_who_may_only_read_has_no_floor_and_no_doubt() -> Result<()> {
    let bed = Testbed::builder().mongo_auth().start().await?;
    let admin = Client::with_uri_str(bed.mongo_uri()).await?.database("admin");
    let read = doc! { "role": "read", "db": bed.database() };
    admin.run_command(doc! { "createUser": "reader", "pwd": "s3cret", "roles": [read] }).await?;
    let host = bed.mongo_uri().rsplit('@').next().context("no host")?;
    let uri = format!("mongodb://reader:s3cret@{host}");
    let observer = Observer::start(&bed, &["--once", "--mongo", &uri]).await?;
    let (report, finished) = run(&bed, &observer, 10, 3).await?;
    let shown = format!("{}\n{}\n{}", finished.stdout, finished.stderr, observer.process.tail());

    assert_eq!(report.floor, None, "{shown}");
    let reason = report.no_floor.with_context(|| format!("no reason: {shown}"))?;
    for word in ["readWrite", COLLECTION, "--no-canary"] {
        assert!(reason.contains(word), "'{word}' is missing: {reason}");
    }
    assert!(unbroken(&finished.stdout).contains(&reason), "said in the summary: {shown}");
    assert!(observer.process.tail().contains("no measurement floor"), "said in the log: {shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let codes: Vec<&str> = report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert!(!codes.iter().any(|code| code.contains("floor")), "{codes:?}");
    assert_eq!(report.account.delivered, 60, "{shown}");
    bed.stop()
}
