//! What is done with runs that are over: they are listed, rendered again, and merged.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use streamgauge_end_to_end::{Finished, Observer, finish, scenario, start_run, unbroken};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::report::{Report, Stats};
use streamgauge_testbed::{Program, Testbed, find_program};

const LIMIT: Duration = Duration::from_secs(60);

/// A command of the observer that reads run folders.
async fn command(bed: &Testbed, name: &str, args: &[&str]) -> Result<Finished> {
    let program = Program::new(name, find_program("streamgauge-observer")?).args(args.iter().copied());
    finish(&bed.run(program).await?, LIMIT).await
}

#[tokio::test]
async fn two_runs_are_listed_rendered_again_and_merged() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(20)).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let test = scenario(&bed, 40, 2)?;
    for id in ["00000000000a", "00000000000b"] {
        let run = start_run(&bed, &observer, &test, &["--prepare", "--run-id", id]).await?;
        let finished = finish(&run, LIMIT).await?;
        ensure!(finished.code == 0, "{} {}", finished.stdout, finished.stderr);
    }
    let runs = observer.runs.display().to_string();

    let listed = command(&bed, "runs", &["runs", "--runs", &runs, "--json"]).await?;
    let listed: Value = serde_json::from_str(&listed.stdout)?;
    let ids: Vec<&str> =
        listed.as_array().into_iter().flatten().filter_map(|run| run["run"]["id"].as_str()).collect();
    assert_eq!(ids, ["00000000000b", "00000000000a"], "newest first: {listed}");
    let table = command(&bed, "runs-table", &["runs", "--runs", &runs]).await?.stdout;
    assert!(
        table.starts_with("STARTED") && table.contains("00000000000a") && table.contains("PASSED"),
        "{table}"
    );

    let folders = observer.run_folders()?;
    let summary = std::fs::read_to_string(folders[0].join("summary.txt"))?;
    let text = command(&bed, "text", &["report", "00000000000a", "--runs", &runs]).await?;
    // Laid out for its reader's width, word for word the same.
    assert_eq!((text.code, unbroken(&text.stdout)), (0, unbroken(&summary)));
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(folders[0].join("report.json"))?)?;
    let json = command(&bed, "json", &["report", "00000000000a", "--runs", &runs, "--json"]).await?;
    assert_eq!(serde_json::from_str::<Value>(&json.stdout)?, kept);
    let csv = command(&bed, "csv", &["report", "00000000000a", "--runs", &runs, "--csv"]).await?.stdout;
    let sent: u64 = csv.lines().skip(1).filter_map(|line| line.split(',').nth(2)?.parse::<u64>().ok()).sum();
    assert_eq!(Some(sent), kept["account"]["entries"].as_u64(), "{csv}");
    let unknown = command(&bed, "unknown", &["report", "ffff", "--runs", &runs]).await?;
    assert!(
        unknown.code == 104 && unknown.stderr.contains("streamgauge-observer runs"),
        "{}",
        unknown.stderr
    );

    let merge = ["merge", "00000000000a", "00000000000b", "--runs", &runs];
    let merged = command(&bed, "merge", &merge).await?;
    ensure!(merged.code == 0, "{} {}", merged.stdout, merged.stderr);
    let twice = command(&bed, "twice", &["merge", "00000000000a", "00000000000a", "--runs", &runs]).await?;
    assert!(twice.code == 104 && twice.stderr.contains("is given twice"), "{}", twice.stderr);
    let folders = observer.run_folders()?;
    let [one, other, both] = &folders[..] else { anyhow::bail!("three folders: {folders:?}") };
    // The merged run begins when the first one does, a moment after that one's folder was made.
    let both = if both.display().to_string().contains("-merged-") { both } else { other };
    let others: Vec<&Path> =
        folders.iter().filter(|folder| *folder != both).map(std::path::PathBuf::as_path).collect();
    assert!(others.contains(&one.as_path()));
    let report = |folder: &Path| -> Result<Report> {
        Ok(serde_json::from_str(&std::fs::read_to_string(folder.join("report.json"))?)?)
    };
    let (merged, singles) = (report(both)?, [report(others[0])?, report(others[1])?]);
    let entries = |report: &Report| report.account.entries;
    assert_eq!(entries(&merged), singles.iter().map(entries).sum::<u64>());
    // A second way to the same figures: the values themselves, of every line that the folders keep of single rows.
    let mut rows = SignedHistogram::default();
    for folder in others {
        for line in std::fs::read_to_string(folder.join("rows.jsonl"))?.lines() {
            let row: Value = serde_json::from_str(line)?;
            if let (Some(sent), Some(observed)) = (row["sent_ns"].as_i64(), row["observed_ns"].as_i64()) {
                rows.record(streamgauge_shared::time::Nanos(observed - sent));
            }
        }
    }
    let Stats { count, p50, p95, p99, max, .. } = merged.latency["cdc_e2e_latency"].all;
    assert_eq!(count, rows.count());
    for (figure, q) in [(p50, 0.5), (p95, 0.95), (p99, 0.99), (max, 1.0)] {
        let expected = rows.quantile(q).map(streamgauge_shared::time::Nanos::as_millis_f64);
        assert_eq!(
            figure,
            expected.map_or(
                streamgauge_shared::report::Figure::Absent,
                streamgauge_shared::report::Figure::Value
            ),
            "{q}"
        );
    }
    bed.stop()
}
