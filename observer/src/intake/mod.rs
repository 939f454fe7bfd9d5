//! Intake: one session per writer. Checks the numbers of its records, drops what was sent before, moves its
//! times onto the observer's time line, and hands everything to the run.

mod session;
mod shards;

pub use session::{Admission, Decision, SessionError, Slot, serve, shifted};
pub use shards::{Seat, Shards};

use streamgauge_shared::clock::Standing;
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
        standing: Box<Standing>,
    },
}
