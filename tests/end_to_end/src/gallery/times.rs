//! Faults of time: what the report says against what the relay itself saw, row by row.
//!
//! Two differences are judged, each against 3 ms or 1 % of what was injected, whichever is larger: the median
//! over the rows of `observed` − the relay's acknowledgement, and the reported figure against the same figure of
//! the relay's own times. And no row may be faster than it can have been.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use streamgauge_shared::report::ValidityState;
use streamgauge_testbed::{Builder, Testbed};

use super::live::{Live, Load, Ran};
use super::{Acks, Line, Verdict};
use crate::range;

/// The least that a time may be off, milliseconds.
const TOLERANCE_MS: f64 = 3.0;
/// And the share of the injected size.
const TOLERANCE_SHARE: f64 = 0.01;

const STALL_AT: Duration = Duration::from_secs(2);
const STALL_FOR: Duration = Duration::from_secs(3);
/// Below the load's rate, so that a backlog grows.
const LIMIT_PER_S: f64 = 80.0;

/// The faults of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timed {
    NoDelay,
    ShortDelay,
    LongDelay,
    Jitter,
    Growth,
    Stall,
    RateLimit,
}

pub(super) const ALL: [Timed; 7] = [
    Timed::NoDelay,
    Timed::ShortDelay,
    Timed::LongDelay,
    Timed::Jitter,
    Timed::Growth,
    Timed::Stall,
    Timed::RateLimit,
];

/// One figure, in milliseconds: as reported, and as the relay's times have it.
struct Compared {
    what: &'static str,
    reported: f64,
    relay: f64,
}

impl Timed {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::NoDelay => "no-delay",
            Self::ShortDelay => "delay-25ms",
            Self::LongDelay => "delay-250ms",
            Self::Jitter => "jitter",
            Self::Growth => "growing-delay",
            Self::Stall => "stall",
            Self::RateLimit => "rate-limit",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let ran = Live::start(self.builder(), Load::CREATES).await?.end().await?;
        let times = Times::of(&ran)?;
        let compared = self.compared(&ran, &times)?;
        let tolerance = TOLERANCE_MS.max(TOLERANCE_SHARE * self.size_ms());
        let (behind, off) = (median(&times.behind), compared.reported - compared.relay);
        let least = least(&times.e2e);
        let account = ran.report.account;
        let verdict =
            if account.delivered != account.entries || ran.report.validity.state == ValidityState::Invalid {
                Verdict::Wrong(format!(
                    "{} of {} delivered, {}",
                    account.delivered,
                    account.entries,
                    ran.validity()
                ))
            } else if behind.abs() > tolerance || off.abs() > tolerance {
                Verdict::Wrong(format!("more than {tolerance:.1} ms off"))
            } else if least < self.least_ms() {
                Verdict::Wrong(format!("a row took {least:.3} ms, which cannot be"))
            } else if compared.relay < self.least_of_figure_ms() {
                Verdict::Wrong(format!(
                    "the relay's own {} is {:.1} ms: not injected",
                    compared.what, compared.relay
                ))
            } else {
                Verdict::Right
            };
        let reported =
            format!("{} {:.1} ms, the relay's {:.1} ms", compared.what, compared.reported, compared.relay);
        let error = format!("{off:+.2} ms, {behind:+.2} ms");
        Ok(Line { fault: self.name().to_owned(), injected: self.injected(), reported, error, verdict })
    }

    fn builder(self) -> Builder {
        let builder = Testbed::builder();
        match self {
            Self::NoDelay => builder,
            Self::ShortDelay => builder.delay(Duration::from_millis(25)),
            Self::LongDelay => builder.delay(Duration::from_millis(250)),
            Self::Jitter => builder.delay(Duration::from_millis(20)).jitter(Duration::from_millis(40), 1),
            Self::Growth => builder.delay_growth(20.0),
            Self::Stall => builder.stall(STALL_AT, STALL_FOR),
            Self::RateLimit => builder.rate_limit(LIMIT_PER_S),
        }
    }

    fn injected(self) -> String {
        match self {
            Self::NoDelay => "nothing".to_owned(),
            Self::ShortDelay | Self::LongDelay => format!("{} ms", self.size_ms()),
            Self::Jitter => "20 ms and up to 40 ms more".to_owned(),
            Self::Growth => "20 ms more each second".to_owned(),
            Self::Stall => format!("{STALL_FOR:?} without a write"),
            Self::RateLimit => format!("{LIMIT_PER_S} rows/s of {}/s", Load::CREATES.rate),
        }
    }

    /// What the tolerance is a share of.
    fn size_ms(self) -> f64 {
        match self {
            Self::NoDelay => 0.0,
            Self::ShortDelay => 25.0,
            Self::LongDelay => 250.0,
            Self::Jitter | Self::Growth => 40.0,
            Self::Stall => millis_of(STALL_FOR),
            Self::RateLimit => 1_000.0 / LIMIT_PER_S * f64::from(Load::CREATES.rate * Load::CREATES.seconds),
        }
    }

    /// What no row can be faster than.
    fn least_ms(self) -> f64 {
        match self {
            Self::ShortDelay | Self::LongDelay => self.size_ms(),
            Self::Jitter => 20.0,
            Self::NoDelay | Self::Growth | Self::Stall | Self::RateLimit => 0.0,
        }
    }

    /// What the figure is at least when the fault was really injected. Of a stall the first row that waits was sent
    /// up to one tick, and a machine's hiccup, after its start.
    fn least_of_figure_ms(self) -> f64 {
        match self {
            Self::Stall => 0.95 * self.size_ms(),
            Self::RateLimit => 0.99 * self.size_ms(),
            _ => self.least_ms(),
        }
    }

    fn compared(self, ran: &Ran, times: &Times) -> Result<Compared> {
        let e2e = &ran.report.latency["cdc_e2e_latency"].all;
        // Of a figure that a row left open the end that is farther off.
        let farther = |figure, relay: f64| -> Result<f64> {
            let (low, high) = range(figure)?;
            Ok(if (low - relay).abs() > (high - relay).abs() { low } else { high })
        };
        Ok(match self {
            Self::Stall => {
                let relay = greatest(&times.relay);
                Compared { what: "largest", reported: farther(e2e.max, relay)?, relay }
            }
            Self::RateLimit => Compared {
                what: "first to last",
                reported: greatest(&times.observed) - least(&times.observed),
                relay: greatest(&times.acked) - least(&times.acked),
            },
            _ => {
                let relay = median(&times.relay);
                Compared { what: "p50", reported: farther(e2e.p50, relay)?, relay }
            }
        })
    }
}

/// The times of every row, milliseconds.
#[derive(Default)]
struct Times {
    /// observed − sent.
    e2e: Vec<f64>,
    /// The relay's acknowledgement − sent.
    relay: Vec<f64>,
    /// observed − the relay's acknowledgement.
    behind: Vec<f64>,
    /// Since the first row was sent.
    observed: Vec<f64>,
    acked: Vec<f64>,
}

impl Times {
    fn of(ran: &Ran) -> Result<Self> {
        let acks = Acks::of(&ran.acks)?;
        let mut times = Self::default();
        let mut first = None;
        for row in &ran.rows {
            let number = |name: &str| row[name].as_i64().with_context(|| format!("no {name} in {row}"));
            let (sent, observed, acked) = (number("sent_ns")?, number("observed_ns")?, acks.of_row(row)?);
            let start = *first.get_or_insert(sent);
            times.e2e.push(millis(observed - sent));
            times.relay.push(millis(acked - sent));
            times.behind.push(millis(observed - acked));
            times.observed.push(millis(observed - start));
            times.acked.push(millis(acked - start));
        }
        if times.e2e.len() as u64 != ran.report.account.entries || times.e2e.is_empty() {
            bail!("{} of {} rows are kept", times.e2e.len(), ran.report.account.entries);
        }
        Ok(times)
    }
}

fn millis_of(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "differences of minutes are exact")]
fn millis(ns: i64) -> f64 {
    ns as f64 / 1e6
}

/// Of at least one value.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
