//! What a snapshot needs to know besides what the matcher and the recorder hold.

use std::collections::BTreeMap;

use streamgauge_shared::capacity::Capacity;
use streamgauge_shared::clock::ClockDomain;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{Process, ScenarioLoad};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::clock::ClockFacts;
use super::starvation::Starved;
use crate::canary::FloorFigures;

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
    /// Failed attempts to write.
    pub pg_write_errors: u64,
    /// Records that its buffer could not hold.
    pub records_lost: u64,
    /// Its process.
    pub process: Process,
    /// And how it fared with its CPU.
    pub starved: Starved,
}

/// Facts that only the observer's edges see. All counts are of the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Times the change stream was opened anew after an error.
    pub stream_resumed: u64,
    /// Times its history was lost: what happened in between was never seen.
    pub stream_gaps: u64,
    /// Collections of the run that were dropped or renamed while it went on.
    pub collections_gone: u64,
    /// The longest a reply waited between its arrival and the matcher.
    pub backlog_delay_max: Nanos,
    /// The longest that events may have waited for the reader itself.
    pub read_wait_max: Nanos,
}
