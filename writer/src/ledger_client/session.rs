//! The task that owns the ledger's link for the length of a run.
//!
//! It empties the queue whether or not there is a connection, so that the load never notices a break. The observer
//! asks for the writer's clock once a second from its first word to its last: a connection on which nothing is heard,
//! or no byte is taken, for [`Limits::silence`] is dead, whatever the network says, and is made anew. When the
//! observer stays away beyond [`Limits::gone`], the session ends with a failure: what is written from then on could
//! not be measured.
//!
//! A message is in one place at any moment: in the queue, or in the backlog from the moment it is taken out, which is
//! one step with nothing to wait for in between. Reads and writes that are dropped half way have moved nothing.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streamgauge_shared::capacity::Probe;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::ledger::frame::FrameError;
use streamgauge_shared::ledger::{Hello, Progress, ToWriter, Verdict};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::token::Token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::backlog::{Backlog, LEDGER_UNACKED_MAX};
use super::link::{self, Link, LinkError, READ_BYTES};
use super::{Endpoint, Queued};

/// Queued messages taken at once.
const TAKE_MAX: usize = 1_024;
/// The pause before the second attempt to connect; doubled for each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How long one attempt to connect may take, until the HTTP answer is here.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long the observer may take to open its change stream.
const READY_MAX: Duration = Duration::from_secs(30);

/// How patient a session is.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// With an observer that cannot be reached at the start.
    pub first_contact: Duration,
    /// With an observer that is gone in the middle of a run, from the last byte that it sent.
    pub gone: Duration,
    /// With one that is connected and says nothing, or takes nothing: its clock probes come once a second.
    pub silence: Duration,
    /// Records kept for an observer that does not acknowledge.
    pub unacked: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_contact: Duration::from_secs(8),
            gone: Duration::from_secs(30),
            silence: Duration::from_secs(10),
            unacked: LEDGER_UNACKED_MAX,
        }
    }
}

/// Everything a session needs.
pub struct Session {
    /// The observer.
    pub endpoint: Endpoint,
    /// What it wants to see.
    pub token: Option<Token>,
    /// The first message of each connection.
    pub hello: Hello,
    /// The writer's clock, which answers the observer's clock probes.
    pub clock: Clock,
    /// The session's end of the queue.
    pub queue: mpsc::Receiver<Queued>,
    /// Records that are missing from the ledger.
    pub lost: Arc<AtomicU64>,
    /// How patient it is.
    pub limits: Limits,
}

/// What a session tells while it runs.
pub struct SessionHandle {
    /// That rows may be sent. Closed without a word when the session fails before.
    pub ready: oneshot::Receiver<Ready>,
    /// Why the load is to stop.
    pub abort: watch::Receiver<Option<Failure>>,
    /// How the run stands.
    pub progress: watch::Receiver<Option<Progress>>,
    /// When the load begins, on the writer's time line: known once every writer of the run is prepared.
    pub begin: watch::Receiver<Option<UnixNanos>>,
    /// The number of the last judged probe of a capacity search, and how it went.
    pub probed: watch::Receiver<Option<(u32, Probe)>>,
}

/// What the observer says when rows may be sent.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The writer's index.
    pub writer: u16,
    /// For each of the model's entities the number that its sequence starts with; 0 for other keys.
    pub first_numbers: Vec<i64>,
}

/// What a session knows of the run, and whom it tells.
struct State {
    backlog: Backlog,
    /// When the observer was last heard, on the writer's clock.
    heard_at: UnixNanos,
    unacked_max: usize,
    lost: Arc<AtomicU64>,
    abort: watch::Sender<Option<Failure>>,
    progress: watch::Sender<Option<Progress>>,
    begin: watch::Sender<Option<UnixNanos>>,
    probed: watch::Sender<Option<(u32, Probe)>>,
}

/// Why a connection is over.
enum Ended {
    Verdict(Box<Verdict>),
    Broken(String),
}

impl Session {
    /// What the session tells on its way, and its whole life as a future: the verdict, or why there is none.
    pub fn start(self) -> (SessionHandle, impl Future<Output = Result<Verdict, Failure>> + Send) {
        let (tell_ready, ready) = oneshot::channel();
        let (tell_abort, abort) = watch::channel(None);
        let (tell_progress, progress) = watch::channel(None);
        let (tell_begin, begin) = watch::channel(None);
        let (tell_probed, probed) = watch::channel(None);
        let state = State {
            backlog: Backlog::default(),
            heard_at: self.clock.now(),
            unacked_max: self.limits.unacked,
            lost: Arc::clone(&self.lost),
            abort: tell_abort,
            progress: tell_progress,
            begin: tell_begin,
            probed: tell_probed,
        };
        (SessionHandle { ready, abort, progress, begin, probed }, self.live(state, tell_ready))
    }

    async fn live(mut self, mut state: State, ready: oneshot::Sender<Ready>) -> Result<Verdict, Failure> {
        let mut link = self.first_link().await?;
        let writer = link.writer;
        state.backlog.resume(link.next_record).map_err(unresumable)?;
        // Nobody waits for it when the user has interrupted.
        drop(ready.send(Ready { writer, first_numbers: std::mem::take(&mut link.first_numbers) }));
        loop {
            let reason = match self.converse(&mut link, &mut state).await? {
                Ended::Verdict(verdict) => return Ok(*verdict),
                Ended::Broken(reason) => reason,
            };
            drop(link);
            tracing::warn!("the connection with the observer broke: {reason}; connecting again");
            link = self.link_again(&mut state).await?;
            if link.writer != writer {
                return Err(gone(format!("the observer took writer {writer} for {}", link.writer)));
            }
            state.backlog.resume(link.next_record).map_err(unresumable)?;
            tracing::info!("connected with the observer again, from record {}", link.next_record);
        }
    }

    async fn first_link(&self) -> Result<Link, Failure> {
        let (endpoint, patience) = (&self.endpoint, self.limits.first_contact);
        let mut last = "no answer".to_owned();
        let reached = timeout(patience, reach(endpoint, self.token.as_ref(), &mut last)).await;
        let Ok(reached) = reached else {
            return Err(Failure::run(format!(
                "the observer at --observer {endpoint} is not ready ({last}; tried for {} s): start 'streamgauge-observer serve', or correct --observer",
                patience.as_secs()
            )));
        };
        match timeout(READY_MAX, link::greet(reached?, &self.hello, self.clock)).await {
            Ok(Ok(link)) => Ok(link),
            Ok(Err(LinkError::Final(failure))) => Err(failure),
            Ok(Err(LinkError::Unreachable(reason))) => Err(Failure::run(format!(
                "the observer at {endpoint} went away before it was ready: {reason}; its own log says why"
            ))),
            Err(_) => Err(Failure::run(format!(
                "the observer at {endpoint} did not open its change stream within {} s: see its own log",
                READY_MAX.as_secs()
            ))),
        }
    }

    /// Connects again, taking in what the load queues meanwhile.
    async fn link_again(&mut self, state: &mut State) -> Result<Link, Failure> {
        let Self { endpoint, token, hello, clock, queue, limits, .. } = self;
        let attempts = async {
            let mut last = String::new();
            loop {
                let stream = reach(endpoint, token.as_ref(), &mut last).await?;
                match timeout(READY_MAX, link::greet(stream, hello, *clock)).await {
                    Ok(Ok(link)) => return Ok(link),
                    Ok(Err(LinkError::Final(failure))) => return Err(failure),
                    Ok(Err(LinkError::Unreachable(_))) | Err(_) => sleep(BACKOFF_MAX).await,
                }
            }
        };
        let silent = (clock.now() - state.heard_at).max(Nanos::ZERO).to_std();
        let mut attempts = pin!(timeout(limits.gone.saturating_sub(silent), attempts));
        let (mut taken, mut open) = (Vec::with_capacity(TAKE_MAX), true);
        loop {
            tokio::select! {
                link = &mut attempts => {
                    let away = format!("it has been away for {} s", limits.gone.as_secs());
                    return link.unwrap_or_else(|_| Err(gone(away)));
                }
                count = queue.recv_many(&mut taken, TAKE_MAX), if open => open = count > 0,
            }
            taken.drain(..).for_each(|queued| state.take(queued));
        }
    }

    /// Moves messages both ways until the connection breaks or the verdict is here.
    async fn converse(&mut self, link: &mut Link, state: &mut State) -> Result<Ended, Failure> {
        let Link { stream, decoder, .. } = link;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut bytes = vec![0; READ_BYTES];
        let (mut taken, mut open) = (Vec::with_capacity(TAKE_MAX), true);
        let limit = self.limits.silence;
        let (mut silence, mut stall) = (pin!(sleep(limit)), pin!(sleep(limit)));
        let clock = self.clock;
        let mut had_pending = false;
        state.heard_at = clock.now();
        loop {
            while let Some(message) = decoder.message().map_err(|error| garbled(&error))? {
                if let Some(ended) = state.hear(message)? {
                    return Ok(ended);
                }
            }
            let pending = state.backlog.pending(|| clock.now()).map_err(|error| garbled(&error))?;
            if !pending.is_empty() && !had_pending {
                stall.set(sleep(limit));
            }
            had_pending = !pending.is_empty();
            // Each of these can be dropped half way without losing anything.
            tokio::select! {
                count = self.queue.recv_many(&mut taken, TAKE_MAX), if open => open = count > 0,
                wrote = writer.write(pending), if !pending.is_empty() => match wrote {
                    Ok(0) => return Ok(Ended::Broken("it takes no more bytes".to_owned())),
                    Ok(count) => {
                        state.backlog.wrote(count);
                        stall.set(sleep(limit));
                    }
                    Err(error) => return Ok(Ended::Broken(error.to_string())),
                },
                read = reader.read(&mut bytes) => match read {
                    Ok(0) => return Ok(Ended::Broken("the observer closed it".to_owned())),
                    Ok(count) => {
                        state.heard_at = clock.now();
                        decoder.push(&bytes[..count]);
                        silence.set(sleep(limit));
                    }
                    Err(error) => return Ok(Ended::Broken(error.to_string())),
                },
                () = &mut silence => {
                    return Ok(Ended::Broken(format!("nothing was heard for {} s", limit.as_secs())));
                }
                () = &mut stall, if had_pending => {
                    return Ok(Ended::Broken(format!("it took no byte for {} s", limit.as_secs())));
                }
            }
            taken.drain(..).for_each(|queued| state.take(queued));
        }
    }
}

impl State {
    fn take(&mut self, queued: Queued) {
        match queued {
            Queued::Record(record) => {
                if !self.backlog.record(record, self.unacked_max) {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Queued::Await { awaited, settled } => self.backlog.wait(awaited, settled),
            Queued::Status(status) => self.backlog.status(status),
            Queued::Stop => self.backlog.stop(),
        }
    }

    /// Deals with one message of the observer, read when it was last heard.
    fn hear(&mut self, message: ToWriter) -> Result<Option<Ended>, Failure> {
        match message {
            ToWriter::Ack { next_record } => self.backlog.acknowledge(next_record),
            ToWriter::ClockProbe { asked } => self.backlog.clock_probe(asked, self.heard_at),
            ToWriter::Settled { sequence, arrived } => self.backlog.settle(sequence, arrived),
            ToWriter::Snapshot(progress) => drop(self.progress.send_replace(Some(*progress))),
            ToWriter::Begin { at } => drop(self.begin.send_replace(Some(at))),
            // Told again after a reconnect; the number says whether it is news.
            ToWriter::Probed { number, probe } => drop(self.probed.send_replace(Some((number, probe)))),
            // The first reason stays: what follows is its consequence.
            ToWriter::Abort(failure) => drop(self.abort.send_if_modified(|abort| {
                let first = abort.is_none();
                abort.get_or_insert(failure);
                first
            })),
            ToWriter::Verdict(verdict) => return Ok(Some(Ended::Verdict(verdict))),
            ToWriter::Refused(failure) => return Err(failure),
            // Only the answer to a hello means something.
            ToWriter::Ready { .. } => {}
        }
        Ok(None)
    }
}

/// Tries until the observer has switched protocols; `last` is why the latest attempt failed. Ends early only
/// for a reason that another attempt would not change.
async fn reach(
    endpoint: &Endpoint,
    token: Option<&Token>,
    last: &mut String,
) -> Result<link::Stream, Failure> {
    let mut pause = BACKOFF_MIN;
    loop {
        match timeout(CONNECT_MAX, link::upgrade(endpoint, token)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(LinkError::Final(failure))) => return Err(failure),
            Ok(Err(LinkError::Unreachable(reason))) => *last = reason,
            Err(_) => *last = format!("no answer within {} s", CONNECT_MAX.as_secs()),
        }
        sleep(pause).await;
        pause = (pause * 2).min(BACKOFF_MAX);
    }
}

/// The run goes on without anybody measuring it: it is worth nothing.
fn gone(reason: String) -> Failure {
    let sentence = format!(
        "the observer is gone: {reason}; the load was stopped, because what is not observed is not measured"
    );
    Failure { exit_code: ExitCode::MeasurementInvalid, sentence }
}

fn unresumable(error: super::backlog::Unresumable) -> Failure {
    gone(format!("it came back without what it had of this run ({error})"))
}

fn garbled(error: &FrameError) -> Failure {
    Failure::run(format!(
        "writer and observer do not understand each other: {error}; use programs of one version"
    ))
}
