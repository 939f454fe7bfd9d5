//! A real Prometheus scrapes a real run through a pipeline that is too slow: every rule, every panel, every annotation.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use streamgauge_boards::read::boards;
use streamgauge_dashboards::Prometheus;
use streamgauge_end_to_end::{MARKS, Observer, finish, get_as, model_with_marks, scenarios, start_run};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::UnixNanos;
use streamgauge_testbed::{Testbed, wait_for};

const RUN_LIMIT: Duration = Duration::from_secs(240);
/// Three scrapes and three evaluations, of five seconds each.
const SEEN_LIMIT: Duration = Duration::from_secs(45);
/// Rows a second that the pipeline carries: stress breaks it.
const RATE_LIMIT: f64 = 20.0;

/// Alerts that this run is to raise. The objective's need rows slower than 5 s, which a broken pipeline makes.
const RAISED: [&str; 5] = [
    "StreamgaugeBreakingPointReached",
    "StreamgaugeSloBurnFast",
    "StreamgaugeSloBurnMedium",
    "StreamgaugeSloBurnSlow",
    "StreamgaugeThresholdFailed",
];
/// Alerts that it is not to raise, each with what it looks at: that is there, and says no.
const SILENT: [(&str, &str); 3] = [
    ("StreamgaugeRowsLost", "streamgauge_entries{outcome=\"lost\"}"),
    ("StreamgaugeOldestPendingTooOld", "streamgauge_oldest_pending_age_seconds"),
    ("StreamgaugeMeasurementInvalid", "streamgauge_validity{state=\"invalid\"}"),
];
/// Raised when the observer is gone.
const AT_THE_END: &str = "StreamgaugeObserverDown";
/// For the latencies that stress has no threshold on: their panels draw them too.
const MORE_THRESHOLDS: &str = "cdc_e2e_latency_intended = [\"p(95)<5000\"]
cdc_propagation = [\"p(95)<1500\"]
mongo_visibility = [\"p(95)<50\"]
";

fn firing(alert: &str) -> String {
    format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}")
}

async fn wait_for_alert(prometheus: &Prometheus, alert: &str) -> Result<()> {
    let query = firing(alert);
    wait_for(alert, SEEN_LIMIT, || async {
        let found = prometheus.now(&query).await.map_err(|error| format!("{error:#}"))?;
        if found.is_empty() { Err("is not firing".to_owned()) } else { Ok(()) }
    })
    .await
}

#[tokio::test]
async fn every_rule_and_every_panel_finds_what_it_asks_for() -> Result<()> {
    let bed = Testbed::builder().rate_limit(RATE_LIMIT).marks(true).start().await?;
    let token = bed.folder().join("token");
    fs::write(&token, "a-token-of-this-test\n")?;
    let token_file = token.display().to_string();
    let observer = Observer::start(&bed, &["--token-file", &token_file]).await?;
    let prometheus = Prometheus::start(&bed, &observer.address, &token).await?;

    let model = model_with_marks(&bed, MARKS)?;
    let stress = fs::read_to_string(scenarios().join("stress.toml"))?;
    let path = bed.folder().join("stress.toml");
    let stress = stress.replace("models/shop.toml", &model.display().to_string());
    fs::write(&path, format!("{stress}{MORE_THRESHOLDS}"))?;
    let clock = Clock::start();
    let start = clock.now();
    let run = start_run(
        &bed,
        &observer,
        &path,
        &["--prepare", "--time-scale", "0.08", "--token-file", &token_file],
    )
    .await?;
    let finished = finish(&run, RUN_LIMIT).await?;
    ensure!(finished.code == 99, "the pipeline is to be too slow: {}\n{}", finished.stdout, finished.stderr);
    for alert in RAISED {
        wait_for_alert(&prometheus, alert).await?;
    }
    let end = clock.now();

    let (recording, alerting) = prometheus.rules().await?;
    for rule in &recording {
        let found = prometheus.over(rule, start, end).await?;
        ensure!(!found.is_empty(), "{rule} recorded nothing");
    }
    let known: BTreeSet<&str> =
        RAISED.into_iter().chain(SILENT.map(|(alert, _)| alert)).chain([AT_THE_END]).collect();
    ensure!(alerting.iter().map(String::as_str).collect::<BTreeSet<_>>() == known, "{alerting:?}");
    for (alert, looks_at) in SILENT {
        ensure!(!prometheus.over(looks_at, start, end).await?.is_empty(), "{alert} looks at nothing");
        ensure!(prometheus.over(&firing(alert), start, end).await?.is_empty(), "{alert} fired");
    }
    objective_counts_the_slow_rows(&prometheus).await?;
    every_query_finds_something(&prometheus, start, end).await?;
    // Prometheus has asked for OpenMetrics; who asks for the older format gets one that it reads too.
    let headers = "Authorization: Bearer a-token-of-this-test\r\nAccept: text/plain;version=0.0.4\r\n";
    let page = get_as(&observer.address, "/metrics", headers).await?;
    ensure!(page.status == 200 && page.body.contains("streamgauge_operations_total"), "{}", page.body);
    prometheus.reads(&page.body).await?;

    observer.process.kill_9().await?;
    wait_for_alert(&prometheus, AT_THE_END).await?;
    bed.stop()
}

/// The rule's share is that of the buckets, and its pattern picks exactly one of them.
async fn objective_counts_the_slow_rows(prometheus: &Prometheus) -> Result<()> {
    let buckets = prometheus
        .now("count by (le) (streamgauge_cdc_e2e_latency_seconds_bucket{le=~\"5([.]0[0-9]*)?\"})")
        .await?;
    ensure!(buckets.len() == 1, "one bucket ends at 5 s: {buckets:?}");
    let share = prometheus.now("streamgauge:slo_bad:ratio5m").await?;
    ensure!(!share.is_empty(), "no share as of now");
    ensure!(share.iter().all(|one| one.values.iter().all(|value| *value > 0.0 && *value < 1.0)), "{share:?}");
    Ok(())
}

async fn every_query_finds_something(
    prometheus: &Prometheus,
    start: UnixNanos,
    end: UnixNanos,
) -> Result<()> {
    let mut empty = Vec::new();
    let mut asked = 0;
    for board in boards()? {
        let panels = board.panels.iter().flat_map(|panel| {
            panel.queries.iter().map(|query| (format!("{} {}", panel.title, query.id), query.opened()))
        });
        // A run that is VALID throughout is never marked as not valid: what the mark looks at has to be there.
        let annotations = board.annotations().into_iter().map(|(name, query)| match name.as_str() {
            "Not valid" => (name, query.trim_end_matches(" == 1").to_owned()),
            _ => (name, query),
        });
        for (name, query) in panels.chain(annotations) {
            asked += 1;
            if prometheus.over(&query, start, end).await?.is_empty() {
                empty.push((board.file.clone(), name, query));
            }
        }
        for (series, label) in board.variables() {
            let found = prometheus.over(&series, start, end).await?;
            let values = found.iter().filter(|one| one.labels.contains_key(&label)).count();
            ensure!(values > 0, "{}: {series} has no {label}", board.file);
        }
    }
    ensure!(asked > 100, "only {asked} queries");
    ensure!(empty.is_empty(), "of {asked} queries these find nothing: {empty:#?}");
    Ok(())
}
