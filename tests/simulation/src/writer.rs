//! A writer of the simulated world: its rows, its clock, its end of the ledger link, which is the real one.

use streamgauge_shared::capacity;
use streamgauge_shared::clock::ClockIdentity;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::{ProbePlan, Record, ScenarioLoad, Status};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_writer::ledger_client::backlog::Backlog;
use tokio::sync::oneshot;

/// Records that a writer keeps: more than a seed has.
const UNACKED_MAX: usize = 100_000;

/// A row, by its index.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) busy: bool,
    pub(crate) alive: bool,
    /// The database makes its key.
    pub(crate) by_database: bool,
}

/// How far a writer is with the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Progress {
    /// It has not been told to begin.
    Waits,
    /// Its load goes on.
    Loads,
    /// Its load is over and it has said so.
    Ended,
}

pub(crate) struct Writer {
    pub(crate) backlog: Backlog,
    pub(crate) sequence: u64,
    pub(crate) rows: Vec<(usize, Row)>,
    pub(crate) records: u64,
    /// Its connection is there.
    pub(crate) connected: bool,
    /// And the observer is ready for what it sends.
    pub(crate) ready: bool,
    pub(crate) generation: u64,
    /// The first record that the observer asked for on this connection.
    pub(crate) resume_from: u64,
    /// Bytes of this connection that are on their way are lost.
    pub(crate) broken: Option<u64>,
    /// The last bytes of the connection arrive then, in each direction: the next ones not before.
    pub(crate) delivered_at: i64,
    pub(crate) told_at: i64,
    pub(crate) next_status: i64,
    pub(crate) killed: bool,
    pub(crate) waiting: Vec<oneshot::Receiver<bool>>,
    pub(crate) offset_ns: i64,
    pub(crate) drift_ppb: i64,
    /// How far it is from the observer.
    pub(crate) way_ns: i64,
    pub(crate) is_set_up: bool,
    pub(crate) progress: Progress,
    pub(crate) load_ends: i64,
    /// Why its load ends early.
    pub(crate) stop: Option<Failure>,
    /// Operations under way.
    pub(crate) open: usize,
    pub(crate) load: ScenarioLoad,
    pub(crate) search: Option<Searching>,
}

/// A capacity search as the writer carries it.
pub(crate) struct Searching {
    pub(crate) search: capacity::Search,
    /// The probe that goes on, until the observer has judged it.
    pub(crate) plan: Option<Planned>,
}

/// A probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) number: u32,
    /// True times of the judged part.
    pub(crate) from: i64,
    pub(crate) until: i64,
    /// The writer has said that it is over.
    pub(crate) over: bool,
}

impl Writer {
    pub(crate) fn new(offset_ns: i64, drift_ppb: i64, way_ns: i64) -> Self {
        Self {
            backlog: Backlog::default(),
            sequence: 0,
            rows: Vec::new(),
            records: 0,
            connected: false,
            ready: false,
            generation: 0,
            resume_from: 0,
            broken: None,
            delivered_at: 0,
            told_at: 0,
            next_status: 0,
            killed: false,
            waiting: Vec::new(),
            offset_ns,
            drift_ppb,
            way_ns,
            is_set_up: false,
            progress: Progress::Waits,
            load_ends: 0,
            stop: None,
            open: 0,
            load: ScenarioLoad::default(),
            search: None,
        }
    }

    /// What its clock shows at a true time.
    pub(crate) fn clock(&self, at: i64) -> UnixNanos {
        UnixNanos(at + self.offset_ns + at * self.drift_ppb / 1_000_000_000)
    }

    /// The true time at which its clock shows this, to a microsecond.
    pub(crate) fn true_time(&self, shown: UnixNanos) -> i64 {
        let at = shown.0 - self.offset_ns;
        at - at * self.drift_ppb / 1_000_000_000
    }

    pub(crate) fn identity(&self, network: bool) -> ClockIdentity {
        identity(if network { "theirs" } else { "ours" }, self.offset_ns)
    }

    /// Puts a record into the ledger.
    pub(crate) fn record(&mut self, record: Record) {
        assert!(self.backlog.record(record, UNACKED_MAX));
        self.records += 1;
    }

    /// How it stands.
    pub(crate) fn status(&self, now: i64) -> Status {
        let queued_at = self.clock(now);
        Status { queued_at, scenarios: vec![self.load], ..Status::default() }
    }

    /// Whether it starts anything new.
    pub(crate) fn goes_on(&self, now: i64) -> bool {
        self.progress == Progress::Loads && self.stop.is_none() && !self.killed && now < self.load_ends
    }

    /// The next probe of its search, begun now; nothing if the search is over.
    pub(crate) fn next_probe(&mut self, now: i64, settle_ns: i64, probe_ns: i64) -> Option<Planned> {
        let searching = self.search.as_mut()?;
        let rate = searching.search.next()?;
        let number = u32::try_from(searching.search.done()).expect("a few probes");
        let from = now + settle_ns;
        let until = from + probe_ns;
        let planned = Planned { number, from, until, over: false };
        searching.plan = Some(planned);
        let plan = ProbePlan {
            number,
            rate_per_s: rate.per_second(),
            from: self.clock(from),
            until: self.clock(until),
        };
        self.record(Record::Probe(plan));
        Some(planned)
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
