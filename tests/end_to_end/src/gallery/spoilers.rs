//! What spoils the measurement itself: such a run must not end VALID, and must say why.

use std::time::Duration;

use anyhow::Result;
use streamgauge_shared::report::ValidityState;
use streamgauge_testbed::{Signal, Testbed};

use super::live::{Live, Load, Ran};
use super::{Line, Verdict};
use crate::{Observer, cores, start_run, writer};

/// How long the observer stands still.
const STOPPED_FOR: Duration = Duration::from_secs(3);
/// How long the ledger's connection is cut.
const CUT_FOR: Duration = Duration::from_secs(10);
/// How long the writer gets next to no CPU.
const STARVED_FOR: Duration = Duration::from_secs(4);
/// Busy processes beside it on its core.
const HOGS: u32 = 3;
/// MB; the smallest that takes a run's rows.
const SMALL_OPLOG_MB: u32 = 16;
/// What bends a program's clock, and how: its wall clock steps half a second while the run goes on.
const TEST_CLOCK: (&str, &str) = ("STREAMGAUGE_TEST_CLOCK", "step=500ms@5s");
/// What a report says when it was made with such a clock.
const TEST_CLOCK_FIELD: &str = "/clock/test_clock";
/// Where the load's rows land, and where a renamed one goes.
const COLLECTION: &str = "customers";
const RENAMED: &str = "former_customers";
/// Rows after which the fault begins.
const ROWS_BEFORE: u64 = 100;

/// What spoils a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoiler {
    ObserverStopped,
    WriterStarved,
    LedgerCut,
    CursorKilled,
    MongoRestarted,
    OplogRolled,
    Election,
    CollectionDropped,
    CollectionRenamed,
    ClockStepped,
}

pub(super) const ALL: [Spoiler; 10] = [
    Spoiler::ObserverStopped,
    Spoiler::WriterStarved,
    Spoiler::LedgerCut,
    Spoiler::CursorKilled,
    Spoiler::MongoRestarted,
    Spoiler::OplogRolled,
    Spoiler::Election,
    Spoiler::CollectionDropped,
    Spoiler::CollectionRenamed,
    Spoiler::ClockStepped,
];

impl Spoiler {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ObserverStopped => "observer-stopped",
            Self::WriterStarved => "writer-starved",
            Self::LedgerCut => "ledger-cut",
            Self::CursorKilled => "cursor-killed",
            Self::MongoRestarted => "mongod-restarted",
            Self::OplogRolled => "oplog-rolled",
            Self::Election => "election",
            Self::CollectionDropped => "collection-dropped",
            Self::CollectionRenamed => "collection-renamed",
            Self::ClockStepped => "clock-stepped",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let ran = match self {
            Self::ObserverStopped => observer_stopped().await,
            Self::WriterStarved => writer_starved().await,
            Self::LedgerCut => ledger_cut().await,
            Self::CursorKilled => cursor_killed().await,
            Self::MongoRestarted => mongod_restarted().await,
            Self::OplogRolled => oplog_rolled().await,
            Self::Election => election().await,
            Self::CollectionDropped => collection(async |bed| bed.drop_collection(COLLECTION).await).await,
            Self::CollectionRenamed => {
                collection(async |bed| bed.rename_collection(COLLECTION, RENAMED).await).await
            }
            Self::ClockStepped => clock_stepped().await,
        };
        Ok(self.judge(&ran?))
    }

    /// Reasons of which one must be given, and the least grade. Without a reason everything must be delivered.
    fn accepted(self) -> (ValidityState, &'static [&'static str]) {
        match self {
            Self::ObserverStopped => (ValidityState::Degraded, &["unmeasured_events", "observer_starved"]),
            Self::WriterStarved => (ValidityState::Degraded, &["writer_starved"]),
            Self::LedgerCut => {
                (ValidityState::Degraded, &["ledger_interrupted", "ledger_incomplete", "ledger_overflow"])
            }
            Self::CollectionDropped | Self::CollectionRenamed => {
                (ValidityState::Degraded, &["collection_gone"])
            }
            // A stream outlives its primary's stepping down: nothing need be said, but nothing may be missed.
            Self::Election => (ValidityState::Valid, &[]),
            Self::CursorKilled | Self::MongoRestarted => {
                (ValidityState::Degraded, &["unmeasured_events", "stream_interrupted"])
            }
            Self::OplogRolled => (ValidityState::Invalid, &["stream_gap"]),
            Self::ClockStepped => (ValidityState::Degraded, &["clock_stepped"]),
        }
    }

    fn injected(self) -> String {
        match self {
            Self::ObserverStopped => format!("SIGSTOP for {STOPPED_FOR:?}"),
            Self::WriterStarved => format!("nice 19 beside {HOGS} busy, {STARVED_FOR:?}"),
            Self::LedgerCut => format!("no connection for {CUT_FOR:?}"),
            Self::CursorKilled => "killCursors once".to_owned(),
            Self::MongoRestarted => "kill -9 and a new start".to_owned(),
            Self::OplogRolled => "SIGSTOP until the oplog has rolled".to_owned(),
            Self::Election => "the primary steps down".to_owned(),
            Self::CollectionDropped => "the run's collection is dropped".to_owned(),
            Self::CollectionRenamed => "the run's collection is renamed".to_owned(),
            Self::ClockStepped => "wall clock + 500 ms".to_owned(),
        }
    }

    fn judge(self, ran: &Ran) -> Line {
        let (grade, accepted) = self.accepted();
        let (state, codes) = (ran.report.validity.state, ran.codes());
        let account = ran.report.account;
        let verdict = if self == Self::ClockStepped && ran.json.pointer(TEST_CLOCK_FIELD).is_none() {
            Verdict::Skipped(
                "these programs have no test clock, and the machine's own is left alone".to_owned(),
            )
        } else if state < grade {
            Verdict::Wrong(format!("at least {} expected", grade.name()))
        } else if accepted.is_empty()
            && (state == ValidityState::Invalid || account.delivered < account.entries)
        {
            Verdict::Wrong("everything delivered, and not invalid, expected".to_owned())
        } else if !accepted.is_empty() && !accepted.iter().any(|code| codes.contains(code)) {
            Verdict::Wrong(format!("none of {}", accepted.join(", ")))
        } else if !ran.closes() {
            Verdict::Wrong(format!("the account does not close: {account:?}"))
        } else {
            Verdict::Right
        };
        Line {
            fault: self.name().to_owned(),
            injected: self.injected(),
            reported: ran.validity(),
            error: format!("{} of {} delivered", account.delivered, account.entries),
            verdict,
        }
    }
}

async fn observer_stopped() -> Result<Ran> {
    let live = Live::start(Testbed::builder(), Load::CREATES).await?;
    live.entries(ROWS_BEFORE).await?;
    live.observer.process.signal(Signal::Stop)?;
    tokio::time::sleep(STOPPED_FOR).await;
    live.observer.process.signal(Signal::Continue)?;
    live.end().await
}

/// The writer at the lowest priority on one core, which then gets busy neighbours.
async fn writer_starved() -> Result<Ran> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let path = Load::CREATES.write(&bed, "gallery")?.display().to_string();
    let core = cores::allowed()?.swap_remove(0);
    let args = ["run", &path, "--observer", &observer.address, "--prepare", "--keep-rows"];
    let run = bed.run(cores::pinned(writer(bed.postgres_url(), &args)?, &core, 19)?).await?;
    let live = Live { bed, observer, run };
    live.entries(ROWS_BEFORE).await?;
    let hogs = cores::hogs(&live.bed, &core, HOGS).await?;
    tokio::time::sleep(STARVED_FOR).await;
    for hog in hogs {
        hog.kill_9().await?;
    }
    live.end().await
}

async fn ledger_cut() -> Result<Ran> {
    let (live, wire) = Live::start_behind_a_wire(Load { seconds: 13, ..Load::CREATES }).await?;
    live.entries(ROWS_BEFORE).await?;
    wire.cut();
    tokio::time::sleep(CUT_FOR).await;
    wire.mend();
    live.end().await
}

async fn cursor_killed() -> Result<Ran> {
    let live = Live::start(Testbed::builder(), Load::CREATES).await?;
    live.entries(ROWS_BEFORE).await?;
    live.bed.kill_stream_cursor("streamgauge-observer").await?;
    live.end().await
}

async fn mongod_restarted() -> Result<Ran> {
    let mut live = Live::start(Testbed::builder(), Load::CREATES).await?;
    live.entries(ROWS_BEFORE).await?;
    live.bed.mongo().kill_9().await?;
    live.bed.start_mongo_again().await?;
    live.restart_relay().await?;
    live.end().await
}

async fn oplog_rolled() -> Result<Ran> {
    let load = Load { drain_s: 5, ..Load::CREATES };
    let live = Live::start(Testbed::builder().oplog_mb(SMALL_OPLOG_MB), load).await?;
    live.entries(ROWS_BEFORE).await?;
    live.observer.process.signal(Signal::Stop)?;
    let rolled = live.bed.roll_oplog().await;
    live.observer.process.signal(Signal::Continue)?;
    rolled?;
    live.end().await
}

async fn election() -> Result<Ran> {
    let live = Live::start(Testbed::builder(), Load::CREATES).await?;
    live.entries(ROWS_BEFORE).await?;
    live.bed.step_down().await?;
    live.restart_relay().await?;
    live.end().await
}

/// Something happens to the collection that the relay goes on to write to, and so makes anew.
async fn collection(disturb: impl AsyncFnOnce(&Testbed) -> Result<()>) -> Result<Ran> {
    let live = Live::start(Testbed::builder(), Load::CREATES).await?;
    live.entries(ROWS_BEFORE).await?;
    disturb(&live.bed).await?;
    live.end().await
}

async fn clock_stepped() -> Result<Ran> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start_with(&bed, &["--once"], &[TEST_CLOCK]).await?;
    let path = Load::CREATES.write(&bed, "gallery")?;
    let run = start_run(&bed, &observer, &path, &["--prepare", "--keep-rows"]).await?;
    Live { bed, observer, run }.end().await
}
