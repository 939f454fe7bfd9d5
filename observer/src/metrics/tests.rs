//! The page against its catalogue, and the histograms against what was recorded.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use streamgauge_shared::account::Operation;
use streamgauge_shared::ledger::Opened;
use streamgauge_shared::marks::{Found, MarkTime, Marks};
use streamgauge_shared::report::{BreakingPoint, Broken, Findings, HighestLoad, LoadThere};
use streamgauge_shared::test_file::{Generator, Test};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::{Format, render};
use crate::measure::Snapshot;
use crate::measure::fixture::{Fixture, opened, read};

/// What a page may hold for any one of the shipped scenarios.
const SERIES_MAX: usize = 1_500;
const CATALOGUE: &str = include_str!("../../../docs/metrics.md");

/// Three rows: one whose event beat its acknowledgement, one that came 20 ms after it, one that is pending.
fn run() -> Snapshot {
    let mut run = Fixture::new(&[Some(5), Some(30), None]);
    run.facts.floor.arrived.record(Nanos::from_millis(3));
    run.matcher.advance(run.facts.now, &mut run.recorder);
    run.snapshot()
}

/// The thresholds broke at 70 users.
fn broken() -> Findings {
    let first = Broken {
        metric: "cdc_e2e_latency".to_owned(),
        expression: "p(95)<2000".to_owned(),
        at_s: 42.0,
        crossed_for_s: 30.0,
        users: 70.0,
    };
    let load = LoadThere {
        at_s: 42.0,
        users: 70.0,
        planned: None,
        stage: None,
        sent_per_s: 30.0,
        arrived_per_s: 20.0,
        pending: 100,
        rates_from_s: 32.0,
        rates_to_s: 52.0,
    };
    let highest = HighestLoad::default();
    let breaking_point = BreakingPoint { hold_s: 10.0, broken: vec![first], load: Some(load), highest };
    Findings { breaking_point: Some(breaking_point), ..Findings::default() }
}

#[test]
fn the_page_and_the_catalogue_name_the_same_metrics_with_the_same_types_and_labels() {
    let documented: BTreeSet<(String, String, String)> = CATALOGUE
        .lines()
        .filter(|line| line.starts_with("| `streamgauge_"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned(), cells[3].replace(['`', ' '], ""))
        })
        .collect();
    let mut run = Fixture::new(&[Some(5), Some(30), None]);
    run.facts.floor.arrived.record(Nanos::from_millis(3));
    run.row(opened(3, 0), None);
    let mark = MarkTime { at: UnixNanos::from_millis(2), resolution: Nanos(1_000) };
    run.arrive_marked(3, 40, Marks([Found::At(mark), Found::NotAsked, Found::NotAsked]));
    let mut snapshot = run.snapshot();
    snapshot.scenarios[0].stage = Some("2".to_owned());
    snapshot.report.findings = Some(broken());
    let page = render(Some(Arc::new(snapshot)), Format::OpenMetrics).expect("a page");
    let mut served = BTreeSet::new();
    for (name, kind) in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')) {
        let sample = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let first = if kind == "histogram" { format!("{name}_count") } else { sample.clone() };
        let series = page
            .lines()
            .find(|line| line.strip_prefix(&first).is_some_and(|rest| rest.starts_with(['{', ' '])));
        let series = series.unwrap_or_else(|| panic!("{name} has no series"));
        let labels = series
            .split_once('{')
            // A threshold's metric may have tags in braces of its own.
            .and_then(|(_, rest)| rest.rsplit_once('}'))
            .map_or("", |(labels, _)| labels);
        let labels: Vec<&str> = labels
            .split("\",")
            .filter_map(|label| label.split('=').next())
            .filter(|label| !label.is_empty())
            .collect();
        served.insert((sample, kind.to_owned(), labels.join(",")));
    }
    assert_eq!(served, documented, "left: served, right: docs/metrics.md");
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn bounds_and_values_of_thresholds_are_in_base_units() {
    let mut snapshot = run();
    snapshot.report.findings = Some(broken());
    let page = render(Some(Arc::new(snapshot)), Format::OpenMetrics).expect("a page");
    for line in [
        "streamgauge_threshold_bound{metric=\"cdc_e2e_latency{operation:create}\",expression=\"p(95)<2000\"} 2.0",
        "streamgauge_threshold_bound{metric=\"cdc_success_rate\",expression=\"rate>0.99\"} 0.99",
        "streamgauge_threshold_value{metric=\"cdc_success_rate\",expression=\"rate>0.99\"} 1.0",
        "streamgauge_breaking_point_users{metric=\"cdc_e2e_latency\",expression=\"p(95)<2000\"} 70.0",
        "streamgauge_breaking_point_arrived_rows_per_second{metric=\"cdc_e2e_latency\",expression=\"p(95)<2000\"} 20.0",
    ] {
        assert!(page.lines().any(|served| served == line), "no {line} in {page}");
    }
    // Two rows of three arrived: the 99th percentile is only known to be at least what the third has waited.
    assert!(
        !page.contains(
            "streamgauge_threshold_value{metric=\"cdc_e2e_latency{operation:create}\",expression=\"p(99)"
        ),
        "{page}"
    );
    // Nothing broke, no stage runs: no series.
    let page = render(Some(Arc::new(run())), Format::OpenMetrics).expect("a page");
    assert!(!page.contains("breaking_point") && !page.contains("scenario_stage"), "{page}");
}

#[test]
fn early_events_have_a_histogram_of_their_own_and_nothing_is_clamped() {
    let page = render(Some(Arc::new(run())), Format::OpenMetrics).expect("a page");
    let value = |start: &str| -> f64 {
        let line = page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    };
    let labels = "{scenario=\"e2e_latency\",entity=\"customer\",operation=\"create\"";
    assert!((value(&format!("streamgauge_cdc_early_seconds_count{labels}")) - 1.0).abs() < 1e-9);
    assert!((value(&format!("streamgauge_cdc_early_seconds_sum{labels}")) - 0.005).abs() < 1e-9);
    assert!((value(&format!("streamgauge_cdc_propagation_seconds_sum{labels}")) - 0.020).abs() < 1e-9);
    assert!((value(&format!("streamgauge_cdc_e2e_latency_seconds_count{labels}")) - 2.0).abs() < 1e-9);
    assert!((value("streamgauge_overdue_entries{") - 1.0).abs() < 1e-9);
    assert!((value("streamgauge_oldest_pending_age_seconds{") - 2.0).abs() < 1e-9);
    assert!(page.contains("streamgauge_cdc_e2e_latency_seconds_bucket{le=\"+Inf\","), "{page}");
    assert!(!page.contains("streamgauge_stage"), "no model names marks: {page}");
    // Buckets are cumulative on the page, and the last one is the count.
    let buckets: Vec<f64> = page
        .lines()
        .filter(|line| line.starts_with("streamgauge_cdc_e2e_latency_seconds_bucket"))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    assert!(buckets.is_sorted() && buckets.last() == Some(&2.0), "{buckets:?}");
}

#[test]
fn before_the_first_run_only_the_build_is_known() {
    let page = render(None, Format::OpenMetrics).expect("a page");
    assert!(
        page.contains("streamgauge_build_info{version=") && !page.contains("streamgauge_validity"),
        "{page}"
    );
}

/// What a test writes in its measured phase: by its steps, and the rows that go before a deleted one.
fn written(test: &Test) -> BTreeSet<(usize, Operation)> {
    let mut written = BTreeSet::new();
    for step in test.scenarios.iter().flat_map(|scenario| &scenario.flow) {
        step.visit(&mut |step| written.extend(step.action.operation()));
    }
    let created = |entity: usize| written.contains(&(entity, Operation::Create));
    let refers = |entity: usize, to: usize| {
        let columns = &test.model.entities[entity].columns;
        columns.iter().any(|column| column.generator == Generator::Reference { entity: to })
    };
    let entities = 0..test.model.entities.len();
    // An entity refers to earlier ones only, so one pass finds the children of children.
    let mut deleted: BTreeSet<usize> =
        entities.clone().filter(|entity| written.contains(&(*entity, Operation::Delete))).collect();
    for entity in entities {
        if created(entity) && deleted.iter().any(|parent| refers(entity, *parent)) {
            deleted.insert(entity);
        }
    }
    written.extend(deleted.into_iter().map(|entity| (entity, Operation::Delete)));
    written
}

/// The page of a test with everything in it that its kind of run can have.
fn fullest_page(test: Test, format: Format) -> String {
    let written = written(&test);
    let mut run = Fixture::of_test(test);
    run.facts.floor.arrived.record(Nanos::from_millis(3));
    for (sequence, (entity, operation)) in (0..).zip(written) {
        let entity = u16::try_from(entity).expect("a few");
        run.row(Opened { entity, operation, ..opened(sequence, 0) }, None);
    }
    run.matcher.advance(run.facts.now, &mut run.recorder);
    let mut snapshot = run.snapshot();
    snapshot.scenarios[0].stage = Some("2".to_owned());
    snapshot.report.findings = Some(broken());
    render(Some(Arc::new(snapshot)), format).expect("a page")
}

fn series(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn the_page_of_each_shipped_scenario_is_small_enough() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut pages = Vec::new();
    for entry in fs::read_dir(&folder).expect("the shipped scenarios") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a test file");
        let model = text.lines().find_map(|line| line.strip_prefix("model = ")).expect("a model");
        let model = fs::read_to_string(folder.join(model.trim_matches('"'))).expect("a model file");
        let test = read(&text, &model);
        let count = series(&fullest_page(test.clone(), Format::OpenMetrics));
        assert_eq!(series(&fullest_page(test, Format::PrometheusText)), count, "both formats hold the same");
        pages.push((count, path.file_name().map(|name| name.to_string_lossy().into_owned())));
    }
    pages.sort();
    assert!(pages.len() >= 8, "{pages:?}");
    assert!(pages.iter().all(|(count, _)| *count <= SERIES_MAX), "{pages:?}");
    // The largest has seven kinds of operations: a test that counts nothing would not see that.
    assert!(pages.last().is_some_and(|(count, _)| *count > 1_000), "{pages:?}");
}

#[test]
fn the_older_format_has_its_own_words_and_the_same_samples() {
    let snapshot = Arc::new(run());
    let page = |format| render(Some(Arc::clone(&snapshot)), format).expect("a page");
    let (new, old) = (page(Format::OpenMetrics), page(Format::PrometheusText));
    let samples = |page: &str| -> Vec<String> {
        page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(samples(&old), samples(&new));
    // Each sample belongs to the family that was described last, which is how parsers read it.
    let mut family = String::new();
    for line in old.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|text| text.split_once(' ')) {
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            family = name.to_owned();
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let part = name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} under {family}"));
            assert!(["", "_bucket", "_sum", "_count"].contains(&part), "{line}");
        } else {
            assert!(line.starts_with("# HELP "), "{line}");
        }
    }
}
