//! Intake: one session per writer. Checks the numbers of its records, drops what was sent before, moves its
//! times onto the observer's time line, and hands everything to the run.
//!
//! `session` is one connection from its hello to its end, `clocks` compares the clocks, `receive` and `transmit` are
//! its two directions over `link`, which has a deadline in each; `slot` is what the connections of one writer share,
//! `shards` the writers of a run, and `times` moves their times.

mod clocks;
mod link;
mod receive;
mod session;
#[cfg(test)]
mod session_tests;
mod shards;
mod slot;
mod times;
mod transmit;

pub use link::Patience;
pub use session::{Admission, Decision, SessionError, serve};
pub use shards::{Seat, Shards};
pub use slot::Slot;
pub use times::shifted;

use streamgauge_shared::clock::PeerClockState;
use streamgauge_shared::ledger::{ToObserver, ToWriter};
use tokio::sync::mpsc;

/// Messages that may wait for a writer's connection. Past it the connection is closed and the writer,
/// reconnecting, asks again for what it still waits for.
pub const OUTBOX_MAX: usize = 65_536;

/// What the intake puts out.
pub enum FromWriter {
    /// A writer's connection is up; what is meant for it goes there.
    Attached {
        /// The writer's index.
        writer: u16,
        /// Its connection.
        outbox: mpsc::Sender<ToWriter>,
    },
    /// A writer's connection is gone.
    Detached {
        /// The writer's index.
        writer: u16,
    },
    /// Messages of a writer, in order, times on the observer's time line.
    Messages {
        /// The writer's index.
        writer: u16,
        /// In the order they were sent.
        messages: Vec<ToObserver>,
    },
    /// An exchange with a writer's clock.
    Clock {
        /// The writer's index.
        writer: u16,
        /// What is known of its clock by now.
        state: Box<PeerClockState>,
    },
}
