//! One connection of one writer, from its hello to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamgauge_shared::clock::{Clock, Exchange, PeerClock};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::frame::{self, Decoder, FrameError};
use streamgauge_shared::ledger::{Hello, Record, Status, ToObserver, ToWriter, Verdict, Written};
use streamgauge_shared::time::{Nanos, UnixNanos};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{FromWriter, OUTBOX_MAX};

/// How long a connection may take to say hello.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Messages written with one flush.
const WRITE_BATCH: usize = 1_024;

/// Exchanges before the first row: the one that took least counts, so a jittery way needs several.
const FIRST_EXCHANGES: u32 = 16;
/// How long they may take together; what is known by then has to do.
const FIRST_EXCHANGES_MAX: Duration = Duration::from_secs(4);
/// Exchanges after that which follow each other quickly: the drift is not known yet.
const QUICK_EXCHANGES: u32 = 30;
/// How far those are apart.
const QUICK: Nanos = Nanos::from_millis(100);
/// How far all others are apart.
const STEADY: Nanos = Nanos::from_secs(1);

/// What a writer's sessions share: it may reconnect while the old connection is still half open.
#[derive(Debug, Default)]
pub struct Slot {
    /// The first record that is not here.
    pub next_record: u64,
    /// The number of the connection that counts.
    pub generation: u64,
}

impl Slot {
    /// Whether a message is new. A record that came before is dropped, and so is what an older connection brings.
    ///
    /// # Errors
    /// [`SessionError::Gap`] for a record after a missing one: the session ends, and the writer sends again.
    pub fn accept(&mut self, message: &ToObserver, generation: u64) -> Result<bool, SessionError> {
        if self.generation != generation {
            return Ok(false);
        }
        let ToObserver::Record { number, .. } = message else { return Ok(true) };
        if *number > self.next_record {
            return Err(SessionError::Gap { found: *number, expected: self.next_record });
        }
        let new = *number == self.next_record;
        self.next_record += u64::from(new);
        Ok(new)
    }
}

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
    let admission = match admit(hello).await {
        Ok(Decision::Takes(admission)) => admission,
        Ok(Decision::Over { writer: index, next_record, verdict }) => {
            let ready = ToWriter::Ready { writer: index, next_record };
            return write(&mut writer, &[ready, ToWriter::Verdict(verdict)]).await;
        }
        Err(failure) => return write(&mut writer, &[ToWriter::Refused(failure)]).await,
    };
    let (next_record, generation) = {
        let mut slot = admission.slot.lock();
        slot.generation += 1;
        (slot.next_record, slot.generation)
    };
    let (outbox, mut waiting) = mpsc::channel(OUTBOX_MAX);
    let attached =
        admission.inputs.send(FromWriter::Attached { writer: admission.writer, outbox }.into()).await;
    if attached.is_err() {
        return Ok(());
    }
    compare_clocks(&mut reader, &mut writer, &mut decoder, &admission).await?;
    write(&mut writer, &[ToWriter::Ready { writer: admission.writer, next_record }]).await?;
    let result = tokio::select! {
        result = receive(&mut reader, &mut decoder, &admission, generation) => result,
        result = transmit(&mut writer, &mut waiting, &admission) => result,
    };
    let is_current = admission.slot.lock().generation == generation;
    if is_current {
        // The run may be over: then nobody needs to know.
        drop(admission.inputs.send(FromWriter::Detached { writer: admission.writer }.into()).await);
    }
    result
}

async fn hello<R: AsyncRead + Unpin>(reader: &mut R, decoder: &mut Decoder) -> Result<Hello, SessionError> {
    let mut bytes = vec![0; READ_BYTES];
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

/// Exchanges times with the writer until the offset is known well enough for its first row.
async fn compare_clocks<R: AsyncRead + Unpin, W: AsyncWrite + Unpin, I: From<FromWriter>>(
    reader: &mut R,
    writer: &mut W,
    decoder: &mut Decoder,
    admission: &Admission<I>,
) -> Result<(), SessionError> {
    let exchanges = async {
        let mut bytes = vec![0; READ_BYTES];
        for _ in 0..FIRST_EXCHANGES {
            write(writer, &[ToWriter::ClockProbe { asked: admission.clock.now() }]).await?;
            let mut returned = admission.clock.now();
            loop {
                match decoder.message()? {
                    Some(ToObserver::ClockReply { asked, heard, answered }) => {
                        let exchange = Exchange { asked, heard, answered, returned };
                        admission.peer_clock.lock().exchanged(&exchange, QUICK);
                        break;
                    }
                    // A writer has nothing else to say before it may send rows.
                    Some(_) => return Err(SessionError::Early),
                    None => {}
                }
                match reader.read(&mut bytes).await? {
                    0 => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                    read => {
                        returned = admission.clock.now();
                        decoder.push(&bytes[..read]);
                    }
                }
            }
        }
        Ok(())
    };
    match tokio::time::timeout(FIRST_EXCHANGES_MAX, exchanges).await {
        Ok(exchanged) => exchanged?,
        Err(_) => tracing::warn!("the writer did not answer {FIRST_EXCHANGES} clock probes in time"),
    }
    admission.peer_clock.lock().begin(admission.clock.now(), QUICK);
    tell_clock(admission).await;
    Ok(())
}

/// Tells the run what is known of the writer's clock.
async fn tell_clock<I: From<FromWriter>>(admission: &Admission<I>) {
    let standing = Box::new(admission.peer_clock.lock().standing().clone());
    // A run that is over does not need to know.
    drop(admission.inputs.send(FromWriter::Clock { writer: admission.writer, standing }.into()).await);
}

/// Reads messages and hands them to the run, which is waited for: a slow run slows the writer's ledger, not
/// its load.
async fn receive<R: AsyncRead + Unpin, I: From<FromWriter>>(
    reader: &mut R,
    decoder: &mut Decoder,
    admission: &Admission<I>,
    generation: u64,
) -> Result<(), SessionError> {
    let mut bytes = vec![0; READ_BYTES];
    let mut returned = admission.clock.now();
    let mut exchanges = 0;
    loop {
        let mut messages = Vec::new();
        while let Some(message) = decoder.message()? {
            if let ToObserver::ClockReply { asked, heard, answered } = message {
                exchanges += 1;
                let exchange = Exchange { asked, heard, answered, returned };
                admission.peer_clock.lock().exchanged(&exchange, until_next(exchanges));
                tell_clock(admission).await;
            } else if admission.slot.lock().accept(&message, generation)? {
                messages.push(shifted(message, &admission.peer_clock.lock()));
            }
        }
        let batch = FromWriter::Messages { writer: admission.writer, messages }.into();
        if admission.inputs.send(batch).await.is_err() {
            // The run is over; the other half still has to write its verdict.
            return std::future::pending().await;
        }
        match reader.read(&mut bytes).await? {
            0 => return Ok(()),
            read => {
                returned = admission.clock.now();
                decoder.push(&bytes[..read]);
            }
        }
    }
}

/// How long after so many exchanges of a connection the next one comes.
fn until_next(exchanges: u32) -> Nanos {
    if exchanges < QUICK_EXCHANGES { QUICK } else { STEADY }
}

/// Moves a message's times onto the observer's time line.
#[must_use]
pub fn shifted(mut message: ToObserver, clock: &PeerClock) -> ToObserver {
    let shift = |time: &mut UnixNanos| *time = clock.to_ours(*time);
    match &mut message {
        ToObserver::Record { record: Record::Opened(opened), .. } => {
            [&mut opened.intended, &mut opened.sent, &mut opened.deadline].into_iter().for_each(shift);
        }
        ToObserver::Record { record: Record::Closed(closed), .. } => {
            if let Written::Committed(at) = &mut closed.written {
                shift(at);
            }
        }
        ToObserver::Record { record: Record::NotSent(operation), .. } => shift(&mut operation.intended),
        ToObserver::Record { record: Record::Iteration(iteration), .. } => shift(&mut iteration.began),
        ToObserver::Record { record: Record::Probe(probe), .. } => {
            [&mut probe.from, &mut probe.until].into_iter().for_each(shift);
        }
        ToObserver::Record { record: Record::End(end), .. } => shift_status(&mut end.status, clock),
        ToObserver::Await(awaited) => shift(&mut awaited.deadline),
        ToObserver::Status(status) => shift_status(status, clock),
        ToObserver::Record { record: Record::Prepared | Record::ProbeOver(_), .. }
        | ToObserver::Hello(_)
        | ToObserver::ClockReply { .. }
        | ToObserver::Stop => {}
    }
    message
}

fn shift_status(status: &mut Status, clock: &PeerClock) {
    status.queued_at = clock.to_ours(status.queued_at);
    for load in &mut status.scenarios {
        let ends = [&mut load.load_began, &mut load.load_ended];
        ends.into_iter().flatten().for_each(|time| *time = clock.to_ours(*time));
    }
    status.wall_steps.listed.iter_mut().for_each(|step| step.at = clock.to_ours(step.at));
}

/// Writes what the run has for the writer and asks for its clock, until the run lets go of the connection.
async fn transmit<W: AsyncWrite + Unpin, I>(
    writer: &mut W,
    waiting: &mut mpsc::Receiver<ToWriter>,
    admission: &Admission<I>,
) -> Result<(), SessionError> {
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    let mut probes = 0;
    let mut next_probe = pin!(sleep(until_next(0).to_std()));
    loop {
        tokio::select! {
            taken = waiting.recv_many(&mut batch, WRITE_BATCH) => {
                if taken == 0 {
                    break;
                }
                for message in &mut batch {
                    if let ToWriter::Begin { at } = message {
                        *at = admission.peer_clock.lock().to_theirs(*at);
                    }
                }
                write(writer, &batch).await?;
                batch.clear();
            }
            () = &mut next_probe => {
                probes += 1;
                next_probe.set(sleep(until_next(probes).to_std()));
                write(writer, &[ToWriter::ClockProbe { asked: admission.clock.now() }]).await?;
            }
        }
    }
    writer.shutdown().await?;
    Ok(())
}

async fn write<W: AsyncWrite + Unpin>(writer: &mut W, messages: &[ToWriter]) -> Result<(), SessionError> {
    let mut buffer = Vec::new();
    for message in messages {
        frame::encode(message, &mut buffer)?;
    }
    writer.write_all(&buffer).await?;
    writer.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::clock::ClockIdentity;
    use streamgauge_shared::ledger::{Awaited, Closed};
    use streamgauge_shared::stamp::RunId;
    use streamgauge_shared::test_file::Source;
    use streamgauge_shared::time::UnixNanos;

    use super::*;

    fn record(number: u64) -> ToObserver {
        let written = Written::Committed(UnixNanos(100));
        ToObserver::Record { number, record: Record::Closed(Closed { sequence: 1, written }) }
    }

    fn hello() -> ToObserver {
        let source = Source { name: "t.toml".into(), text: String::new() };
        ToObserver::Hello(Box::new(Hello {
            version: "0".into(),
            process: 1,
            run: RunId::from_bits(7),
            test: source.clone(),
            model: source,
            time_scale: "1".into(),
            load_scale: "1".into(),
            seed: 0,
            shard_index: 0,
            shard_count: 1,
            clock: Clock::start().identity(),
            postgres_version: "15".into(),
        }))
    }

    /// Says hello to a session that decides this way, answers its clock probes, sends more once it is ready,
    /// and returns every other message until the session closes.
    async fn answers(decision: Result<Decision<FromWriter>, Failure>, more: &[ToObserver]) -> Vec<ToWriter> {
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        let clock = Clock::start();
        let talk = async {
            let mut messages = Vec::new();
            send(&mut ours, &[hello()]).await;
            let (mut decoder, mut bytes) = (Decoder::default(), vec![0; READ_BYTES]);
            loop {
                let read = ours.read(&mut bytes).await.expect("a duplex");
                if read == 0 {
                    return messages;
                }
                let heard = clock.now();
                decoder.push(&bytes[..read]);
                while let Some(message) = decoder.message().expect("whole frames") {
                    if let ToWriter::ClockProbe { asked } = message {
                        let answered = clock.now();
                        send(&mut ours, &[ToObserver::ClockReply { asked, heard, answered }]).await;
                        continue;
                    }
                    if matches!(message, ToWriter::Ready { .. }) {
                        send(&mut ours, more).await;
                    }
                    messages.push(message);
                }
            }
        };
        let (messages, served) = tokio::join!(talk, serve(theirs, |_| async { decision }));
        served.expect("a session that ends in order");
        messages
    }

    async fn send(stream: &mut tokio::io::DuplexStream, messages: &[ToObserver]) {
        let mut bytes = Vec::new();
        messages.iter().for_each(|message| frame::encode(message, &mut bytes).expect("short"));
        // The session may be over.
        drop(stream.write_all(&bytes).await);
    }

    /// A writer on the observer's kernel, started this much later.
    fn peer_clock(later: Nanos) -> Arc<Mutex<PeerClock>> {
        let ours = Clock::start().identity();
        let theirs = ClockIdentity { anchor: ours.anchor + later, ..ours.clone() };
        Arc::new(Mutex::new(PeerClock::new(&ours, &theirs)))
    }

    #[tokio::test]
    async fn a_writer_that_missed_its_verdict_gets_it() {
        let verdict = Verdict { report_json: "{}".into(), folder: Some("runs/x".into()) };
        let over = Decision::Over { writer: 3, next_record: 9, verdict: Box::new(verdict.clone()) };
        let expected = [ToWriter::Ready { writer: 3, next_record: 9 }, ToWriter::Verdict(Box::new(verdict))];
        assert_eq!(answers(Ok(over), &[]).await, expected);
    }

    #[tokio::test]
    async fn a_refused_writer_hears_why() {
        let failure = Failure::run("the observer is busy");
        assert_eq!(answers(Err(failure.clone()), &[]).await, [ToWriter::Refused(failure)]);
    }

    #[tokio::test]
    async fn a_run_hears_of_its_writer_and_of_each_record_once() {
        let (inputs, mut run) = mpsc::channel(8);
        let peer_clock = peer_clock(Nanos::ZERO);
        let clock = Clock::start();
        let admission =
            Admission { writer: 0, inputs, slot: Arc::default(), peer_clock: Arc::clone(&peer_clock), clock };
        let carried = async {
            let Some(FromWriter::Attached { outbox, .. }) = run.recv().await else {
                panic!("attached first")
            };
            let Some(FromWriter::Clock { standing, .. }) = run.recv().await else { panic!("then the clock") };
            assert_eq!(standing.exchanges, u64::from(FIRST_EXCHANGES), "before the writer may send rows");
            assert_eq!((standing.bound, standing.contradiction), (Some(Nanos::ZERO), None));
            let messages = loop {
                match run.recv().await {
                    Some(FromWriter::Messages { messages, .. }) if messages.is_empty() => {}
                    Some(FromWriter::Messages { messages, .. }) => break messages,
                    _ => panic!("then the records"),
                }
            };
            let numbers = messages.iter().map(|message| match message {
                ToObserver::Record { number, .. } => *number,
                other => panic!("{other:?}"),
            });
            assert_eq!(numbers.collect::<Vec<_>>(), [0, 1], "the one sent twice is here once");
            // Letting go of the connection ends the session.
            drop(outbox);
            assert!(matches!(run.recv().await, Some(FromWriter::Detached { writer: 0 })));
        };
        let records = [record(0), record(0), record(1)];
        let (answers, ()) = tokio::join!(answers(Ok(Decision::Takes(admission)), &records), carried);
        assert_eq!(answers, [ToWriter::Ready { writer: 0, next_record: 0 }]);
    }

    #[test]
    fn a_record_is_taken_once_and_in_order() {
        let mut slot = Slot { next_record: 5, generation: 2 };
        assert!(!slot.accept(&record(4), 2).expect("sent again"));
        assert!(slot.accept(&record(5), 2).expect("the next one"));
        assert!(!slot.accept(&record(6), 1).expect("of a connection that was replaced"));
        assert!(matches!(slot.accept(&record(7), 2), Err(SessionError::Gap { found: 7, expected: 6 })));
        assert_eq!(slot.next_record, 6);
    }

    #[test]
    fn times_move_onto_the_observers_line() {
        let Record::Closed(closed) = (match shifted(record(0), &peer_clock(Nanos(30)).lock()) {
            ToObserver::Record { record, .. } => record,
            other => panic!("{other:?}"),
        }) else {
            panic!("a closed record")
        };
        assert_eq!(closed.written, Written::Committed(UnixNanos(70)));
        let awaited = ToObserver::Await(Awaited { sequence: 1, deadline: UnixNanos(10) });
        assert!(matches!(
            shifted(awaited, &peer_clock(Nanos(-5)).lock()),
            ToObserver::Await(Awaited { deadline: UnixNanos(15), .. })
        ));
    }
}
