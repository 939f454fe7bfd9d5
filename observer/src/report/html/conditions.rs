//! How it was measured, under which conditions, and what was not measured.

use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::report::{Report, VerdictState};
use streamgauge_shared::timeline::Latency;

use super::answer;
use super::tables::plural;
use crate::html::figure;
use crate::kept::KeptRun;

/// Everything that stands under the evidence.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) method: String,
    /// Name and value; the value is markup.
    pub(super) facts: Vec<(String, String)>,
    pub(super) clock: Vec<String>,
    pub(super) not_measured: Vec<String>,
}

impl Conditions {
    pub(super) fn of(run: &KeptRun) -> Self {
        let report = &run.report;
        Self {
            method: answer::method(report),
            facts: facts(report),
            clock: report.clock.lines(),
            not_measured: not_measured(run),
        }
    }
}

fn facts(report: &Report) -> Vec<(String, String)> {
    let escape = crate::chart::escape;
    let mut facts: Vec<(String, String)> = vec![
        ("run".to_owned(), format!("<code>{}</code>", escape(&report.run.id))),
        ("started".to_owned(), escape(&report.run.started_at)),
        ("measured for".to_owned(), figure::lasted("/run/duration_s", report.run.duration_s)),
        ("scenarios".to_owned(), escape(&report.run.scenarios.join(", "))),
        ("seed".to_owned(), format!("{} (the same seed writes the same rows)", report.run.seed)),
        ("writers".to_owned(), report.run.writers.to_string()),
    ];
    for (name, scale) in [("time scale", report.run.time_scale), ("load scale", report.run.load_scale)] {
        facts.push((name.to_owned(), format!("{scale}")));
    }
    facts.extend(report.run.versions.iter().map(|(name, version)| (name.replace('_', " "), escape(version))));
    let domain = match report.clock.domain {
        ClockDomain::SameKernel => "writers and observer ran on one kernel and share its clock",
        ClockDomain::Network => "writers and observer ran on different machines",
    };
    facts.push(("machines".to_owned(), domain.to_owned()));
    let bound = match report.clock.error_bound_ms {
        Some(bound) => format!("± {}", figure::time("/clock/error_bound_ms", Some(bound))),
        None => "not known".to_owned(),
    };
    facts.push(("clock bound".to_owned(), bound));
    if let Some(floor) = &report.floor {
        let (p50, p99) = (figure::figure("/floor/p50", floor.p50), figure::figure("/floor/p99", floor.p99));
        facts.push(("measurement floor".to_owned(), format!("median {p50}, p(99) {p99}")));
    }
    for (name, process) in &report.process {
        let peak =
            crate::chart::Quantity::Bytes.words(streamgauge_shared::account::as_f64(process.peak_rss_bytes));
        let waited = process.worst_second_wait_ms.map(|worst| {
            format!(
                ", waited for a processor {} in its worst second",
                streamgauge_shared::report::millis(worst)
            )
        });
        let used = format!(
            "{:.1} s of processor time, {peak} of memory at most{}",
            process.cpu_s,
            waited.unwrap_or_default()
        );
        facts.push((name.clone(), used));
    }
    if let Some(folder) = &report.run.folder {
        facts.push(("kept in".to_owned(), format!("<code>{}</code>", escape(folder))));
    }
    facts
}

/// What a reader might take for measured and was not.
fn not_measured(run: &KeptRun) -> Vec<String> {
    let report = &run.report;
    let mut said: Vec<String> =
        run.lacks.iter().map(|lack| format!("This run's folder lacks something: {lack}.")).collect();
    let account = &report.account;
    let of_rows = |count: u64| plural(usize::try_from(count).unwrap_or(usize::MAX), "row");
    for (count, what) in [
        (
            account.pending,
            "had not arrived when the run ended: they count with their age, and no more is known of them",
        ),
        (
            account.lost,
            "never arrived for as long as the test waits: they count in every percentile as slower than what arrived",
        ),
        (account.unknown, "may or may not have been committed, as PostgreSQL's answer did not come"),
        (
            account.rejected,
            "were not written, because PostgreSQL refused them or they were never sent: they have no latency",
        ),
        (
            account.superseded,
            "were overwritten before they could be seen: a later change of the same row arrived",
        ),
        (report.events.undecodable, "of the change stream could not be read"),
    ] {
        if count > 0 {
            said.push(format!("{} {what}.", of_rows(count)));
        }
    }
    let headline = report.latency.get(Latency::CdcE2eLatency.name()).map(|latency| &latency.all);
    if let Some(unmeasured) = headline.map(|stats| stats.unmeasured).filter(|count| *count > 0) {
        said.push(format!(
            "{} arrived at a time that cannot be believed: they count between their bounds.",
            of_rows(unmeasured)
        ));
    }
    for (name, phase) in &report.phases {
        let (rows, name) = (of_rows(phase.account.entries), name.replace('_', "-"));
        said.push(format!("{rows} of the {name} are in no figure of this report."));
    }
    if report.floor.is_none() {
        said.push("The measurement floor: what MongoDB and the observer take by themselves is in the latencies and cannot be told apart.".to_owned());
    }
    if report.stages.is_empty() {
        said.push("The stages inside the pipeline: it leaves no marks in its documents, so propagation is one figure.".to_owned());
    }
    if report.content.is_none() {
        said.push("The content of the rows: no column is verified, so a row that arrived with wrong values counts as arrived.".to_owned());
    }
    if matches!(report.verdict.state, VerdictState::Aborted | VerdictState::Interrupted | VerdictState::Error)
    {
        said.push("The rest of the planned load: the run ended before it.".to_owned());
    }
    said.push("Other load than this test's own: what else the databases and the pipeline did meanwhile is in the figures and is not named here.".to_owned());
    said
}
