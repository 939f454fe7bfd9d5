//! Writer, ledger link, pipeline and observer core in one process on virtual time, all drawn from one seed.
//!
//! What is simulated is the world: servers, networks, clocks, and everything that goes wrong with them. What is
//! under test is the real code: the writer's backlog and frames, the observer's slot, clock estimate, matcher,
//! recorder and snapshot. Beside it stands the truth, a record of what happened, from which a second, simpler
//! reading works out what every row's outcome, every event's kind and every percentile has to be.
//!
//! `agenda` is virtual time, `faults` what may go wrong in this seed, `writer` and `pipeline` the world's two
//! halves, `observer` the core under test, `truth` the second reading, `run` puts them together.

mod agenda;
mod faults;
mod observer;
mod pipeline;
mod run;
mod truth;
mod writer;

pub use run::{Summary, simulate};
