//! Intake: one session per writer. Checks the numbers of its records, drops what was sent before, moves its
//! times onto the observer's time line, and hands everything to the run.

mod session;
mod shards;

pub use session::{Admission, Decision, SessionError, Slot, serve, shifted};
pub use shards::{Seat, Shards};
