//! The two images run: a verdict through an exit code, a stop, and the figures of native processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use streamgauge_containers::{Container, OBSERVER_IMAGE, Stage, WRITER_IMAGE, podman};
use streamgauge_end_to_end::{Observer, finish, nothing_left, scenarios, start_run};
use streamgauge_shared::report::{AccountReport, Figure, Report};
use streamgauge_testbed::wait_for;

const LIMIT: Duration = Duration::from_secs(90);
/// 5 min become 15 s: about 150 iterations, each with two rows.
const TIME_SCALE: &str = "0.05";
/// What the times of the load come from.
const SEED: &str = "7";
const SHIPPED: &str = "scenarios/e2e-latency.toml";

fn p50(report: &Report) -> Result<f64> {
    let Figure::Value(p50) = report.latency["cdc_e2e_latency"].all.p50 else { bail!("no median") };
    Ok(p50)
}

/// What the observer and the writers of this test are started with.
struct Images(Stage);

impl Images {
    async fn observer(&self) -> Result<Container> {
        let mongo = format!("STREAMGAUGE_MONGO={}", self.0.mongo());
        let runs = format!("{}:/var/lib/streamgauge/runs", self.0.volume.name);
        let token = self.token_mount();
        let args = ["--env", &mongo, "--env", TOKEN, "--volume", &token, "--volume", &runs, OBSERVER_IMAGE];
        let observer = Container::run(&self.0.network, "observer", &args).await?;
        let ready = wait_for("the observer to be ready", Duration::from_secs(30), || async {
            match observer.exec(&["/usr/local/bin/streamgauge-observer", "health", "--ready"]).await {
                Ok(Some(0)) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        let ready = ready.await;
        let logs = observer.logs().await?;
        ready.with_context(|| logs)?;
        Ok(observer)
    }

    fn token_mount(&self) -> String {
        format!("{}:/run/secrets/streamgauge_token:ro", self.0.token.display())
    }

    async fn writer(&self, name: &str, options: &[&str], args: &[&str]) -> Result<Container> {
        let postgres = format!("STREAMGAUGE_POSTGRES={}", self.0.postgres());
        let token = self.token_mount();
        let mut all = vec!["--env", &postgres, "--env", TOKEN, "--volume", &token];
        all.extend(["--env", "STREAMGAUGE_OBSERVER=http://observer:9464"]);
        all.extend(options);
        all.push(WRITER_IMAGE);
        all.extend(args);
        Container::run(&self.0.network, name, &all).await
    }
}

const TOKEN: &str = "STREAMGAUGE_TOKEN_FILE=/run/secrets/streamgauge_token";

#[tokio::test]
async fn two_containers_give_the_verdict_of_two_processes() -> Result<()> {
    let stage = Images(Stage::start(Path::new(env!("CARGO_TARGET_TMPDIR"))).await?);

    // The same run with native processes, before and not beside it.
    let native = Observer::start(&stage.0.bed, &["--once"]).await?;
    let shipped = scenarios().join("e2e-latency.toml");
    let run = start_run(
        &stage.0.bed,
        &native,
        &shipped,
        &["--time-scale", TIME_SCALE, "--prepare", "--seed", SEED],
    )
    .await?;
    let finished = finish(&run, LIMIT).await?;
    assert_eq!(finished.code, 0, "{}\n{}", finished.stdout, finished.stderr);
    let native = native.report()?;

    let observer = stage.observer().await?;
    assert_user(&observer).await?;
    podman(&["healthcheck", "run", &observer.id]).await.context("the image's own health check")?;
    let closed =
        observer.exec(&["/usr/local/bin/streamgauge-observer", "health", "--listen", "127.0.0.1:1"]).await?;
    assert_eq!(closed, Some(1), "nobody listens there");

    passed(&stage, &native, &observer).await?;
    failed(&stage).await?;
    interrupted(&stage).await?;

    podman(&["kill", "--signal", "TERM", &observer.id]).await?;
    assert_eq!(observer.ended(Duration::from_secs(30)).await?, 0, "{}", observer.logs().await?);
    drop(observer);
    stage.0.bed.stop()
}

/// Process 1 is ours, has no rights, and finds nowhere to write but the volume.
async fn assert_user(observer: &Container) -> Result<()> {
    let script = "id -u; ! touch /tmp/x 2>/dev/null && ! touch /etc/x 2>/dev/null && touch \
                  /var/lib/streamgauge/runs/x && rm /var/lib/streamgauge/runs/x && grep CapEff /proc/1/status";
    let seen = podman(&["exec", &observer.id, "sh", "-c", script]).await?;
    assert_eq!(seen.split_whitespace().collect::<Vec<_>>(), ["10001", "CapEff:", "0000000000000000"]);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
async fn passed(stage: &Images, native: &Report, observer: &Container) -> Result<()> {
    let run = "00000000a001";
    let writer = stage
        .writer("writer", &[], &["run", SHIPPED, "--time-scale", TIME_SCALE, "--run-id", run, "--seed", SEED])
        .await?;
    let code = writer.ended(LIMIT).await?;
    let shown = writer.logs().await?;
    assert_eq!(code, 0, "{shown}\nthe observer: {}", observer.logs().await?);
    let report = stage.0.report(run)?;
    // Poisson times from one seed: as many rows as the processes wrote, about ten iterations a second for 15 s.
    let entries = native.account.entries;
    assert!(entries > 200 && entries == 2 * report.counters["iterations"], "{entries}: {shown}");
    let AccountReport { entries: written, delivered, .. } = report.account;
    assert_eq!((written, delivered, report.events.first), (entries, entries, entries), "{shown}");
    assert_eq!(report.clock.error_bound_ms, Some(0.0), "{shown}");
    assert!(shown.contains("one kernel, one clock"), "{shown}");
    assert!(shown.contains("PASSED (exit code 0)"), "{shown}");
    nothing_left(&stage.0.bed, LIMIT).await?;
    let (contained, native) = (p50(&report)?, p50(native)?);
    println!("p50 of cdc_e2e_latency: {contained:.3} ms in two containers, {native:.3} ms in two processes");
    // The relay holds every row for 20 ms; the network's part is far below this bound, a busy machine's is not.
    assert!((contained - native).abs() < 5.0, "{contained} ms and {native} ms");
    Ok(())
}

/// A threshold that cannot hold: the container ends as the program does.
async fn failed(stage: &Images) -> Result<()> {
    let strict = stage.0.bed.folder().join("strict.toml");
    let shipped = fs::read_to_string(scenarios().join("e2e-latency.toml"))?;
    fs::write(&strict, shipped.replace("p(50)<500", "p(50)<1"))?;
    fs::set_permissions(&strict, Permissions::from_mode(0o644))?;
    let mount = format!("{}:/streamgauge/scenarios/strict.toml:ro", strict.display());
    let args = ["run", "scenarios/strict.toml", "--time-scale", "0.02", "--run-id", "00000000a099"];
    let writer = stage.writer("strict", &["--volume", &mount], &args).await?;
    let code = writer.ended(LIMIT).await?;
    assert_eq!(code, 99, "{}", writer.logs().await?);
    assert_eq!(stage.0.report("00000000a099")?.verdict.exit_code, 99);
    Ok(())
}

/// SIGTERM in the middle of a run.
async fn interrupted(stage: &Images) -> Result<()> {
    let before = stage.0.bed.relay().acks()?.len();
    let run = "00000000a105";
    let writer =
        stage.writer("stopped", &[], &["run", SHIPPED, "--time-scale", "0.5", "--run-id", run]).await?;
    wait_for("rows of the run", LIMIT, || async {
        let rows = stage.0.bed.relay().acks().map_err(|error| format!("{error:#}"))?.len() - before;
        if rows > 60 { Ok(()) } else { Err(format!("{rows} rows")) }
    })
    .await?;
    podman(&["kill", "--signal", "TERM", &writer.id]).await?;
    let code = writer.ended(LIMIT).await?;
    let shown = writer.logs().await?;
    assert_eq!(code, 105, "{shown}");
    let report = stage.0.report(run)?;
    let account = &report.account;
    assert!(report.run.complete && account.entries > 0, "{shown}");
    assert_eq!((account.delivered, account.pending), (account.entries, 0), "{shown}");
    assert_eq!((report.events.total, report.events.first), (account.entries, account.entries), "{shown}");
    nothing_left(&stage.0.bed, LIMIT).await
}
