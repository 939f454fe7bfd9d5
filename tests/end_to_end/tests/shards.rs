//! Several writers, one run: each does its part, the observer accounts for the whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::{Finished, Observer, finish, left_behind, scenario, scenarios, start_run};
use streamgauge_shared::report::VerdictState;
use streamgauge_testbed::{Process, Signal, Testbed, wait_for};

const WRITERS: usize = 4;
const RUN: &str = "00c0ffee0042";
const LIMIT: Duration = Duration::from_secs(60);

/// Starts all writers of a run at once.
async fn start(bed: &Testbed, observer: &Observer, scenario: &Path) -> Result<Vec<Process>> {
    let mut writers = Vec::new();
    for index in 0..WRITERS {
        let (index, count) = (index.to_string(), WRITERS.to_string());
        let args = ["--run-id", RUN, "--shard-count", &count, "--shard-index", &index, "--prepare"];
        writers.push(start_run(bed, observer, scenario, &args).await?);
    }
    Ok(writers)
}

async fn finish_all(writers: &[Process]) -> Result<Vec<Finished>> {
    let mut finished = Vec::new();
    for writer in writers {
        finished.push(finish(writer, LIMIT).await?);
    }
    Ok(finished)
}

#[tokio::test]
async fn four_writers_are_one_run_with_the_load_of_one() -> Result<()> {
    let bed = Testbed::builder().delay(Duration::from_millis(20)).start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let writers = start(&bed, &observer, &scenario(&bed, 40, 5)?).await?;
    let finished = finish_all(&writers).await?;
    let report = observer.report()?;
    let shown = &finished[0].stdout;

    // One account, over all of them, and everybody hears the same verdict.
    assert_eq!(report.run.writers, 4, "{shown}");
    assert_eq!(report.counters["iterations"], 200, "{shown}");
    let account = &report.account;
    assert_eq!((account.entries, account.delivered, account.lost), (400, 400, 0), "{shown}");
    assert_eq!(report.events.first, 400, "{shown}");
    for writer in &finished {
        assert_eq!(writer.code, i32::from(report.verdict.exit_code), "{}", writer.stderr);
        assert_eq!(&writer.stdout, shown, "one report for all");
    }
    let headline = report.thresholds.iter().find(|threshold| threshold.metric.starts_with("cdc_e2e_latency"));
    // Also with what a busy machine left unmeasured: it is in the bounds.
    assert_eq!(headline.context("the scenario has one")?.samples, 400, "a threshold is over the whole");

    // Each did its part, and the parts together are the schedule of one writer: a tick every 25 ms, exactly.
    let rows = observer.rows()?;
    let creates = rows.iter().filter(|row| row["operation"] == "create");
    let mut intended = BTreeMap::new();
    for row in creates {
        let tick = row["intended_ns"].as_i64().context("no intended time")?;
        intended.insert(tick, row["writer"].as_u64().context("no writer")?);
    }
    assert_eq!(intended.len(), 200, "every tick once");
    let ticks: Vec<(i64, u64)> = intended.into_iter().collect();
    for (n, (at, writer)) in (0_u64..).zip(&ticks) {
        assert_eq!(n % 4, *writer, "the ticks are dealt out in turn");
        // The writers' clocks are one, but each is anchored for itself, to the nanosecond.
        let exact = i64::try_from(n)? * 25_000_000;
        assert!((at - ticks[0].0 - exact).abs() <= 1_000, "tick {n} at {} for {exact}", at - ticks[0].0);
    }
    assert_eq!(left_behind(&bed).await?, (0, 0), "each cleaned up after itself");
    bed.stop()
}

#[tokio::test]
async fn one_interrupted_writer_ends_the_run_of_all() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let writers = start(&bed, &observer, &scenario(&bed, 40, 50)?).await?;
    let arrived = wait_for("rows of every writer", LIMIT, || async {
        let acks = bed.relay().acks().map_err(|error| error.to_string())?;
        let of = |writer: usize| {
            let begins = format!("1.{RUN}.{writer}.");
            acks.iter().any(|ack| ack.stamp.as_ref().is_some_and(|stamp| stamp.starts_with(&begins)))
        };
        if (0..WRITERS).all(of) { Ok(()) } else { Err(format!("{} rows so far", acks.len())) }
    });
    arrived.await?;
    writers[2].signal(Signal::Interrupt)?;
    let finished = finish_all(&writers).await?;
    let report = observer.report()?;
    assert_eq!(report.verdict.state, VerdictState::Interrupted, "{}", finished[0].stdout);
    assert_eq!(finished.iter().map(|writer| writer.code).collect::<Vec<_>>(), [105; WRITERS]);
    let account = &report.account;
    assert_eq!((account.pending, account.lost), (0, 0), "{}", finished[0].stdout);
    assert_eq!(left_behind(&bed).await?, (0, 0));
    bed.stop()
}

/// A writer that is done first hears the verdict of the whole run, however much longer the others load: it does not
/// give up once its own drain is over, and its rows stay until then.
#[tokio::test]
async fn a_writer_that_is_done_first_waits_for_the_verdict_of_all() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let path = bed.folder().join("uneven.toml");
    let model = scenarios().join("models/shop.toml");
    // Each writer has 12 iterations; the first has two users for them, the second has one.
    let text = format!(
        r#"
model = "{}"

[defaults]
drain = "1s"

[scenarios.uneven]
executor = "shared-iterations"
vus = 3
iterations = 24
max_duration = "2m"
flow = [
  {{ create = "customer", set = {{ status = "active" }} }},
  {{ pause = "3s" }},
]

[thresholds]
cdc_success_rate = ["rate>0.99"]
"#,
        model.display()
    );
    std::fs::write(&path, text)?;
    let mut writers = Vec::new();
    for index in ["0", "1"] {
        let args = ["--run-id", RUN, "--shard-count", "2", "--shard-index", index, "--prepare"];
        writers.push(start_run(&bed, &observer, &path, &args).await?);
    }
    let finished = finish_all(&writers).await?;
    let report = observer.report()?;
    assert_eq!((report.account.entries, report.account.delivered), (24, 24), "{}", finished[0].stdout);
    for writer in &finished {
        assert_eq!(writer.code, i32::from(report.verdict.exit_code), "{}", writer.stderr);
        assert_eq!(writer.stdout, finished[0].stdout, "one report for all");
    }
    let mut last = BTreeMap::new();
    for row in observer.rows()? {
        let at = row["intended_ns"].as_i64().context("no intended time")?;
        let latest = last.entry(row["writer"].as_u64().context("no writer")?).or_insert(at);
        *latest = at.max(*latest);
    }
    let apart_s = (last[&1] - last[&0]) / 1_000_000_000;
    assert!(
        apart_s >= 16,
        "the writers' last rows are {apart_s} s apart, no more than a drain and its slack"
    );
    assert_eq!(left_behind(&bed).await?, (0, 0), "each cleaned up after itself");
    bed.stop()
}

#[tokio::test]
async fn writers_that_do_not_belong_together_are_refused() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let scenario = scenario(&bed, 40, 2)?;
    let shard =
        |index: &'static str| ["--run-id", RUN, "--shard-count", "2", "--shard-index", index, "--prepare"];
    let first = start_run(&bed, &observer, &scenario, &shard("0")).await?;
    let begun = wait_for("the run to begin", LIMIT, || async {
        if first.stderr().contains("writer 0 of 0 to 1") { Ok(()) } else { Err(first.tail()) }
    });
    begun.await?;
    for (extra, code, says) in
        [(&["--seed", "5"][..], 104, "another --seed"), (&["--load-scale", "2"], 104, "another --load-scale")]
    {
        let args: Vec<&str> = shard("1").iter().chain(extra).copied().collect();
        let refused = finish(&start_run(&bed, &observer, &scenario, &args).await?, LIMIT).await?;
        assert_eq!(refused.code, code, "{}", refused.stderr);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let twice = finish(&start_run(&bed, &observer, &scenario, &shard("0")).await?, LIMIT).await?;
    assert_eq!(twice.code, 107, "{}", twice.stderr);
    assert!(twice.stderr.contains("another process already"), "{}", twice.stderr);
    // The right one may still come.
    let second = start_run(&bed, &observer, &scenario, &shard("1")).await?;
    let codes = [finish(&first, LIMIT).await?.code, finish(&second, LIMIT).await?.code];
    let report = observer.report()?;
    assert_eq!(codes, [i32::from(report.verdict.exit_code); 2]);
    assert_eq!((report.account.entries, report.account.delivered), (160, 160));
    bed.stop()
}

#[tokio::test]
async fn a_writer_that_never_comes_ends_the_run_of_those_that_wait() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once", "--writers-timeout", "5s"]).await?;
    let path = scenario(&bed, 40, 5)?;
    let mut writers = Vec::new();
    for index in ["0", "2"] {
        let args = ["--run-id", RUN, "--shard-count", "4", "--shard-index", index, "--prepare"];
        writers.push(start_run(&bed, &observer, &path, &args).await?);
    }
    for writer in finish_all(&writers).await? {
        let said = &writer.stderr;
        assert_eq!(writer.code, 107, "{said}");
        assert!(
            said.contains("of 4 writers those with --shard-index 1, 3 did not say hello within 5s"),
            "{said}"
        );
        assert!(said.contains("--writers-timeout"), "{said}");
    }
    assert_eq!(observer.report()?.account.entries, 0, "nobody wrote before all were there");
    assert_eq!(left_behind(&bed).await?, (0, 0));
    bed.stop()
}
