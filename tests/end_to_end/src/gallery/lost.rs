//! Rows that never arrive: one of many, and more than are remembered one by one.

use std::time::Duration;

use anyhow::Result;
use streamgauge_shared::report::{Figure, ValidityState};
use streamgauge_testbed::{Builder, RowFaults, Testbed};

use super::live::{Live, Load, Ran};
use super::{Line, Verdict};

/// One row of the load is lost. The run waits for it longer than a window and the time that a breaking point has to
/// hold, both of which lie in the drain then.
const ONE: Load = Load {
    rate: 20,
    seconds: 8,
    drain_s: 18,
    scenario: "findings = [\"breaking_point\"]",
    rest: "[thresholds]\ncdc_e2e_latency = [{ threshold = \"p(50)<500\", over = \"4s\" }]\n",
    ..Load::CREATES
};
const ONE_OF: u64 = 100;

/// Everything after the first seconds is lost: more rows than the observer remembers one by one, 100,000.
const MANY: Load = Load {
    rate: 4_000,
    seconds: 30,
    drain_s: 3,
    defaults: "arrival_timeout = \"1s\"\nlost_after = \"1s\"",
    ..Load::CREATES
};
const MANY_AT_LEAST: u64 = 100_000;
const STALL_AT: Duration = Duration::from_secs(3);
/// Longer than the run.
const STALL_FOR: Duration = Duration::from_secs(600);

/// How many are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    One,
    Many,
}

pub(super) const ALL: [Lost; 2] = [Lost::One, Lost::Many];

impl Lost {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::One => "one-lost-row",
            Self::Many => "lost-without-number",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let load = match self {
            Self::One => ONE,
            Self::Many => MANY,
        };
        let ran = Live::start(self.builder(), load).await?.end().await?;
        let (injected, verdict) = match self {
            Self::One => (format!("1 of {} rows", ONE.iterations()), one(&ran)),
            Self::Many => (format!("nothing arrives after {STALL_AT:?}"), many(&ran)),
        };
        let account = &ran.report.account;
        let e2e = &ran.report.latency["cdc_e2e_latency"].all;
        Ok(Line {
            fault: self.name().to_owned(),
            injected,
            reported: format!(
                "{} lost, {} in the percentiles, {}",
                account.lost,
                e2e.censored,
                ran.validity()
            ),
            error: account.lost.abs_diff(e2e.censored).to_string(),
            verdict,
        })
    }

    fn builder(self) -> Builder {
        match self {
            Self::One => {
                let drop_every = std::num::NonZeroU64::new(ONE_OF);
                Testbed::builder().row_faults(RowFaults { drop_every, ..RowFaults::default() })
            }
            Self::Many => Testbed::builder().stall(STALL_AT, STALL_FOR),
        }
    }
}

/// It belongs to the windows that hold its sending, and to no others.
fn one(ran: &Ran) -> Verdict {
    let account = &ran.report.account;
    let broken = ran.report.findings.as_ref().and_then(|findings| findings.breaking_point.as_ref());
    Verdict::unless([
        (
            (account.entries, account.lost) != (ONE.iterations(), 1),
            format!("one lost row expected, {account:?}"),
        ),
        (
            ran.report.thresholds.iter().any(|threshold| !threshold.passed),
            format!("crossed: {:?}", ran.report.thresholds),
        ),
        (
            broken.is_none_or(|point| !point.broken.is_empty() || point.load.is_some()),
            format!("a breaking point: {broken:?}"),
        ),
        (ran.finished.code != 0, format!("exit code {}", ran.finished.code)),
        (ran.report.validity.state == ValidityState::Invalid, ran.validity()),
    ])
}

/// Those that are forgotten stay in the counts and in the percentiles.
fn many(ran: &Ran) -> Verdict {
    let account = &ran.report.account;
    let e2e = &ran.report.latency["cdc_e2e_latency"].all;
    let success = &ran.report.rates["cdc_success_rate"];
    let open = [e2e.p50, e2e.p90, e2e.p95, e2e.p99].iter().all(|figure| matches!(figure, Figure::AtLeast(_)));
    Verdict::unless([
        (account.lost <= MANY_AT_LEAST, format!("{} lost: too few for the bound", account.lost)),
        (
            account.delivered + account.late + account.lost != account.entries - account.rejected,
            format!("{account:?}"),
        ),
        (e2e.censored != account.lost, format!("{} of {} in the percentiles", e2e.censored, account.lost)),
        (!open, format!("a percentile is closed: {e2e:?}")),
        (success.total != account.entries, format!("{success:?} of {} entries", account.entries)),
        (!ran.closes(), format!("the account does not close: {account:?}")),
    ])
}
