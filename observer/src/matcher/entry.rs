//! One entry of the ledger as the matcher keeps it.

use streamgauge_shared::account::{EventKind, Outcome, Phase};
use streamgauge_shared::ledger::{Opened, Written};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Timeline;

use super::{Event, Part};

/// What the verified columns of an arrived row say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The digest of their canonical forms.
    Digest(u64),
    /// Not all of them are there to be compared.
    Unchecked,
}

/// An operation and what is known of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where its figures go.
    pub part: Part,
    /// Which part of the run it belongs to.
    pub phase: Phase,
    /// The row's key in canonical form.
    pub key: Box<str>,
    /// Of the verified columns, as written.
    pub digest: Option<u64>,
    /// Its times, on the observer's time line.
    pub timeline: Timeline,
    /// When it counts as late.
    pub deadline: UnixNanos,
    /// Its fate in PostgreSQL; absent until known.
    pub written: Option<Written>,
    /// What became of it.
    pub outcome: Outcome,
    /// What the event of its arrival was.
    pub event: Option<EventKind>,
    /// Lost, because the row it deletes never arrived.
    pub no_row: bool,
    /// Whether the time of its arrival is to be believed.
    pub measured: bool,
    /// Whether a user waits for it.
    pub awaited: bool,
    /// Whether it has been given up and leaves the window though it has not arrived.
    pub expired: bool,
}

impl Entry {
    pub(super) fn new(part: Part, opened: Opened) -> Self {
        let timeline = Timeline {
            intended: opened.intended,
            connection_wait: opened.connection_wait,
            sent: opened.sent,
            committed: None,
            observed: None,
            wall: None,
        };
        Self {
            part,
            phase: opened.phase,
            key: opened.key.into(),
            digest: opened.digest,
            timeline,
            deadline: opened.deadline,
            written: None,
            outcome: Outcome::Pending,
            event: None,
            no_row: false,
            measured: false,
            awaited: false,
            expired: false,
        }
    }

    /// A retry: the attempt that counts is the last one. What has arrived stays as it is.
    pub(super) fn resend(&mut self, sent: UnixNanos, connection_wait: Nanos, deadline: UnixNanos) {
        if !self.arrived() {
            self.timeline.sent = sent;
            self.timeline.connection_wait = connection_wait;
            self.deadline = deadline;
        }
    }

    pub(super) fn arrive(&mut self, event: &Event, kind: EventKind) {
        self.event = Some(kind);
        self.timeline.observed = Some(event.observed);
        self.timeline.wall = event.wall;
        self.measured = event.measured;
    }

    /// Whether an event of it was seen.
    #[must_use]
    pub fn arrived(&self) -> bool {
        self.timeline.observed.is_some()
    }

    /// Whether the window need not hold it any longer.
    pub(super) fn is_settled(&self) -> bool {
        self.expired || (self.written.is_some() && (self.arrived() || self.outcome == Outcome::Rejected))
    }
}
