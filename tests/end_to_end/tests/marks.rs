//! Marks that the pipeline leaves: a known delay lies in the stage where it was injected, and nowhere else.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use streamgauge_end_to_end::{
    MARKS, Observer, finish, get, model_with_marks, scenario, scenarios, start_run,
};
use streamgauge_shared::report::{Figure, StageClock};
use streamgauge_testbed::Testbed;

/// What the least of the stage may be above the injected delay, milliseconds.
const ACCURACY_MS: f64 = 3.0;
const DELAY_MS: u32 = 100;
const RATE: u32 = 50;
const SECONDS: u32 = 5;
const ROWS: u64 = (RATE * SECONDS) as u64;

/// The shipped test with a model that names marks.
fn with_marks(bed: &Testbed) -> Result<PathBuf> {
    let model = model_with_marks(bed, MARKS)?;
    let path = scenario(bed, RATE, SECONDS)?;
    let shipped = scenarios().join("models/shop.toml").display().to_string();
    let text = fs::read_to_string(&path)?;
    assert!(text.contains(&shipped));
    fs::write(&path, text.replace(&shipped, &model.display().to_string()))?;
    Ok(path)
}

#[tokio::test]
async fn a_known_delay_lies_in_the_stage_where_it_was_injected() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(DELAY_MS.into())).marks(true).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = with_marks(&bed)?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--summary", "full"]).await?;
    let finished = finish(&run, Duration::from_secs(90)).await?;
    let report = observer.report()?;
    let shown = format!("{}\n{}", finished.stdout, finished.stderr);

    // Creates carry marks; the deletes of the same rows take the document away and leave none.
    let marks = report.marks.clone().context("the model names marks")?;
    assert_eq!(marks.rows + marks.unmeasured + marks.incomplete, 2 * ROWS, "{shown}");
    assert!(marks.incomplete <= ROWS && marks.rows <= ROWS, "{marks:?}");
    assert!(marks.rows > ROWS * 9 / 10, "{marks:?}");
    assert!(
        marks.absent.len() == 3 && marks.absent.values().all(|count| *count == marks.incomplete),
        "{marks:?}"
    );

    let ends: Vec<(&str, &str)> =
        report.stages.iter().map(|stage| (stage.from.as_str(), stage.to.as_str())).collect();
    let way = ["sent", "commit", "connector", "kafka", "mongodb", "observed"];
    assert_eq!(ends, way.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>(), "{shown}");
    let injected = f64::from(DELAY_MS);
    for stage in &report.stages {
        let Figure::Value(median) = stage.stats.p50 else { panic!("no median: {shown}") };
        println!("{} → {}: p50 {median:.3} ms, ± {} ms", stage.from, stage.to, stage.resolution_ms);
        if stage.stage == "mongodb" {
            // The least: what the servers of a busy machine add to a row is in its stage, too, and is no error.
            let least = stage.stats.min.context("no minimum")?;
            let range = injected - stage.resolution_ms..=injected + ACCURACY_MS;
            assert!(range.contains(&least), "{least} ms at least, injected {injected}");
            assert!(median >= injected - stage.resolution_ms, "{median} ms, injected {injected}");
        } else {
            assert!(median.abs() < injected / 5.0, "{}: {median} ms hold a part of the delay", stage.stage);
        }
        assert_eq!(stage.stats.count, marks.rows, "every stage is of the same rows");
        let compared = stage.clock == StageClock::Compared;
        assert_eq!(compared, stage.stage == "observed", "{}", stage.stage);
    }
    assert!(finished.stdout.contains("WHERE THE TIME WENT"), "{shown}");

    let mut whole = 0;
    for row in observer.rows()? {
        let stages = row["stages"].as_array().with_context(|| format!("no stages in {row}"))?;
        let sum: f64 = stages.iter().filter_map(|stage| stage["ms"].as_f64()).sum();
        let e2e = row["cdc_e2e_latency_ms"].as_f64().context("it arrived")?;
        assert!((sum - e2e).abs() < 0.001, "{sum} ms and {e2e} ms in {row}");
        let create = row["operation"] == "create";
        assert_eq!(
            (stages.len(), row["marks"].as_object().map(serde_json::Map::len)),
            if create { (5, Some(3)) } else { (2, Some(0)) },
            "{row}"
        );
        whole += u64::from(create);
    }
    assert_eq!(whole, ROWS, "{shown}");
    let row: Value = serde_json::from_str(&get(&observer.address, "/api/rows/0/0").await?.body)?;
    assert_eq!(row["stages"].as_array().map(Vec::len), Some(5), "{row}");
    let page = get(&observer.address, "/metrics").await?.body;
    let mongodb = page.lines().find(|line| {
        line.starts_with("streamgauge_stage_latency_seconds_count{") && line.contains("stage=\"mongodb\"")
    });
    let mongodb = mongodb.with_context(|| page.clone())?;
    assert!(
        mongodb.contains("from=\"kafka\"") && mongodb.ends_with(&format!(" {}", marks.rows)),
        "{mongodb}"
    );
    bed.stop()
}

#[tokio::test]
async fn marks_that_the_model_does_not_name_change_nothing() -> Result<()> {
    let bed = Testbed::builder().marks(true).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenario(&bed, RATE, SECONDS)?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--summary", "full"]).await?;
    let finished = finish(&run, Duration::from_secs(90)).await?;
    let report = observer.report()?;
    assert_eq!(report.account.delivered, 2 * ROWS, "{}\n{}", finished.stdout, finished.stderr);
    assert!(report.stages.is_empty() && report.marks.is_none());
    assert!(!finished.stdout.contains("WHERE THE TIME WENT"), "{}", finished.stdout);
    assert!(observer.rows()?.iter().all(|row| row.get("stages").is_none() && row.get("marks").is_none()));
    assert!(!get(&observer.address, "/metrics").await?.body.contains("streamgauge_stage"));
    bed.stop()
}
