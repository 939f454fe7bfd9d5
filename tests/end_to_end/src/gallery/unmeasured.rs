//! Rows whose arrival was read too late to be timed: how much they could matter, and that they are known as such.

use std::time::Duration;

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde_json::Value;
use streamgauge_shared::report::ValidityState;
use streamgauge_testbed::{Signal, Testbed};

use super::live::{Live, Load, Ran};
use super::{Acks, Line, Verdict};

/// Rows before the fault.
const ROWS_BEFORE: u64 = 100;
/// About 78 of 100 rows of the load.
const LONG: Duration = Duration::from_millis(4_700);
/// A few rows.
const SHORT: Duration = Duration::from_millis(15);
/// The histogram's buckets are 4 ms wide there, so that all rows of an even load are in a few of them.
const DELAY: Duration = Duration::from_millis(4_600);
const FEW: Load = Load { rate: 200, seconds: 10, ..Load::CREATES };
/// A backlog of several replies, and writes beside it that must be read past: reading it takes a while.
const BACKLOG: Load = Load { rate: 1_000, seconds: 9, ..Load::CREATES };
const BACKLOG_FOR: Duration = Duration::from_secs(5);
const UNRELATED: usize = 50_000;
/// How long a measured row may have waited for the reader.
const WAIT_MAX_MS: f64 = 10.0;
/// What the relay's own reading of the clock is off by on a busy machine, beyond that.
const RELAY_MS: f64 = 5.0;
/// The percentiles of the headline.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

/// What leaves rows unmeasured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmeasured {
    Most,
    Few,
    Backlog,
}

pub(super) const ALL: [Unmeasured; 3] = [Unmeasured::Most, Unmeasured::Few, Unmeasured::Backlog];

impl Unmeasured {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Most => "most-unmeasured",
            Self::Few => "few-unmeasured",
            Self::Backlog => "reopened-with-backlog",
        }
    }

    pub(super) async fn line(self) -> Result<Line> {
        let (ran, before) = match self {
            Self::Most => (stopped(Testbed::builder(), Load::CREATES, LONG).await?, 0),
            Self::Few => (stopped(Testbed::builder().delay(DELAY), FEW, SHORT).await?, 0),
            Self::Backlog => reopened().await?,
        };
        let rows = Rows::of(&ran)?;
        let (wrong, reported) = match self {
            Self::Most => (most(&ran, &rows)?, bounds(&ran)?),
            Self::Few => (few(&ran, &rows), ran.validity()),
            Self::Backlog => (backlog(&ran, &rows, before), ran.validity()),
        };
        let account = &ran.report.account;
        let complete = account.delivered == account.entries && ran.closes();
        let wrong = wrong.or_else(|| (!complete).then(|| format!("{account:?}")));
        Ok(Line {
            fault: self.name().to_owned(),
            injected: self.injected(),
            reported,
            error: format!("{} of {}, {:.1} ms", rows.unmeasured.len(), account.entries, rows.worst_ms()),
            verdict: wrong.map_or(Verdict::Right, Verdict::Wrong),
        })
    }

    fn injected(self) -> String {
        match self {
            Self::Most => format!("the observer is stopped for {LONG:?}"),
            Self::Few => format!("the observer is stopped for {SHORT:?}"),
            Self::Backlog => format!("killCursors, {BACKLOG_FOR:?} waiting"),
        }
    }
}

/// The observer stands still for a while.
async fn stopped(builder: streamgauge_testbed::Builder, load: Load, length: Duration) -> Result<Ran> {
    let live = Live::start(builder, load).await?;
    live.arrivals(ROWS_BEFORE).await?;
    live.observer.process.signal(Signal::Stop)?;
    tokio::time::sleep(length).await;
    live.observer.process.signal(Signal::Continue)?;
    live.end().await
}

/// The stream is opened anew when some thousand events wait, and more come while those are read.
/// Returns, beside what the run left, the relay's time of the last row that it had written before.
async fn reopened() -> Result<(Ran, i64)> {
    let live = Live::start(Testbed::builder(), BACKLOG).await?;
    live.arrivals(u64::from(BACKLOG.rate)).await?;
    let before = live.bed.relay().acks()?.last().context("the relay wrote nothing")?.acked.0;
    live.observer.process.signal(Signal::Stop)?;
    let waiting = async {
        tokio::time::sleep(BACKLOG_FOR).await;
        anyhow::Ok(())
    };
    let disturbed = tokio::try_join!(waiting, live.bed.unrelated_writes(UNRELATED));
    let killed = live.bed.kill_stream_cursor("streamgauge-observer").await;
    live.observer.process.signal(Signal::Continue)?;
    disturbed?;
    killed?;
    Ok((live.end().await?, before))
}

/// A row that was measured.
struct Measured {
    /// observed − sent, milliseconds.
    e2e_ms: f64,
    /// By how much it was observed after the relay's own time, milliseconds.
    behind_ms: f64,
    /// The relay's own time, nanoseconds.
    acked_ns: i64,
}

/// The rows of a run.
struct Rows {
    measured: Vec<Measured>,
    /// observed − sent of the others: what they took at most, milliseconds.
    unmeasured: Vec<f64>,
    /// What each took by the relay's clock, milliseconds.
    relay: Vec<f64>,
}

impl Rows {
    fn of(ran: &Ran) -> Result<Self> {
        let acks = Acks::of(&ran.acks)?;
        let mut rows = Self { measured: Vec::new(), unmeasured: Vec::new(), relay: Vec::new() };
        for row in &ran.rows {
            let number = |name: &str| row[name].as_i64().with_context(|| format!("no {name} in {row}"));
            let (sent, observed, acked) = (number("sent_ns")?, number("observed_ns")?, acks.of_row(row)?);
            rows.relay.push(millis(acked - sent));
            if row["measured"] == Value::Bool(true) {
                rows.measured.push(Measured {
                    e2e_ms: millis(observed - sent),
                    behind_ms: millis(observed - acked),
                    acked_ns: acked,
                });
            } else {
                rows.unmeasured.push(millis(observed - sent));
            }
        }
        let (kept, entries) = (rows.relay.len() as u64, ran.report.account.entries);
        anyhow::ensure!(kept == entries, "{kept} of {entries} rows are kept");
        rows.relay.sort_by(f64::total_cmp);
        Ok(rows)
    }

    /// The most by which a measured row was observed after the relay's own time.
    fn worst_ms(&self) -> f64 {
        self.measured.iter().map(|row| row.behind_ms).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Whether the rows that were not measured leave the headline's percentiles where they are.
    fn leave_percentiles(&self) -> bool {
        let measured = self.measured.iter().map(|row| row.e2e_ms);
        let low = histogram(measured.clone().chain(self.unmeasured.iter().map(|_| 0.0)));
        let high = histogram(measured.chain(self.unmeasured.iter().copied()));
        PERCENTILES.iter().all(|(_, q)| low.value_at_quantile(*q) == high.value_at_quantile(*q))
    }
}

/// As the report has them: three digits, in nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds above zero")]
fn histogram(millis: impl Iterator<Item = f64>) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("three digits");
    millis.for_each(|value| histogram.record((value * 1e6) as u64).expect("it grows"));
    histogram
}

/// More than a tenth: INVALID; and what the report says of a percentile holds the relay's own.
fn most(ran: &Ran, rows: &Rows) -> Result<Option<String>> {
    let share = rows.unmeasured.len() * 100 / rows.relay.len().max(1);
    if share < 60 {
        return Ok(Some(format!("{share} % unmeasured: not injected")));
    }
    if ran.report.validity.state != ValidityState::Invalid || !ran.codes().contains("unmeasured_events") {
        return Ok(Some("invalid by unmeasured_events expected".to_owned()));
    }
    if ran.finished.code != 111 {
        return Ok(Some(format!("exit code {}", ran.finished.code)));
    }
    for (name, q) in PERCENTILES {
        let (low, high) = bound(ran, name)?;
        let relay = quantile(&rows.relay, q);
        if relay < low - WAIT_MAX_MS || relay > high + WAIT_MAX_MS || high < low {
            return Ok(Some(format!("{name} {low:.1} to {high:.1} ms, the relay's {relay:.1} ms")));
        }
    }
    let (low, high) = bound(ran, "p95")?;
    if high - low < 1_000.0 || !ran.finished.stdout.contains(" to ") {
        return Ok(Some("an interval expected".to_owned()));
    }
    Ok(None)
}

/// What the report says of one percentile of the headline: a value, or from where to where.
fn bound(ran: &Ran, name: &str) -> Result<(f64, f64)> {
    let all = &ran.json["latency"]["cdc_e2e_latency"]["all"];
    if let Some(value) = all[name].as_f64() {
        return Ok((value, value));
    }
    let number = |name: String| all[&name].as_f64().with_context(|| format!("no {name} in {all}"));
    Ok((number(format!("{name}_at_least"))?, number(format!("{name}_at_most"))?))
}

fn bounds(ran: &Ran) -> Result<String> {
    let (low, high) = bound(ran, "p95")?;
    Ok(format!("p95 {low:.1} to {high:.1} ms, {}", ran.validity()))
}

/// What they could change decides, and nothing else.
fn few(ran: &Ran, rows: &Rows) -> Option<String> {
    let told = ran.codes().contains("unmeasured_events");
    // A program that had no CPU is the machine's doing, as in the clean runs.
    let others: Vec<&str> = ran.codes().into_iter().filter(|code| !code.ends_with("_starved")).collect();
    if rows.unmeasured.is_empty() {
        return Some("no row was left unmeasured: not injected".to_owned());
    }
    match (rows.leave_percentiles(), told) {
        (true, true) => Some("they leave every percentile as it is".to_owned()),
        (false, false) => Some("a percentile is open, and nothing says so".to_owned()),
        (false, true) => None,
        (true, false) => (!others.is_empty()).then(|| format!("valid expected, {}", others.join(", "))),
    }
}

/// No measured row of the backlog, or of what came after it, waited for the reader longer than it says. Rows that the
/// relay had written `before` the fault cannot have waited in it.
fn backlog(ran: &Ran, rows: &Rows, before: i64) -> Option<String> {
    let state = ran.report.validity.state;
    if (rows.unmeasured.len() as u64) < u64::from(BACKLOG.rate) {
        return Some("hardly a row waited: not injected".to_owned());
    }
    if state == ValidityState::Valid || !ran.codes().contains("stream_interrupted") {
        return Some("stream_interrupted expected".to_owned());
    }
    let since = |row: &&Measured| row.acked_ns > before;
    let off: Vec<&Measured> =
        rows.measured.iter().filter(since).filter(|row| row.behind_ms > WAIT_MAX_MS + RELAY_MS).collect();
    let worst = off.iter().max_by(|a, b| a.behind_ms.total_cmp(&b.behind_ms))?;
    Some(format!(
        "{} measured rows off by up to {:.1} ms, {:.0} ms after the fault began",
        off.len(),
        worst.behind_ms,
        millis(worst.acked_ns - before)
    ))
}

/// Of sorted values, of which there is at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank"
)]
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[expect(clippy::cast_precision_loss, reason = "differences of minutes are exact")]
fn millis(ns: i64) -> f64 {
    ns as f64 / 1e6
}
