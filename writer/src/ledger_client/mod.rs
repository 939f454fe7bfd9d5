//! Tells the observer what the writer does, without the load ever waiting for it.
//!
//! Users put records into a bounded `queue`; one task, the `session`, owns everything behind it: the
//! `backlog` of what is not acknowledged and the `link` to the observer, which it makes anew when it breaks.

pub mod backlog;
mod endpoint;
mod link;
mod queue;
mod session;

pub use backlog::LEDGER_UNACKED_MAX;
pub use endpoint::{Endpoint, read_token};
pub use queue::{LEDGER_QUEUE_MAX, Queue, Queued, queue};
pub use session::{Limits, Ready, Session, SessionHandle};
