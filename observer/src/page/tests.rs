//! The page as a whole: every figure is the report's, in the summary's words; two days with six scenarios stay small, quick
//! and bounded.

use std::sync::Arc;

use serde_json::Value;
use streamgauge_shared::ledger::ScenarioLoad;
use streamgauge_shared::report::{Stats, as_share, figure_words, millis};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Reading};

use super::{Live, Rendered, View, page};
use crate::matcher::{Place, SeriesIndex, Sink};
use crate::measure::Snapshot;
use crate::measure::fixture::{Fixture, opened, read};

fn live() -> Live {
    Live::new("no-such-folder".into(), "http://127.0.0.1:9464".to_owned())
}

async fn rendered(live: &Live, snapshot: Option<Arc<Snapshot>>, view: &View) -> Arc<Rendered> {
    live.rendered(snapshot, view, UnixNanos(0)).await
}

/// Each figure with its pointer, its number if it has one, and its words.
fn figures(html: &str) -> Vec<(String, Option<String>, String)> {
    html.split(" data-figure=\"")
        .skip(1)
        .map(|rest| {
            let (pointer, rest) = rest.split_once('"').expect("closed");
            let (attributes, rest) = rest.split_once('>').expect("closed");
            let value = attributes.strip_prefix(" data-value=\"").and_then(|value| value.strip_suffix('"'));
            let (words, _) = rest.split_once('<').expect("closed");
            (pointer.to_owned(), value.map(str::to_owned), words.to_owned())
        })
        .collect()
}

/// What the summary makes of the number at a pointer.
fn words(report: &Value, pointer: &str) -> String {
    let (of, name) = pointer.rsplit_once('/').expect("a place");
    if matches!(name, "p50" | "p90" | "p95" | "p99" | "max") {
        let stats: Stats =
            serde_json::from_value(report.pointer(of).expect("there").clone()).expect("statistics");
        let figure = match name {
            "p50" => stats.p50,
            "p90" => stats.p90,
            "p95" => stats.p95,
            "p99" => stats.p99,
            _ => stats.max,
        };
        return figure_words(figure);
    }
    let Some(value) = report.pointer(pointer) else { return "-".to_owned() };
    let number = value.as_f64().expect("a number");
    match name {
        "mean" | "min" | "error_bound_ms" => millis(number),
        "duration_s" => millis(number * 1e3),
        "rate" => as_share(number),
        _ => value.as_u64().expect("a count").to_string(),
    }
}

#[tokio::test]
async fn every_figure_is_the_reports_in_the_summarys_words() {
    let arrivals: Vec<Option<i64>> = (0..200).map(|n| (n % 41 != 0).then_some(20 + n % 37)).collect();
    let mut open = Fixture::new(&arrivals).unmeasured(900);
    open.never_sent(901, 500);
    open.tick(3_000);
    let closed = Fixture::new(&arrivals).close();
    for snapshot in [open.snapshot(), closed] {
        let report = serde_json::to_value(&snapshot.report).expect("JSON");
        let snapshot = Arc::new(snapshot);
        let view = View::default();
        let live = live();
        let rendered = rendered(&live, Some(Arc::clone(&snapshot)), &view).await;
        let html = page(&live, &rendered, Some(&snapshot), &view, false);
        let figures = figures(&html);
        assert!(figures.len() > 60, "{}", figures.len());
        for (pointer, value, said) in &figures {
            assert_eq!(*said, words(&report, pointer), "{pointer}");
            if let Some(value) = value {
                let reported = report.pointer(pointer).expect("there").to_string();
                assert_eq!(*value, reported, "{pointer}");
            }
        }
        for pointer in [
            "/latency/cdc_e2e_latency/all/p95",
            "/latency/pg_write_duration/all/max",
            "/account/entries",
            "/account/lost",
            "/events/total",
            "/rates/cdc_success_rate/rate",
            "/counters/iterations",
            "/run/duration_s",
        ] {
            assert!(figures.iter().any(|(of, ..)| of == pointer), "{pointer} is not on the page");
        }
    }
}

#[tokio::test]
async fn a_view_of_a_part_has_the_parts_figures_or_says_that_there_is_no_such_part() {
    let mut fixture = Fixture::new(&[Some(20), Some(30), None]);
    fixture.tick(2_500);
    let snapshot = Arc::new(fixture.snapshot());
    let live = live();
    let entity = snapshot.parts[0].entity.clone();
    let shown = |query: String| {
        let (live, snapshot) = (&live, Arc::clone(&snapshot));
        async move {
            let view = View::of_query(&query);
            let rendered = rendered(live, Some(Arc::clone(&snapshot)), &view).await;
            page(live, &rendered, Some(&snapshot), &view, false)
        }
    };
    let creates = shown(format!("entity={entity}&operation=create")).await;
    assert!(creates.contains("data-figure=\"/latency/cdc_e2e_latency/by/0/p95\""), "as the report has them");
    assert!(!creates.contains("/latency/cdc_e2e_latency/all/p95"));
    // The report has no figures by scenario: the page works them out, and with what has not arrived.
    let scenario = snapshot.parts[0].scenario.clone();
    let narrowed = shown(format!("scenario={scenario}")).await;
    let all = &snapshot.report.latency[Latency::CdcE2eLatency.name()].all;
    assert!(narrowed.contains(&format!("<td><span class=\"figure\">{}</span></td>", figure_words(all.p95))));
    assert!(!narrowed.contains("/latency/cdc_e2e_latency/"), "{narrowed}");
    assert!(narrowed.contains("value=\"create\""), "the form offers operations");
    let nothing = shown("scenario=gone&stage=never".to_owned()).await;
    assert!(nothing.contains("This run has no scenario &#39;gone&#39;, stage &#39;never&#39;"), "{nothing}");
}

#[tokio::test]
async fn before_the_first_run_the_page_says_how_to_start_one() {
    let live = live();
    let view = View::default();
    let rendered = rendered(&live, None, &view).await;
    let html = page(&live, &rendered, None, &view, true);
    assert!(
        html.contains("data-state=\"before\"") && html.contains("--observer http://127.0.0.1:9464"),
        "{html}"
    );
    assert!(html.contains("No run yet") && html.contains("action=\"/logout\""), "{html}");
}

#[tokio::test]
async fn a_view_is_drawn_once_for_all_and_views_are_bounded() {
    let live = live();
    let snapshot = Arc::new(Fixture::new(&[Some(5)]).snapshot());
    let view = View::default();
    let first = rendered(&live, Some(Arc::clone(&snapshot)), &view).await;
    let second = rendered(&live, Some(Arc::clone(&snapshot)), &view).await;
    assert!(Arc::ptr_eq(&first, &second));
    for number in 0..300 {
        let view = View { scenario: Some(number.to_string()), ..View::default() };
        drop(rendered(&live, Some(Arc::clone(&snapshot)), &view).await);
    }
    assert!(live.views() <= 80, "{}", live.views());
}

/// Six scenarios of stages side by side.
const SIX: &str = include_str!("two_days.toml");

/// Two days of six scenarios, as a matcher would tell them: two rows a second with latencies of every size.
struct TwoDays {
    fixture: Fixture,
    series: Vec<crate::matcher::Series>,
}

impl TwoDays {
    fn new() -> Self {
        let test = read(SIX, include_str!("../../../scenarios/models/shop.toml"));
        let series = SeriesIndex::of(&test).all().collect();
        let mut fixture = Fixture::of_test(test);
        fixture.facts.loads = vec![ScenarioLoad { active_users: 7, ..ScenarioLoad::default() }; 6];
        fixture.row(opened(0, 0), Some(30));
        Self { fixture, series }
    }

    fn second(&mut self, second: i64) {
        let recorder = &mut self.fixture.recorder;
        for row in 0..2_i64 {
            let n = second * 2 + row;
            let place = self.series[usize::try_from(n * 31).expect("positive") % self.series.len()];
            let sent = UnixNanos(0) + Nanos(second * 1_000_000_000 + row * 500_000_000);
            // A wide distribution with a tail, and a level that moves.
            let spread = n * 7_919 % 1_000;
            let e2e =
                Nanos((20 + second / 3_600 + spread * spread * spread / 2_000_000) * 1_000_000 + n % 997_003);
            let at = sent + e2e;
            let place = Place { series: place, group: None, stage: None, at: sent };
            recorder.sent(sent);
            recorder.intended(sent);
            for latency in [Latency::CdcE2eLatency, Latency::CdcE2eLatencyIntended, Latency::CdcPropagation] {
                recorder.latency(place, latency, Reading::Measured(e2e), at);
            }
            recorder.arrived(sent, Some(at));
        }
    }

    fn snapshot(&mut self, second: i64) -> Arc<Snapshot> {
        self.fixture.tick(second * 1_000);
        Arc::new(self.fixture.snapshot())
    }
}

/// What this thread has computed so far.
fn computed() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Nanos(time.tv_sec * 1_000_000_000 + time.tv_nsec)
}

#[test]
fn two_days_of_six_scenarios_stay_small_quick_and_bounded() {
    const HOURS: i64 = 48;
    let mut run = TwoDays::new();
    let views = [View::default(), View { log: true, scenario: Some("third".to_owned()), ..View::default() }];
    let (mut sizes, mut seen, mut slowest) = (Vec::new(), 0, (Nanos::ZERO, Nanos::ZERO));
    for second in 1..HOURS * 3_600 {
        run.second(second);
        // Now and then, and at the end.
        if second % (8 * 3_600) != 0 && second != HOURS * 3_600 - 1 {
            continue;
        }
        let snapshot = run.snapshot(second);
        for view in &views {
            // Nothing was drawn before, as for the first who looks; what the thread computed counts, and not how long it
            // waited for a machine that does other things.
            let live = live();
            let from = computed();
            let rendered = live.draw_here(&snapshot, view);
            let html = page(&live, &rendered, Some(&snapshot), view, true);
            let first = computed() - from;
            drop(live.draw_here(&snapshot, view));
            let again = computed() - from - first;
            assert!(first < Nanos::from_millis(200), "{first} after {second} s");
            slowest = (slowest.0.max(first), slowest.1.max(again));
            let first_load = html.len() + super::style().len() + super::SCRIPT.len();
            assert!(first_load < 300_000, "{first_load} bytes after {second} s");
            sizes.push((second, html.len()));
            let at_a_glance: usize =
                rendered.fragments.iter().filter(|one| one.at_a_glance).map(|one| one.json.len()).sum();
            let longest =
                rendered.fragments.iter().filter(|one| !one.at_a_glance).max_by_key(|one| one.json.len());
            let longest = longest.expect("sections");
            // The largest fits into one event, with the glances.
            assert!(
                at_a_glance + longest.json.len() < 19_500,
                "{at_a_glance} at a glance, {} of {}, after {second} s",
                longest.json.len(),
                longest.id
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 12);
    // What is kept for the page does not grow with the run once its slots are full.
    let bytes = run.fixture.recorder.over_time().sealed().bytes();
    assert!(bytes < 24 << 20, "{bytes} bytes");
    println!("slowest first drawing {}, slowest next one {}; over time {bytes} bytes", slowest.0, slowest.1);
    let half = sizes.iter().filter(|(second, _)| *second < HOURS * 1_800).map(|(_, length)| *length).max();
    let last = sizes.last().map(|(_, length)| *length).expect("drawn");
    assert!(last < half.expect("drawn") * 3 / 2, "{sizes:?}");
}
