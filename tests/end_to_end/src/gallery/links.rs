//! Writers that fall silent: their run closes in a known time and says why, and the observer takes the next one.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::report::{Report, ValidityState};
use streamgauge_shared::time::Nanos;
use streamgauge_testbed::{Process, Signal, Testbed, wait_for};

use super::live::{KEEPING, Live, Load};
use super::{Line, Verdict};
use crate::wire::Wire;
use crate::{Observer, finish, get, start_run};

/// How long a silent writer's run may take to close: 10 s until its silence ends its connection, 40 s in which it may come
/// back, and some for the report.
const CLOSES_WITHIN: Duration = Duration::from_secs(60);
/// The first pieces of an answer: the upgrade, and the first questions for the writer's clock.
const CLOCK_ANSWERS: u32 = 3;
/// Rows before a writer falls silent.
const ROWS_BEFORE: u64 = 100;
/// How long the writers of short runs may take.
const RUN_LIMIT: Duration = Duration::from_secs(90);
/// The runs' ids: the one that is disturbed, and the next.
const IDS: [&str; 2] = ["00000000000a", "00000000000b"];
/// Fewer sessions than a writer opens by itself: a stopped one keeps them, and the next needs some too.
const FEW_SESSIONS: [&str; 2] = ["--connections", "20"];
/// The run after the disturbed one.
const NEXT: Load = Load { seconds: 2, drain_s: 5, ..Load::CREATES };

/// How a writer falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    ClockComparison,
    Stopped,
    Swallowed,
}

pub(super) const ALL: [Silence; 3] = [Silence::ClockComparison, Silence::Stopped, Silence::Swallowed];

impl Silence {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ClockComparison => "link-broken-at-start",
            Self::Stopped => "writer-stopped",
            Self::Swallowed => "link-swallowed",
        }
    }

    fn injected(self) -> &'static str {
        match self {
            Self::ClockComparison => "cut while the clocks are compared",
            Self::Stopped => "SIGSTOP of the writer",
            Self::Swallowed => "bytes swallowed both ways",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let bed = Testbed::builder().start().await?;
        let observer = Observer::start(&bed, &[]).await?;
        let wire = match self {
            Self::ClockComparison => Wire::breaking_after(&observer.address, CLOCK_ANSWERS).await?,
            Self::Stopped | Self::Swallowed => Wire::start(&observer.address).await?,
        };
        let path = Load { seconds: 20, ..Load::CREATES }.write(&bed, "silent")?;
        let extra = [&KEEPING[..], &FEW_SESSIONS, &["--run-id", IDS[0]]].concat();
        let run = start_run(&bed, &observer.behind(&wire), &path, &extra).await?;
        let live = Live { bed, observer, run };
        let clock = Clock::start();
        let began = match self {
            Self::ClockComparison => clock.now(),
            Self::Stopped => {
                live.entries(ROWS_BEFORE).await?;
                live.run.signal(Signal::Stop)?;
                clock.now()
            }
            Self::Swallowed => {
                live.entries(ROWS_BEFORE).await?;
                wire.swallow();
                clock.now()
            }
        };
        let Live { bed, observer, run } = live;
        let report = closed(&observer).await.with_context(|| observer.process.tail());
        let took = clock.now() - began;
        let next = match &report {
            Ok(_) => next_run(&bed, &observer).await,
            Err(_) => Ok(None),
        };
        run.kill_9().await?;
        bed.stop()?;
        Ok(self.judge(&report?, took, next?))
    }

    fn judge(self, report: &Report, took: Nanos, next: Option<String>) -> Line {
        let gone = report.validity.reasons.iter().any(|reason| reason.code == "writer_gone");
        let verdict = Verdict::unless([
            (report.validity.state != ValidityState::Invalid || !gone, "writer_gone expected".to_owned()),
            (next.is_some(), format!("the next run: {}", next.unwrap_or_default())),
        ]);
        let codes: Vec<&str> = report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect();
        Line {
            fault: self.name().to_owned(),
            injected: self.injected().to_owned(),
            reported: format!("{}: {}", report.validity.state.name(), codes.join(", ")),
            error: format!("closed after {:.0} s", took.as_secs_f64()),
            verdict,
        }
    }
}

/// The report of the disturbed run, once it is there.
async fn closed(observer: &Observer) -> Result<Report> {
    wait_for("the run of a silent writer to close", CLOSES_WITHIN, || async {
        let folders = observer.run_folders().map_err(|error| format!("{error:#}"))?;
        let folder = folders.iter().find(|folder| folder.to_string_lossy().ends_with(IDS[0]));
        let snapshot = async {
            get(&observer.address, "/api/snapshot")
                .await
                .map_or_else(|error| error.to_string(), |got| got.body.chars().take(400).collect())
        };
        let Some(folder) = folder else { return Err(snapshot.await) };
        let text = std::fs::read_to_string(folder.join("report.json")).map_err(|error| error.to_string())?;
        serde_json::from_str::<Report>(&text).map_err(|error| error.to_string())
    })
    .await
}

/// What is wrong with the run after it, if anything is.
async fn next_run(bed: &Testbed, observer: &Observer) -> Result<Option<String>> {
    let path = NEXT.write(bed, "next")?;
    let extra = [&KEEPING[..], &FEW_SESSIONS, &["--run-id", IDS[1]]].concat();
    let run: Process = start_run(bed, observer, &path, &extra).await?;
    let finished = finish(&run, RUN_LIMIT).await?;
    let folders = observer.run_folders()?;
    let folder = folders.iter().find(|folder| folder.to_string_lossy().ends_with(IDS[1]));
    let Some(folder) = folder else { bail!("no folder: {} {}", finished.stdout, finished.stderr) };
    let report: Report = serde_json::from_str(&std::fs::read_to_string(folder.join("report.json"))?)?;
    let account = report.account;
    let right = finished.code == 0 && account.delivered == NEXT.iterations();
    Ok((!right).then(|| format!("exit code {}, {account:?}", finished.code)))
}
