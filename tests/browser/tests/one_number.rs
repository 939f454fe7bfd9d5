//! One number everywhere: each figure of a finished run that stands in two or more of the two summaries, `summary.txt`,
//! `report.json`, `report.html`, the page, the CSV and `/metrics` is the same in all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use streamgauge_browser::{Browser, differences, holds, summary};
use streamgauge_end_to_end::{
    MARKS, Observer, finish, get, model_with_marks, scenario, scenarios, start_run, unbroken,
};
use streamgauge_testbed::{Program, RowFaults, Testbed, find_program};

const RUN_LIMIT: Duration = Duration::from_secs(90);
/// Figures that stand in several places, at least: latencies with their parts, stages, account, shares, counters.
const SHARED_MIN: usize = 80;
/// Latencies whose buckets `/metrics` has.
const FAMILIES: [&str; 6] = [
    "cdc_e2e_latency",
    "cdc_e2e_latency_intended",
    "cdc_propagation",
    "pg_write_duration",
    "mongo_visibility",
    "schedule_lag",
];

/// By JSON pointer: where the figure stands, and in which words.
#[derive(Default)]
struct Gathered(BTreeMap<String, BTreeMap<&'static str, String>>);

impl Gathered {
    fn put(&mut self, place: &'static str, figures: Vec<summary::Placed>) -> Result<()> {
        ensure!(!figures.is_empty(), "no figure was found in {place}");
        for (pointer, text) in figures {
            let before = self.0.entry(pointer.clone()).or_default().insert(place, text.clone());
            ensure!(
                before.as_ref().is_none_or(|before| *before == text),
                "{place} shows {pointer} as {before:?} and {text}"
            );
        }
        Ok(())
    }

    /// Every figure is that of the report, and has the same words wherever it stands; returns how many stand in more
    /// than one place.
    fn agree(&self, report: &Value) -> Result<usize> {
        let mut wrong = Vec::new();
        let mut several = 0;
        for (pointer, places) in &self.0 {
            several += usize::from(places.len() > 1);
            for (place, text) in places {
                if let Err(error) = holds(report, pointer, text) {
                    wrong.push(format!("{place}: {error:#}"));
                }
            }
            let mut words = places.values();
            let first = words.next();
            if words.any(|text| Some(text) != first) {
                wrong.push(format!("{pointer}: {places:?}"));
            }
        }
        ensure!(wrong.is_empty(), "{wrong:#?}");
        Ok(several)
    }
}

async fn rendered(bed: &Testbed, observer: &Observer, folder: &Path, form: &str) -> Result<String> {
    let program = Program::new(format!("report{form}"), find_program("streamgauge-observer")?);
    let arguments =
        ["report", &folder.display().to_string(), form, "--runs", &observer.runs.display().to_string()];
    let run = bed.run(program.args(arguments)).await?;
    let finished = finish(&run, RUN_LIMIT).await?;
    ensure!(finished.code == 0, "{}", finished.stderr);
    Ok(finished.stdout)
}

#[tokio::test]
async fn each_figure_is_the_same_wherever_it_stands() -> Result<()> {
    let rows = RowFaults {
        drop_every: 61.try_into().ok(),
        duplicate_every: 37.try_into().ok(),
        ..RowFaults::default()
    };
    let bed =
        Testbed::builder().delay(Duration::from_millis(30)).row_faults(rows).marks(true).start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = scenario(&bed, 30, 10)?;
    let shipped = scenarios().join("models/shop.toml").display().to_string();
    let model = model_with_marks(&bed, MARKS)?.display().to_string();
    let text = fs::read_to_string(&path)?.replace(&shipped, &model);
    fs::write(&path, text.replace("drain = \"60s\"", "drain = \"3s\""))?;
    let run = start_run(&bed, &observer, &path, &["--prepare"]).await?;
    let on_screen = finish(&run, RUN_LIMIT).await?.stdout;
    let folder = observer.run_folders()?.pop().context("no run folder")?;
    let json = fs::read_to_string(folder.join("report.json"))?;
    let report: Value = serde_json::from_str(&json)?;
    ensure!(report["account"]["lost"].as_u64() > Some(0), "{on_screen}");

    // As JSON: the file, the API, and rendered again.
    let api: Value = serde_json::from_str(&get(&observer.address, "/api/snapshot").await?.body)?;
    same(&api, &report, "/api/snapshot")?;
    let again: Value = serde_json::from_str(&rendered(&bed, &observer, &folder, "--json").await?)?;
    same(&again, &report, "report --json")?;
    let full = fs::read_to_string(folder.join("summary.txt"))?;
    let text = rendered(&bed, &observer, &folder, "--text").await?;
    ensure!(unbroken(&text) == unbroken(&full), "report --text is not summary.txt:\n{text}\n{full}");

    let mut gathered = Gathered::default();
    gathered.put("summary.txt", summary::full(&full, &report))?;
    gathered.put("the summary on one screen", summary::screen(&on_screen, &report))?;
    let browser = Browser::start(&bed).await?;
    browser.open(&observer.address).await?;
    browser.wait_for_state("", "over").await?;
    let placed = |figures: Vec<streamgauge_browser::Figure>| {
        figures.into_iter().map(|figure| (figure.pointer, figure.text)).collect::<Vec<_>>()
    };
    gathered.put("the page", placed(browser.figures().await?))?;
    browser.open_file(&folder.join("report.html")).await?;
    gathered.put("report.html", placed(browser.figures().await?))?;
    browser.stop().await?;
    let several = gathered.agree(&report)?;
    ensure!(several >= SHARED_MIN, "only {several} figures stand in several places: {:#?}", gathered.0);

    let seconds = csv(&rendered(&bed, &observer, &folder, "--csv").await?, &report)?;
    ensure!(seconds >= 10, "{seconds} seconds");
    let metrics = get(&observer.address, "/metrics").await?.body;
    counts(&metrics, &report)?;
    buckets(&metrics, &observer)?;
    bed.stop()
}

fn same(other: &Value, report: &Value, of: &str) -> Result<()> {
    let differing = differences(other, report);
    ensure!(differing.is_empty(), "{of} differs from report.json: {differing:#?}");
    Ok(())
}

/// Each field of the CSV is the report's, digit for digit; returns how many lines it has.
fn csv(text: &str, report: &Value) -> Result<usize> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().context("an empty CSV")?.split(',').collect();
    let mut count = 0;
    for (index, line) in lines.enumerate() {
        let second = &report["load"]["seconds"][index];
        for (name, cell) in names.iter().zip(line.split(',')) {
            let field = second.get(name).or_else(|| second.get(name.strip_suffix("_ms")?));
            let expected = field.map(Value::to_string).unwrap_or_default();
            ensure!(cell == expected, "line {index}: {name} is '{cell}', in the report '{expected}'");
        }
        count += 1;
    }
    ensure!(report["load"]["seconds"].as_array().map(Vec::len) == Some(count), "{count} lines");
    Ok(count)
}

/// The sum of a family's samples whose labels contain all of these.
fn sum(metrics: &str, name: &str, labels: &[String]) -> f64 {
    let of_family = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let lines = metrics.lines().filter(of_family);
    let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label.as_str())));
    // Neither a time nor an exemplar stands behind a value.
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Counts of `/metrics` against the report.
fn counts(metrics: &str, report: &Value) -> Result<()> {
    let equal = |name: &str, labels: &[String], pointer: &str| {
        let (seen, expected) = (sum(metrics, name, labels), report.pointer(pointer).and_then(Value::as_f64));
        ensure!(Some(seen) == expected, "{name}{labels:?} is {seen}, {pointer} of the report {expected:?}");
        Ok(())
    };
    for outcome in ["delivered", "superseded", "late", "lost", "rejected", "unknown", "pending"] {
        let labels = [format!("outcome=\"{outcome}\"")];
        equal("streamgauge_entries", &labels, &format!("/account/{outcome}"))?;
    }
    for kind in ["first", "duplicate", "out_of_order", "early", "foreign", "undecodable"] {
        equal("streamgauge_events", &[format!("kind=\"{kind}\"")], &format!("/events/{kind}"))?;
    }
    equal("streamgauge_operations_total", &[], "/account/entries")?;
    equal("streamgauge_iterations_total", &[], "/counters/iterations")?;
    equal("streamgauge_dropped_iterations_total", &[], "/counters/dropped_iterations")?;
    for latency in FAMILIES {
        let by = report["latency"][latency]["by"].as_array().with_context(|| format!("no {latency}"))?;
        ensure!(!by.is_empty(), "{latency} has no parts");
        for (index, by) in by.iter().enumerate() {
            let label = |name: &str| format!("{name}=\"{}\"", by[name].as_str().unwrap_or_default());
            let labels = [label("entity"), label("operation")];
            let at_least_zero = sum(metrics, &format!("streamgauge_{latency}_seconds_count"), &labels);
            let early = if latency == "cdc_propagation" {
                sum(metrics, "streamgauge_cdc_early_seconds_count", &labels)
            } else {
                0.0
            };
            let expected = by["count"].as_f64();
            ensure!(
                Some(at_least_zero + early) == expected,
                "{latency} {index}: {at_least_zero} + {early}, {expected:?}"
            );
        }
    }
    Ok(())
}

/// Each bucket of `/metrics` has the values that `latency.hlog` has below its bound.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "bounds of minutes, and few rows"
)]
fn buckets(metrics: &str, observer: &Observer) -> Result<()> {
    let sums = observer.interval_sums()?;
    let mut checked = 0;
    for latency in FAMILIES {
        let family = format!("streamgauge_{latency}_seconds_bucket");
        let of_family = metrics.lines().filter(|line| line.starts_with(&format!("{family}{{")));
        let label = |line: &str, name: &str| {
            Some(line.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_owned())
        };
        let mut bounds: Vec<(String, String)> =
            of_family.filter_map(|line| Some((label(line, "operation")?, label(line, "le")?))).collect();
        bounds.sort();
        bounds.dedup();
        for (operation, bound) in bounds {
            let labels = [format!("operation=\"{operation}\""), format!("le=\"{bound}\"")];
            let seen = sum(metrics, &family, &labels);
            let of_log = sums.get(&format!("{latency}.{operation}"));
            let expected = of_log.map_or(0, |histogram| match bound.parse::<f64>() {
                Ok(seconds) if seconds.is_finite() => {
                    histogram.count_between(0, (seconds * 1e9).round() as u64)
                }
                _ => histogram.len(),
            });
            ensure!(seen == expected as f64, "{family}{labels:?} is {seen}, the log has {expected}");
            checked += 1;
        }
    }
    ensure!(checked > FAMILIES.len() * 12, "only {checked} buckets");
    Ok(())
}
