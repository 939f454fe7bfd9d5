//! Runs without a fault, of the same length as the others: what the instrument says when nothing is wrong.
//!
//! None may be INVALID, at most one DEGRADED, and that one only because a program was starved of CPU, which the
//! kernel's own figures must confirm: the time its threads waited for a core, from their schedstat.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::time::Nanos;
use streamgauge_testbed::{Process, Testbed};

use super::live::{Load, Ran};
use super::{Line, Verdict};
use crate::{Observer, finish, start_run};

pub(super) const NAME: &str = "clean";
const RUNS: usize = 10;
/// Runs that may be DEGRADED.
const DEGRADED_MAX: usize = 1;
/// How long a run may take at most.
const RUN_LIMIT: Duration = Duration::from_secs(90);
/// How often the kernel's figures are read.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Waiting for a core for this long in one run confirms starvation.
const STARVED_MIN: Nanos = Nanos::from_millis(100);
/// The reasons of a starved writer and of a starved observer.
const STARVATION: [&str; 2] = ["writer_starved", "observer_starved"];

pub(super) async fn lines() -> Result<Vec<Line>> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let path = Load::CREATES.write(&bed, "clean")?;
    let (mut lines, mut states) = (Vec::new(), Vec::new());
    for number in 1..=RUNS {
        let id = format!("{number:012x}");
        let extra = ["--prepare", "--keep-rows", "--run-id", &id];
        let run = start_run(&bed, &observer, &path, &extra).await?;
        let processes = [&run, &observer.process];
        let waited = waited(&processes);
        let (finished, waited) = tokio::try_join!(finish(&run, RUN_LIMIT), waited)?;
        let ran = Ran::read(&bed, &observer, Some(&id), finished)?;
        let state = ran.report.validity.state;
        states.push(state);
        let account = ran.report.account;
        let named: Vec<Nanos> = STARVATION
            .iter()
            .zip(waited)
            .filter(|(code, _)| ran.codes().contains(*code))
            .map(|(_, wait)| wait)
            .collect();
        let starved = !named.is_empty() && named.iter().all(|wait| *wait >= STARVED_MIN);
        let verdict = if account.delivered != account.entries || ran.finished.code != 0 {
            Verdict::Wrong(format!("{account:?}, exit code {}", ran.finished.code))
        } else if state == ValidityState::Invalid {
            Verdict::Wrong("a clean run must not be invalid".to_owned())
        } else if state == ValidityState::Degraded && !starved {
            Verdict::Wrong("degraded without a starved program".to_owned())
        } else {
            Verdict::Right
        };
        lines.push(Line {
            fault: format!("{NAME} {number}"),
            injected: "nothing".to_owned(),
            reported: ran.validity(),
            error: format!("waited {}, {}", waited[0], waited[1]),
            verdict,
        });
    }
    bed.stop()?;
    let degraded = states.iter().filter(|state| **state != ValidityState::Valid).count();
    let verdict = if degraded > DEGRADED_MAX {
        Verdict::Wrong(format!("at least {} of {RUNS} must be valid", RUNS - DEGRADED_MAX))
    } else {
        Verdict::Right
    };
    lines.push(Line {
        fault: NAME.to_owned(),
        injected: format!("{RUNS} runs without a fault"),
        reported: format!("{} valid", RUNS - degraded),
        error: degraded.to_string(),
        verdict,
    });
    Ok(lines)
}

/// How long the threads of each process waited for a core until the first of them ended.
async fn waited(processes: &[&Process; 2]) -> Result<[Nanos; 2]> {
    let look = || processes.map(|process| run_delay(process.pid()));
    let before = look();
    let mut last = before;
    while processes[0].is_running() {
        // A thread that ends takes its figure with it, so the most that was seen counts.
        for (last, seen) in last.iter_mut().zip(look()) {
            *last = (*last).max(seen);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok([last[0] - before[0], last[1] - before[1]])
}

/// The second figure of `schedstat`, summed over the threads of a process; zero once it is gone.
fn run_delay(pid: u32) -> Nanos {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let figure = |path: std::path::PathBuf| -> Option<i64> {
        fs::read_to_string(path.join("schedstat")).ok()?.split_whitespace().nth(1)?.parse().ok()
    };
    Nanos(threads.filter_map(|thread| figure(thread.path())).sum())
}
