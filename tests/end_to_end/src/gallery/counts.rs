//! Faults of single rows, whose number is known: the report's counts must be equal, and be of the very rows.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use anyhow::{Context, Result};
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::stamp::Stamp;
use streamgauge_testbed::{Fault, RowFaults, Testbed};

use super::live::{CREATES, Live, Load, PAIRS, Ran};
use super::{Line, Verdict};

/// Every how many rows one is hit; no divisor of the rate, so hits do not fall on whole seconds.
const EVERY: NonZeroU64 = NonZeroU64::new(7).expect("seven is not zero");
/// Iterations a second, and for how long.
const RATE: u32 = 100;
const SECONDS: u32 = 6;
/// Long enough for the pipeline; what it dropped is waited for in vain.
const DRAIN_S: u32 = 3;

/// The faults of single rows, and a relay that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Drop,
    Duplicate,
    Reorder,
    Coalesce,
    Corrupt,
    RelayKilled,
}

pub(super) const ALL: [Counted; 6] = [
    Counted::Drop,
    Counted::Duplicate,
    Counted::Reorder,
    Counted::Coalesce,
    Counted::Corrupt,
    Counted::RelayKilled,
];

/// What a report says of rows that were lost, late, doubled, out of order or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    lost: u64,
    duplicate: u64,
    out_of_order: u64,
    superseded: u64,
    failed_checks: u64,
    others: u64,
}

impl Counted {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Reorder => "reorder",
            Self::Coalesce => "coalesce",
            Self::Corrupt => "corrupt",
            Self::RelayKilled => "relay-killed",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let builder = Testbed::builder().row_faults(self.faults());
        let flow = if self.is_of_pairs() { PAIRS } else { CREATES };
        let load = Load { flow, rate: RATE, seconds: SECONDS, drain_s: DRAIN_S, ..Load::CREATES };
        let live = Live::start(builder, load).await?;
        if self == Self::RelayKilled {
            live.entries(u64::from(RATE)).await?;
            live.bed.relay().kill_9().await?;
            live.bed.relay().start_again().await?;
        }
        let ran = live.end().await?;
        self.judge(&ran)
    }

    /// Needs a second write of each row.
    fn is_of_pairs(self) -> bool {
        matches!(self, Self::Reorder | Self::Coalesce)
    }

    fn faults(self) -> RowFaults {
        let mut faults = RowFaults::default();
        match self {
            Self::Drop => faults.drop_every = Some(EVERY),
            Self::Duplicate => faults.duplicate_every = Some(EVERY),
            Self::Reorder => faults.reorder_every = Some(EVERY),
            Self::Coalesce => faults.coalesce_every = Some(EVERY),
            Self::Corrupt => faults.corrupt_every = Some(EVERY),
            Self::RelayKilled => {}
        }
        faults
    }

    fn fault(self) -> Option<Fault> {
        Some(match self {
            Self::Drop => Fault::Drop,
            Self::Duplicate => Fault::Duplicate,
            Self::Reorder => Fault::Reorder,
            Self::Coalesce => Fault::Coalesce,
            Self::Corrupt => Fault::Corrupt,
            Self::RelayKilled => return None,
        })
    }

    /// What must be reported when so many rows were hit.
    fn expected(self, hit: u64) -> Counts {
        let none = Counts::default();
        match self {
            // A row that never arrived fails its check "arrived".
            Self::Drop => Counts { lost: hit, failed_checks: hit, ..none },
            Self::Duplicate => Counts { duplicate: hit, ..none },
            Self::Reorder => Counts { out_of_order: hit, ..none },
            Self::Coalesce => Counts { superseded: hit, ..none },
            Self::Corrupt => Counts { failed_checks: hit, ..none },
            Self::RelayKilled => none,
        }
    }

    fn judge(self, ran: &Ran) -> Result<Line> {
        let hit = hit(ran, self.fault())?;
        let hits = hit.len() as u64;
        let (expected, seen) = (self.expected(hits), Counts::of(ran)?);
        let iterations = u64::from(RATE * SECONDS);
        let entries = iterations * if self.is_of_pairs() { 2 } else { 1 };
        let planned = if self.fault().is_some() { iterations / EVERY } else { 0 };
        let verdict = if ran.report.account.entries != entries {
            // A tick that found no user is the machine's fault, and makes the size unknown.
            Verdict::Wrong(format!("{} of {entries} entries", ran.report.account.entries))
        } else if hits != planned {
            Verdict::Wrong(format!("the relay hit {hits} rows and was to hit {planned}"))
        } else if seen != expected {
            Verdict::Wrong(format!("{seen:?}"))
        } else if let Some(reported) = self.rows(ran)?.filter(|reported| *reported != hit) {
            let (strange, missing) = (reported.difference(&hit).count(), hit.difference(&reported).count());
            Verdict::Wrong(format!("the right number of wrong rows: {strange} strange, {missing} missing"))
        } else if ran.report.validity.state == ValidityState::Invalid {
            Verdict::Wrong(ran.validity())
        } else {
            Verdict::Right
        };
        let (injected, reported) = match self {
            Self::RelayKilled => {
                ("one kill -9 and restart".to_owned(), format!("{} lost or strange", seen.sum()))
            }
            _ => (format!("{hits} of {entries} rows"), seen.of_interest(expected)),
        };
        let error = (seen.sum().abs_diff(expected.sum())).to_string();
        Ok(Line { fault: self.name().to_owned(), injected, reported, error, verdict })
    }

    /// The rows that the report names, where it names them.
    fn rows(self, ran: &Ran) -> Result<Option<BTreeSet<(u64, u64)>>> {
        Ok(Some(match self {
            Self::Drop => ran.rows_where(|row| row["outcome"] == "lost")?,
            Self::Reorder => ran.rows_where(|row| row["event"] == "out_of_order")?,
            Self::Coalesce => ran.rows_where(|row| row["outcome"] == "superseded")?,
            Self::Duplicate | Self::Corrupt | Self::RelayKilled => return Ok(None),
        }))
    }
}

/// The rows that the relay hit, by writer and sequence.
fn hit(ran: &Ran, fault: Option<Fault>) -> Result<BTreeSet<(u64, u64)>> {
    let of_fault = ran.faults.iter().filter(|row| Some(row.fault) == fault);
    let id = |stamp: &Option<String>| {
        let stamp: Stamp = stamp.as_deref().context("a hit row without a stamp")?.parse()?;
        Ok((u64::from(stamp.writer), stamp.sequence))
    };
    of_fault.map(|row| id(&row.stamp)).collect()
}

impl Counts {
    fn of(ran: &Ran) -> Result<Self> {
        let (account, events) = (ran.report.account, ran.report.events);
        let others = account.late + account.rejected + account.unknown + account.pending + account.recovered;
        Ok(Self {
            lost: account.lost,
            duplicate: events.duplicate,
            out_of_order: events.out_of_order,
            superseded: account.superseded,
            failed_checks: ran.failed_checks()?,
            others: others + events.early + events.foreign + events.undecodable,
        })
    }

    fn sum(self) -> u64 {
        let Self { lost, duplicate, out_of_order, superseded, failed_checks, others } = self;
        lost + duplicate + out_of_order + superseded + failed_checks + others
    }

    /// What is expected or seen, by name.
    fn of_interest(self, expected: Self) -> String {
        let parts = [
            (self.lost, expected.lost, "lost"),
            (self.duplicate, expected.duplicate, "duplicate"),
            (self.out_of_order, expected.out_of_order, "out of order"),
            (self.superseded, expected.superseded, "superseded"),
            (self.failed_checks, expected.failed_checks, "failed checks"),
            (self.others, expected.others, "others"),
        ];
        let shown = parts.into_iter().filter(|(seen, expected, _)| seen + expected > 0);
        shown.map(|(seen, _, name)| format!("{seen} {name}")).collect::<Vec<_>>().join(", ")
    }
}
