//! The page against its catalogue, and the histograms against what was recorded.

use std::collections::BTreeSet;

use streamgauge_shared::marks::{Found, MarkTime, Marks};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::render;
use crate::measure::Snapshot;
use crate::measure::fixture::{Fixture, opened};

const CATALOGUE: &str = include_str!("../../../docs/metrics.md");

/// Three rows: one whose event beat its acknowledgement, one that came 20 ms after it, one that is pending.
fn run() -> Snapshot {
    let mut run = Fixture::new(&[Some(5), Some(30), None]);
    run.facts.floor.arrived.record(Nanos::from_millis(3));
    run.snapshot()
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
    let page = render(Some(&run.snapshot())).expect("a page");
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
            .and_then(|(_, rest)| rest.split_once('}'))
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
fn early_events_have_a_histogram_of_their_own_and_nothing_is_clamped() {
    let page = render(Some(&run())).expect("a page");
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
    let page = render(None).expect("a page");
    assert!(
        page.contains("streamgauge_build_info{version=") && !page.contains("streamgauge_validity"),
        "{page}"
    );
}
