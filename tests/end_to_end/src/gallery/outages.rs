//! PostgreSQL, or the way to the observer, is away for a while, under the load of a program that goes on.

use std::time::Duration;

use anyhow::Result;
use streamgauge_shared::report::ValidityState;
use streamgauge_testbed::Testbed;

use super::live::{KEEPING, Live, Load, Ran};
use super::{Line, Verdict};
use crate::databases::stamps_in_postgres;
use crate::wire::Wire;
use crate::{Observer, writer};

/// A third of the load's time.
const REFUSED_FOR: Duration = Duration::from_secs(3);
/// The load on PostgreSQL, with thresholds that an outage must fail.
const WRITES: Load = Load {
    seconds: 9,
    drain_s: 5,
    rest: "[thresholds]\ncdc_success_rate = [\"rate>0.99\"]\npg_write_failed = [\"rate<0.01\"]\n",
    ..Load::CREATES
};
/// How much of the load may be on its way when its connections break: the writer never hears of those commits, so that
/// they are no part of what it wrote, and the observer still sees their rows.
const IN_DOUBT: f64 = 0.005;
/// Rows before the outage.
const WRITES_BEFORE: u64 = 250;

/// More than the observer keeps of what the ledger does not know yet: 100,000 events.
const HEAVY: Load = Load { rate: 4_500, seconds: 27, ..Load::CREATES };
/// Short of the 30 s after which a writer gives its observer up.
const AWAY_FOR: Duration = Duration::from_secs(25);

/// What is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outage {
    Postgres,
    Link,
}

pub(super) const ALL: [Outage; 2] = [Outage::Postgres, Outage::Link];

impl Outage {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres-refuses",
            Self::Link => "link-away",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        match self {
            Self::Postgres => postgres(self.name()).await,
            Self::Link => link(self.name()).await,
        }
    }
}

async fn postgres(name: &str) -> Result<Line> {
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &["--once"]).await?;
    let (wire, near) = Wire::before_postgres(bed.postgres_url()).await?;
    let path = WRITES.write(&bed, "gallery")?.display().to_string();
    let args = [&["run", &path, "--observer", &observer.address], &KEEPING[..]].concat();
    let run = bed.run(writer(&near, &args)?).await?;
    let live = Live { bed, observer, run };
    live.entries(WRITES_BEFORE).await?;
    wire.cut();
    tokio::time::sleep(REFUSED_FOR).await;
    wire.mend();
    let (ran, bed) = live.end_of_run().await?;
    let written = stamps_in_postgres(&bed, "customers").await?.len() as u64;
    bed.stop()?;
    judge_postgres(name, &ran, written)
}

/// Beside what PostgreSQL holds: every iteration of the schedule is one entry, written or not.
fn judge_postgres(name: &str, ran: &Ran, written: u64) -> Result<Line> {
    let account = &ran.report.account;
    let planned = WRITES.iterations();
    let missing = planned - written;
    let not_connected = ran.count("/account/causes/not_connected");
    let (failed, success) = (&ran.report.rates["pg_write_failed"], &ran.report.rates["cdc_success_rate"]);
    let share = ran.number("/load/written/0/share")?;
    let wrong = [
        (missing < planned / 5, format!("{missing} rows are missing: nothing was injected")),
        (account.entries != planned, format!("{} entries of {planned}", account.entries)),
        (account.delivered != written, format!("{} delivered of {written}", account.delivered)),
        // What was on its way when the connection broke may be in doubt for good.
        (account.rejected + account.unknown != missing, format!("{account:?}")),
        (not_connected != account.rejected, format!("{not_connected} not_connected, {account:?}")),
        ((failed.passed, failed.total) != (missing, planned), format!("{failed:?}")),
        ((success.passed, success.total) != (written, planned), format!("{success:?}")),
        (off(share, written, planned) > IN_DOUBT, format!("load.written says {share}")),
        (ran.report.thresholds.iter().any(|threshold| threshold.passed), "a threshold held".to_owned()),
        (ran.finished.code != 99, format!("exit code {}", ran.finished.code)),
        (
            ran.report.validity.state != ValidityState::Degraded || !ran.codes().contains("load_not_written"),
            "degraded by load_not_written expected".to_owned(),
        ),
        (!ran.closes(), "the account does not close".to_owned()),
    ];
    Ok(Line {
        fault: name.to_owned(),
        injected: format!("{missing} of {planned} not taken, {REFUSED_FOR:?}"),
        reported: format!("{not_connected} not connected, {}", ran.validity()),
        error: (account.rejected + account.unknown).abs_diff(missing).to_string(),
        verdict: Verdict::unless(wrong),
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of a short run")]
fn off(share: f64, part: u64, whole: u64) -> f64 {
    (share - part as f64 / whole as f64).abs()
}

async fn link(name: &str) -> Result<Line> {
    let (live, wire) = Live::start_behind_a_wire(HEAVY).await?;
    live.entries(u64::from(HEAVY.rate)).await?;
    wire.cut();
    tokio::time::sleep(AWAY_FOR).await;
    wire.mend();
    let ran = live.end().await?;
    let (account, events) = (&ran.report.account, &ran.report.events);
    let written = u64::try_from(ran.acks.len())?;
    let let_go = ran.codes().contains("events_let_go");
    let delivered = account.delivered + account.late;
    let state = ran.report.validity.state;
    let wrong = [
        (written < 110_000, format!("{written} rows were written: too few for the bound")),
        (
            !let_go && (delivered < written || events.foreign > 0),
            format!("{} foreign in silence, {account:?}", events.foreign),
        ),
        (let_go && state != ValidityState::Invalid, format!("{} with events let go", state.name())),
        (!ran.closes(), format!("the account does not close: {account:?}")),
    ];
    Ok(Line {
        fault: name.to_owned(),
        injected: format!("no connection for {AWAY_FOR:?} at {}/s", HEAVY.rate),
        reported: ran.validity(),
        error: format!("{delivered} of {written} delivered"),
        verdict: Verdict::unless(wrong),
    })
}
