//! The guard: a small process that owns every server of one testbed, so that nothing is left behind.
//!
//! The guard is the parent of PostgreSQL, mongod and the relay, and holds one end of a socket whose other
//! end only the owner (a test, or `testbed start`) holds. When the owner ends, by whatever means (success,
//! panic, Ctrl-C, `kill -9`), the kernel closes its end; the guard then stops what it started and removes
//! the folder. As their parent it holds the process ids until it reaps them, so it cannot hit a stranger; it
//! adopts what they leave behind, such as the backends of a killed PostgreSQL, and ends that too.
//!
//! Limits: a `kill -9` of the guard itself is not survived. A PostgreSQL that a test ends with `SIGKILL` leaves
//! 56 bytes of System V shared memory, which the kernel keeps; [`Signal::Quit`] is as sudden and leaves nothing.
//!
//! ```text
//!  owner ── Request lines ──►  guard ──► postgres, mongod, relay (each in its own process group)
//!        ◄── Event lines ────
//! ```

mod client;
mod message;
mod server;

pub(crate) use client::Launcher;
pub use client::{Guard, Process};
pub use message::{Program, Signal, State};
pub use server::serve;
