//! Debian's Prometheus with the shipped configuration, pointed at a test's observer.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use streamgauge_end_to_end::get;
use streamgauge_shared::time::UnixNanos;
use streamgauge_testbed::servers::port::free_port;
use streamgauge_testbed::{Process, Program, Testbed, wait_for};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::compose;

/// Names the folder with `prometheus` and `promtool`; `tools.sh` makes it.
const FOLDER_VARIABLE: &str = "STREAMGAUGE_PROMETHEUS_BIN";
const START_LIMIT: Duration = Duration::from_secs(30);

/// What a query found.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its numbers; those that are none are left out.
    pub values: Vec<f64>,
}

/// A running Prometheus.
pub struct Prometheus {
    /// `http://127.0.0.1:port`.
    pub address: String,
    process: Process,
    promtool: PathBuf,
}

impl Prometheus {
    /// Starts it with the files of `compose/prometheus`; only the observer's address and the token's file are the
    /// test's. Returns when it answers.
    ///
    /// # Errors
    /// When there is none, or it does not get ready.
    pub async fn start(bed: &Testbed, observer: &str, token: &Path) -> Result<Self> {
        let folder = env::var_os(FOLDER_VARIABLE)
            .map(PathBuf::from)
            .with_context(|| format!("{FOLDER_VARIABLE} is not set: run make dashboards-test"))?;
        let shipped = compose().join("prometheus");
        let config = fs::read_to_string(shipped.join("prometheus.yml"))?;
        let host = observer.strip_prefix("http://").context("the observer's address")?;
        let mut own = config;
        for (shipped, test) in [
            ("observer:9464", host.to_owned()),
            ("/run/secrets/streamgauge_token", token.display().to_string()),
            ("rules/*.yml", shipped.join("rules/*.yml").display().to_string()),
        ] {
            ensure!(own.contains(shipped), "{shipped} is not in prometheus.yml any more");
            own = own.replace(shipped, &test);
        }
        let path = bed.folder().join("prometheus.yml");
        fs::write(&path, own)?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let args = [
            format!("--config.file={}", path.display()),
            format!("--storage.tsdb.path={}", bed.folder().join("prometheus").display()),
            format!("--web.listen-address={listen}"),
            "--log.level=warn".to_owned(),
        ];
        let program = Program::new("prometheus", folder.join("prometheus")).args(args);
        let process = bed.run(program).await?;
        let prometheus =
            Self { address: format!("http://{listen}"), process, promtool: folder.join("promtool") };
        wait_for("Prometheus", START_LIMIT, || async {
            match get(&prometheus.address, "/-/ready").await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(answer.body),
                Err(error) => Err(format!("{error:#}; {}", prometheus.process.tail())),
            }
        })
        .await?;
        Ok(prometheus)
    }

    /// A query as of now.
    ///
    /// # Errors
    /// When it is refused, with the reason.
    pub async fn now(&self, query: &str) -> Result<Vec<Series>> {
        self.ask(&["instant", &self.address, query], query).await
    }

    /// A query over a time, at the step of the scrapes.
    ///
    /// # Errors
    /// As [`Self::now`].
    pub async fn over(&self, query: &str, from: UnixNanos, to: UnixNanos) -> Result<Vec<Series>> {
        let (from, to) = (format!("--start={}", from.to_rfc3339()), format!("--end={}", to.to_rfc3339()));
        self.ask(&["range", &from, &to, "--step=5s", &self.address, query], query).await
    }

    async fn ask(&self, args: &[&str], query: &str) -> Result<Vec<Series>> {
        let mut command = Command::new(&self.promtool);
        let output = command.args(["query", "--format=json"]).args(args).output().await?;
        ensure!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).with_context(|| query.to_owned())?;
        Ok(found.as_array().into_iter().flatten().map(series).filter(|one| !one.values.is_empty()).collect())
    }

    /// Whether Prometheus' own parser of the text format 0.0.4 reads a page, and finds nothing wrong with its names.
    ///
    /// # Errors
    /// When it does not, with what it says.
    pub async fn reads(&self, page: &str) -> Result<()> {
        let mut command = Command::new(&self.promtool);
        command
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut checking = command.spawn()?;
        let mut input = checking.stdin.take().context("its input")?;
        input.write_all(page.as_bytes()).await?;
        drop(input);
        let output = checking.wait_with_output().await?;
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        ensure!(output.status.success(), "the page is not read: {said}\n{page}");
        Ok(())
    }

    /// Its rules: those that record, and those that alert.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn rules(&self) -> Result<(Vec<String>, Vec<String>)> {
        let answer: Value = serde_json::from_str(&get(&self.address, "/api/v1/rules").await?.body)?;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
        let names = |kind: &str| {
            let of_kind = rules.clone().filter(|rule| rule["type"] == kind);
            of_kind.filter_map(|rule| Some(rule["name"].as_str()?.to_owned())).collect()
        };
        Ok((names("recording"), names("alerting")))
    }
}

fn series(json: &Value) -> Series {
    let labels = json["metric"].as_object().into_iter().flatten();
    let labels =
        labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let one = json["value"].as_array().map(std::slice::from_ref).unwrap_or_default().iter();
    let many = json["values"].as_array().into_iter().flatten().filter_map(Value::as_array);
    let number = |sample: &Vec<Value>| sample.get(1)?.as_str()?.parse::<f64>().ok();
    let values = one.chain(many).filter_map(number).filter(|value| !value.is_nan()).collect();
    Series { labels, values }
}
