//! One run of the gallery: its load, its processes while it goes on, and what it leaves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_testbed::{AckRow, Builder, FaultRow, Process, Testbed, wait_for};

use crate::{Observer, finish, get, scenarios, start_run};

/// How long one run may take at most, with the drain.
const RUN_LIMIT: Duration = Duration::from_secs(90);
/// How long the load may take to reach a number of rows.
const LOAD_LIMIT: Duration = Duration::from_secs(30);

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
}

impl Load {
    /// Creates at 100 a second for six seconds: long enough for a median, and every row is kept.
    pub(super) const CREATES: Self = Self { flow: CREATES, rate: 100, seconds: 6, drain_s: 20 };

    /// The test file over the shop's model; `name` tells runs in one folder apart.
    pub(super) fn write(self, bed: &Testbed, name: &str) -> Result<PathBuf> {
        self.write_with(bed, name, &scenarios().join("models/shop.toml"))
    }

    /// The test file over another model.
    pub(super) fn write_with(self, bed: &Testbed, name: &str, model: &Path) -> Result<PathBuf> {
        let Self { flow, rate, seconds, drain_s } = self;
        let model = model.display();
        let text = format!(
            r#"model = "{model}"

[defaults]
warm_up = "0s"
drain = "{drain_s}s"

[scenarios.gallery]
executor = "constant-arrival-rate"
rate = {rate}
duration = "{seconds}s"
pre_allocated_vus = 100
max_vus = 400
arrivals = "even"
flow = [
  {flow},
]
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
    pub(super) json: String,
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
        let run = start_run(&bed, &observer, &path, &["--prepare", "--keep-rows"]).await?;
        Ok(Self { bed, observer, run })
    }

    /// Waits until the run has so many entries.
    pub(super) async fn entries(&self, count: u64) -> Result<()> {
        let what = format!("{count} rows");
        let rows = wait_for(&what, LOAD_LIMIT, || async {
            let body =
                get(&self.observer.address, "/api/snapshot").await.map_err(|error| error.to_string())?;
            let report: Report = serde_json::from_str(&body.body).map_err(|error| error.to_string())?;
            let entries = report.account.entries;
            if entries >= count { Ok(()) } else { Err(format!("{entries} entries")) }
        });
        rows.await.with_context(|| self.run.tail())
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
        let Self { bed, observer, run } = self;
        let finished = finish(&run, RUN_LIMIT).await?;
        let ran = Ran::read(&bed, &observer, None)
            .with_context(|| format!("writer: {} {}", finished.stdout, finished.stderr))?;
        bed.stop()?;
        Ok(ran)
    }
}

impl Ran {
    /// Reads what a run left: the only one, or the one with this id.
    pub(super) fn read(bed: &Testbed, observer: &Observer, id: Option<&str>) -> Result<Self> {
        let mut folders = observer.run_folders()?;
        folders.retain(|folder| id.is_none_or(|id| folder.to_string_lossy().ends_with(id)));
        let [folder] = &folders[..] else { bail!("one run folder expected, found {folders:?}") };
        let json = fs::read_to_string(folder.join("report.json"))?;
        let lines = fs::read_to_string(folder.join("rows.jsonl"))?;
        let rows = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let (acks, faults) = (bed.relay().acks()?, bed.relay().faults()?);
        Ok(Self { report: serde_json::from_str(&json)?, json, rows, acks, faults })
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
