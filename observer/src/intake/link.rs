//! The bytes of a connection, with a deadline in each direction. A writer answers a clock probe a second, so one that
//! is silent for long is stopped, cut off without a reset, or gone; and one that takes no bytes is no better.

use std::time::Duration;

use streamgauge_shared::ledger::{ToWriter, frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::SessionError;

/// Bytes read at once.
pub(super) const READ_BYTES: usize = 64 << 10;

/// How patient a connection is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long nothing may be read: the writer answers once a second. As long as the writer allows the observer.
    pub silence: Duration,
    /// How long the writer may take none of the bytes that are meant for it.
    pub stuck: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(10), stuck: Duration::from_secs(10) }
    }
}

/// Reads some bytes; none at the connection's end. Can be dropped without losing anything.
pub(super) async fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    bytes: &mut [u8],
    patience: Patience,
) -> Result<usize, SessionError> {
    let read = timeout(patience.silence, reader.read(bytes)).await;
    Ok(read.map_err(|_| SessionError::Silent(patience.silence))??)
}

/// Writes messages with one flush.
pub(super) async fn write<W: AsyncWrite + Unpin>(
    writer: &mut W,
    messages: &[ToWriter],
    patience: Patience,
) -> Result<(), SessionError> {
    let mut buffer = Vec::new();
    for message in messages {
        frame::encode(message, &mut buffer)?;
    }
    let mut rest = buffer.as_slice();
    while !rest.is_empty() {
        match within(writer.write(rest), patience).await? {
            0 => return Err(std::io::Error::from(std::io::ErrorKind::WriteZero).into()),
            wrote => rest = &rest[wrote..],
        }
    }
    within(writer.flush(), patience).await
}

/// Says that nothing more will be written.
pub(super) async fn finish<W: AsyncWrite + Unpin>(
    writer: &mut W,
    patience: Patience,
) -> Result<(), SessionError> {
    within(writer.shutdown(), patience).await
}

async fn within<T>(
    step: impl Future<Output = std::io::Result<T>>,
    patience: Patience,
) -> Result<T, SessionError> {
    Ok(timeout(patience.stuck, step).await.map_err(|_| SessionError::Stuck(patience.stuck))??)
}
