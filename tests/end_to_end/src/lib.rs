//! Starts the shipped programs as processes beside a testbed, and reads what they leave.
//!
//! Every program belongs to its testbed: it ends with it, however the test ends.

pub mod certificates;
pub mod cores;
pub mod databases;
pub mod every_type;
pub mod gallery;
pub mod nodes;
pub mod pairs;
pub mod wire;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;
use streamgauge_shared::report::{Figure, Report};
use streamgauge_testbed::{Process, Program, Signal, State, Testbed, find_program, wait_for};

/// How long a program may take to start, or to refuse to.
pub const START_LIMIT: Duration = Duration::from_secs(10);

/// The folder of the shipped scenarios.
#[must_use]
pub fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

/// The marks that the relay leaves with `--marks`, and the tuned unwrapped sink, as a model names them.
pub const MARKS: &str = r#"committed = { path = "__source_ts_us", unit = "us" }
connector = { path = "__ts_us", unit = "us" }
kafka = { path = "kafka_ts", unit = "ms" }
"#;

/// From where to where a figure of a report lies, milliseconds: one value, or what a row that was not timed leaves open.
///
/// # Errors
/// When it has no value, or is not bounded from above.
pub fn range(figure: Figure) -> Result<(f64, f64)> {
    match figure {
        Figure::Value(value) => Ok((value, value)),
        Figure::Between(low, high) => Ok((low, high)),
        Figure::Absent | Figure::AtLeast(_) => bail!("not a figure: {figure:?}"),
    }
}

/// A summary as one line: the screen breaks its sentences where its lines are full.
#[must_use]
pub fn unbroken(summary: &str) -> String {
    summary.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A running observer.
pub struct Observer {
    /// Its process.
    pub process: Process,
    /// `http://127.0.0.1:port`.
    pub address: String,
    /// Where it keeps its runs.
    pub runs: PathBuf,
}

/// A finished run.
pub struct Finished {
    /// What the writer ended with.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// Its progress and its errors.
    pub stderr: String,
}

impl Observer {
    /// Starts an observer of the testbed's MongoDB on a free port; returns when it is ready.
    ///
    /// # Errors
    /// When it does not get ready in time, with what it printed.
    pub async fn start(bed: &Testbed, extra: &[&str]) -> Result<Self> {
        Self::start_with(bed, extra, &[]).await
    }

    /// Starts an observer with environment variables of its own.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(bed: &Testbed, extra: &[&str], variables: &[(&str, &str)]) -> Result<Self> {
        let program = serve(bed.mongo_uri(), "127.0.0.1:0", &runs(bed), extra)?;
        let program = variables.iter().fold(program, |program, (name, value)| program.env(*name, *value));
        Self::start_program(bed, program).await
    }

    /// Starts an observer that is to keep its runs in [`runs`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_program(bed: &Testbed, program: Program) -> Result<Self> {
        let process = bed.run(program).await?;
        let address =
            wait_for("the observer to listen", START_LIMIT, || async { listening(&process) }).await?;
        let ready = wait_for("the observer to be ready", START_LIMIT, || async {
            let answer = get(&address, "/readyz").await.map_err(|error| format!("{error:#}"))?;
            if answer.status == 200 { Ok(()) } else { Err(answer.body) }
        });
        ready.await.with_context(|| process.tail())?;
        Ok(Self { process, address, runs: runs(bed) })
    }

    /// The same observer as a program sees it that reaches it over a wire.
    #[must_use]
    pub fn behind(&self, wire: &wire::Wire) -> Self {
        Self { process: self.process.clone(), address: wire.address(), runs: self.runs.clone() }
    }

    /// The run folders that are complete.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn run_folders(&self) -> Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(&self.runs).with_context(|| format!("no {}", self.runs.display()))? {
            folders.push(entry?.path());
        }
        folders.retain(|path| path.extension().is_none());
        folders.sort();
        Ok(folders)
    }

    /// The report of the only run.
    ///
    /// # Errors
    /// When there is not exactly one, or it cannot be read.
    pub fn report(&self) -> Result<Report> {
        let folders = self.run_folders()?;
        let [folder] = &folders[..] else { bail!("one run folder expected, found {folders:?}") };
        let text = fs::read_to_string(folder.join("report.json"))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// `latency.hlog` of the only run, as the `hdrhistogram` crate reads it: the sum of the intervals by tag.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn interval_sums(&self) -> Result<BTreeMap<String, Histogram<u64>>> {
        let folders = self.run_folders()?;
        let log = fs::read(folders.first().context("no run folder")?.join("latency.hlog"))?;
        let mut sums: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
        for entry in IntervalLogIterator::new(&log) {
            let Ok(entry) = entry else { bail!("not an interval log: {entry:?}") };
            let LogEntry::Interval(interval) = entry else { continue };
            let payload = STANDARD.decode(interval.encoded_histogram())?;
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut payload.as_slice())?;
            let tag = interval.tag().context("an interval without a tag")?.as_str().to_owned();
            match sums.entry(tag) {
                Entry::Vacant(vacant) => drop(vacant.insert(histogram)),
                Entry::Occupied(mut sum) => {
                    sum.get_mut().auto(true);
                    sum.get_mut().add(&histogram)?;
                }
            }
        }
        Ok(sums)
    }

    /// The lines of `rows.jsonl` of the only run.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn rows(&self) -> Result<Vec<Value>> {
        let folders = self.run_folders()?;
        let text = fs::read_to_string(folders.first().context("no run folder")?.join("rows.jsonl"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// Where an observer of a testbed keeps its runs.
#[must_use]
pub fn runs(bed: &Testbed) -> PathBuf {
    bed.folder().join("runs")
}

/// A name of its own for each program: it names its log files too.
fn unique(name: &str) -> String {
    static STARTED: AtomicU32 = AtomicU32::new(1);
    format!("{name}-{}", STARTED.fetch_add(1, Ordering::Relaxed))
}

/// An observer as a program to be run.
///
/// # Errors
/// When it has not been built.
pub fn serve(mongo: &str, listen: &str, runs: &Path, extra: &[&str]) -> Result<Program> {
    let program = Program::new(unique("observer"), find_program("streamgauge-observer")?)
        .env("STREAMGAUGE_MONGO", mongo)
        .args(["serve", "--listen", listen, "--runs"])
        .args([runs.display().to_string()])
        .args(extra.iter().copied());
    Ok(Program { stop: Signal::Terminate, ..program })
}

fn listening(process: &Process) -> Result<String, String> {
    let stdout = process.stdout();
    let address = stdout.split("listening on ").nth(1).and_then(|rest| rest.split_whitespace().next());
    address.map(str::to_owned).ok_or_else(|| format!("{}: {}", process.state(), process.tail()))
}

/// A writer as a program to be run.
///
/// # Errors
/// When it has not been built.
pub fn writer(postgres: &str, args: &[&str]) -> Result<Program> {
    let program = Program::new(unique("writer"), find_program("streamgauge-writer")?)
        .env("STREAMGAUGE_POSTGRES", postgres)
        .args(args.iter().copied());
    Ok(Program { stop: Signal::Interrupt, ..program })
}

/// Starts `run` of a scenario against an observer.
///
/// # Errors
/// When the program cannot be started.
pub async fn start_run(
    bed: &Testbed,
    observer: &Observer,
    scenario: &Path,
    extra: &[&str],
) -> Result<Process> {
    let scenario = scenario.display().to_string();
    let mut args = vec!["run", &scenario, "--observer", &observer.address];
    args.extend(extra);
    bed.run(writer(bed.postgres_url(), &args)?).await
}

/// Waits until a program has ended.
///
/// # Errors
/// When it does not within the limit, with what it printed.
pub async fn finish(process: &Process, limit: Duration) -> Result<Finished> {
    let ended = tokio::time::timeout(limit, process.ended()).await;
    let state =
        ended.with_context(|| format!("'{process:?}' goes on after {limit:?}: {}", process.tail()))?;
    let State::Exited { code: Some(code), .. } = state else { bail!("{state}: {}", process.tail()) };
    Ok(Finished { code, stdout: process.stdout(), stderr: process.stderr() })
}

/// An HTTP answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// One GET over a connection of its own.
///
/// # Errors
/// When the server cannot be reached or does not speak HTTP.
pub async fn get(address: &str, path: &str) -> Result<Answer> {
    get_as(address, path, "").await
}

/// One GET with header lines of its own, each with its line end.
///
/// # Errors
/// As [`get`].
pub async fn get_as(address: &str, path: &str, headers: &str) -> Result<Answer> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let host = address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n").as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let status =
        text.split_whitespace().nth(1).and_then(|status| status.parse().ok()).context("no status line")?;
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    Ok(Answer { status, body })
}

/// A scenario like the shipped one at another rate and length, without warm-up, in the testbed's folder. On an even grid,
/// so that a test knows how many rows there are; each delete follows its row's arrival, and thresholds are over both.
///
/// # Errors
/// When it cannot be written.
pub fn scenario(bed: &Testbed, rate: u32, duration_s: u32) -> Result<PathBuf> {
    let shipped = fs::read_to_string(scenarios().join("e2e-latency.toml"))?;
    let changed = shipped
        .replace("models/shop.toml", &scenarios().join("models/shop.toml").display().to_string())
        .replace("rate = 10\n", &format!("rate = {rate}\n"))
        .replace("duration = \"5m\"", &format!("duration = \"{duration_s}s\""))
        .replace("warm_up = \"5s\"", "warm_up = \"0s\"")
        .replace("arrivals = \"poisson\"", "arrivals = \"even\"")
        .replace("  { pause = [\"0s\", \"1s\"] },\n", "")
        .replace("\"cdc_e2e_latency{operation:create}\" =", "cdc_e2e_latency =")
        .replace("headline = \"cdc_e2e_latency{operation:create}\"", "")
        // Enough users from the start for any delay that a test injects: a tick without one is dropped.
        .replace("pre_allocated_vus = 20", "pre_allocated_vus = 100")
        .replace("max_vus = 50", "max_vus = 200");
    let path = bed.folder().join("scenario.toml");
    fs::write(&path, changed)?;
    Ok(path)
}

/// The shop's model with marks for its customers, in the testbed's folder.
///
/// # Errors
/// When it cannot be written.
pub fn model_with_marks(bed: &Testbed, marks: &str) -> Result<PathBuf> {
    let shop = fs::read_to_string(scenarios().join("models/shop.toml"))?;
    let next = "[entities.address]\n";
    anyhow::ensure!(shop.contains(next), "the shop has no address after its customers any more");
    let path = bed.folder().join("model.toml");
    fs::write(&path, shop.replacen(next, &format!("[entities.customer.mongo.marks]\n{marks}\n{next}"), 1))?;
    Ok(path)
}

/// Rows that are left in any table of the public schema of PostgreSQL, and in any collection of MongoDB.
///
/// # Errors
/// When a database cannot be asked.
pub async fn left_behind(bed: &Testbed) -> Result<(i64, u64)> {
    let (client, connection) = tokio_postgres::connect(bed.postgres_url(), tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    let tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'";
    let mut rows = 0;
    for table in client.query(tables, &[]).await? {
        let count = format!("SELECT count(*) FROM {}", table.get::<_, String>(0));
        rows += client.query_one(&count, &[]).await?.get::<_, i64>(0);
    }
    drop(client);
    connection.await??;
    let mongo = mongodb::Client::with_uri_str(bed.mongo_uri()).await?;
    let database = mongo.database(bed.database());
    let mut documents = 0;
    for name in database.list_collection_names().await? {
        documents += database
            .collection::<mongodb::bson::Document>(&name)
            .count_documents(mongodb::bson::doc! {})
            .await?;
    }
    Ok((rows, documents))
}

/// Waits until the clean-up's deletes have come through the pipeline: nothing is left in either database.
///
/// # Errors
/// When something still is after the limit, with how much.
pub async fn nothing_left(bed: &Testbed, limit: Duration) -> Result<()> {
    wait_for("both databases to be empty", limit, || async {
        match left_behind(bed).await {
            Ok((0, 0)) => Ok(()),
            Ok((rows, documents)) => Err(format!("{rows} rows and {documents} documents are left")),
            Err(error) => Err(format!("{error:#}")),
        }
    })
    .await
}
