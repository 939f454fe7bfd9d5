//! The change stream: opened at database scope, read by raw batches, stamped once per reply.
//!
//! `server` asks what a MongoDB is before anything depends on it, `pipeline` says what is watched, `reader`
//! owns the cursor on a thread of its own and does nothing but stamp and hand over, `attention` knows how long events
//! may have waited for it, `decode` makes events
//! of bytes and is pure.

mod attention;
mod decode;
mod mark;
mod mongod_clock;
mod pipeline;
mod reader;
mod server;
mod value;

pub(crate) use attention::WAIT_MAX;
pub use decode::{Decoded, Decoder};
pub use mongod_clock::follow_mongod;
pub use pipeline::Watched;
pub use reader::{Reader, Reply};
pub use server::{MongoAddress, Server, StartError};
