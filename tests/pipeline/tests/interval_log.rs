//! HdrHistogram's own tool reads the interval log, and finds in it what the report says.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use streamgauge_end_to_end::{Observer, finish, scenario, start_run};
use streamgauge_pipeline::Artefacts;
use streamgauge_shared::report::{Figure, Stats};
use streamgauge_testbed::Testbed;

const LIMIT: Duration = Duration::from_secs(60);
/// Three significant digits, once in each program.
const RESOLUTION: f64 = 0.002;

/// What the tool prints of one tag, milliseconds.
#[derive(Debug)]
struct Found {
    count: u64,
    median: f64,
    max: f64,
}

/// The percentile distribution over the whole log, as the tool writes it.
fn distribution(class_path: &str, log: &Path, tag: &str) -> Result<Found> {
    let mut java = Command::new("java");
    java.args(["-cp", class_path, "org.HdrHistogram.HistogramLogProcessor", "-tag", tag, "-i"]).arg(log);
    let out = log.with_extension("processed");
    let ran = java.arg("-o").arg(&out).output()?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = std::fs::read_to_string(out.with_extension("processed.hgrm"))?;
    let median = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let value = words.next()?;
        words.next()?.starts_with("0.5000").then(|| value.parse().ok())?
    });
    // "#[Max     =      170.263, Total count    =          300]"
    let last = text.lines().find_map(|line| line.strip_prefix("#[Max")).with_context(|| text.clone())?;
    let numbers: Vec<&str> =
        last.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|word| !word.is_empty()).collect();
    let [max, count] = numbers[..] else { anyhow::bail!("not understood: {last}") };
    Ok(Found { count: count.parse()?, median: median.with_context(|| text.clone())?, max: max.parse()? })
}

fn assert_same(found: &Found, stats: &Stats, tag: &str) {
    let close = |found: f64, figure: Figure| {
        let Figure::Value(reported) = figure else { panic!("{tag}: no figure in {stats:?}") };
        // The tool prints three digits after the point.
        assert!((found - reported).abs() <= RESOLUTION * reported + 0.001, "{tag}: {found:?}, {stats:?}");
    };
    assert_eq!(found.count, stats.count, "{tag}");
    close(found.median, stats.p50);
    close(found.max, stats.max);
}

#[tokio::test]
async fn the_tool_of_the_format_finds_the_figures_of_the_report() -> Result<()> {
    let artefacts = Artefacts::find().await?;
    let bed = Testbed::builder().delay(Duration::from_millis(20)).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 100, 5)?, &["--prepare"]).await?;
    finish(&run, LIMIT).await?;
    let report = observer.report()?;
    let folders = observer.run_folders()?;
    let log = folders.first().context("no run folder")?.join("latency.hlog");
    for name in ["cdc_e2e_latency", "pg_write_duration"] {
        let parts = &report.latency[name].by;
        assert_eq!(parts.len(), 2, "creates and deletes");
        for part in parts {
            let tag = format!("{name}.{}", part.operation);
            let found = distribution(&artefacts.interval_log_tools(), &log, &tag)?;
            assert_same(&found, &part.stats, &tag);
        }
    }
    bed.stop()
}
