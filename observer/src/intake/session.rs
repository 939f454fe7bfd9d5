//! One connection of one writer, from its hello to its end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::ledger::frame::{self, Decoder, FrameError};
use streamgauge_shared::ledger::{Hello, Record, ToObserver, ToWriter, Verdict, Written};
use streamgauge_shared::time::Nanos;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::matcher::thread::{Input, OUTBOX_MAX};

/// How long a connection may take to say hello.
const HELLO_MAX: Duration = Duration::from_secs(5);
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Messages written with one flush.
const WRITE_BATCH: usize = 1_024;

/// What a writer's sessions share: it may reconnect while the old connection is still half open.
#[derive(Debug, Default)]
pub struct Slot {
    /// The first record that is not here.
    pub next_record: u64,
    /// The number of the connection that counts.
    pub generation: u64,
}

/// A writer that may take part.
pub struct Admission {
    /// Its index.
    pub writer: u16,
    /// Where its messages go.
    pub inputs: mpsc::Sender<Input>,
    /// Shared with its other connections.
    pub slot: Arc<Mutex<Slot>>,
    /// What to add to its times.
    pub shift: Nanos,
}

/// What becomes of a writer that says hello.
pub enum Decision {
    /// It takes part in a run.
    Takes(Admission),
    /// Its run is over: it comes back for the verdict.
    Over {
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
pub async fn serve<S, F>(stream: S, admit: impl FnOnce(Hello) -> F) -> Result<(), SessionError>
where
    S: AsyncRead + AsyncWrite,
    F: Future<Output = Result<Decision, Failure>>,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut decoder = Decoder::default();
    let hello = tokio::time::timeout(HELLO_MAX, hello(&mut reader, &mut decoder)).await;
    let hello = hello.map_err(|_| SessionError::NoHello)??;
    let admission = match admit(hello).await {
        Ok(Decision::Takes(admission)) => admission,
        Ok(Decision::Over { next_record, verdict }) => {
            return write(
                &mut writer,
                &[ToWriter::Ready { writer: 0, next_record }, ToWriter::Verdict(verdict)],
            )
            .await;
        }
        Err(failure) => return write(&mut writer, &[ToWriter::Refused(failure)]).await,
    };
    let (next_record, generation) = {
        let mut slot = admission.slot.lock();
        slot.generation += 1;
        (slot.next_record, slot.generation)
    };
    let (outbox, mut waiting) = mpsc::channel(OUTBOX_MAX);
    let attached = admission.inputs.send(Input::Attached { writer: admission.writer, outbox }).await;
    if attached.is_err() {
        return Ok(());
    }
    write(&mut writer, &[ToWriter::Ready { writer: admission.writer, next_record }]).await?;
    let result = tokio::select! {
        result = receive(&mut reader, &mut decoder, &admission, generation) => result,
        result = transmit(&mut writer, &mut waiting) => result,
    };
    let is_current = admission.slot.lock().generation == generation;
    if is_current {
        // The run may be over: then nobody needs to know.
        drop(admission.inputs.send(Input::Detached { writer: admission.writer }).await);
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

/// Reads messages and hands them to the run, which is waited for: a slow run slows the writer's ledger, not
/// its load.
async fn receive<R: AsyncRead + Unpin>(
    reader: &mut R,
    decoder: &mut Decoder,
    admission: &Admission,
    generation: u64,
) -> Result<(), SessionError> {
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let mut messages = Vec::new();
        while let Some(message) = decoder.message()? {
            if accept(&message, &mut admission.slot.lock(), generation)? {
                messages.push(shifted(message, admission.shift));
            }
        }
        let batch = Input::Messages { writer: admission.writer, messages };
        if admission.inputs.send(batch).await.is_err() {
            // The run is over; the other half still has to write its verdict.
            return std::future::pending().await;
        }
        match reader.read(&mut bytes).await? {
            0 => return Ok(()),
            read => decoder.push(&bytes[..read]),
        }
    }
}

/// Whether a message is new. A record that came before is dropped; one after a missing one ends the session.
fn accept(message: &ToObserver, slot: &mut Slot, generation: u64) -> Result<bool, SessionError> {
    if slot.generation != generation {
        return Ok(false);
    }
    let ToObserver::Record { number, .. } = message else { return Ok(true) };
    if *number > slot.next_record {
        return Err(SessionError::Gap { found: *number, expected: slot.next_record });
    }
    let new = *number == slot.next_record;
    slot.next_record += u64::from(new);
    Ok(new)
}

/// Moves a message's times onto the observer's time line.
fn shifted(mut message: ToObserver, shift: Nanos) -> ToObserver {
    match &mut message {
        ToObserver::Record { record: Record::Opened(opened), .. } => {
            for time in [&mut opened.intended, &mut opened.sent, &mut opened.deadline] {
                *time += shift;
            }
        }
        ToObserver::Record { record: Record::Closed(closed), .. } => {
            if let Written::Committed(at) = &mut closed.written {
                *at += shift;
            }
        }
        ToObserver::Record { record: Record::Probe(probe), .. } => {
            for time in [&mut probe.from, &mut probe.until] {
                *time += shift;
            }
        }
        ToObserver::Record { record: Record::End(end), .. } => end.status.queued_at += shift,
        ToObserver::Await(awaited) => awaited.deadline += shift,
        ToObserver::Status(status) => status.queued_at += shift,
        ToObserver::Record { record: Record::Iteration(_), .. } | ToObserver::Hello(_) | ToObserver::Stop => {
        }
    }
    message
}

/// Writes what the run has for the writer, until the run lets go of the connection.
async fn transmit<W: AsyncWrite + Unpin>(
    writer: &mut W,
    waiting: &mut mpsc::Receiver<ToWriter>,
) -> Result<(), SessionError> {
    let mut batch = Vec::with_capacity(WRITE_BATCH);
    while waiting.recv_many(&mut batch, WRITE_BATCH).await > 0 {
        write(writer, &batch).await?;
        batch.clear();
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
    use streamgauge_shared::clock::Clock;
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

    /// Says hello to a session that decides this way, and returns every message until it closes.
    async fn answers(decision: Result<Decision, Failure>, more: &[ToObserver]) -> Vec<ToWriter> {
        let (mut ours, theirs) = tokio::io::duplex(1 << 16);
        let mut bytes = Vec::new();
        frame::encode(&hello(), &mut bytes).expect("short");
        more.iter().for_each(|message| frame::encode(message, &mut bytes).expect("short"));
        ours.write_all(&bytes).await.expect("a duplex");
        let served = serve(theirs, |_| async { decision }).await;
        served.expect("a session that ends in order");
        let (mut decoder, mut received, mut messages) = (Decoder::default(), Vec::new(), Vec::new());
        ours.read_to_end(&mut received).await.expect("a duplex");
        decoder.push(&received);
        while let Some(message) = decoder.message().expect("whole frames") {
            messages.push(message);
        }
        messages
    }

    #[tokio::test]
    async fn a_writer_that_missed_its_verdict_gets_it() {
        let verdict = Verdict { report_json: "{}".into(), folder: Some("runs/x".into()) };
        let over = Decision::Over { next_record: 9, verdict: Box::new(verdict.clone()) };
        let expected = [ToWriter::Ready { writer: 0, next_record: 9 }, ToWriter::Verdict(Box::new(verdict))];
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
        let admission = Admission { writer: 0, inputs, slot: Arc::default(), shift: Nanos(-30) };
        let carried = async {
            let Some(Input::Attached { outbox, .. }) = run.recv().await else { panic!("attached first") };
            let Some(Input::Messages { messages, .. }) = run.recv().await else { panic!("then the records") };
            let numbers = messages.iter().map(|message| match message {
                ToObserver::Record { number, .. } => *number,
                other => panic!("{other:?}"),
            });
            assert_eq!(numbers.collect::<Vec<_>>(), [0, 1], "the one sent twice is here once");
            // Letting go of the connection ends the session.
            drop(outbox);
            assert!(matches!(run.recv().await, Some(Input::Detached { writer: 0 })));
        };
        let records = [record(0), record(0), record(1)];
        let (answers, ()) = tokio::join!(answers(Ok(Decision::Takes(admission)), &records), carried);
        assert_eq!(answers, [ToWriter::Ready { writer: 0, next_record: 0 }]);
    }

    #[test]
    fn a_record_is_taken_once_and_in_order() {
        let mut slot = Slot { next_record: 5, generation: 2 };
        assert!(!accept(&record(4), &mut slot, 2).expect("sent again"));
        assert!(accept(&record(5), &mut slot, 2).expect("the next one"));
        assert!(!accept(&record(6), &mut slot, 1).expect("of a connection that was replaced"));
        assert!(matches!(accept(&record(7), &mut slot, 2), Err(SessionError::Gap { found: 7, expected: 6 })));
        assert_eq!(slot.next_record, 6);
    }

    #[test]
    fn times_move_onto_the_observers_line() {
        let Record::Closed(closed) = (match shifted(record(0), Nanos(-30)) {
            ToObserver::Record { record, .. } => record,
            other => panic!("{other:?}"),
        }) else {
            panic!("a closed record")
        };
        assert_eq!(closed.written, Written::Committed(UnixNanos(70)));
        let awaited = ToObserver::Await(Awaited { sequence: 1, deadline: UnixNanos(10) });
        assert!(matches!(
            shifted(awaited, Nanos(5)),
            ToObserver::Await(Awaited { deadline: UnixNanos(15), .. })
        ));
    }
}
