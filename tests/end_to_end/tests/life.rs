//! Runs end in order: rows of ours are gone, rows of others stay, and what is known is reported.

use std::time::Duration;

use anyhow::Result;
use streamgauge_end_to_end::databases::execute;
use streamgauge_end_to_end::{
    Finished, Observer, finish, get, left_behind, scenario, scenarios, start_run, writer,
};
use streamgauge_shared::report::{Report, VerdictState};
use streamgauge_testbed::{Process, Signal, Testbed, wait_for};

const LIMIT: Duration = Duration::from_secs(60);

async fn running(observer: &Observer) -> Result<()> {
    wait_for("rows to arrive", LIMIT, || async {
        let body = get(&observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?.body;
        let report: Report = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        if report.account.delivered >= 20 { Ok(()) } else { Err(format!("{:?}", report.account)) }
    })
    .await
}

#[tokio::test]
async fn the_shipped_scenario_passes_and_leaves_nothing_of_ours_behind() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let shipped = scenarios().join("e2e-latency.toml").display().to_string();
    let prepare = bed.run(writer(bed.postgres_url(), &["prepare", &shipped])?).await?;
    assert_eq!(finish(&prepare, LIMIT).await?.code, 0, "{}", prepare.tail());
    let theirs = "INSERT INTO customers VALUES ('00000000-0000-4000-8000-000000000001', 'a@b', 'active', '1.0123456789ab.0.0.5')";
    execute(&bed, theirs).await?;

    // On an even grid, so that it is known how many rows there are.
    let models = format!("\"{}/models/", scenarios().display());
    let grid =
        std::fs::read_to_string(&shipped)?.replace("\"models/", &models).replace("\"poisson\"", "\"even\"");
    let path = bed.folder().join("e2e-latency.toml");
    std::fs::write(&path, grid)?;
    let run = start_run(&bed, &observer, &path, &["--time-scale", "0.02", "--seed", "1"]).await?;
    let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    let report = observer.report()?;
    assert_eq!((report.account.entries, report.account.delivered), (120, 120), "{stdout}");
    assert_eq!(report.phases["warm_up"].account.entries, 2, "0.1 s of warm-up at 10/s, in no figure");
    assert_eq!(left_behind(&bed).await?, (1, 1), "the other run's row stays, on both sides");
    for expected in [
        "█ THRESHOLDS",
        "✓ cdc_e2e_latency{operation:create} 'p(50)<500' p(50)=",
        "cdc_e2e_latency",
        "p(99)=",
        "120 delivered",
        "PASSED (exit code 0)",
    ] {
        assert!(stdout.contains(expected), "'{expected}' is missing:\n{stdout}");
    }
    let state = observer.process.ended().await;
    assert_eq!(state.to_string(), "ended with code 0", "with --once the observer ends with the run's code");
    bed.stop()
}

async fn interrupt(signals: usize) -> Result<(Testbed, Observer, Process, Finished)> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let run = start_run(&bed, &observer, &scenario(&bed, 20, 60)?, &["--prepare"]).await?;
    running(&observer).await?;
    for _ in 0..signals {
        run.signal(Signal::Interrupt)?;
    }
    let finished = finish(&run, Duration::from_secs(20)).await?;
    Ok((bed, observer, run, finished))
}

#[tokio::test]
async fn one_ctrl_c_drains_reports_and_cleans_up() -> Result<()> {
    let (bed, observer, _, finished) = interrupt(1).await?;
    assert_eq!(finished.code, 105, "{}\n{}", finished.stdout, finished.stderr);
    let report = observer.report()?;
    assert_eq!(report.verdict.state, VerdictState::Interrupted);
    assert_eq!(report.account.entries, report.account.delivered, "drained: {}", finished.stdout);
    assert!(finished.stdout.contains("INTERRUPTED (exit code 105)"), "{}", finished.stdout);
    assert_eq!(left_behind(&bed).await?.0, 0);
    assert!(observer.process.is_running(), "the observer stays for the next run");
    bed.stop()
}

#[tokio::test]
async fn two_ctrl_c_end_at_once_and_still_say_what_is_known() -> Result<()> {
    let (bed, observer, _, finished) = interrupt(2).await?;
    assert_eq!(finished.code, 105, "{}\n{}", finished.stdout, finished.stderr);
    assert!(finished.stdout.contains("entries"), "{}\n{}", finished.stdout, finished.stderr);
    wait_for("the run folder", LIMIT, || async { observer.report().map_err(|error| format!("{error:#}")) })
        .await?;
    bed.stop()
}

#[tokio::test]
async fn a_killed_writer_closes_its_run_as_failed_and_clean_removes_its_rows() -> Result<()> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenario(&bed, 20, 60)?;
    let run =
        start_run(&bed, &observer, &path, &["--prepare", "--run-id", "00c0ffee0042", "--keep-rows"]).await?;
    running(&observer).await?;
    execute(&bed, "INSERT INTO customers VALUES ('00000000-0000-4000-8000-000000000002', 'a@b', 'active', '1.00c0ffee0042.0.99999.5')").await?;
    run.kill_9().await?;
    let busy = bed
        .run(writer(
            bed.postgres_url(),
            &["run", &path.display().to_string(), "--observer", &observer.address],
        )?)
        .await?;
    let refused = finish(&busy, Duration::from_secs(10)).await?;
    assert_eq!(refused.code, 107, "{}", refused.stderr);
    assert!(refused.stderr.contains("busy with run 00c0ffee0042"), "{}", refused.stderr);

    let args = ["clean", &path.display().to_string(), "--run", "00c0ffee0042"];
    let clean = bed.run(writer(bed.postgres_url(), &args)?).await?;
    assert_eq!(finish(&clean, LIMIT).await?.code, 0, "{}", clean.tail());
    assert_eq!(left_behind(&bed).await?.0, 0);
    wait_for("the run to be closed", LIMIT, || async {
        observer.report().map_err(|error| format!("{error:#}"))
    })
    .await?;
    let report = observer.report()?;
    assert_eq!(report.verdict.exit_code, 107, "{:?}", report.verdict);
    assert_eq!(
        report.account.entries,
        report.account.delivered + report.account.lost + report.account.unknown + report.account.late
    );
    bed.stop()
}
