//! What the observer has not acknowledged, and where in it the connection stands. No I/O.
//!
//! Records are numbered here, densely from 0 over the whole run, and kept until they are acknowledged. A
//! message that is not a record goes out after every record that was queued before it, which keeps the
//! promises of the protocol: an await follows its operation, a status follows what it speaks of.

use std::collections::{HashMap, VecDeque};

use streamgauge_shared::ledger::frame::{self, FrameError};
use streamgauge_shared::ledger::{Awaited, Record, Status, ToObserver};
use streamgauge_shared::time::UnixNanos;
use tokio::sync::oneshot;

/// Records kept at most while the observer does not acknowledge: ten minutes of 800 operations a second.
pub const LEDGER_UNACKED_MAX: usize = 1_000_000;
/// Bytes encoded ahead of the connection; past it, encoding waits until some are written.
const OUT_MAX: usize = 1 << 20;

/// Why the observer's place in the ledger cannot be resumed from.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the observer asks for record {asked}, and the writer has {first} to {end}")]
pub struct Unresumable {
    asked: u64,
    first: u64,
    end: u64,
}

/// The state of the ledger on the writer's side.
#[derive(Default)]
pub struct Backlog {
    unacked: VecDeque<Record>,
    /// The number of the first kept record.
    first: u64,
    /// The number of the first record that this connection has not been given.
    unsent: u64,
    awaits: HashMap<u64, (Awaited, oneshot::Sender<bool>)>,
    unsent_awaits: Vec<u64>,
    status: Option<Box<Status>>,
    stop: bool,
    /// The clock probe that waits for its answer: when it was asked, and when it had been read.
    clock_probe: Option<(UnixNanos, UnixNanos)>,
    out: Vec<u8>,
    written: usize,
}

impl Backlog {
    /// Takes a record in. False: the limit is reached and the record is lost. The last record is always taken.
    #[must_use]
    pub fn record(&mut self, record: Record, limit: usize) -> bool {
        let fits = self.unacked.len() < limit || matches!(record, Record::End(_));
        if fits {
            self.unacked.push_back(record);
        }
        fits
    }

    /// A user waits for an operation and is told through `settled`.
    pub fn wait(&mut self, awaited: Awaited, settled: oneshot::Sender<bool>) {
        self.unsent_awaits.push(awaited.sequence);
        self.awaits.insert(awaited.sequence, (awaited, settled));
    }

    /// How the writer stands; the latest one is sent. Users that gave up are forgotten here, a few times a second.
    pub fn status(&mut self, status: Box<Status>) {
        self.awaits.retain(|_, (_, settled)| !settled.is_closed());
        self.status = Some(status);
    }

    /// The account is to be closed at once.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// The observer asks what the clock shows. Only its latest question is answered.
    pub fn clock_probe(&mut self, asked: UnixNanos, heard: UnixNanos) {
        self.clock_probe = Some((asked, heard));
    }

    /// The observer settled an operation: whoever waits hears of it.
    pub fn settle(&mut self, sequence: u64, arrived: bool) {
        if let Some((_, settled)) = self.awaits.remove(&sequence) {
            // The user may have given up in the meantime.
            settled.send(arrived).unwrap_or_default();
        }
    }

    /// Forgets the records below a number.
    pub fn acknowledge(&mut self, next_record: u64) {
        while self.first < next_record.min(self.unsent) {
            self.unacked.pop_front();
            self.first += 1;
        }
    }

    /// A new connection, on which the observer wants to go on from this record.
    ///
    /// # Errors
    /// [`Unresumable`]: the observer asks for what is not kept.
    pub fn resume(&mut self, next_record: u64) -> Result<(), Unresumable> {
        let end = self.first + self.unacked.len() as u64;
        if next_record < self.first || next_record > end {
            return Err(Unresumable { asked: next_record, first: self.first, end });
        }
        self.out.clear();
        self.written = 0;
        self.clock_probe = None;
        self.unsent = next_record;
        self.acknowledge(next_record);
        self.unsent_awaits = self.awaits.keys().copied().collect();
        Ok(())
    }

    /// The bytes that are to be written next; encodes as much as fits ahead of the connection. The clock is
    /// read where a probe is answered: ahead of everything else, so that the answer waits for nothing.
    ///
    /// # Errors
    /// [`FrameError`]: a message is longer than a frame may be.
    ///
    /// # Panics
    /// Never: what is unsent is kept.
    pub fn pending(&mut self, now: impl FnOnce() -> UnixNanos) -> Result<&[u8], FrameError> {
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
            if let Some((asked, heard)) = self.clock_probe.take() {
                frame::encode(&ToObserver::ClockReply { asked, heard, answered: now() }, &mut self.out)?;
            }
        }
        let end = self.first + self.unacked.len() as u64;
        while self.unsent < end && self.out.len() < OUT_MAX {
            let index = usize::try_from(self.unsent - self.first).expect("within the kept records");
            let record = self.unacked[index].clone();
            frame::encode(&ToObserver::Record { number: self.unsent, record }, &mut self.out)?;
            self.unsent += 1;
        }
        if self.unsent == end {
            for sequence in self.unsent_awaits.drain(..) {
                if let Some((awaited, _)) = self.awaits.get(&sequence) {
                    frame::encode(&ToObserver::Await(*awaited), &mut self.out)?;
                }
            }
            if let Some(status) = self.status.take() {
                frame::encode(&ToObserver::Status(status), &mut self.out)?;
            }
            if std::mem::take(&mut self.stop) {
                frame::encode(&ToObserver::Stop, &mut self.out)?;
            }
        }
        Ok(&self.out[self.written..])
    }

    /// So many of the pending bytes were written.
    pub fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::ledger::frame::Decoder;
    use streamgauge_shared::ledger::{Closed, End, Written};

    use super::*;

    fn record(sequence: u64) -> Record {
        Record::Closed(Closed::new(sequence, Written::Rejected))
    }

    fn flush(backlog: &mut Backlog) -> Vec<ToObserver> {
        let mut decoder = Decoder::default();
        let bytes = backlog.pending(|| UnixNanos(9)).expect("short messages").to_vec();
        backlog.wrote(bytes.len());
        decoder.push(&bytes);
        std::iter::from_fn(|| decoder.message().expect("whole frames")).collect()
    }

    fn numbers(messages: &[ToObserver]) -> Vec<u64> {
        let number = |message: &ToObserver| match message {
            ToObserver::Record { number, .. } => Some(*number),
            _ => None,
        };
        messages.iter().filter_map(number).collect()
    }

    #[test]
    fn records_go_out_once_and_again_from_where_the_observer_stands() {
        let mut backlog = Backlog::default();
        backlog.resume(0).expect("a fresh run");
        (0..5).for_each(|sequence| assert!(backlog.record(record(sequence), 10)));
        assert_eq!(numbers(&flush(&mut backlog)), [0, 1, 2, 3, 4]);
        assert_eq!(numbers(&flush(&mut backlog)), Vec::<u64>::new());
        backlog.acknowledge(2);
        assert!(backlog.record(record(5), 10));
        // The connection breaks; the observer had processed more than it acknowledged.
        backlog.resume(3).expect("kept");
        assert_eq!(numbers(&flush(&mut backlog)), [3, 4, 5]);
        assert_eq!(backlog.resume(2), Err(Unresumable { asked: 2, first: 3, end: 6 }));
        assert_eq!(backlog.resume(7), Err(Unresumable { asked: 7, first: 3, end: 6 }));
    }

    #[test]
    fn what_is_not_a_record_follows_the_records_before_it() {
        let mut backlog = Backlog::default();
        let (settled, mut answer) = oneshot::channel();
        assert!(backlog.record(record(0), 10));
        backlog.wait(Awaited { sequence: 0, deadline: UnixNanos(9) }, settled);
        backlog.status(Box::default());
        assert!(backlog.record(record(1), 10));
        let kinds: Vec<u8> = flush(&mut backlog)
            .iter()
            .map(|message| match message {
                ToObserver::Record { .. } => 0,
                ToObserver::Await(_) => 1,
                _ => 2,
            })
            .collect();
        assert_eq!(kinds, [0, 0, 1, 2]);
        // Outstanding awaits are sent again on a new connection, a status is not.
        backlog.resume(2).expect("kept");
        assert!(matches!(flush(&mut backlog)[..], [ToObserver::Await(_)]));
        backlog.settle(0, true);
        assert_eq!(answer.try_recv(), Ok(true));
        backlog.resume(2).expect("kept");
        assert!(flush(&mut backlog).is_empty());
    }

    #[test]
    fn beyond_the_limit_only_the_end_is_taken() {
        let mut backlog = Backlog::default();
        assert!(backlog.record(record(0), 1));
        assert!(!backlog.record(record(1), 1));
        let end = End { operations: 1, cause: None, status: Status::default() };
        assert!(backlog.record(Record::End(Box::new(end)), 1));
    }

    #[test]
    fn a_stalled_connection_does_not_encode_without_bound() {
        let mut backlog = Backlog::default();
        (0..200_000).for_each(|sequence| assert!(backlog.record(record(sequence), LEDGER_UNACKED_MAX)));
        assert!(backlog.pending(|| UnixNanos(9)).expect("short messages").len() < OUT_MAX + 100);
        let mut seen = Vec::new();
        loop {
            let messages = flush(&mut backlog);
            if messages.is_empty() {
                break;
            }
            seen.extend(numbers(&messages));
        }
        assert_eq!(seen.len(), 200_000);
        assert!(seen.windows(2).all(|pair| pair[1] == pair[0] + 1));
    }

    #[test]
    fn a_clock_probe_is_answered_ahead_of_what_waits() {
        let mut backlog = Backlog::default();
        assert!(backlog.record(record(0), 10));
        let half = backlog.pending(|| UnixNanos(1)).expect("short messages").len() / 2;
        backlog.wrote(half);
        backlog.clock_probe(UnixNanos(5), UnixNanos(8));
        assert!(backlog.record(record(1), 10));
        let rest =
            backlog.pending(|| unreachable!("not behind a frame that is half written")).expect("short").len();
        backlog.wrote(rest);
        let reply =
            ToObserver::ClockReply { asked: UnixNanos(5), heard: UnixNanos(8), answered: UnixNanos(9) };
        assert_eq!(flush(&mut backlog).first(), Some(&reply));
    }
}
