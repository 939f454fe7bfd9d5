//! Frames: four bytes of length, little-endian, then one message in postcard's encoding.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest frame accepted: a verdict with the report of a long run fits many times over.
pub const FRAME_MAX_BYTES: usize = 64 << 20;
/// Bytes of the length before each message.
const HEADER_BYTES: usize = 4;

/// Why bytes are not a frame; the connection is of no use afterwards.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The length is beyond [`FRAME_MAX_BYTES`].
    #[error("a frame of {0} bytes is longer than the {FRAME_MAX_BYTES} that are accepted")]
    TooLong(usize),
    /// The bytes are not the expected message.
    #[error("a frame does not hold the expected message")]
    Message(#[source] postcard::Error),
}

/// Appends one message to a buffer that is to be written.
///
/// # Errors
/// [`FrameError::TooLong`] for a message beyond [`FRAME_MAX_BYTES`]; the buffer is then as before.
pub fn encode<M: Serialize>(message: &M, buffer: &mut Vec<u8>) -> Result<(), FrameError> {
    let body = postcard::to_stdvec(message).map_err(FrameError::Message)?;
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_MAX_BYTES);
    buffer.extend_from_slice(&length.ok_or(FrameError::TooLong(body.len()))?.to_le_bytes());
    buffer.extend_from_slice(&body);
    Ok(())
}

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    consumed: usize,
}

impl Decoder {
    /// Adds bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.consumed == self.buffer.len() {
            self.buffer.clear();
            self.consumed = 0;
        } else if self.consumed > self.buffer.len() / 2 {
            self.buffer.drain(..self.consumed);
            self.consumed = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if its bytes are all here.
    ///
    /// # Errors
    /// [`FrameError`]: the stream cannot be read further.
    pub fn message<M: DeserializeOwned>(&mut self) -> Result<Option<M>, FrameError> {
        let waiting = &self.buffer[self.consumed..];
        let Some((header, body)) = waiting.split_first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes(*header) as usize;
        if length > FRAME_MAX_BYTES {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = body.get(..length) else { return Ok(None) };
        let message = postcard::from_bytes(body).map_err(FrameError::Message)?;
        self.consumed += HEADER_BYTES + length;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::account::{Operation, Phase};
    use crate::content::ColumnDigest;
    use crate::ledger::{Closed, Opened, Record, ToObserver, Written};
    use crate::time::{Nanos, UnixNanos};

    fn record() -> impl Strategy<Value = Record> {
        let opened = (any::<u64>(), any::<i64>(), ".{0,40}", vec(any::<(u16, u32)>(), 0..4)).prop_map(
            |(sequence, time, key, digests)| {
                let digests = digests.into_iter().map(|(column, digest)| ColumnDigest { column, digest });
                let content: Vec<ColumnDigest> = digests.collect();
                Record::Opened(Opened {
                    sequence,
                    phase: Phase::Run,
                    scenario: 1,
                    entity: 2,
                    operation: Operation::Delete,
                    key: Some(key),
                    group: Some(1),
                    stage: None,
                    check: content.iter().copied().rev().collect(),
                    content,
                    intended: UnixNanos(time),
                    connection_wait: Nanos(time),
                    sent: UnixNanos(time),
                    stamped: UnixNanos(time),
                    deadline: UnixNanos(time),
                })
            },
        );
        let closed = (any::<u64>(), any::<i64>(), 0..3_u8).prop_map(|(sequence, time, kind)| {
            let written =
                [Written::Committed(UnixNanos(time)), Written::Rejected, Written::Unknown][usize::from(kind)];
            Record::Closed(Closed::new(sequence, written))
        });
        prop_oneof![opened, closed]
    }

    proptest! {
        #[test]
        fn messages_survive_any_cutting_of_the_stream(records in prop::collection::vec((any::<u64>(), record()), 0..20), step in 1..50_usize) {
            let sent: Vec<ToObserver> = records.into_iter().map(|(number, record)| ToObserver::Record { number, record }).collect();
            let mut bytes = Vec::new();
            for message in &sent {
                encode(message, &mut bytes).expect("short enough");
            }
            let (mut decoder, mut received) = (Decoder::default(), Vec::new());
            for piece in bytes.chunks(step) {
                decoder.push(piece);
                while let Some(message) = decoder.message::<ToObserver>().expect("whole frames") {
                    received.push(message);
                }
            }
            prop_assert_eq!(received, sent);
        }

        #[test]
        fn any_bytes_end_in_a_message_a_wait_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.message::<ToObserver>() {}
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_its_bytes_come() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_le_bytes());
        assert!(matches!(decoder.message::<ToObserver>(), Err(FrameError::TooLong(_))));
    }
}
