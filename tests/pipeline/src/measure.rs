//! One measured run: the shipped scenario and the real programs.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use streamgauge_end_to_end::{Finished, MARKS, Observer, finish, nothing_left, scenarios, start_run, writer};
use streamgauge_shared::report::Report;
use streamgauge_shared::test_file::{Scale, Source, parse};
use streamgauge_testbed::Process;

use crate::connectors::{Overrides, Settings};
use crate::pipeline::Pipeline;

/// The shipped scenarios that run here.
const SCENARIOS: [&str; 6] = ["baseline", "stress", "spike", "soak", "e2e-latency", "mixed"];
/// What a run may take beside its load: graceful stop, drain, clean-up.
const REST: Duration = Duration::from_secs(240);
/// How long the pipeline may take to carry the clean-up's deletes.
const CLEAN_LIMIT: Duration = Duration::from_secs(60);

/// The entities of the shop, whose rows all carry the marks of the tuned unwrapped sink.
const ENTITIES: [&str; 3] = ["customer", "address", "order"];

/// A shipped scenario at a length and a load.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// How long its load is to last, seconds.
    pub seconds: u32,
    /// What users and rates are multiplied with.
    pub load_scale: f64,
    /// Whether the report is to name stalls, and when the latency was back after each.
    pub with_stalls: bool,
    /// Whether the model names the marks that the tuned unwrapped sink leaves.
    pub with_marks: bool,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// How the pipeline was set up.
    pub settings: Settings,
    /// What ran.
    pub scenario: Scenario,
    /// What the writer printed at the end.
    pub summary: String,
    /// The report.
    pub report: Report,
}

impl Scenario {
    /// A scenario at full load.
    ///
    /// # Errors
    /// When no such scenario is shipped.
    pub fn new(name: &str, seconds: u32) -> Result<Self> {
        if !SCENARIOS.contains(&name) {
            bail!("'{name}' is no scenario that runs here: write one of {}", SCENARIOS.join(", "));
        }
        Ok(Self { name: name.to_owned(), seconds, load_scale: 1.0, with_stalls: false, with_marks: false })
    }

    /// What the length of the shipped file is multiplied with.
    fn time_scale(&self) -> Result<f64> {
        let read = |name: &str| {
            let text =
                fs::read_to_string(scenarios().join(name)).map_err(|error| format!("{name}: {error}"))?;
            Ok(Source { name: name.to_owned(), text })
        };
        let shipped = read(&format!("{}.toml", self.name)).map_err(anyhow::Error::msg)?;
        let (test, _) = parse(&shipped, Scale::default(), Scale::default(), read)?;
        let ends = test.scenarios.iter().map(|scenario| scenario.start_time + scenario.executor.duration());
        let length = ends.max().context("a test without a scenario")?;
        Ok(f64::from(self.seconds) / length.as_secs_f64())
    }

    /// The shipped file, or a changed copy in the testbed's folder.
    fn file(&self, pipeline: &Pipeline, overrides: &Overrides) -> Result<PathBuf> {
        let shipped = scenarios().join(format!("{}.toml", self.name));
        let text = fs::read_to_string(&shipped).with_context(|| format!("no {}", shipped.display()))?;
        let mut changed = overrides.test(&text)?;
        if self.with_stalls {
            changed = changed.replace("executor =", "findings = [\"stability\"]\nexecutor =");
        }
        let models = scenarios().join("models").display().to_string();
        if self.with_marks {
            let mut model = fs::read_to_string(scenarios().join("models/shop.toml"))?;
            for entity in ENTITIES {
                model.push_str(&format!("\n[entities.{entity}.mongo.marks]\n{MARKS}"));
            }
            let marked = pipeline.bed().folder().join("shop-with-marks.toml");
            fs::write(&marked, model)?;
            changed = changed.replace("\"models/shop.toml\"", &format!("\"{}\"", marked.display()));
        }
        if changed.trim() == text.trim() {
            return Ok(shipped);
        }
        let file = pipeline.bed().folder().join(format!("{}.toml", self.name));
        fs::write(&file, changed.replace("\"models/", &format!("\"{models}/")))?;
        Ok(file)
    }

    /// Starts the writer.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(
        &self,
        pipeline: &Pipeline,
        observer: &Observer,
        overrides: &Overrides,
    ) -> Result<Process> {
        let file = self.file(pipeline, overrides)?;
        let (time, load) = (format!("{:.6}", self.time_scale()?), self.load_scale.to_string());
        let scales = ["--time-scale", &time, "--load-scale", &load, "--no-color"];
        start_run(pipeline.bed(), observer, &file, &scales).await
    }

    /// Waits for the end of a run that [`Self::start`] began, and reads its report.
    ///
    /// # Errors
    /// When the run ends without a report, or its rows do not leave MongoDB again.
    pub async fn finish(
        self,
        pipeline: &Pipeline,
        observer: &Observer,
        settings: &Settings,
        run: &Process,
    ) -> Result<Measured> {
        let limit = Duration::from_secs(self.seconds.into()) + REST;
        let Finished { code, stdout, stderr } = finish(run, limit).await?;
        let folders = observer
            .run_folders()
            .with_context(|| format!("the writer ended with {code}: {stdout}{stderr}"))?;
        // Their names begin with the time, and they are in order.
        let folder = folders.last().with_context(|| format!("the run left no folder: {stdout}{stderr}"))?;
        let report = fs::read_to_string(folder.join("report.json"))?;
        let report: Report = serde_json::from_str(&report)?;
        if report.run.test != self.name {
            bail!("the last run folder is of {}, not of {}: {stdout}{stderr}", report.run.test, self.name);
        }
        nothing_left(pipeline.bed(), CLEAN_LIMIT).await?;
        Ok(Measured { settings: settings.clone(), scenario: self, summary: stdout, report })
    }
}

/// Makes the tables; connectors that publish them can be registered afterwards.
///
/// # Errors
/// When the writer cannot.
pub(crate) async fn prepare(pipeline: &Pipeline) -> Result<()> {
    let file = scenarios().join("mixed.toml").display().to_string();
    let process = pipeline.bed().run(writer(pipeline.bed().postgres_url(), &["prepare", &file])?).await?;
    let Finished { code, stdout, stderr } = finish(&process, Duration::from_secs(60)).await?;
    if code != 0 {
        bail!("prepare ended with {code}: {stdout}{stderr}");
    }
    Ok(())
}

/// Runs a scenario through the pipeline as it is set up.
///
/// # Errors
/// As [`Scenario::finish`].
pub async fn measure(
    pipeline: &Pipeline,
    observer: &Observer,
    settings: &Settings,
    scenario: Scenario,
) -> Result<Measured> {
    let run = scenario.start(pipeline, observer, &settings.overrides).await?;
    scenario.finish(pipeline, observer, settings, &run).await
}
