//! The bounded queue between the load and the ledger's session.
//!
//! Putting something in never waits. What does not fit is lost and counted, which makes the run INVALID.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use streamgauge_shared::ledger::{Awaited, End, Record, Status};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// Messages that may wait for the session's task: over a second's worth of the fastest load.
pub const LEDGER_QUEUE_MAX: usize = 65_536;

/// What waits for the session.
#[derive(Debug)]
pub enum Queued {
    /// To be numbered, sent, and kept until it is acknowledged.
    Record(Record),
    /// A user waits; `settled` hears whether its operation arrived.
    Await {
        /// For what, and until when.
        awaited: Awaited,
        /// Dropped without a word when the session ends.
        settled: oneshot::Sender<bool>,
    },
    /// How the writer stands; only the latest matters.
    Status(Box<Status>),
    /// The account is to be closed now.
    Stop,
}

/// The load's end of the queue.
#[derive(Clone, Debug)]
pub struct Queue {
    sender: mpsc::Sender<Queued>,
    lost: Arc<AtomicU64>,
}

/// A queue of this length: the load's end, the session's end, and the count of records that did not fit,
/// to which the session adds its own.
#[must_use]
pub fn queue(length: usize) -> (Queue, mpsc::Receiver<Queued>, Arc<AtomicU64>) {
    let (sender, receiver) = mpsc::channel(length);
    let lost = Arc::new(AtomicU64::new(0));
    (Queue { sender, lost: Arc::clone(&lost) }, receiver, lost)
}

impl Queue {
    /// Puts a record into the ledger.
    pub fn record(&self, record: Record) {
        self.put(Queued::Record(record));
    }

    /// Tells that a user waits for an operation. The answer is whether it arrived; a closed channel means that
    /// nobody will ever know.
    #[must_use]
    pub fn wait_for(&self, awaited: Awaited) -> oneshot::Receiver<bool> {
        let (settled, answer) = oneshot::channel();
        self.put(Queued::Await { awaited, settled });
        answer
    }

    /// Tells how the writer stands. Dropped where the queue is full: the next one comes soon.
    pub fn status(&self, status: Status) {
        drop(self.sender.try_send(Queued::Status(Box::new(status))));
    }

    /// The last record. Waits for a place: the load is over. Returns whether there is still a session.
    pub async fn end(&self, end: End) -> bool {
        self.sender.send(Queued::Record(Record::End(Box::new(end)))).await.is_ok()
    }

    /// Asks for the account to be closed now.
    pub async fn stop(&self) {
        // Without a session there is nobody left to close it.
        drop(self.sender.send(Queued::Stop).await);
    }

    /// Records that are missing from the ledger.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn put(&self, queued: Queued) {
        // A session that is over has its verdict, or a failure that says more than a count.
        if let Err(TrySendError::Full(_)) = self.sender.try_send(queued) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::ledger::{Closed, Written};

    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let (queue, mut waiting, lost) = queue(2);
        for sequence in 0..5 {
            queue.record(Record::Closed(Closed::new(sequence, Written::Rejected)));
        }
        assert_eq!((queue.lost(), lost.load(Ordering::Relaxed)), (3, 3));
        assert!(matches!(waiting.try_recv(), Ok(Queued::Record(Record::Closed(Closed { sequence: 0, .. })))));
        drop(waiting);
        queue.record(Record::Closed(Closed::new(9, Written::Rejected)));
        assert_eq!(queue.lost(), 3, "a session that is over loses nothing");
    }
}
