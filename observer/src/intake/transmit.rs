//! What a run has for a writer, written to its connection.

use std::pin::pin;

use streamgauge_shared::ledger::ToWriter;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::clocks::until_next;
use super::link;
use super::session::{Admission, SessionError};

/// Messages written with one flush.
const WRITE_BATCH: usize = 1_024;

/// Writes what the run has for the writer and asks for its clock, until the run lets go of the connection.
pub(super) async fn transmit<W: AsyncWrite + Unpin, I>(
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
                link::write(writer, &batch, admission.patience).await?;
                batch.clear();
            }
            () = &mut next_probe => {
                probes += 1;
                next_probe.set(sleep(until_next(probes).to_std()));
                let probe = ToWriter::ClockProbe { asked: admission.clock.now() };
                link::write(writer, &[probe], admission.patience).await?;
            }
        }
    }
    link::finish(writer, admission.patience).await
}
