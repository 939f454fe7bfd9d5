//! One run of the gallery: its load, its processes while it goes on, and what it leaves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_testbed::{AckRow, Builder, FaultRow, Process, Testbed, wait_for};

use crate::wire::Wire;
use crate::{Finished, Observer, finish, get, scenarios, start_run};

/// How long one run may take at most, with the drain.
const RUN_LIMIT: Duration = Duration::from_secs(150);
/// How long the load may take to reach a number of rows.
const LOAD_LIMIT: Duration = Duration::from_secs(30);

/// The options of every run: its tables are made, and its rows stay.
pub(super) const KEEPING: [&str; 2] = ["--prepare", "--keep-rows"];

/// Rows that are only created.
pub(super) const CREATES: &str = r#"{ create = "customer", set = { status = "active" } }"#;
/// Rows that are created and at once updated.
pub(super) const PAIRS: &str = r#"{ create = "customer", set = { status = "active" } },
  { update = "customer", set = { status = "suspended" } }"#;

/// An open loop of one flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) flow: &'static str,
    /// Iterations a second.
    pub(super) rate: u32,
    pub(super) seconds: u32,
    /// How long the run waits for what is pending at its end.
    pub(super) drain_s: u32,
    /// More lines of `[defaults]`.
    pub(super) defaults: &'static str,
    /// More lines of the scenario.
    pub(super) scenario: &'static str,
    /// What follows the scenario: thresholds, pools, a setup.
    pub(super) rest: &'static str,
}

impl Load {
    /// Creates at 100 a second for six seconds: long enough for a median, and every row is kept.
    pub(super) const CREATES: Self =
        Self { flow: CREATES, rate: 100, seconds: 6, drain_s: 20, defaults: "", scenario: "", rest: "" };

    /// Iterations that the schedule asks for.
    pub(super) fn iterations(self) -> u64 {
        u64::from(self.rate) * u64::from(self.seconds)
    }

    /// The test file over the shop's model; `name` tells runs in one folder apart.
    pub(super) fn write(self, bed: &Testbed, name: &str) -> Result<PathBuf> {
        self.write_with(bed, name, &scenarios().join("models/shop.toml"))
    }

    /// The test file over another model.
    pub(super) fn write_with(self, bed: &Testbed, name: &str, model: &Path) -> Result<PathBuf> {
        let Self { flow, rate, seconds, drain_s, defaults, scenario, rest } = self;
        let model = model.display();
        let text = format!(
            r#"model = "{model}"

[defaults]
warm_up = "0s"
drain = "{drain_s}s"
{defaults}

[scenarios.gallery]
executor = "constant-arrival-rate"
rate = {rate}
duration = "{seconds}s"
pre_allocated_vus = 100
max_vus = 400
arrivals = "even"
{scenario}
flow = [
  {flow},
]

{rest}
"#
        );
        let path = bed.folder().join(format!("{name}.toml"));
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// A run that goes on.
pub(super) struct Live {
    pub(super) bed: Testbed,
    pub(super) observer: Observer,
    pub(super) run: Process,
}

/// What a run left.
pub(super) struct Ran {
    pub(super) report: Report,
    /// The report as it was written.
    pub(super) json: Value,
    /// What the writer ended with, and what it printed.
    pub(super) finished: Finished,
    pub(super) rows: Vec<Value>,
    pub(super) acks: Vec<AckRow>,
    pub(super) faults: Vec<FaultRow>,
}

impl Live {
    /// Starts everything.
    pub(super) async fn start(builder: Builder, load: Load) -> Result<Self> {
        let bed = builder.start().await?;
        let observer = Observer::start(&bed, &["--once"]).await?;
        let path = load.write(&bed, "gallery")?;
        let run = start_run(&bed, &observer, &path, &KEEPING).await?;
        Ok(Self { bed, observer, run })
    }

    /// Starts everything, with a wire between the writer and the observer.
    pub(super) async fn start_behind_a_wire(load: Load) -> Result<(Self, Wire)> {
        let bed = Testbed::builder().start().await?;
        let observer = Observer::start(&bed, &["--once"]).await?;
        let wire = Wire::start(&observer.address).await?;
        let path = load.write(&bed, "gallery")?;
        let run = start_run(&bed, &observer.behind(&wire), &path, &KEEPING).await?;
        Ok((Self { bed, observer, run }, wire))
    }

    /// Waits until the run has so many entries.
    pub(super) async fn entries(&self, count: u64) -> Result<()> {
        self.reaches(&format!("{count} rows"), |report| report.account.entries >= count).await
    }

    /// Waits until so many rows have arrived.
    pub(super) async fn arrivals(&self, count: u64) -> Result<()> {
        self.reaches(&format!("{count} arrivals"), |report| report.events.first >= count).await
    }

    async fn reaches(&self, what: &str, holds: impl Fn(&Report) -> bool) -> Result<()> {
        let reached = wait_for(what, LOAD_LIMIT, || async {
            let body =
                get(&self.observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
            let report: Report = serde_json::from_str(&body.body).map_err(|error| error.to_string())?;
            if holds(&report) { Ok(()) } else { Err(format!("{:?}", report.account)) }
        });
        reached.await.with_context(|| self.run.tail())
    }

    /// Starts the relay again after MongoDB was away: it ends when it cannot write.
    pub(super) async fn restart_relay(&self) -> Result<()> {
        let relay = self.bed.relay();
        if relay.is_running() {
            relay.kill_9().await?;
        }
        relay.start_again().await
    }

    /// Waits for the end, and takes everything down.
    pub(super) async fn end(self) -> Result<Ran> {
        let (ran, bed) = self.end_of_run().await?;
        bed.stop()?;
        Ok(ran)
    }

    /// Waits for the end; the databases stay.
    pub(super) async fn end_of_run(self) -> Result<(Ran, Testbed)> {
        let Self { bed, observer, run } = self;
        let finished = finish(&run, RUN_LIMIT).await?;
        let said = format!("writer: {} {}", finished.stdout, finished.stderr);
        let ran = Ran::read(&bed, &observer, None, finished).context(said)?;
        Ok((ran, bed))
    }
}

impl Ran {
    /// Reads what a run left: the only one, or the one with this id.
    pub(super) fn read(
        bed: &Testbed,
        observer: &Observer,
        id: Option<&str>,
        finished: Finished,
    ) -> Result<Self> {
        let mut folders = observer.run_folders()?;
        folders.retain(|folder| id.is_none_or(|id| folder.to_string_lossy().ends_with(id)));
        let [folder] = &folders[..] else { bail!("one run folder expected, found {folders:?}") };
        let json = fs::read_to_string(folder.join("report.json"))?;
        let lines = fs::read_to_string(folder.join("rows.jsonl"))?;
        let rows = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let (acks, faults) = (bed.relay().acks()?, bed.relay().faults()?);
        let (report, json) = (serde_json::from_str(&json)?, serde_json::from_str(&json)?);
        Ok(Self { report, json, finished, rows, acks, faults })
    }

    /// A number of the report by its path, as in `/account/lost`.
    pub(super) fn number(&self, path: &str) -> Result<f64> {
        let value = self.json.pointer(path).and_then(Value::as_f64);
        value.with_context(|| format!("the report has no number at {path}"))
    }

    /// A count of the report by its path; 0 where it is left out.
    pub(super) fn count(&self, path: &str) -> u64 {
        self.json.pointer(path).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Whether every sum of the account is what it is the sum of, and nothing is pending.
    pub(super) fn closes(&self) -> bool {
        let account = &self.report.account;
        account.pending == 0
            && account.entries == account.outcomes().iter().map(|(_, count)| count).sum::<u64>()
    }

    /// The reasons' codes.
    pub(super) fn codes(&self) -> BTreeSet<&str> {
        self.report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect()
    }

    /// State and codes, as in "degraded: unmeasured_events (3 rows)" with the rows left unmeasured, and why the run ended before its time if it did.
    pub(super) fn validity(&self) -> String {
        let state = self.report.validity.state;
        let mut text = state.name().to_owned();
        if state != ValidityState::Valid {
            text += &format!(": {}", self.codes().into_iter().collect::<Vec<_>>().join(", "));
        }
        let unmeasured =
            self.report.latency.get("cdc_e2e_latency").map_or(0, |latency| latency.all.unmeasured);
        if unmeasured > 0 {
            text += &format!(" ({unmeasured} rows)");
        }
        if let Some(cause) = &self.report.verdict.cause {
            text += &format!("; ended: {cause}");
        }
        text
    }

    /// Checks made and failed: PostgreSQL's answer, arrival, content.
    pub(super) fn failed_checks(&self) -> Result<u64> {
        let checks = self.report.rates.get("checks").context("the report has no checks")?;
        Ok(checks.total - checks.passed)
    }

    /// Writer and sequence of the kept rows of which something holds.
    pub(super) fn rows_where(&self, holds: impl Fn(&Value) -> bool) -> Result<BTreeSet<(u64, u64)>> {
        let matching = self.rows.iter().filter(|row| holds(row));
        let id = |row: &Value| Some((row["writer"].as_u64()?, row["sequence"].as_u64()?));
        matching.map(|row| id(row).with_context(|| format!("a row without identity: {row}"))).collect()
    }
}
