//! Whether two runs may be compared at all, and what besides the pipeline may explain a difference.

use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::report::{Report, ValidityState, VerdictState, millis};

use super::verdict::percent;

/// Loads that differ by no more than this share are the same.
const LOAD_SHARE_MAX: f64 = 0.05;
/// Lengths of runs, likewise.
const DURATION_SHARE_MAX: f64 = 0.25;
/// What separates the test from the model in `test.toml`.
const MODEL_BEGINS: &str = "# ---- the model, ";

/// What is known of one run.
#[derive(Clone, Copy, Debug)]
pub struct Conducted<'a> {
    /// `A`, or `A2` where its side has several.
    pub label: &'a str,
    /// Its report.
    pub report: &'a Report,
    /// The test as it ran; absent where the folder does not have it.
    pub test: Option<&'a str>,
    /// What its folder lacks.
    pub lacks: &'a [String],
}

/// How grave a condition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Something else than the pipeline may explain a difference.
    Warning,
    /// The runs are not to be compared; `--force` does it all the same.
    Refused,
    /// A side is not to be believed: whatever is computed, nothing can be told.
    Unbelievable,
}

/// One thing that differs, or is wrong with a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// A word for scripts.
    pub code: &'static str,
    /// How grave it is.
    pub grade: Grade,
    /// A sentence, without a full stop.
    pub sentence: String,
}

fn found(code: &'static str, grade: Grade, sentence: String) -> Condition {
    Condition { code, grade, sentence }
}

/// All that is to be said of these runs; each is held against the first.
#[must_use]
pub fn conditions(runs: &[Conducted<'_>]) -> Vec<Condition> {
    let mut all: Vec<Condition> = runs.iter().flat_map(of_one).collect();
    let Some((first, others)) = runs.split_first() else { return all };
    for other in others {
        for condition in of_two(*first, *other) {
            // What many runs have in common is said once.
            if !all.contains(&condition) {
                all.push(condition);
            }
        }
    }
    all.sort_by_key(|condition| std::cmp::Reverse(condition.grade));
    all
}

fn of_one(run: &Conducted<'_>) -> Vec<Condition> {
    let (label, report) = (run.label, run.report);
    let mut all = Vec::new();
    let reasons = || {
        let codes: Vec<&str> = report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
        codes.join(", ")
    };
    match report.validity.state {
        ValidityState::Valid => {}
        ValidityState::Degraded => all.push(found(
            "degraded",
            Grade::Warning,
            format!("the measurement of {label} is DEGRADED: {}", reasons()),
        )),
        ValidityState::Invalid => all.push(found(
            "invalid",
            Grade::Unbelievable,
            format!("the measurement of {label} is INVALID: {}", reasons()),
        )),
    }
    if !report.run.complete {
        all.push(found(
            "incomplete",
            Grade::Refused,
            format!("{label} did not end: its figures are those of the last refresh"),
        ));
    }
    if matches!(report.verdict.state, VerdictState::Aborted | VerdictState::Interrupted | VerdictState::Error)
    {
        let state = format!("{:?}", report.verdict.state).to_lowercase();
        all.push(found("cut_short", Grade::Warning, format!("{label} was cut short: {state}")));
    }
    for lack in run.lacks.iter().filter(|lack| !lack.starts_with("the run did not end")) {
        all.push(found("lacks", Grade::Warning, format!("{label} has {lack}")));
    }
    all
}

fn of_two(first: Conducted<'_>, other: Conducted<'_>) -> Vec<Condition> {
    let mut all = tests(first, other);
    let (a, b) = (first.label, other.label);
    let (of_a, of_b) = (first.report, other.report);
    let mut differ = |code: &'static str, what: &str, in_a: String, in_b: String| {
        if in_a != in_b {
            all.push(found(code, Grade::Warning, format!("{what} {in_a} in {a} and {in_b} in {b}")));
        }
    };
    differ("time_scale", "--time-scale is", of_a.run.time_scale.to_string(), of_b.run.time_scale.to_string());
    differ("load_scale", "--load-scale is", of_a.run.load_scale.to_string(), of_b.run.load_scale.to_string());
    differ("writers", "the number of writers is", of_a.run.writers.to_string(), of_b.run.writers.to_string());
    let keys = of_a.run.versions.keys().chain(of_b.run.versions.keys());
    let mut keys: Vec<&String> = keys.collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let version = |report: &Report| report.run.versions.get(key).cloned().unwrap_or("unknown".to_owned());
        differ("versions", &format!("{key} is"), version(of_a), version(of_b));
    }
    differ("clock", "the clocks are", domain(of_a), domain(of_b));
    all.extend(load(first, other));
    all.extend(lost(first, other));
    all
}

fn tests(first: Conducted<'_>, other: Conducted<'_>) -> Vec<Condition> {
    let (a, b) = (first.label, other.label);
    let (name_a, name_b) = (&first.report.run.test, &other.report.run.test);
    if name_a != name_b {
        let sentence = format!("{a} is a run of the test '{name_a}' and {b} one of '{name_b}'");
        return vec![found("test", Grade::Refused, sentence)];
    }
    let (Some(text_a), Some(text_b)) = (first.test, other.test) else {
        // That a test.toml is not there has been said.
        return Vec::new();
    };
    let parts = |text: &str| {
        let (test, model) = text.split_once(MODEL_BEGINS).unwrap_or((text, ""));
        // The name of the model's file is no part of the model.
        let model = model.split_once('\n').map_or("", |(_, model)| model);
        (significant(test), significant(model.replace("\n#", "\n").trim_start_matches('#')))
    };
    let ((test_a, model_a), (test_b, model_b)) = (parts(text_a), parts(text_b));
    let mut all = Vec::new();
    if model_a != model_b {
        let sentence = format!("the models of {a} and {b} differ: other rows were written");
        all.push(found("model", Grade::Refused, sentence));
    }
    if test_a != test_b {
        let sentence = format!(
            "the tests of {a} and {b} have the same name and differ in: {}",
            first_line(&test_a, &test_b)
        );
        all.push(found("test_text", Grade::Warning, sentence));
    }
    all
}

/// The lines that say something, without comments and the space around them.
fn significant(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim().to_owned());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The first line in which two texts differ.
fn first_line(a: &[String], b: &[String]) -> String {
    let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
    let line = |lines: &[String]| lines.get(at).map_or("nothing".to_owned(), |line| format!("'{line}'"));
    format!("{} and {}", line(a), line(b))
}

fn domain(report: &Report) -> String {
    match (report.clock.domain, report.clock.error_bound_ms) {
        (ClockDomain::SameKernel, _) => "one kernel's, without error".to_owned(),
        // Bounds of the same size are the same: they change a little from run to run.
        (ClockDomain::Network, Some(bound)) => {
            let size = [1.0, 10.0, 100.0].into_iter().find(|size| bound <= *size);
            size.map_or("two, further than 100ms apart".to_owned(), |size| {
                format!("two, compared to within {}", millis(size))
            })
        }
        (ClockDomain::Network, None) => "two, nobody knows how far apart".to_owned(),
    }
}

/// The load as it came, whatever the seed: rates, users, what was not written, and for how long.
fn load(first: Conducted<'_>, other: Conducted<'_>) -> Vec<Condition> {
    let (a, b) = (first.label, other.label);
    let mut all = Vec::new();
    let mut unequal = |what: &str, unit: &str, in_a: f64, in_b: f64, most: f64| {
        if in_a.max(in_b) > 0.0 && (in_a - in_b).abs() > most * in_a.max(in_b) {
            let sentence = format!(
                "the load is unequal: {what} {in_a:.1}{unit} in {a} and {in_b:.1}{unit} in {b}; a pipeline under more load is slower"
            );
            all.push(found("load", Grade::Warning, sentence));
        }
    };
    let rate = |report: &Report| count(report.account.entries) / report.run.duration_s.max(f64::MIN_POSITIVE);
    unequal("rows came at", "/s", rate(first.report), rate(other.report), LOAD_SHARE_MAX);
    let users = |report: &Report| f64::from(report.load.peak_users);
    // Users of an open loop come and go with the latency itself: only a large difference says something.
    unequal("users were at most", "", users(first.report), users(other.report), 0.5);
    let (lasted_a, lasted_b) = (first.report.run.duration_s, other.report.run.duration_s);
    if (lasted_a - lasted_b).abs() > DURATION_SHARE_MAX * lasted_a.max(lasted_b) {
        let sentence = format!("{a} lasted {lasted_a:.0} s and {b} {lasted_b:.0} s");
        all.push(found("duration", Grade::Warning, sentence));
    }
    all
}

/// Rows that never arrived are no latency, and a median does not show them.
fn lost(first: Conducted<'_>, other: Conducted<'_>) -> Vec<Condition> {
    let share = |report: &Report| {
        let gone = report.account.lost + report.account.unknown + report.account.pending;
        count(gone) / count(report.account.entries.max(1))
    };
    let (in_a, in_b) = (share(first.report), share(other.report));
    if (in_a - in_b).abs() < 0.000_05 {
        return Vec::new();
    }
    let (a, b) = (first.label, other.label);
    let sentence = format!(
        "rows that never arrived are {} in {a} and {} in {b}: a percentile below them does not show it",
        percent_fine(in_a),
        percent_fine(in_b)
    );
    vec![found("lost", Grade::Warning, sentence)]
}

fn percent_fine(share: f64) -> String {
    if share < 0.01 { format!("{:.2}%", share * 100.0) } else { percent(share) }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
fn count(count: u64) -> f64 {
    count as f64
}

/// The least difference that the clocks allow to be seen: the sum of both sides' largest bounds, milliseconds. Nothing
/// where one of them is not known.
#[must_use]
pub fn clocks_apart(runs: &[Conducted<'_>]) -> Option<f64> {
    let mut largest: [f64; 2] = [0.0; 2];
    for run in runs {
        let side = usize::from(run.label.starts_with('B'));
        largest[side] = largest[side].max(run.report.clock.error_bound_ms?);
    }
    Some(largest.iter().sum())
}
