//! Writer, ledger link, pipeline and observer in one process on virtual time, all drawn from one seed.
//!
//! What is simulated is the world: servers, networks, clocks, users, and everything that goes wrong with them. What is
//! under test is the real code: the writer's backlog and frames, the observer's slot and clock estimate, and the core
//! that its thread holds, from the first hello to the final report. Beside it stands the truth, a record of what
//! happened, from which a second, simpler reading works out what every row's outcome, every event's kind and every
//! percentile has to be.
//!
//! `agenda` is virtual time, `faults` what may go wrong in this seed. The world: `writer` and `load` write, `search`
//! looks for a capacity, `link` carries, `pipeline` replicates. `observer` holds the core under test, `truth` is the
//! second reading, `check` compares the two, and `world` puts them together. `flood` is one history at full size.

mod agenda;
mod check;
mod faults;
mod flood;
mod link;
mod load;
mod observer;
mod pipeline;
mod search;
mod truth;
mod world;
mod writer;

pub use check::Summary;
pub use flood::flood;
pub use world::simulate;
