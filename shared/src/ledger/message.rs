//! The messages of the ledger link.

use serde::{Deserialize, Serialize};

use super::operation::{Closed, NotSent, Opened};
use super::rejections::Rejections;
use crate::capacity::Probe;
use crate::clock::{ClockIdentity, WallSteps};
use crate::exit_code::Failure;
use crate::histogram::Quantile;
use crate::stamp::RunId;
use crate::test_file::Source;
use crate::time::{Nanos, UnixNanos};

/// From the writer to the observer. Times are on the writer's time line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToObserver {
    /// The first message of a connection, and of each reconnection.
    Hello(Box<Hello>),
    /// A numbered entry of the ledger, resent until it is acknowledged.
    Record {
        /// Dense from 0 over the whole run.
        number: u64,
        /// What happened.
        record: Record,
    },
    /// A user waits for an operation; sent again after a reconnect while it still waits.
    Await(Awaited),
    /// How the writer stands; a few times a second.
    Status(Box<Status>),
    /// The answer to a clock probe, which the observer completes to a four-timestamp exchange.
    ClockReply {
        /// As the probe had it: the observer's clock.
        asked: UnixNanos,
        /// When the probe had been read.
        heard: UnixNanos,
        /// Before the answer is written.
        answered: UnixNanos,
    },
    /// Close the account now, whatever is pending: the user interrupted twice.
    Stop,
}

/// Who the writer is and what it is about to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The writer's version.
    pub version: String,
    /// Random, one for each process: tells a writer that comes back from another with its index.
    pub process: u64,
    /// The run.
    pub run: RunId,
    /// The test file as it will run.
    pub test: Source,
    /// Its model file.
    pub model: Source,
    /// `--time-scale` as written.
    pub time_scale: String,
    /// `--load-scale` as written.
    pub load_scale: String,
    /// The seed of everything random.
    pub seed: u64,
    /// This writer's index among the shards, from 0.
    pub shard_index: u16,
    /// How many shards the run has.
    pub shard_count: u16,
    /// What the writer's clock is.
    pub clock: ClockIdentity,
    /// The version that PostgreSQL gave.
    pub postgres_version: String,
    /// The version of TLS between writer and PostgreSQL, such as `TLSv1.3`, or `none`.
    pub postgres_tls: String,
    /// `transaction` behind a pooler that gives each transaction another session, else `none`.
    pub postgres_pooler: String,
    /// For each of the model's entities the greatest number that its table holds in a key that is made of a sequence;
    /// absent where it holds none, and for other keys.
    pub greatest_numbers: Vec<Option<i64>>,
}

/// One numbered entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// An operation is about to be sent, or sent again after a retryable error (then with a fresh `sent`).
    Opened(Opened),
    /// Its fate in PostgreSQL is known.
    Closed(Closed),
    /// An operation that became runnable and was never sent: an entry that is rejected from the start. It is the
    /// only record of its sequence.
    NotSent(NotSent),
    /// An iteration of the measured phase ended.
    Iteration(Iteration),
    /// A capacity search begins its next probe: its users have finished what the one before gave them.
    Probe(ProbePlan),
    /// Every user to whom the probe with this number gave work has finished or was cut: nothing that it wrote comes
    /// after this record, and the probe may be judged.
    ProbeOver(u32),
    /// The setup is done: the load may begin.
    Prepared,
    /// The load is over; nothing more will be opened. The last record of a run.
    End(Box<End>),
}

/// One iteration of the measured phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Iteration {
    /// Index into the test's scenarios.
    pub scenario: u16,
    /// When it started.
    pub began: UnixNanos,
    /// From its start to its end.
    pub duration: Nanos,
    /// How it ended.
    pub ending: Ending,
}

/// How an iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It ran to its end.
    Completed,
    /// An operation of it did not commit, and what follows would have had no row.
    Failed,
    /// It was cut by the end of the graceful stop.
    Interrupted,
}

/// One probe of a capacity search.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbePlan {
    /// Dense from 0.
    pub number: u32,
    /// Iterations per second that will be offered.
    pub rate_per_s: f64,
    /// When the judged part begins.
    pub from: UnixNanos,
    /// When it ends, and the probe's load with it.
    pub until: UnixNanos,
}

/// A user waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// For this operation.
    pub sequence: u64,
    /// Until then; the operation's deadline from now on.
    pub deadline: UnixNanos,
}

/// How the writer stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Read before the message was queued: each record queued before this time is ahead of this message.
    pub queued_at: UnixNanos,
    /// One for each scenario of the test.
    pub scenarios: Vec<ScenarioLoad>,
    /// Failed attempts to write.
    pub pg_write_errors: u64,
    /// Operations that PostgreSQL refused, by cause.
    pub rejections: Rejections,
    /// Records that did not fit into the writer's buffer and are missing from the ledger.
    pub records_lost: u64,
    /// Steps of the writer's wall clock, on its time line.
    pub wall_steps: WallSteps,
    /// The process.
    pub process: Process,
}

/// The load of one scenario; counters are of the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioLoad {
    /// Iterations that ran to their end.
    pub iterations: u64,
    /// Iterations that ended because an operation did not commit.
    pub failed: u64,
    /// Iterations cut by the end of the graceful stop.
    pub interrupted: u64,
    /// Ticks without a free user, and of a fixed count the iterations that did not start in time.
    pub dropped: u64,
    /// Ticks without a free user at which no user waited for a session, a statement, an arrival or the end of a
    /// `pause` step: the writer itself was too slow. Users that all pause are too few by the test's own doing.
    pub dropped_by_writer: u64,
    /// When the measured load began: the end of the warm-up. Absent before.
    pub load_began: Option<UnixNanos>,
    /// When it was over: the end of the schedule's load, after which no tick is due and no user is planned; with a fixed
    /// count of iterations the end of the last one, where that is earlier; or the order that ended it. Absent before.
    pub load_ended: Option<UnixNanos>,
    /// Iterations that the schedule has asked for so far: ticks due, dropped ones included, or of a fixed count of
    /// iterations the count, less what an order to end called off. 0 where users are what is planned.
    pub iterations_due: u64,
    /// Those of them whose first operation committed; one without operations counts when it completes.
    pub iterations_written: u64,
    /// Time for which users were planned to iterate so far, summed over the users. Zero where iterations are planned.
    pub user_time: Nanos,
    /// The part of it that users spent without a session with PostgreSQL: refused, timed out, pausing before they try
    /// again.
    pub user_time_without_session: Nanos,
    /// Users in an iteration now.
    pub active_users: u32,
    /// Users that exist now.
    pub users: u32,
    /// Users in an iteration at the same time, at most.
    pub peak_users: u32,
    /// Steps left out, each with the rest of its list, because there was no row for them.
    pub skipped_steps: u64,
    /// Deletes of the measured phase that committed and of which no event is expected.
    pub not_expected: u64,
}

/// What a process used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// CPU time of all threads, user and system.
    pub cpu_s: f64,
    /// The largest resident size so far.
    pub peak_rss_bytes: u64,
    /// The resident size now; 0 where it is not known.
    pub rss_bytes: u64,
    /// How long all threads together were ready to run and had no CPU; absent where the kernel does not tell.
    pub run_queue_wait: Option<Nanos>,
    /// How late the process's own beat was at most: a process that was stopped, or starved altogether.
    pub longest_pause: Nanos,
}

/// The end of a writer's load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Operations opened: their sequences are 0 to one less.
    pub operations: u64,
    /// Why the load ended early, if it did.
    pub cause: Option<Failure>,
    /// The final figures.
    pub status: Status,
}

/// From the observer to the writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToWriter {
    /// The change stream is open: rows may be sent.
    Ready {
        /// The writer's index in stamps.
        writer: u16,
        /// The first record that the observer does not have.
        next_record: u64,
        /// For each of the model's entities the number that its sequence starts with, the same for every writer of the
        /// run; 0 for other keys. Empty once the run is over.
        first_numbers: Vec<i64>,
    },
    /// The run cannot take place here.
    Refused(Failure),
    /// Every writer of the run is prepared: the load begins. Said again after a reconnect.
    Begin {
        /// When, the same moment for all of them: on the writer's time line.
        at: UnixNanos,
    },
    /// Records below this number are processed.
    Ack {
        /// The first record that is not.
        next_record: u64,
    },
    /// An awaited operation is settled.
    Settled {
        /// The operation.
        sequence: u64,
        /// Whether it arrived; otherwise it never will.
        arrived: bool,
    },
    /// A probe is judged, and what it left on its way has arrived.
    Probed {
        /// Of [`Record::Probe`].
        number: u32,
        /// How it went.
        probe: Probe,
    },
    /// What does the writer's clock show? Answered at once with [`ToObserver::ClockReply`].
    ClockProbe {
        /// The observer's clock, before the probe is written.
        asked: UnixNanos,
    },
    /// Stop the load: the reason, for the user.
    Abort(Failure),
    /// How the run stands; once a second.
    Snapshot(Box<Progress>),
    /// The account is closed.
    Verdict(Box<Verdict>),
}

/// The figures that the writer's progress lines show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Operations of the measured phase.
    pub entries: u64,
    /// Those that arrived.
    pub arrived: u64,
    /// Those still on their way.
    pub pending: u64,
    /// Those given up.
    pub lost: u64,
    /// The median of the headline so far.
    pub e2e_p50: Quantile,
    /// Its 95th percentile.
    pub e2e_p95: Quantile,
    /// Thresholds that do not hold at present.
    pub thresholds_failing: u32,
    /// One for each scenario of the test.
    pub scenarios: Vec<ScenarioProgress>,
}

/// The part of them that one scenario has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioProgress {
    /// Its operations still on their way.
    pub pending: u64,
    /// Those given up.
    pub lost: u64,
    /// The 95th percentile of the headline of its rows so far.
    pub e2e_p95: Quantile,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// `report.json`.
    pub report_json: String,
    /// Where the observer keeps the run, as the observer names it; absent when it could not be written.
    pub folder: Option<String>,
    /// The report's figures, for the last progress lines.
    pub progress: Progress,
}
