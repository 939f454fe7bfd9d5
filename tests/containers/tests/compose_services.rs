//! The services `observer` and `writer` of compose.yaml run as containers, beside a pipeline that is not ours.
//!
//! The two compose files are read by Compose's own loader (`manifests/cmd/render`), and what it makes of them runs with
//! podman-compose. The network, the volume and the images alone are the test's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use streamgauge_containers::{OBSERVER_IMAGE, Stage, WRITER_IMAGE, podman};
use streamgauge_end_to_end::nothing_left;
use streamgauge_testbed::wait_for;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(90);
const RUN: &str = "00000000c001";
/// Names podman-compose; `images.sh` installs it.
const COMPOSE_VARIABLE: &str = "STREAMGAUGE_PODMAN_COMPOSE";

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What Docker Compose would run beside a pipeline of the user's own.
async fn rendered(stage: &Stage) -> Result<String> {
    let compose = here().join("../../compose");
    let mut go = Command::new("go");
    go.current_dir(here().join("manifests")).args(["run", "./cmd/render", "writer"]);
    go.arg(compose.join("compose.yaml")).arg(compose.join("compose.own-pipeline.yaml"));
    go.env("POSTGRES_PASSWORD", "not-used").env("GRAFANA_PASSWORD", "not-used");
    go.env("STREAMGAUGE_TOKEN_HOST_FILE", &stage.token);
    go.env("OWN_POSTGRES", stage.postgres()).env("OWN_MONGO", stage.mongo());
    let output = go.output().await.context("go cannot be run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs podman-compose; its exit code and what it printed.
async fn compose(files: &[&Path], args: &[&str]) -> Result<(Option<i32>, String)> {
    let program = std::env::var_os(COMPOSE_VARIABLE)
        .with_context(|| format!("{COMPOSE_VARIABLE} is not set: run make containers-test"))?;
    let mut command = Command::new(program);
    command.env("CONTAINERS_CONF", here().join("containers.conf")).args(["--no-ansi", "--profile", "writer"]);
    files.iter().for_each(|file| {
        command.arg("-f").arg(file);
    });
    let output = tokio::time::timeout(LIMIT, command.args(args).kill_on_drop(true).output()).await;
    let output = output.with_context(|| format!("podman-compose {args:?} takes longer than {LIMIT:?}"))??;
    let shown = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&shown).into_owned()))
}

#[tokio::test]
async fn writer_and_observer_run_as_compose_yaml_says() -> Result<()> {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let stage = Stage::start(own).await?;
    let (files, tests) = (own.join("rendered.yaml"), own.join("tests.yaml"));
    fs::write(&files, rendered(&stage).await?)?;
    fs::write(
        &tests,
        format!(
            "services:\n  observer: {{ image: '{OBSERVER_IMAGE}' }}\n  writer: {{ image: '{WRITER_IMAGE}' }}\n\
             networks:\n  pipeline: {{ external: true, name: {} }}\nvolumes:\n  runs: {{ external: true, name: {} }}\n",
            stage.network.name, stage.volume.name
        ),
    )?;
    let all = [files.as_path(), tests.as_path()];
    let seen = run(&stage, &all).await;
    let (down, shown) = compose(&all, &["down", "--timeout", "30"]).await?;
    seen?;
    ensure!(down == Some(0), "{shown}");
    stage.bed.stop()
}

async fn run(stage: &Stage, files: &[&Path]) -> Result<()> {
    let (code, shown) = compose(files, &["up", "--detach", "--no-build", "observer"]).await?;
    ensure!(code == Some(0), "{shown}");
    // Podman checks health by timers of systemd, which may not be there: the service's own check is asked instead.
    let id = podman(&["ps", "--quiet", "--filter", "label=com.docker.compose.service=observer"]).await?;
    wait_for("the observer's health check", LIMIT, || async {
        podman(&["healthcheck", "run", &id]).await.map_err(|error| format!("{error:#}"))
    })
    .await?;
    let args = ["run", "--rm", "-T", "--no-deps", "writer", "run", "scenarios/e2e-latency.toml"];
    let scaled = ["--time-scale", "0.05", "--prepare", "--run-id", RUN];
    let (code, shown) = compose(files, &[&args[..], &scaled].concat()).await?;
    ensure!(code == Some(0), "{shown}");
    ensure!(shown.contains("one kernel, one clock"), "{shown}");
    let report = stage.report(RUN)?;
    // About ten iterations a second for 15 s, at Poisson times.
    let entries = report.account.entries;
    ensure!(entries > 200 && entries == 2 * report.counters["iterations"], "{entries}: {shown}");
    ensure!(report.account.delivered == entries, "{shown}");
    // What compose.yaml says of the process is what the process has.
    let seen =
        podman(&["exec", &id, "sh", "-c", "id -u; grep -h -e CapEff -e NoNewPrivs /proc/1/status"]).await?;
    let words: Vec<&str> = seen.split_whitespace().collect();
    ensure!(words == ["10001", "CapEff:", "0000000000000000", "NoNewPrivs:", "1"], "{seen}");
    ensure!(podman(&["exec", &id, "touch", "/etc/x"]).await.is_err(), "the root file system can be written");
    nothing_left(&stage.bed, LIMIT).await
}
