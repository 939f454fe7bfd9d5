//! One connection of one writer, from its hello to its end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamgauge_shared::clock::{Clock, PeerClock};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::frame::{Decoder, FrameError};
use streamgauge_shared::ledger::{Hello, ToObserver, ToWriter, Verdict};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::mpsc;

use super::link::{self, Patience};
use super::receive::receive;
use super::transmit::transmit;
use super::{FromWriter, OUTBOX_MAX, Slot, clocks};

/// How long a connection may take to say hello.
const HELLO_MAX: Duration = Duration::from_secs(5);

/// A writer that may take part.
pub struct Admission<I> {
    /// Its index.
    pub writer: u16,
    /// Where its messages go.
    pub inputs: mpsc::Sender<I>,
    /// Shared with its other connections.
    pub slot: Arc<Mutex<Slot>>,
    /// What is known of its clock, shared by its connections: how its times become ours.
    pub peer_clock: Arc<Mutex<PeerClock>>,
    /// Ours.
    pub clock: Clock,
    /// How long the connection may be silent, or stuck.
    pub patience: Patience,
    /// For each of the model's entities the number that its sequence starts with; 0 for other keys.
    pub first_numbers: Vec<i64>,
}

/// What becomes of a writer that says hello.
pub enum Decision<I> {
    /// It takes part in a run.
    Takes(Admission<I>),
    /// Its run is over: it comes back for the verdict.
    Over {
        /// Its index.
        writer: u16,
        /// The first record that was not here when the account was closed.
        next_record: u64,
        /// What it missed.
        verdict: Box<Verdict>,
    },
}

/// Why a session ended; none of it is the run's end.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection broke.
    #[error("the connection broke")]
    Connection(#[from] std::io::Error),
    /// It sent what is not the protocol.
    #[error("the peer does not speak the protocol")]
    Frame(#[from] FrameError),
    /// It did not say hello.
    #[error("the peer did not say hello within {} s", HELLO_MAX.as_secs())]
    NoHello,
    /// It sent something else than an answer before it was told that it may.
    #[error("the peer did not answer a clock probe but sent something else")]
    Early,
    /// A record is missing before this one: the writer has to send again.
    #[error("record {found} came where {expected} was expected")]
    Gap {
        /// Its number.
        found: u64,
        /// What should have come.
        expected: u64,
    },
    /// Nothing was read for so long, though the writer answers a probe a second.
    #[error("nothing was heard of the writer for {} s", .0.as_secs())]
    Silent(Duration),
    /// It took no byte of what was meant for it for so long.
    #[error("the writer took nothing of what it is told for {} s", .0.as_secs())]
    Stuck(Duration),
}

/// Serves one connection until it ends. `admit` decides about its writer.
///
/// # Errors
/// Why the connection ended early; nothing is lost, the writer sends again what was not acknowledged.
pub async fn serve<S, F, I>(stream: S, admit: impl FnOnce(Hello) -> F) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite,
    F: Future<Output = Result<Decision<I>, Failure>>,
    I: From<FromWriter>,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut decoder = Decoder::default();
    let hello = tokio::time::timeout(HELLO_MAX, hello(&mut reader, &mut decoder)).await;
    let hello = hello.map_err(|_| SessionError::NoHello)??;
    let patience = Patience::default();
    let admission = match admit(hello).await {
        Ok(Decision::Takes(admission)) => admission,
        Ok(Decision::Over { writer: index, next_record, verdict }) => {
            let ready = ToWriter::Ready { writer: index, next_record, first_numbers: Vec::new() };
            return link::write(&mut writer, &[ready, ToWriter::Verdict(verdict)], patience).await;
        }
        Err(failure) => return link::write(&mut writer, &[ToWriter::Refused(failure)], patience).await,
    };
    let (outbox, waiting) = mpsc::channel(OUTBOX_MAX);
    let Some(attached) = attach(&admission, outbox).await else { return Ok(()) };
    let result = converse(&mut reader, &mut writer, &mut decoder, &admission, attached, waiting).await;
    // However it ended: the run has heard of the connection, so it hears of its end.
    detach(&admission, attached.generation).await;
    result
}

/// A connection that the run has heard of.
#[derive(Clone, Copy, Debug)]
struct Attached {
    /// The number of this connection.
    generation: u64,
    /// The first record that the writer is to send.
    next_record: u64,
}

/// This connection takes the place of the writer's last one; nothing if the run is over.
async fn attach<I: From<FromWriter>>(
    admission: &Admission<I>,
    outbox: mpsc::Sender<ToWriter>,
) -> Option<Attached> {
    let place = admission.inputs.reserve().await.ok()?;
    let mut slot = admission.slot.lock();
    slot.generation += 1;
    place.send(FromWriter::Attached { writer: admission.writer, outbox }.into());
    Some(Attached { generation: slot.generation, next_record: slot.next_record })
}

/// The run hears that the writer is away, unless another connection has taken this one's place.
async fn detach<I: From<FromWriter>>(admission: &Admission<I>, generation: u64) {
    // A run that is over does not need to know.
    let Ok(place) = admission.inputs.reserve().await else { return };
    if admission.slot.lock().generation == generation {
        place.send(FromWriter::Detached { writer: admission.writer }.into());
    }
}

/// Everything between the run's hearing of a connection and of its end.
async fn converse<R: AsyncRead + Unpin, W: AsyncWrite + Unpin, I: From<FromWriter>>(
    reader: &mut R,
    writer: &mut W,
    decoder: &mut Decoder,
    admission: &Admission<I>,
    attached: Attached,
    mut waiting: mpsc::Receiver<ToWriter>,
) -> Result<(), SessionError> {
    clocks::compare(reader, writer, decoder, admission).await?;
    let ready = ToWriter::Ready {
        writer: admission.writer,
        next_record: attached.next_record,
        first_numbers: admission.first_numbers.clone(),
    };
    link::write(writer, &[ready], admission.patience).await?;
    tokio::select! {
        result = receive(reader, decoder, admission, attached.generation) => result,
        result = transmit(writer, &mut waiting, admission) => result,
    }
}

async fn hello<R: AsyncRead + Unpin>(reader: &mut R, decoder: &mut Decoder) -> Result<Hello, SessionError> {
    let mut bytes = vec![0; link::READ_BYTES];
    loop {
        match decoder.message()? {
            Some(ToObserver::Hello(hello)) => return Ok(*hello),
            Some(_) => return Err(SessionError::NoHello),
            None => {}
        }
        match reader.read(&mut bytes).await? {
            0 => return Err(SessionError::NoHello),
            read => decoder.push(&bytes[..read]),
        }
    }
}
