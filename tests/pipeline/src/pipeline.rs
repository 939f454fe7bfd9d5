//! What runs: the testbed's servers, one Kafka broker and one Connect worker, each owned and ended with the testbed.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use streamgauge_end_to_end::nodes::{self, Election};
use streamgauge_testbed::servers::port::free_port;
use streamgauge_testbed::{Process, Program, State, Testbed, wait_for};
use tokio::process::Command;

use crate::artefacts::Artefacts;
use crate::compose;
use crate::connectors::Settings;
use crate::measure::prepare;

/// The heap of broker and worker, each: enough for the rates of two cores.
const HEAP: &str = "-Xmx512m";
/// How long a step of the start may take on a machine that builds beside it.
const START_LIMIT: Duration = Duration::from_secs(90);
/// The same, for the script that registers, seconds.
const REGISTER_LIMIT_S: u32 = 120;

/// A running pipeline between the testbed's PostgreSQL and MongoDB.
#[derive(Debug)]
pub struct Pipeline {
    bed: Testbed,
    artefacts: Artefacts,
    /// What both Java programs find in their environment.
    variables: Vec<(String, String)>,
    connect_url: String,
    broker: Process,
    worker: Process,
    workers_started: u32,
    settings: Option<Settings>,
}

impl Pipeline {
    /// Starts servers, broker and worker, and makes the shop's tables; no connector yet.
    ///
    /// # Errors
    /// When one of them does not come up.
    pub async fn start(artefacts: Artefacts) -> Result<Self> {
        Self::start_with_nodes(artefacts, 1).await
    }

    /// The same, with so many MongoDB nodes in the replica set.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with_nodes(artefacts: Artefacts, mongo_nodes: u32) -> Result<Self> {
        let bed = Testbed::builder().without_relay().start().await?;
        nodes::add(&bed, mongo_nodes.saturating_sub(1), Election::VotesOnly).await?;
        let home = bed.folder().join("connect");
        std::fs::create_dir(&home)?;
        // Connect takes no variable for its plug-ins: they are where it works.
        symlink(artefacts.plugins(), home.join("plugins")).context("cannot link the plug-ins")?;
        let connect_port = free_port()?;
        let mut variables = postgres_variables(bed.postgres_url())?;
        variables.extend(
            [
                ("PIPELINE_KAFKA_HOST", "127.0.0.1".to_owned()),
                ("PIPELINE_KAFKA_LISTEN", "127.0.0.1".to_owned()),
                ("PIPELINE_KAFKA_PORT", free_port()?.to_string()),
                ("PIPELINE_KAFKA_CONTROLLER_PORT", free_port()?.to_string()),
                ("PIPELINE_KAFKA_DATA", bed.folder().join("kafka").display().to_string()),
                ("PIPELINE_CONNECT_HOST", "127.0.0.1".to_owned()),
                ("PIPELINE_CONNECT_LISTEN", "127.0.0.1".to_owned()),
                ("PIPELINE_CONNECT_PORT", connect_port.to_string()),
                ("PIPELINE_MONGO_DATABASE", bed.database().to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let start = Start { bed: &bed, artefacts: &artefacts, variables: &variables };
        let broker = start.broker().await?;
        let connect_url = format!("http://127.0.0.1:{connect_port}");
        let worker = start.worker(1, bed.mongo_uri()).await?;
        let settings = None;
        let pipeline =
            Self { bed, artefacts, variables, connect_url, broker, worker, workers_started: 1, settings };
        prepare(&pipeline).await?;
        Ok(pipeline)
    }

    /// The servers.
    #[must_use]
    pub fn bed(&self) -> &Testbed {
        &self.bed
    }

    /// Registers the connectors of these settings, in the place of those before, and waits until their tasks run.
    ///
    /// # Errors
    /// When Connect refuses one, or a task fails.
    pub async fn set_up(&mut self, settings: &Settings) -> Result<()> {
        let before = self.settings.replace(settings.clone());
        // The sink's URI comes from the worker's environment: another one needs another worker.
        let uri = settings.overrides.uri(self.bed.mongo_uri());
        let uri_before =
            before.map_or(self.bed.mongo_uri().to_owned(), |s| s.overrides.uri(self.bed.mongo_uri()));
        if uri != uri_before {
            self.worker.kill_9().await?;
            self.start_worker(&uri).await?;
        }
        let files = settings.files(self.bed.folder())?;
        let pairs = files.iter().map(|(name, file)| format!("{name}={}", file.display()));
        self.script(pairs.collect()).await
    }

    /// Kills the worker, as a crash would.
    ///
    /// # Errors
    /// When the testbed's guard is gone.
    pub async fn kill_worker(&self) -> Result<()> {
        self.worker.kill_9().await
    }

    /// Starts the worker again after it was killed; the connectors are where it left them, in Kafka.
    ///
    /// # Errors
    /// When it still runs or cannot be started.
    pub async fn start_worker_again(&mut self) -> Result<()> {
        let uri = self.settings.as_ref().map(|settings| settings.overrides.uri(self.bed.mongo_uri()));
        let uri = uri.unwrap_or(self.bed.mongo_uri().to_owned());
        self.start_worker(&uri).await
    }

    async fn start_worker(&mut self, uri: &str) -> Result<()> {
        if self.worker.is_running() {
            bail!("the Connect worker still runs: kill it before it is started again");
        }
        self.workers_started += 1;
        let start = Start { bed: &self.bed, artefacts: &self.artefacts, variables: &self.variables };
        self.worker = start.worker(self.workers_started, uri).await?;
        Ok(())
    }

    /// `compose/connectors/register.sh`, the very one that the compose file runs.
    async fn script(&self, arguments: Vec<String>) -> Result<()> {
        let mut script = Command::new("sh");
        script.arg(compose().join("connectors/register.sh"));
        script.args(["--url", &self.connect_url, "--wait", &REGISTER_LIMIT_S.to_string()]);
        script.args(arguments).kill_on_drop(true);
        let output = script.output().await.context("sh cannot be run")?;
        if !output.status.success() {
            bail!(
                "{}\nConnect said:\n{}\nKafka said:\n{}",
                String::from_utf8_lossy(&output.stderr).trim(),
                self.worker.tail(),
                self.broker.tail()
            );
        }
        Ok(())
    }

    /// Stops everything and removes its folder.
    ///
    /// # Errors
    /// When the guard could not do it all.
    pub fn stop(self) -> Result<()> {
        self.bed.stop()
    }
}

/// What starting a Java program needs.
struct Start<'a> {
    bed: &'a Testbed,
    artefacts: &'a Artefacts,
    variables: &'a [(String, String)],
}

impl Start<'_> {
    /// Java with the class path and the environment of both programs, in a folder of the testbed.
    fn java(&self, name: &str, folder: PathBuf, arguments: &[&str]) -> Program {
        let log = compose().join("kafka/log4j2.properties");
        let words = [HEAP.to_owned(), format!("-Dlog4j2.configurationFile={}", log.display())];
        let mut program = Program::new(name, "/bin/sh")
            // A guard's program has no working directory of its own.
            .args(["-c", "cd \"$1\" && shift && exec java \"$@\"", "sh"])
            .args([folder.display().to_string()])
            .args(words)
            .args(arguments.iter().copied())
            .env("CLASSPATH", self.artefacts.class_path());
        for (name, value) in self.variables {
            program = program.env(name, value);
        }
        program
    }

    async fn broker(&self) -> Result<Process> {
        let file = compose().join("kafka/broker.properties");
        let file = file.display().to_string();
        let folder = || self.bed.folder().to_owned();
        // Any 16 bytes in base64 are a cluster's id; this cluster meets no other.
        let id = "c3RyZWFtZ2F1Z2UtMDAwMQ";
        let format = ["kafka.tools.StorageTool", "format", "--cluster-id", id, "--config", &file];
        let process = self.bed.run(self.java("kafka-format", folder(), &format)).await?;
        let ended = tokio::time::timeout(START_LIMIT, process.ended()).await;
        match ended.with_context(|| format!("Kafka's format goes on: {}", process.tail()))? {
            State::Exited { code: Some(0), .. } => {}
            state => bail!("Kafka's format {state}: {}", process.tail()),
        }
        let process = self.bed.run(self.java("kafka", folder(), &["kafka.Kafka", &file])).await?;
        let port = self.variables.iter().find(|(name, _)| name == "PIPELINE_KAFKA_PORT");
        let address = format!("127.0.0.1:{}", port.map_or("0", |(_, port)| port.as_str()));
        wait_for("the Kafka broker to listen", START_LIMIT, || async {
            if process.state().is_over() {
                return Ok(false);
            }
            tokio::net::TcpStream::connect(&address).await.map(|_| true)
        })
        .await
        .with_context(|| process.tail())?;
        if process.state().is_over() {
            bail!("the Kafka broker {}: {}", process.state(), process.tail());
        }
        Ok(process)
    }

    /// A worker; it answers some seconds later, for which the script that registers waits.
    async fn worker(&self, number: u32, mongo_uri: &str) -> Result<Process> {
        let file = compose().join("kafka/connect.properties");
        let file = file.display().to_string();
        let main = "org.apache.kafka.connect.cli.ConnectDistributed";
        let program =
            self.java(&format!("connect-{number}"), self.bed.folder().join("connect"), &[main, &file]);
        self.bed.run(program.env("PIPELINE_MONGO_URI", mongo_uri)).await
    }
}

/// The parts of PostgreSQL's URL, as the connector file names them.
fn postgres_variables(url: &str) -> Result<Vec<(String, String)>> {
    let config: tokio_postgres::Config = url.parse().context("the testbed's PostgreSQL URL")?;
    let host = match config.get_hosts() {
        [tokio_postgres::config::Host::Tcp(host)] => host.clone(),
        other => bail!("one TCP host expected, found {other:?}"),
    };
    let port = config.get_ports().first().context("no port in the testbed's URL")?;
    let user = config.get_user().context("no user in the testbed's URL")?;
    let password = config.get_password().context("no password in the testbed's URL")?;
    let database = config.get_dbname().context("no database in the testbed's URL")?;
    let named = [
        ("HOST", host),
        ("PORT", port.to_string()),
        ("USER", user.to_owned()),
        ("PASSWORD", String::from_utf8_lossy(password).into_owned()),
        ("DATABASE", database.to_owned()),
    ];
    Ok(named.map(|(name, value)| (format!("PIPELINE_POSTGRES_{name}"), value)).into())
}
