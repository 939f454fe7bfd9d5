//! A writer of the simulated world: its rows, its clock, its end of the ledger link, which is the real one.

use streamgauge_shared::clock::ClockIdentity;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_writer::ledger_client::backlog::Backlog;
use tokio::sync::oneshot;

/// A row, by its index.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) busy: bool,
    pub(crate) alive: bool,
}

pub(crate) struct Writer {
    pub(crate) backlog: Backlog,
    pub(crate) sequence: u64,
    pub(crate) rows: Vec<(usize, Row)>,
    pub(crate) records: u64,
    pub(crate) up: bool,
    pub(crate) generation: u64,
    /// The last bytes of the connection arrive then: the next ones not before.
    pub(crate) delivered_at: i64,
    pub(crate) next_status: i64,
    pub(crate) killed: bool,
    pub(crate) waiting: Vec<oneshot::Receiver<bool>>,
    pub(crate) offset_ns: i64,
    pub(crate) drift_ppb: i64,
}

impl Writer {
    pub(crate) fn new(offset_ns: i64, drift_ppb: i64) -> Self {
        Self {
            backlog: Backlog::default(),
            sequence: 0,
            rows: Vec::new(),
            records: 0,
            up: true,
            generation: 1,
            delivered_at: 0,
            next_status: 0,
            killed: false,
            waiting: Vec::new(),
            offset_ns,
            drift_ppb,
        }
    }

    /// What its clock shows at a true time.
    pub(crate) fn clock(&self, at: i64) -> UnixNanos {
        UnixNanos(at + self.offset_ns + at * self.drift_ppb / 1_000_000_000)
    }

    pub(crate) fn identity(&self, network: bool) -> ClockIdentity {
        identity(if network { "theirs" } else { "ours" }, self.offset_ns)
    }
}

/// A clock whose anchor is so far ahead.
pub(crate) fn identity(boot: &str, anchor_ns: i64) -> ClockIdentity {
    ClockIdentity {
        boot_id: Some(boot.to_owned()),
        time_namespace: Some(1),
        anchor: Nanos(anchor_ns),
        by_exchange: false,
        test_clock: None,
    }
}
