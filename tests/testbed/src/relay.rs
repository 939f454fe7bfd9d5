//! The relay: logical replication from PostgreSQL, each row written to MongoDB in order, with known faults.
//!
//! ```text
//!  PostgreSQL ─ pgoutput ─► source ──bounded──► delay queue ─► gate ─► apply ─► MongoDB (majority)
//!                             ▲    (read, row)   (due, row)              │
//!                             └── LSN ◄── ack file thread ◄──────────────┘
//! ```
//!
//! - A row is due `delay` after it was read, and never written before. Rows wait side by side, not one after
//!   the other, so the delay costs no throughput; a full queue holds the source back. With `--delay-growth-ms-per-s`
//!   the delay grows with the time since the first row was read.
//! - The gate lets a row through when it is due, when no stall is on (`--stall-at`, `--stall-for`, counted from
//!   the first row read), and in its slot (`--rate-limit`). A batch that MongoDB already has when a stall
//!   begins is still acknowledged. Deletes and truncates are rows too. Slots that pass while MongoDB writes
//!   are used right after, so the capacity is the limit; a standstill of more than 250 ms is not made up for.
//! - With `--poll-ms` rows that are due wait for the next multiple of it, with `--batch-ms` the first of them waits so
//!   long for others; then all go out at once.
//! - A relay that is started again counts its first row anew.
//! - An LSN is confirmed when MongoDB has acknowledged everything up to its commit and the ack file has the
//!   lines. So a killed relay loses nothing; what it had not confirmed it does again.
//! - Document: `{_id: <key>, …the other columns}`, in the collection named like the table; any table of the
//!   publication, whenever it was created. A key of several columns is `{_id: {a: …, b: …}, …}`. Other forms
//!   with `--shape`: [`Shape`].
//! - Single rows are dropped, duplicated, reordered, coalesced or corrupted by their number: [`RowFaults`]. Each
//!   that was has a line in the fault file.

mod acks;
mod apply;
mod array;
mod decimal;
mod delay;
mod document;
mod encoding;
mod faults;
mod gather;
mod marks;
mod pace;
pub mod pgoutput;
mod row_faults;
mod shape;
mod source;
mod timing;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use pgwire_replication::Lsn;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::acks::{AckWriter, Acked};
use self::apply::Sink;
use self::delay::DelayQueue;
use self::document::Change;
use self::encoding::Encoding;
use self::gather::Gather;
use self::pace::Pacer;
use self::row_faults::Injector;
use self::source::{Ends, Source};
use self::timing::Timing;

pub use self::decimal::{Decimal, DecimalError};
pub use self::faults::Faults;
pub use self::pace::{Rate, RateError};
pub use self::row_faults::RowFaults;
pub use self::shape::Shape;

/// What the relay prints when it streams.
pub const READY_LINE: &str = "relay: ready";
/// May stand for `--postgres`.
pub const POSTGRES_VARIABLE: &str = "STREAMGAUGE_POSTGRES";
/// May stand for `--mongo`.
pub const MONGO_VARIABLE: &str = "STREAMGAUGE_MONGO";

/// Items between the source and the delay queue.
const TRANSIT_ITEMS: usize = 1_024;
/// Items held for their delay: 10 s at 10,000 rows a second. When it is full, the source waits.
const HELD_ITEMS: usize = 100_000;
/// Rows in one batch to MongoDB.
const BATCH_ROWS: usize = 500;
/// Bytes of rows in one batch: MongoDB takes 48 MB in a message, and BSON is larger than text.
const BATCH_BYTES: usize = 8 << 20;

/// What the relay is told on its command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// PostgreSQL, as in postgresql://user:password@host:port/database
    #[arg(long, env = POSTGRES_VARIABLE, hide_env_values = true, value_name = "URL")]
    pub postgres: String,
    /// MongoDB, as in mongodb://host:port/?replicaSet=name
    #[arg(long, env = MONGO_VARIABLE, hide_env_values = true, value_name = "URI")]
    pub mongo: String,
    /// The MongoDB database to write to
    #[arg(long, value_name = "NAME")]
    pub database: String,
    /// The publication to read; created for all tables when missing
    #[arg(long, default_value = "streamgauge", value_name = "NAME")]
    pub publication: String,
    /// The permanent replication slot to read; created when missing
    #[arg(long, default_value = "streamgauge", value_name = "NAME")]
    pub slot: String,
    /// Where to note when each row was acknowledged; appended to
    #[arg(long, value_name = "FILE")]
    pub ack_file: PathBuf,
    /// Where to note each row that was dropped, duplicated, reordered, coalesced or corrupted; appended to
    #[arg(long, value_name = "FILE")]
    pub fault_file: Option<PathBuf>,
    /// What the relay does to the rows
    #[command(flatten)]
    pub faults: Faults,
}

/// One thing on its way through the relay.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every item is a row: a box would only cost")]
pub(crate) enum Item {
    /// A row to be written.
    Change(Change),
    /// Everything before this is complete up to this position.
    Confirm(Lsn),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Change(change) => change.bytes,
            Self::Confirm(_) => 0,
        }
    }
}

/// Runs the relay until SIGTERM or SIGINT, or the first error; calls `ready` once it streams.
///
/// # Errors
/// When PostgreSQL or MongoDB refuses, answers with an error or goes away.
pub async fn run(options: Options, ready: impl FnOnce()) -> Result<()> {
    let stop = stop_signal()?;
    let clock = Clock::start();
    let sink = Sink::connect(&options.mongo, &options.database, options.faults.shape).await?;
    let (confirmed, confirmations) = watch::channel(Lsn::ZERO);
    let acks = AckWriter::open(&options.ack_file, options.fault_file.as_deref(), confirmed)?;
    let source = Source::connect(&options).await?;
    let (sender, items) = mpsc::channel(TRANSIT_ITEMS);
    let ends = Ends { items: sender, confirmed: confirmations, stop: stop.stopped.clone() };
    let mut tasks = JoinSet::new();
    tasks.spawn(source.stream(clock, ends));
    ready();
    let (timing, gather, pacer) = (options.faults.timing(), options.faults.gather(), options.faults.pacer());
    let (queue, injector) = (DelayQueue::new(), Injector::new(options.faults.rows.clone()));
    let (shape, encoding) = (options.faults.shape, options.faults.encoding());
    let relay =
        Relay { clock, sink, items, injector, queue, timing, gather, pacer, shape, encoding, rows: 0 };
    let applied = relay.apply_all(&acks, &mut tasks, stop.stopped).await;
    // The lines of what MongoDB has acknowledged are written even when something went wrong after it.
    let written = acks.close();
    tasks.shutdown().await;
    applied.and(written)
}

/// The part between the source and MongoDB.
struct Relay {
    clock: Clock,
    sink: Sink,
    /// What the source reads, each with the moment when it was read.
    items: mpsc::Receiver<(UnixNanos, Item)>,
    injector: Injector,
    queue: DelayQueue<Item>,
    timing: Timing,
    gather: Gather,
    pacer: Option<Pacer>,
    shape: Shape,
    encoding: Encoding,
    /// Rows read, for their jitter.
    rows: u64,
}

impl Relay {
    async fn apply_all(
        mut self,
        acks: &AckWriter,
        source: &mut JoinSet<Result<()>>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        loop {
            while self.has_room()
                && let Ok((read, item)) = self.items.try_recv()
            {
                self.hold(read, item);
            }
            if *stop.borrow() {
                return Ok(());
            }
            for (read, item) in self.injector.expire(self.clock.now()) {
                self.queue.push(self.timing.due(read), item);
            }
            let batch = self.take(self.clock.now());
            if !batch.is_empty() {
                acks.note(self.apply(batch).await?).await?;
                continue;
            }
            // tokio's timer rounds up to a whole millisecond, and the clock is asked again: never early.
            let now = self.clock.now();
            let wait = self.next_leave(now).map(|leave| (leave - now).to_std());
            tokio::select! {
                // The stop first: it also ends the source, which must not look like a failure of PostgreSQL.
                biased;
                _ = stop.changed() => {}
                Some(ended) = source.join_next() => return source_ended(ended),
                Some((read, item)) = self.items.recv(), if self.has_room() => self.hold(read, item),
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
            }
        }
    }

    fn has_room(&self) -> bool {
        self.queue.len() + self.injector.len() < HELD_ITEMS
    }

    fn hold(&mut self, read: UnixNanos, mut item: Item) {
        let mut jitter = Nanos::ZERO;
        if let Item::Change(change) = &mut item {
            if !self.shape.carries(change.op) {
                return;
            }
            self.encoding.encode(change);
            self.timing.row_read(read);
            jitter = self.timing.jitter(self.rows);
            self.rows += 1;
        }
        for (read, item) in self.injector.pass(read, item) {
            self.queue.push(self.timing.due(read) + jitter, item);
        }
    }

    /// What may be written now.
    fn take(&mut self, now: UnixNanos) -> Vec<Item> {
        if self.timing.stalled_until(now).is_some() {
            return Vec::new();
        }
        self.queue.take_due(now, (BATCH_ROWS, BATCH_BYTES), Item::bytes, |due, item| match item {
            Item::Change(change) if change.is_written() => {
                let admitted = self.gather.admits(due, now);
                admitted && self.pacer.as_mut().is_none_or(|pacer| pacer.take(due, now))
            }
            _ => true,
        })
    }

    /// When the first of what is held may leave, or has been held back long enough, as seen at `now`.
    fn next_leave(&self, now: UnixNanos) -> Option<UnixNanos> {
        let leave = self.queue.front().map(|(due, item)| {
            let slot = match item {
                Item::Change(change) if change.is_written() => {
                    let slot = self.pacer.as_ref().map_or(due, |pacer| pacer.slot(due));
                    slot.max(self.gather.leave(due))
                }
                _ => due,
            };
            self.timing.stalled_until(now).map_or(slot, |end| end.max(slot))
        });
        leave.into_iter().chain(self.injector.next_expiry()).min()
    }

    async fn apply(&self, batch: Vec<Item>) -> Result<Acked> {
        let mut confirm = None;
        let mut changes = Vec::with_capacity(batch.len());
        for item in batch {
            match item {
                Item::Change(change) => changes.push(change),
                Item::Confirm(lsn) => confirm = Some(lsn),
            }
        }
        self.sink.write(&mut changes, self.clock.now()).await?;
        Ok(Acked { at: self.clock.now(), changes, confirm })
    }
}

fn source_ended(ended: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    match ended {
        Ok(Ok(())) => bail!("PostgreSQL ended the replication stream"),
        Ok(Err(error)) => Err(error),
        Err(error) => Err(error).context("the replication task broke"),
    }
}

/// Becomes true on the first SIGTERM or SIGINT. Dropping it ends the task that waits for them.
struct Stop {
    stopped: watch::Receiver<bool>,
    _waiting: Arc<JoinSet<()>>,
}

fn stop_signal() -> Result<Stop> {
    let (sender, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        sender.send_replace(true);
    });
    Ok(Stop { stopped, _waiting: Arc::new(waiting) })
}

/// The password in a connection URL, so that it can be kept out of messages.
#[must_use]
pub fn password_of(url: &str) -> Option<String> {
    let (login, _) = url.split_once("://")?.1.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}
