//! A run in which rows are lost and PostgreSQL refuses connections for a third of the time: account, thresholds and
//! summary say what PostgreSQL and MongoDB themselves hold at its end. Nothing here is taken from our own ledger.

use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::databases::{stamps_in_mongo, stamps_in_postgres};
use streamgauge_end_to_end::wire::Wire;
use streamgauge_end_to_end::{Finished, Observer, finish, get, scenarios, writer};
use streamgauge_testbed::{RowFaults, Testbed, wait_for};

/// Iterations a second, each of one row, and for how long.
const RATE: u64 = 50;
const SECONDS: u64 = 15;
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// When PostgreSQL begins to refuse.
const ROWS_BEFORE: u64 = 250;
const LIMIT: Duration = Duration::from_secs(90);

/// What the databases hold, against what the schedule asked for.
struct Reading {
    planned: u64,
    committed: u64,
    arrived: u64,
}

#[tokio::test]
async fn thresholds_account_and_summary_agree_with_the_databases() -> Result<()> {
    let drop_every = NonZeroU64::new(97);
    let faults = RowFaults { drop_every, ..RowFaults::default() };
    let bed = Testbed::builder().row_faults(faults).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let (wire, near) = Wire::before_postgres(bed.postgres_url()).await?;
    let path = test_file(&bed)?.display().to_string();
    let args =
        ["run", &path, "--observer", &observer.address, "--prepare", "--keep-rows", "--summary", "full"];
    let run = bed.run(writer(&near, &args)?).await?;
    wait_for("rows before the outage", LIMIT, || async {
        let answer = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
        let seen: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
        let entries = seen["account"]["entries"].as_u64().unwrap_or(0);
        if entries >= ROWS_BEFORE { Ok(()) } else { Err(seen["account"].to_string()) }
    })
    .await
    .with_context(|| run.tail())?;
    // No statement is on its way: nobody can be in doubt about a commit, and every figure is exact.
    wire.cut_after_an_answer();
    tokio::time::sleep(REFUSED_FOR).await;
    wire.mend();
    let finished = finish(&run, LIMIT).await?;

    let written = stamps_in_postgres(&bed, "customers").await?;
    let arrived = stamps_in_mongo(&bed, "customers").await?;
    assert!(arrived.is_subset(&written), "MongoDB holds what PostgreSQL does not");
    let planned = RATE * SECONDS;
    let reading = Reading { planned, committed: written.len() as u64, arrived: arrived.len() as u64 };
    let refused = planned - reading.committed;
    assert!(refused > planned / 5 && reading.committed - reading.arrived >= 4, "nothing was injected");
    let folders = observer.run_folders()?;
    let report = fs::read_to_string(folders.first().context("no run folder")?.join("report.json"))?;
    let report: Value = serde_json::from_str(&report)?;
    account(&report, &reading);
    rates(&report, &reading);
    thresholds(&report, &reading);
    load(&report, &reading);
    summary(&finished, &reading);
    assert_eq!(finished.code, 99, "{}", finished.stdout);
    bed.stop()
}

/// A load of single rows, and thresholds of every kind that a missing row touches.
fn test_file(bed: &Testbed) -> Result<PathBuf> {
    let model = scenarios().join("models/shop.toml");
    let text = format!(
        r#"model = "{}"

[defaults]
drain = "5s"

[scenarios.reading]
executor = "constant-arrival-rate"
rate = {RATE}
duration = "{SECONDS}s"
pre_allocated_vus = 50
flow = [ {{ create = "customer" }} ]

[thresholds]
cdc_success_rate = ["rate>0.99"]
pg_write_failed = ["rate<0.01"]
checks = ["rate>0.99"]
iterations = ["count>=1"]
"#,
        model.display()
    );
    let path = bed.folder().join("reading.toml");
    fs::write(&path, text)?;
    Ok(path)
}

fn account(report: &Value, reading: &Reading) {
    let account = &report["account"];
    let count = |name: &str| account[name].as_u64().unwrap_or(0);
    let Reading { planned, committed, arrived } = *reading;
    assert_eq!(count("entries"), planned, "{account}");
    assert_eq!(count("delivered") + count("late"), arrived, "{account}");
    assert_eq!(count("lost"), committed - arrived, "{account}");
    assert_eq!(count("rejected"), planned - committed, "{account}");
    assert_eq!(account["causes"]["not_connected"].as_u64(), Some(planned - committed), "{account}");
    assert_eq!(report["events"]["first"].as_u64(), Some(arrived), "{}", report["events"]);
    // Every row that arrived, also one that a busy machine left unmeasured: it is in the bounds.
    let all = &report["latency"]["cdc_e2e_latency"]["all"];
    let of = |name: &str| all[name].as_u64().unwrap_or(0);
    assert_eq!(of("count") + of("unmeasured"), arrived, "{all}");
    assert_eq!(of("censored"), committed - arrived, "{all}");
    let counters = &report["counters"];
    let counter = |name: &str| counters[name].as_u64().unwrap_or(0);
    assert_eq!(counter("iterations"), committed, "{counters}");
    assert_eq!(counter("failed_iterations"), planned - committed, "{counters}");
    assert_eq!(counter("dropped_iterations"), 0, "{counters}");
}

/// Passed and all of each rate, as the databases have it.
fn shares(reading: &Reading) -> [(&'static str, u64, u64); 3] {
    let Reading { planned, committed, arrived } = *reading;
    [
        ("cdc_success_rate", arrived, planned),
        ("pg_write_failed", planned - committed, planned),
        // Written, of all; arrived, of what was written; the same content, of what arrived.
        ("checks", committed + 2 * arrived, planned + committed + arrived),
    ]
}

fn rates(report: &Value, reading: &Reading) {
    for (name, passed, total) in shares(reading) {
        let rate = &report["rates"][name];
        assert_eq!((rate["passed"].as_u64(), rate["total"].as_u64()), (Some(passed), Some(total)), "{name}");
        assert_eq!(rate["rate"].as_f64(), Some(share(passed, total)), "{name}");
    }
}

fn thresholds(report: &Value, reading: &Reading) {
    let thresholds = report["thresholds"].as_array().expect("thresholds");
    let of = |name: &str| thresholds.iter().find(|threshold| threshold["metric"] == name).expect("declared");
    for (name, passed, total) in shares(reading) {
        let threshold = of(name);
        assert_eq!(threshold["observed"].as_f64(), Some(share(passed, total)), "{threshold}");
        assert_eq!(threshold["passed"].as_bool(), Some(false), "{threshold}");
    }
    let iterations = of("iterations");
    let committed = u32::try_from(reading.committed).expect("few");
    assert_eq!(iterations["observed"].as_f64(), Some(committed.into()), "{iterations}");
    assert_eq!(iterations["passed"].as_bool(), Some(true), "{iterations}");
}

fn load(report: &Value, reading: &Reading) {
    let written = &report["load"]["written"][0];
    assert_eq!(written["unit"], "ticks", "{written}");
    let count = |name: &str| written[name].as_f64().map(|count| count.round());
    assert_eq!(count("planned"), Some(share(reading.planned, 1)), "{written}");
    assert_eq!(count("written"), Some(share(reading.committed, 1)), "{written}");
    let of_plan = written["share"].as_f64().expect("a share");
    assert!((of_plan - share(reading.committed, reading.planned)).abs() < 1e-9, "{written}");
    let validity = &report["validity"];
    let reasons = validity["reasons"].as_array().expect("reasons");
    assert!(reasons.iter().any(|reason| reason["code"] == "load_not_written"), "{validity}");
    assert_eq!(validity["state"], "degraded", "{validity}");
}

/// What is printed is what is in the report.
fn summary(finished: &Finished, reading: &Reading) {
    let Reading { planned, committed, arrived } = *reading;
    let printed = &finished.stdout;
    let line = |name: &str| {
        let found = printed.lines().find(|line| line.trim_start().starts_with(name));
        found.unwrap_or_else(|| panic!("no line of {name}: {printed}"))
    };
    let entries = line("entries.");
    let terms = [
        format!("{planned} ="),
        format!("{arrived} delivered"),
        format!("{} lost", committed - arrived),
        format!("{} rejected", planned - committed),
    ];
    for term in terms {
        assert!(entries.contains(&term), "'{term}' is missing: {entries}");
    }
    for (name, passed, total) in shares(reading) {
        let said = format!("{passed} out of {total}");
        assert!(printed.contains(&said), "'{said}' of {name} is missing: {printed}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a short run")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
