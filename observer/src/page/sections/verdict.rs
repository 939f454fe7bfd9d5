//! How the run stands, or how it ended, in one sentence.

use askama::Template;
use streamgauge_shared::report::{ValidityState, VerdictState, verdict_words};
use streamgauge_shared::time::Nanos;

use super::Between;
use crate::html::figure;
use crate::page::Shown;

#[derive(Template)]
#[template(path = "page/sections/verdict.html")]
struct Verdict<'v> {
    tone: &'static str,
    state: &'v str,
    word: &'static str,
    rest: String,
    is_live: bool,
    test: &'v str,
    id: &'v str,
    started_at: &'v str,
    lasted: String,
    at: String,
    scenarios: Vec<Scenario<'v>>,
    validity: &'static str,
    validity_tone: &'static str,
    folder: Option<String>,
}

struct Scenario<'v> {
    name: &'v str,
    stage: Option<&'v str>,
}

pub(super) fn html(shown: Option<&Shown<'_>>, _: Option<&Between>) -> Option<String> {
    let Some(shown) = shown else {
        return Some("<h2>No run yet</h2><p>This observer is waiting for a writer.</p>".to_owned());
    };
    let report = shown.report();
    let (word, rest) = verdict_words(report);
    let tone = match report.verdict.state {
        VerdictState::Passed => "good",
        VerdictState::Interrupted => "warn",
        _ => "bad",
    };
    let validity_tone = match report.validity.state {
        ValidityState::Valid => "good",
        ValidityState::Degraded => "warn",
        ValidityState::Invalid => "bad",
    };
    let state = serde_json::to_value(report.verdict.state).ok()?;
    let scenarios = shown.snapshot.scenarios.iter();
    let scenarios = scenarios.map(|one| Scenario { name: &one.name, stage: one.stage.as_deref() });
    // What happened so long ago is told in whole seconds: what changes with every event has to be small.
    let lasted = figure::lasted("/run/duration_s", report.run.duration_s);
    Verdict {
        tone,
        state: state.as_str()?,
        word,
        rest,
        is_live: shown.is_live(),
        test: &report.run.test,
        id: &report.run.id,
        started_at: &report.run.started_at,
        lasted,
        at: clock_time(&shown.snapshot.at.to_rfc3339()),
        scenarios: scenarios.collect(),
        validity: report.validity.state.name(),
        validity_tone,
        folder: report.run.folder.clone(),
    }
    .render()
    .ok()
}

/// `10:15:03 UTC` of `2026-11-30T10:15:03.000Z`.
fn clock_time(rfc3339: &str) -> String {
    let time = rfc3339.split_once('T').map_or(rfc3339, |(_, time)| time);
    let seconds = time.split(['.', 'Z']).next().unwrap_or(time);
    format!("{seconds} UTC")
}

/// A span in whole seconds, as figures over time begin and end.
pub(super) fn whole_seconds(span: Nanos) -> String {
    Nanos::from_secs(span.0 / 1_000_000_000).to_string()
}
