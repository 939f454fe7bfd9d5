//! What a run ends with: the report and its exit code, or why there is none.

use std::sync::atomic::Ordering;

use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::{Progress, Verdict};
use streamgauge_shared::report::{self, Report};
use tokio::task::JoinError;

use super::run::Running;
use crate::cli::Summary;
use crate::terminal;

/// How the account was closed.
pub(super) enum Closing {
    /// With the observer's report.
    Verdict(Verdict, Box<Report>),
    /// Without one, for this reason.
    Failed(Failure),
    /// Without one: the user did not want to wait.
    None,
}

impl Closing {
    /// Reads the report of a verdict.
    pub(super) fn of(result: Result<Verdict, Failure>) -> Self {
        let verdict = match result {
            Ok(verdict) => verdict,
            Err(failure) => return Self::Failed(failure),
        };
        match serde_json::from_str(&verdict.report_json) {
            Ok(report) => Self::Verdict(verdict, Box::new(report)),
            Err(error) => Self::Failed(Failure::run(format!(
                "the observer's report cannot be read: {error}; use programs of one version (run folder: {})",
                verdict.folder.as_deref().unwrap_or("none")
            ))),
        }
    }

    /// The report's figures as the progress lines show them.
    pub(super) fn progress(&self) -> Option<Progress> {
        let Self::Verdict(verdict, _) = self else { return None };
        Some(verdict.progress.clone())
    }
}

/// The result of the session's task.
pub(super) fn of_session(joined: Result<Result<Verdict, Failure>, JoinError>) -> Result<Verdict, Failure> {
    joined.unwrap_or_else(|_| Err(Failure::run("the ledger's session panicked: a bug of ours")))
}

/// Tells what is known, and says what the process ends with; of a report `print` does both.
///
/// # Errors
/// There is no report: the gravest reason that is known.
pub(super) fn tell(
    running: &Running,
    closing: Closing,
    print: impl FnOnce(&Verdict, &Report) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let context = &running.context;
    let errors = context.write_errors.load(Ordering::Relaxed);
    if let Some(first) = context.first_error.get() {
        tracing::warn!("{errors} attempts to write failed, the first: {first}");
    }
    for (scenario, count) in context.test.scenarios.iter().zip(&context.counts) {
        let dropped = count.dropped_in_warm_up();
        if dropped > 0 {
            tracing::warn!("{dropped} ticks of the warm-up of {} found no free user", scenario.name);
        }
    }
    let failure = match closing {
        Closing::Verdict(verdict, report) => return print(&verdict, &report),
        Closing::Failed(failure) => failure,
        Closing::None => interrupted(),
    };
    last_known(running);
    // Of several reasons the gravest one is the run's.
    Err(match context.halt.cause() {
        Some(cause) if cause.exit_code < failure.exit_code => cause,
        _ => failure,
    })
}

/// Prints a run's summary, and where the run is kept.
pub(super) fn print(summary: Summary, no_color: bool, verdict: &Verdict, report: &Report) {
    let folder = verdict.folder.as_deref().unwrap_or("none: the observer could not write it, see its log");
    match summary {
        Summary::Text | Summary::Full => {
            let display = terminal::display(no_color);
            let text = match summary {
                Summary::Text => report::render_screen(report, display),
                _ => report::render_full(report, display),
            };
            terminal::print(&text);
            terminal::print(&format!("run folder: {folder}\n"));
        }
        // The report alone, for another program to read.
        Summary::Json => {
            terminal::print(&format!("{}\n", verdict.report_json));
            terminal::note(&format!("run folder: {folder}"));
        }
    }
}

/// What the observer said last, where it will say no more.
fn last_known(running: &Running) {
    let Some(progress) = running.link.progress.borrow().clone() else { return };
    terminal::note(&format!(
        "last known: entries={}, {} arrived, {} pending, {} lost, e2e p50{} p95{}",
        progress.entries,
        progress.arrived,
        progress.pending,
        progress.lost,
        progress.e2e_p50,
        progress.e2e_p95
    ));
}

/// The exit code of a run that was interrupted and of which nothing more is known.
fn interrupted() -> Failure {
    Failure {
        exit_code: ExitCode::Interrupted,
        sentence: "interrupted twice: the observer had no time for its verdict".to_owned(),
    }
}
