//! A bridge network, a volume, containers. Each is removed when it is dropped.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

/// The observer's image, as `images.sh` names it.
pub const OBSERVER_IMAGE: &str = "localhost/streamgauge-observer:test";
/// The writer's.
pub const WRITER_IMAGE: &str = "localhost/streamgauge-writer:test";

/// How long one call of podman may take, but for waiting until a container has ended.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Runs podman; its output when it succeeds.
///
/// # Errors
/// When it fails, with what it printed, or takes longer than a minute.
pub async fn podman(args: &[&str]) -> Result<String> {
    let output = call(args, CALL_LIMIT).await?;
    if !output.status.success() {
        bail!("podman {}: {}", args.first().unwrap_or(&""), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

async fn call(args: &[&str], limit: Duration) -> Result<Output> {
    let output = command(args).kill_on_drop(true).output();
    let output = tokio::time::timeout(limit, output).await;
    let output = output.with_context(|| format!("podman {args:?} takes longer than {limit:?}"))?;
    output.context("podman cannot be run: make containers-test installs it")
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new("podman");
    command.env("CONTAINERS_CONF", Path::new(env!("CARGO_MANIFEST_DIR")).join("containers.conf"));
    command.args(args);
    command
}

/// Removes what is dropped. Podman's errors are not shown: without systemd it names a timer that never was.
fn remove(args: &[&str]) {
    let mut command = command(args).into_std();
    drop(command.stdout(Stdio::null()).stderr(Stdio::null()).status());
}

/// A bridge network of the test's own.
#[derive(Debug)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The host's address on it.
    pub gateway: String,
    /// Keeps the bridge up: it comes with the first container, and servers are to listen on it before ours run.
    holder: Option<Container>,
}

impl Network {
    /// Makes a network whose bridge is up.
    ///
    /// # Errors
    /// When podman cannot.
    pub async fn create() -> Result<Self> {
        let name = format!("streamgauge-{}", std::process::id());
        podman(&["network", "create", &name]).await?;
        let mut network = Self { name, gateway: String::new(), holder: None };
        network.gateway = podman(&[
            "network",
            "inspect",
            &network.name,
            "--format",
            "{{range .Subnets}}{{.Gateway}}{{end}}",
        ])
        .await?;
        let holder = ["--entrypoint", "sleep", WRITER_IMAGE, "infinity"];
        network.holder = Some(Container::run(&network, "holder", &holder).await?);
        network.keep_address().await?;
        Ok(network)
    }

    /// Sets the bridge's hardware address to what it is. One that was not set changes with the containers that come
    /// and go, and those that are there reach the host only after seconds, when their entry for it has aged.
    async fn keep_address(&self) -> Result<()> {
        let bridge = podman(&["network", "inspect", &self.name, "--format", "{{.NetworkInterface}}"]).await?;
        let address = std::fs::read_to_string(format!("/sys/class/net/{bridge}/address"))?;
        let status =
            Command::new("ip").args(["link", "set", "dev", &bridge, "address", address.trim()]).status();
        if !status.await.context("ip cannot be run")?.success() {
            bail!("the hardware address of {bridge} cannot be set");
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.holder.take());
        remove(&["network", "rm", "--force", &self.name]);
    }
}

/// A named volume.
#[derive(Debug)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Where the host sees its files.
    pub folder: PathBuf,
}

impl Volume {
    /// Makes an empty volume.
    ///
    /// # Errors
    /// When podman cannot.
    pub async fn create() -> Result<Self> {
        let name = podman(&["volume", "create", &format!("streamgauge-{}", std::process::id())]).await?;
        let folder = podman(&["volume", "inspect", &name, "--format", "{{.Mountpoint}}"]).await?;
        Ok(Self { name, folder: folder.into() })
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        remove(&["volume", "rm", "--force", &self.name]);
    }
}

/// A container that has been started.
#[derive(Debug)]
pub struct Container {
    /// Its name; `name` of [`Self::run`] is its name in the network.
    pub id: String,
}

impl Container {
    /// Starts a container as `compose.yaml` does: read-only, without capabilities or ways to get any.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn run(network: &Network, name: &str, args: &[&str]) -> Result<Self> {
        let id = format!("{}-{name}", network.name);
        let hardened =
            ["--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges"];
        let mut all =
            vec!["run", "--detach", "--name", &id, "--network", &network.name, "--network-alias", name];
        all.extend(hardened);
        all.extend(args);
        // Made before it is started: a container that does not start is removed too.
        let container = Self { id: id.clone() };
        podman(&all).await?;
        Ok(container)
    }

    /// Runs a program in it; its exit code.
    ///
    /// # Errors
    /// When podman cannot be run.
    pub async fn exec(&self, args: &[&str]) -> Result<Option<i32>> {
        let all: Vec<&str> = ["exec", &self.id].into_iter().chain(args.iter().copied()).collect();
        Ok(call(&all, CALL_LIMIT).await?.status.code())
    }

    /// Its standard output and error.
    ///
    /// # Errors
    /// When podman cannot be run.
    pub async fn logs(&self) -> Result<String> {
        let output = call(&["logs", &self.id], CALL_LIMIT).await?;
        Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }

    /// Waits until it has ended; the exit code of its process 1.
    ///
    /// # Errors
    /// When it goes on after the limit, with what it printed.
    pub async fn ended(&self, limit: Duration) -> Result<i32> {
        let Ok(output) = call(&["wait", &self.id], limit).await else {
            bail!("{} goes on after {limit:?}: {}", self.id, self.logs().await?);
        };
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        remove(&["rm", "--force", "--ignore", "--time", "0", &self.id]);
    }
}
