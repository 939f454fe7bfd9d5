//! What a writer sends, handed to its run.

use streamgauge_shared::clock::Exchange;
use streamgauge_shared::ledger::ToObserver;
use streamgauge_shared::ledger::frame::Decoder;
use streamgauge_shared::time::UnixNanos;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use super::clocks::until_next;
use super::session::{Admission, SessionError};
use super::times::shifted;
use super::{FromWriter, clocks, link};

/// Reads messages and hands them to the run, which is waited for: a slow run slows the writer's ledger, not
/// its load. Can be dropped at any moment without losing a record that was accepted.
pub(super) async fn receive<R: AsyncRead + Unpin, I: From<FromWriter>>(
    reader: &mut R,
    decoder: &mut Decoder,
    admission: &Admission<I>,
    generation: u64,
) -> Result<(), SessionError> {
    let mut bytes = vec![0; link::READ_BYTES];
    let mut returned = admission.clock.now();
    let mut exchanges = 0;
    loop {
        // A place in the run's queue comes first: what has been accepted is not sent again.
        let Ok(place) = admission.inputs.reserve().await else {
            // The run is over; the other half still has to write its verdict.
            return std::future::pending().await;
        };
        let before = exchanges;
        take(decoder, admission, generation, returned, &mut exchanges, place)?;
        if exchanges > before {
            clocks::tell(admission).await;
        }
        match link::read(reader, &mut bytes, admission.patience).await? {
            0 => return Ok(()),
            read => {
                returned = admission.clock.now();
                decoder.push(&bytes[..read]);
            }
        }
    }
}

/// Accepts every whole message that is here and hands them over, also those before one that cannot be accepted.
/// Not one wait in it: a record is accepted and handed over, or neither.
fn take<I: From<FromWriter>>(
    decoder: &mut Decoder,
    admission: &Admission<I>,
    generation: u64,
    returned: UnixNanos,
    exchanges: &mut u32,
    place: mpsc::Permit<'_, I>,
) -> Result<(), SessionError> {
    let mut messages = Vec::new();
    // Held until they are handed over: a connection that takes this one's place comes behind them.
    let mut slot = admission.slot.lock();
    let mut clock = admission.peer_clock.lock();
    let result = loop {
        match decoder.message::<ToObserver>() {
            Ok(Some(ToObserver::ClockReply { asked, heard, answered })) => {
                *exchanges += 1;
                clock.exchanged(&Exchange { asked, heard, answered, returned }, until_next(*exchanges));
            }
            Ok(Some(message)) => match slot.accept(&message, generation) {
                Ok(true) => messages.push(shifted(message, &clock)),
                Ok(false) => {}
                Err(error) => break Err(error),
            },
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    if !messages.is_empty() {
        place.send(FromWriter::Messages { writer: admission.writer, messages }.into());
    }
    result
}
