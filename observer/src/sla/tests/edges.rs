//! What is at the edges: no rows, too little time, rows in doubt, runs that go on, older folders, the text.

use std::fs;
use std::path::Path;

use streamgauge_shared::account::Operation;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::synthetic::{Fate, Row, Run};
use super::{minutes, objective};
use crate::sla::account::{Expect, Question, Source, account};
use crate::sla::result::{Account, BurnState, Verdict};
use crate::sla::text;
use crate::sla::window::Window;
use crate::sla::zone::Zone;

fn question(text: &str, window: &str) -> Question {
    Question {
        title: None,
        objectives: vec![objective(text)],
        window: Window::parse(window).expect("a window"),
        zone: Zone::utc(),
        expect: Expect::Runs,
        maintenance: Vec::new(),
        rows_min: None,
        until: None,
    }
}

fn ask(run: &Run, question: &Question) -> Account {
    let made = run.made("20261101T000000Z-t-00c0ffee0042");
    account(question, &[&made as &dyn Source]).expect("an account")
}

/// A run of ten hours with so many rows, of which some have another fate.
fn run(rows: i64, others: &[Fate]) -> Run {
    let from = 1_793_491_200;
    let sent = |index: i64| from + 30 + index * 36_000 / (rows + 1) / 60 * 60;
    let fate = |index: i64| {
        usize::try_from(index).ok().and_then(|index| others.get(index)).copied().unwrap_or(Fate::Known(20))
    };
    let rows =
        (0..rows).map(|index| Row { sent: sent(index), operation: Operation::Create, fate: fate(index) });
    Run { from, until: from + 36_000, rows: rows.collect(), is_listed: true, ..Run::default() }
}

#[test]
fn a_budget_begins_whole_and_no_rows_are_no_data() {
    let clean = ask(&run(500, &[]), &question("p(99)<5s", "30d"));
    let figures = &clean.objectives[0].windows[0].figures;
    assert_eq!((clean.verdict, figures.budget_left, figures.burn), (Verdict::Met, Some(1.0), Some(0.0)));
    let empty = ask(&run(0, &[]), &question("p(99)<5s", "30d"));
    let figures = &empty.objectives[0].windows[0].figures;
    assert_eq!(
        (empty.verdict, figures.share, figures.budget_left, figures.burn),
        (Verdict::NoData, None, None, None)
    );
    assert!(!serde_json::to_string(&empty).expect("JSON").contains("NaN"));
    assert!(text::render(&empty, &Zone::utc()).contains("NO DATA"));
}

#[test]
fn rows_in_doubt_decide_nothing_alone() {
    let doubtful = [Fate::Unmeasured(9_000); 2];
    let account = ask(&run(100, &doubtful), &question("p(99)<5s", "30d"));
    assert_eq!(account.verdict, Verdict::CannotBeTold);
    let enough = ask(&run(300, &doubtful), &question("p(99)<5s", "30d"));
    assert_eq!(enough.verdict, Verdict::Met, "met even if both were slower");
    let certain = [Fate::Unmeasured(9_000), Fate::Lost, Fate::Lost];
    assert_eq!(ask(&run(100, &certain), &question("p(99)<5s", "30d")).verdict, Verdict::Missed);
    assert_eq!(
        ask(&run(100, &[Fate::Unmeasured(4_000); 2]), &question("p(99)<5s", "30d")).verdict,
        Verdict::Met
    );
}

#[test]
fn below_nine_tenths_of_the_time_there_is_no_verdict() {
    let mut half = run(500, &[Fate::Lost; 100]);
    half.invalid = vec![vec![(18_000, 36_000)]];
    let account = ask(&half, &question("p(99)<5s", "30d"));
    let window = &account.objectives[0].windows[0];
    assert_eq!((account.verdict, window.figures.coverage), (Verdict::NoData, Some(0.5)));
    assert!(window.figures.bad > 0, "the figures are shown");
    let always = Question { expect: Expect::Always, ..question("p(99)<5s", "day") };
    assert_eq!(ask(&run(500, &[]), &always).objectives[0].windows[0].figures.coverage, Some(1.0), "so far");
    let whole = Question { until: Some(UnixNanos::from_millis((1_793_491_200 + 86_400) * 1_000)), ..always };
    let account = ask(&run(500, &[]), &whole);
    assert_eq!(account.verdict, Verdict::NoData, "14 of 24 hours are without a run");
    assert_eq!(account.gaps.len(), 1);
}

#[test]
fn a_burn_rate_needs_rows() {
    // Ten rows an hour, one of them lost in the last one: it burns at 100 and is no news.
    let mut few = run(100, &[]);
    few.rows.last_mut().expect("a row").fate = Fate::Lost;
    let account = ask(&few, &question("p(99.9)<5s", "30d"));
    let fast = &account.objectives[0].burn[0];
    assert!(fast.long_burn.is_some_and(|burn| burn > fast.threshold), "{fast:?}");
    assert_eq!((fast.state, fast.rows_min), (BurnState::TooFewRows, 70));
    let asked = Question { rows_min: Some(1), ..question("p(99.9)<5s", "30d") };
    let account = ask(&few, &asked);
    let state = account.objectives[0].burn[0].state;
    assert!(matches!(state, BurnState::Burning | BurnState::Fine), "{state:?}");
    let low = ask(&few, &question("p(90)<5s", "30d"));
    assert_eq!(low.objectives[0].burn[0].state, BurnState::OutOfReach);
}

#[test]
fn rows_without_a_time_are_spread_and_that_is_said() {
    let mut unlisted = run(500, &[Fate::Lost, Fate::Lost, Fate::Rejected]);
    unlisted.is_listed = false;
    let account = ask(&unlisted, &question("p(99)<5s", "30d"));
    let figures = &account.objectives[0].windows[0].figures;
    assert_eq!((figures.rows, figures.bad_by.lost, figures.bad_by.rejected), (500, 2, 1));
    assert_eq!(account.notes.len(), 2, "{:?}", account.notes);
    assert!(
        account.notes[0].contains("2 rows lost are not listed one by one in rows.jsonl"),
        "{:?}",
        account.notes
    );
}

#[test]
fn a_run_that_goes_on_is_accounted_for_so_far() {
    let mut made = run(200, &[]).made("a-t-1.partial");
    let report = made.report_mut();
    report.run.complete = false;
    report.account.pending = 3;
    let account = account(&question("p(99)<5s", "30d"), &[&made as &dyn Source]).expect("an account");
    assert_eq!(account.objectives[0].windows[0].figures.waiting, 3);
    let said = text::render(&account, &Zone::utc());
    assert!(said.contains("did not end, or goes on") && said.contains("3 still on their way"), "{said}");
}

#[test]
fn the_text_fits_and_says_everything() {
    let mut bad =
        run(900, &[Fate::Lost, Fate::Known(9_000), Fate::Late(40_000), Fate::Superseded, Fate::Unknown]);
    bad.invalid = vec![vec![(600, 900)]];
    let mut asked = question("cdc_e2e_latency{operation:create}: p(99.9)<5s", "30d");
    asked.zone = Zone::named("Europe/Berlin").expect("a zone");
    asked.maintenance = vec![(minutes(29_891_520 + 60), minutes(29_891_520 + 70))];
    let account = ask(&bad, &asked);
    let said = text::render(&account, &asked.zone);
    let widest = said.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}\n{said}");
    for part in [
        "✗ cdc_e2e_latency{operation:create}<5s for 99.9% of the rows: MISSED",
        "window 30d; coverage is held against the time in which runs were going",
        "2026-11-01",
        "worst hours",
        "burn rate at the end",
        "14.4",
        "stream_gap (minutes of it",
        "maintenance",
        "MISSED (exit code 99): cdc_e2e_latency{operation:create}<5s for 99.9% MISSED",
        "within 1 s",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

#[test]
fn no_runs_are_a_mistake() {
    let failure = account(&question("p(99)<5s", "30d"), &[]).expect_err("nothing");
    assert_eq!(failure.exit_code.number(), 104);
}

/// The first folder that this project kept, and what it lacks today.
#[test]
fn a_folder_is_read_as_it_stands() {
    let runs = tempfile::tempdir().expect("a folder");
    let path = runs.path().join("20261101T000000Z-t-00c0ffee0042");
    write_folder(&path);
    let options = |extra: &[&str]| {
        use clap::Parser;
        let all = [&["streamgauge-observer", "sla", path.to_str().expect("text")], extra].concat();
        match crate::cli::Cli::try_parse_from(all).expect("options").command {
            crate::cli::Command::Sla(sla) => sla.judge,
            other => panic!("{other:?}"),
        }
    };
    let html = runs.path().join("sla.html");
    let met = options(&["--objective", "p(99)<5s", "--html", html.to_str().expect("text")]);
    assert_eq!(crate::sla::run(&met).expect("an account"), 0);
    let page = fs::read_to_string(&html).expect("a page");
    assert!(page.contains("no rows.jsonl") && page.contains("cdc_e2e_latency"), "{page}");
    assert_eq!(crate::sla::run(&options(&["--objective", "p(99)<10"])).expect("an account"), 99);
    let none = options(&[
        "--objective",
        "p(99)<5s",
        "--window",
        "day",
        "--expect",
        "always",
        "--until",
        "2026-11-02",
    ]);
    assert_eq!(crate::sla::run(&none).expect("an account"), 111);
    for (extra, says) in [
        (&["--target", "99%"][..], "there is no objective"),
        (&["--objective", "p(99)<5s", "--tz", "Mars"], "--tz: time zone 'Mars'"),
        (&["--objective", "p(99)<5s", "--maintenance", "2026-11-01"], "has no '/'"),
        (&["--objective", "p(99)<5s", "--maintenance", "2026-11-02/2026-11-01"], "ends before it begins"),
        (&["--objective", "p(99)<5s", "--maintenance", "2026-11-01T00:00:30/2026-11-02"], "whole minutes"),
        (&["--objective", "p(99)<5s", "--window", "fortnight"], "--window 'fortnight'"),
        (&["--slo", "/nowhere.yaml"], "--slo '/nowhere.yaml' cannot be read"),
    ] {
        let failure = crate::sla::run(&options(extra)).expect_err(says);
        assert!(failure.exit_code.number() == 104 && failure.sentence.contains(says), "{failure}");
    }
}

fn write_folder(path: &Path) {
    use streamgauge_shared::histogram::SignedHistogram;
    use streamgauge_shared::histogram::interval_log::{append, header};
    let start = UnixNanos::from_millis(1_793_491_200_000);
    fs::create_dir_all(path).expect("a folder");
    let mut report = super::report(start, 600.0);
    let (mut log, mut count) = (header(start).into_bytes(), 0);
    for second in 0..600 {
        let mut histogram = SignedHistogram::default();
        (0..5).for_each(|n| histogram.record(Nanos::from_millis(20 + n)));
        count += histogram.count();
        append(&mut log, "cdc_e2e_latency.create", &histogram, Nanos::from_secs(second), Nanos::from_secs(1));
        append(&mut log, "cdc_propagation.create", &histogram, Nanos::from_secs(second), Nanos::from_secs(1));
    }
    let latency = serde_json::json!({ "cdc_e2e_latency": { "all": { "count": count, "censored": 0, "unmeasured": 0 }, "by": [] } });
    report.latency = serde_json::from_value(latency).expect("latencies");
    fs::write(path.join("report.json"), serde_json::to_string(&report).expect("JSON")).expect("a file");
    fs::write(path.join("latency.hlog"), log).expect("a file");
}
