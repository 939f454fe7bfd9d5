//! The thread that reads the change stream: it stamps each reply the moment its bytes are here and hands it
//! over. It has a runtime and a MongoDB client of its own, so that nothing else delays the stamp.
//!
//! Resumable errors (the driver's own test for them is private): the network, 43 `CursorNotFound`,
//! 237 `CursorKilled`, 136 `CappedPositionLost` (the oplog rolled over an open cursor: the resume says whether the
//! token is lost too), and whatever carries the label `ResumableChangeStreamError`. Lost history (286) is a
//! gap, recorded once, after which the stream starts from now: never a loop with the same token.
//!
//! What a server says while it starts, stops or elects passes too, and so may refused credentials: they were right when the
//! stream was opened. A server that says nothing at all is left after a while, see `await_limit`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::StreamExt;
use mongodb::Database;
use mongodb::bson::{RawDocumentBuf, Timestamp};
use mongodb::error::{Error, ErrorKind};
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor};
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::sync::{mpsc, oneshot};

use super::FromStream;
use super::attention::{Attention, Fullness, LOOK_EVERY};
use super::await_limit::AwaitLimit;
use super::pipeline::{self, Watched};
use super::refusal::{is_passing, refuses_credentials};
use super::server::{MongoAddress, StartError};

/// Events per reply at most; keeps a backlog's replies small enough for one time to hold for all of a reply.
const BATCH_SIZE: u32 = 1_000;
/// A reply of this size may have been cut by the server's limit of 16 MB.
const REPLY_BYTES_FULL: usize = 15 << 20;
/// [`LOOK_EVERY`], as the runtime wants it.
const LOOK: Duration = Duration::from_nanos(LOOK_EVERY.0.unsigned_abs());
/// How long the server waits before it answers with an empty reply; also how soon the thread sees that it
/// is to stop. Latencies do not depend on it.
pub(super) const AWAIT_MAX: Duration = Duration::from_millis(500);
/// How long an attempt to open the stream anew may take; the server may have to read far back for the first answer.
const REOPEN_MAX: Duration = Duration::from_secs(60);
/// Pauses between attempts to open the stream anew.
const BACKOFF: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(2)];

/// One reply of the server.
pub struct Reply {
    /// The events, as the server sent them.
    pub batch: RawBatch,
    /// When its bytes were here. One reading for all its events.
    pub observed: UnixNanos,
    /// How long its events may have waited for the reader while it was away: an upper bound.
    pub waited: Nanos,
    /// Whether that is so little, and nothing was ahead of them, that `observed` is to be believed.
    pub timely: bool,
    /// The server's time when the stream was last opened anew, if it was: older events had waited for that.
    pub reopened_at: Option<Timestamp>,
}

/// A running reader.
pub struct Reader {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Subscription<I> {
    address: MongoAddress,
    watched: Watched,
    clock: Clock,
    inputs: mpsc::Sender<I>,
    stop: Arc<AtomicBool>,
    token: Option<RawDocumentBuf>,
    reopened_at: Option<Timestamp>,
    /// The stream was opened anew and its first reply has not been read.
    reopening: bool,
    limit: AwaitLimit,
}

/// What came of waiting for a reply.
enum Heard {
    /// It, or an error, and when it was here.
    Reply(Result<RawBatch, Error>, UnixNanos),
    /// Nothing, for too long: since it was asked for.
    Silence(UnixNanos),
    /// The server closed the cursor.
    End,
}

/// Why reading ended.
enum Ending {
    /// The reader is to stop, or nobody listens any more.
    Stopped,
    /// The server closed the cursor without an error, as it does after an invalidate.
    Exhausted,
    /// An error.
    Failed(Error),
    /// The server has not said a word since then.
    Silent(UnixNanos),
}

impl Reader {
    /// Opens the stream; returns once the server has confirmed it. Events go to `inputs`.
    ///
    /// # Errors
    /// Why the stream cannot be opened.
    pub async fn start<I: From<FromStream> + Send + 'static>(
        address: MongoAddress,
        watched: Watched,
        clock: Clock,
        inputs: mpsc::Sender<I>,
    ) -> Result<Self, StartError> {
        let stop = Arc::new(AtomicBool::new(false));
        let subscription = Subscription {
            address,
            watched,
            clock,
            inputs,
            stop: Arc::clone(&stop),
            token: None,
            reopened_at: None,
            reopening: false,
            limit: AwaitLimit::new(clock.now()),
        };
        let (opened, confirmed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("change-stream".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => runtime.block_on(subscription.run(opened)),
                Err(error) => drop(
                    opened.send(Err(StartError::NotUp(format!("no runtime for the change stream: {error}")))),
                ),
            }
        });
        let thread =
            thread.map_err(|error| StartError::NotUp(format!("no thread for the change stream: {error}")))?;
        let reader = Self { stop, thread: Some(thread) };
        match confirmed.await {
            Ok(Ok(())) => Ok(reader),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(StartError::NotUp(
                "the change stream's thread ended before the stream was open".to_owned(),
            )),
        }
    }
}

impl Drop for Reader {
    /// Tells the thread to stop and waits for it: at most one empty reply.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the change stream's thread panicked");
        }
    }
}

impl<I: From<FromStream> + Send + 'static> Subscription<I> {
    async fn run(mut self, opened: oneshot::Sender<Result<(), StartError>>) {
        let first = match self.address.connect().await {
            Ok(database) => self.open(&database).await.map(|cursor| (database, cursor)),
            Err(error) => Err(error),
        };
        let (database, mut cursor) = match first {
            Ok(first) => first,
            Err(error) => return drop(opened.send(Err(self.address.explain(&error).await))),
        };
        if opened.send(Ok(())).is_err() {
            return;
        }
        let mut attention = Attention::new(self.clock.now());
        loop {
            match self.read(&mut cursor, &mut attention).await {
                Ending::Stopped => return,
                Ending::Exhausted => {
                    tracing::warn!("the server ended the change stream; opening it anew");
                    if !self.tell(FromStream::Error).await {
                        return;
                    }
                }
                Ending::Silent(since) => {
                    let seconds = (self.clock.now() - since).as_secs_f64();
                    tracing::warn!("the change stream has said nothing for {seconds:.0} s; opening it anew");
                    if !self.tell(FromStream::Silent(since)).await {
                        return;
                    }
                }
                Ending::Failed(error) if !self.may_resume(&error).await => return,
                Ending::Failed(_) => {}
            }
            match self.reopen(&database).await {
                Some(reopened) => cursor = reopened,
                None => return,
            }
            attention.reopens(self.clock.now());
        }
    }

    async fn open(&self, database: &Database) -> Result<RawBatchCursor, Error> {
        let stages = pipeline::stages(&self.watched, self.token.as_ref())?;
        database.aggregate(stages).batch_size(BATCH_SIZE).max_await_time(AWAIT_MAX).batch().await
    }

    /// Reads replies until something ends it. The loop body is the whole of what happens between two replies.
    async fn read(&mut self, cursor: &mut RawBatchCursor, attention: &mut Attention) -> Ending {
        loop {
            let (batch, observed) = match self.next(cursor, attention).await {
                Heard::Reply(Ok(batch), observed) => (batch, observed),
                Heard::Reply(Err(error), _) => return Ending::Failed(error),
                Heard::Silence(since) => return Ending::Silent(since),
                Heard::End => return Ending::Exhausted,
            };
            let waited = attention.takes(observed, fullness(&batch));
            self.remember(&batch);
            if std::mem::take(&mut self.reopening) {
                // Events up to the server's time of this answer had been waiting for it.
                self.reopened_at = batch.as_raw_document().get_timestamp("operationTime").ok();
            }
            let (waited, timely) = (waited.for_reader, waited.is_timely());
            let reply = Reply { batch, observed, waited, timely, reopened_at: self.reopened_at };
            if self.stop.load(Ordering::Relaxed) || !self.tell(FromStream::Reply(reply)).await {
                return Ending::Stopped;
            }
            attention.returns(self.clock.now());
        }
    }

    /// The next reply and the time at which it was here; looks at the clock while it waits.
    async fn next(&mut self, cursor: &mut RawBatchCursor, attention: &mut Attention) -> Heard {
        let asked = self.clock.now();
        self.limit.asks(asked);
        let mut reply = cursor.next();
        loop {
            tokio::select! {
                // What is here is taken before the look that would deny it.
                biased;
                batch = &mut reply => {
                    let now = self.clock.now();
                    self.limit.replied();
                    return batch.map_or(Heard::End, |batch| Heard::Reply(batch, now));
                }
                () = tokio::time::sleep(LOOK) => {
                    let now = self.clock.now();
                    attention.looks(now);
                    if self.limit.looks(now) {
                        return Heard::Silence(asked);
                    }
                }
            }
        }
    }

    /// Keeps the reply's token: after an empty reply it is the only one that moves on.
    fn remember(&mut self, batch: &RawBatch) {
        let token = batch
            .as_raw_document()
            .get_document("cursor")
            .and_then(|cursor| cursor.get_document("postBatchResumeToken"));
        if let Ok(token) = token {
            self.token = Some(token.to_owned());
        }
    }

    /// Whether to open the stream anew after an error; says what it was either way.
    async fn may_resume(&mut self, error: &Error) -> bool {
        let reason = self.address.reason(error);
        if lost_history(error) {
            tracing::error!("the change stream lost its history: {reason}; it goes on from now, with a gap");
            self.token = None;
            return self.tell(FromStream::Error).await && self.tell(FromStream::Gap).await;
        }
        if resumable(error) {
            tracing::warn!("the change stream was interrupted: {reason}; resuming");
            return self.tell(FromStream::Error).await;
        }
        let sentence = format!(
            "the change stream on '{}' ended with an error that cannot be resumed: {reason}",
            self.address
        );
        self.tell(FromStream::Failed(Failure::run(sentence))).await;
        false
    }

    async fn reopen(&mut self, database: &Database) -> Option<RawBatchCursor> {
        let mut pauses = BACKOFF.into_iter().chain(std::iter::repeat(BACKOFF[BACKOFF.len() - 1]));
        while !self.stop.load(Ordering::Relaxed) {
            match tokio::time::timeout(REOPEN_MAX, self.open(database)).await {
                Ok(Ok(cursor)) => {
                    self.reopening = true;
                    return self.tell(FromStream::Resumed).await.then_some(cursor);
                }
                Ok(Err(error)) if !self.may_resume(&error).await => return None,
                Ok(Err(_)) => tokio::time::sleep(pauses.next().unwrap_or_default()).await,
                Err(_) => {
                    let seconds = REOPEN_MAX.as_secs();
                    tracing::warn!(
                        "MongoDB has not opened the change stream within {seconds} s; asking again"
                    );
                    if !self.tell(FromStream::Error).await {
                        return None;
                    }
                }
            }
        }
        None
    }

    async fn tell(&self, said: FromStream) -> bool {
        self.inputs.send(said.into()).await.is_ok()
    }
}

/// Whether the server may have had more events than the reply holds.
fn fullness(batch: &RawBatch) -> Fullness {
    let documents =
        batch.doc_slices().map_or(0, |documents| documents.into_iter().take(BATCH_SIZE as usize).count());
    let is_full =
        documents == BATCH_SIZE as usize || batch.as_raw_document().as_bytes().len() >= REPLY_BYTES_FULL;
    // The answer that opens a cursor has its events, if any, in another field than the answers that follow.
    let opens = batch
        .as_raw_document()
        .get_document("cursor")
        .is_ok_and(|cursor| matches!(cursor.get("firstBatch"), Ok(Some(_))));
    match documents {
        _ if is_full => Fullness::Full,
        0 if opens => Fullness::Unknown,
        _ => Fullness::NotFull,
    }
}

fn lost_history(error: &Error) -> bool {
    // 286 ChangeStreamHistoryLost, 280 ChangeStreamFatalError, 260 InvalidResumeToken: the token is of no use.
    matches!(error.kind.as_ref(), ErrorKind::Command(command) if matches!(command.code, 286 | 280 | 260))
}

fn resumable(error: &Error) -> bool {
    let network = matches!(
        error.kind.as_ref(),
        ErrorKind::Io(_)
            | ErrorKind::ConnectionPoolCleared { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::DnsResolve { .. }
    );
    let cursor =
        matches!(error.kind.as_ref(), ErrorKind::Command(command) if matches!(command.code, 43 | 136 | 237));
    let server = is_passing(error) || refuses_credentials(error);
    network || cursor || server || error.contains_label("ResumableChangeStreamError")
}
