//! The change stream: opened at database scope, read by raw batches, stamped once per reply.
//!
//! `server` asks what a MongoDB is before anything depends on it, `refusal` says what its errors mean and `members` why no
//! server of a set can be chosen, `pipeline` says what is watched, `reader`
//! owns the cursor on a thread of its own and does nothing but stamp and hand over, `attention` knows how long events
//! may have waited for it, `await_limit` how long a stream may be silent, `decode` makes events of bytes and is pure,
//! `value` knows the canonical form of what stands in a document, `content` is what an event says, `numbers` looks at the
//! keys that collections hold before a run.

mod attention;
mod await_limit;
mod content;
mod decode;
mod event;
mod mark;
mod members;
mod mongod_clock;
mod numbers;
mod pipeline;
mod reader;
mod refusal;
mod server;
mod value;

pub(crate) use attention::WAIT_MAX;
pub use content::{ColumnSeen, ColumnValue, Content, DocumentId, RowKey};
pub use decode::{Decoded, Decoder, key_of};
pub use event::{CANARY_COLLECTION, CANARY_STAMP_FIELD, Change, Event, Sighting};
pub use mongod_clock::{MongodClock, follow_mongod};
pub use numbers::first_numbers;
pub use pipeline::Watched;
pub use reader::{Reader, Reply};
pub use server::{MongoAddress, Server, StartError};

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::time::UnixNanos;

/// What the change stream puts out.
pub enum FromStream {
    /// A reply of the server.
    Reply(Reply),
    /// The stream failed and was opened anew.
    Resumed,
    /// The stream lost its history: what happened in between was never seen.
    Gap,
    /// An attempt to read or to reopen the stream failed.
    Error,
    /// The stream has said nothing since then, though it should have, and is opened anew.
    Silent(UnixNanos),
    /// The stream is of no use any more.
    Failed(Failure),
    /// mongod said what its clock shows.
    MongodClock(MongodClock),
}
