//! The comparison of a writer's clock with ours: some exchanges before its first row, and then one a second.

use streamgauge_shared::clock::Exchange;
use streamgauge_shared::ledger::frame::Decoder;
use streamgauge_shared::ledger::{ToObserver, ToWriter};
use streamgauge_shared::time::Nanos;
use tokio::io::{AsyncRead, AsyncWrite};

use super::session::{Admission, SessionError};
use super::{FromWriter, link};

/// Exchanges before the first row: the one that took least counts, so a jittery way needs several.
pub(super) const FIRST_EXCHANGES: u32 = 16;
/// How long they may take together; what is known by then has to do.
const FIRST_EXCHANGES_MAX: Nanos = Nanos::from_secs(4);
/// Exchanges after that which follow each other quickly: the drift is not known yet.
const QUICK_EXCHANGES: u32 = 30;
/// How far those are apart.
const QUICK: Nanos = Nanos::from_millis(100);
/// How far all others are apart.
const STEADY: Nanos = Nanos::from_secs(1);

/// How long after so many exchanges of a connection the next one comes.
pub(super) fn until_next(exchanges: u32) -> Nanos {
    if exchanges < QUICK_EXCHANGES { QUICK } else { STEADY }
}

/// Exchanges times with the writer until the offset is known well enough for its first row.
pub(super) async fn compare<R: AsyncRead + Unpin, W: AsyncWrite + Unpin, I: From<FromWriter>>(
    reader: &mut R,
    writer: &mut W,
    decoder: &mut Decoder,
    admission: &Admission<I>,
) -> Result<(), SessionError> {
    let exchanges = async {
        let mut bytes = vec![0; link::READ_BYTES];
        for _ in 0..FIRST_EXCHANGES {
            let probe = ToWriter::ClockProbe { asked: admission.clock.now() };
            link::write(writer, &[probe], admission.patience).await?;
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
                match link::read(reader, &mut bytes, admission.patience).await? {
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
    match tokio::time::timeout(FIRST_EXCHANGES_MAX.to_std(), exchanges).await {
        Ok(exchanged) => exchanged?,
        Err(_) => tracing::warn!("the writer did not answer {FIRST_EXCHANGES} clock probes in time"),
    }
    admission.peer_clock.lock().begin(admission.clock.now(), QUICK);
    tell(admission).await;
    Ok(())
}

/// Tells the run what is known of the writer's clock.
pub(super) async fn tell<I: From<FromWriter>>(admission: &Admission<I>) {
    let state = Box::new(admission.peer_clock.lock().state().clone());
    // A run that is over does not need to know.
    drop(admission.inputs.send(FromWriter::Clock { writer: admission.writer, state }.into()).await);
}
