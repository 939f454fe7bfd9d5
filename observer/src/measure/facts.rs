//! What a snapshot needs to know besides what the matcher and the recorder hold.

use std::collections::BTreeMap;

use streamgauge_shared::capacity::Capacity;
use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{Process, Rejections, ScenarioLoad};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::clock::ClockFacts;
use super::spans::Spans;
use super::starvation::{PAUSE_MAX, Starved};
use crate::canary::FloorFigures;
use crate::landing::Landed;

/// What a snapshot needs besides the matcher's and the recorder's state.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The moment.
    pub now: UnixNanos,
    /// Twelve hexadecimal digits.
    pub run: String,
    /// When the run began.
    pub started_at: UnixNanos,
    /// The seed.
    pub seed: u64,
    /// Versions of programs and servers.
    pub versions: BTreeMap<String, String>,
    /// How the clocks relate.
    pub clock_domain: ClockDomain,
    /// What is known of each clock.
    pub clocks: ClockFacts,
    /// By scenario, summed over the writers.
    pub loads: Vec<ScenarioLoad>,
    /// By writer.
    pub writers: Vec<WriterFacts>,
    /// Operations that PostgreSQL refused, by cause, of all writers.
    pub rejections: Rejections,
    /// The observer's process.
    pub observer: Process,
    /// And how it fared with its CPU.
    pub observer_starved: Starved,
    /// Errors of the change stream.
    pub observer_errors: u64,
    /// Sequences that writers say they opened and whose entries never came; known at the close.
    pub missing_entries: u64,
    /// What speaks against the measurement.
    pub evidence: Evidence,
    /// Entities of which nothing has arrived, because their rows lie elsewhere.
    pub landed: Vec<Landed>,
    /// What the canary found.
    pub floor: FloorFigures,
    /// What a capacity search knows by now; absent in other tests.
    pub capacity: Option<Capacity>,
    /// Why the run ended before its time, if it did.
    pub cause: Option<Failure>,
    /// Whether a threshold ended it.
    pub aborted: bool,
    /// Whether the account is closed.
    pub closed: bool,
}

/// How one writer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WriterFacts {
    /// Whether its connection is up.
    pub up: bool,
    /// Whether it left before its load had ended and did not come back.
    pub gone: bool,
    /// How often its connection broke and came back.
    pub interruptions: u64,
    /// The longest that it was away.
    pub away_max: Nanos,
    /// When it was away.
    pub away: Spans,
    /// When it dropped ticks because it was too slow itself.
    pub missed: Spans,
    /// When PostgreSQL did not take its load: attempts to write failed, users had no session, or every user was busy.
    pub not_written: Spans,
    /// Failed attempts to write.
    pub pg_write_errors: u64,
    /// Records that its buffer could not hold.
    pub records_lost: u64,
    /// Its process.
    pub process: Process,
    /// And how it fared with its CPU.
    pub starved: Starved,
}

/// How long a reply may wait for the matcher before the observer counts as overloaded. `observed` is read
/// before the wait, so latencies stay right; awaits are settled late.
pub(super) const BACKLOG_DELAY_MAX: Nanos = Nanos::from_secs(1);

/// Facts that only the observer's edges see. All counts are of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Times the change stream was opened anew after an error.
    pub stream_resumed: u64,
    /// Times its history was lost: what happened in between was never seen.
    pub stream_gaps: u64,
    /// From each first error to the stream's return.
    away: Spans,
    /// Since when it is away, if it is.
    away_since: Option<UnixNanos>,
    /// Collections of the run that were dropped or renamed while it went on.
    pub collections_gone: u64,
    /// When.
    pub collections_gone_at: Spans,
    /// The longest a reply waited between its arrival and the matcher.
    pub backlog_delay_max: Nanos,
    /// When replies waited for longer than they may.
    pub backlog: Spans,
    /// The longest that events may have waited for the reader itself.
    pub read_wait_max: Nanos,
    /// When events waited for it so long that it cannot have run.
    pub not_read: Spans,
}

impl Evidence {
    /// An attempt to read or to open the change stream failed.
    pub fn stream_error(&mut self, now: UnixNanos) {
        self.away_since.get_or_insert(now);
    }

    /// The change stream was opened anew and goes on where it broke.
    pub fn stream_resumed(&mut self, now: UnixNanos) {
        self.stream_resumed += 1;
        self.stream_back(now);
    }

    /// The change stream was opened anew, and what came before is lost.
    pub fn stream_gap(&mut self, now: UnixNanos) {
        self.stream_gaps += 1;
        self.stream_back(now);
    }

    fn stream_back(&mut self, now: UnixNanos) {
        self.away.add(self.away_since.take().unwrap_or(now), now);
    }

    /// When the change stream was away.
    #[must_use]
    pub fn stream_away(&self, now: UnixNanos) -> Spans {
        let mut away = self.away;
        if let Some(since) = self.away_since {
            away.add(since, now);
        }
        away
    }

    /// Collections of the run were dropped or renamed.
    pub fn collections_gone(&mut self, count: u64, now: UnixNanos) {
        if count > 0 {
            self.collections_gone += count;
            self.collections_gone_at.add_moment(now);
        }
    }

    /// A reply that was read at `observed` reaches the matcher; `waited` is how long its events may have waited for
    /// the reader, if it holds any of the run.
    pub fn replied(&mut self, observed: UnixNanos, now: UnixNanos, waited: Option<Nanos>) {
        self.backlog_delay_max = self.backlog_delay_max.max(now - observed);
        if now - observed > BACKLOG_DELAY_MAX {
            self.backlog.add(observed, now);
        }
        let waited = waited.unwrap_or_default();
        self.read_wait_max = self.read_wait_max.max(waited);
        if waited > PAUSE_MAX {
            self.not_read.add(observed - waited, observed);
        }
    }
}
