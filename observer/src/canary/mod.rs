//! The canary: about once a second during a run the observer writes one stamped document straight into MongoDB
//! and watches it arrive through the run's own change stream. `observed − sent` is the measurement floor: the
//! share of every latency that MongoDB and the observer have by themselves, whatever the pipeline does.
//!
//! It never enters the run's account: the decoder hands its events out apart from the rows', before anything
//! is counted.
//!
//! **Write concern**: the one of `--mongo`'s URI, and without one the server's default, for that is what a sink
//! gets that says nothing of it. A sink with a write concern of its own is mirrored by the same `w=` and
//! `journal=` in the URI. A floor that forced `w: majority` would not be comparable with a sink that does not,
//! and on a single node would make the server flush its journal early for the sink's writes too.
//!
//! **Traces**: one document in the collection [`CANARY_COLLECTION`](crate::stream::CANARY_COLLECTION) of the watched database, replaced by each write.
//! The collection is dropped at the end of the run, and, for the sake of an observer that was killed, at the
//! start of the next one. Another observer of the same database is not disturbed by that: its next write
//! makes the collection anew, and the event of the last one is in the oplog already.

mod floor;
mod task;

pub use floor::{Floor, FloorFigures, News};
pub use task::Canary;
