//! The figures: what the matcher tells, counted; and snapshots, of which everything shown is a rendering.
//!
//! `recorder` counts, `seconds` keeps the course of time, `rows` single rows, `figures` answers thresholds, `validity` doubts,
//! `snapshot` puts all of it together as of one moment,
//! `findings` read the course of time. Pure: time is an argument.

mod facts;
mod figures;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixture;
mod probe;
mod recorder;
mod rows;
mod seconds;
mod snapshot;
#[cfg(test)]
mod tests;
mod validity;

pub use facts::{Evidence, Facts, WriterFacts};
pub use probe::{Probing, Totals};
pub use recorder::{Measured, Recorder};
pub use rows::{Row, Rows};
pub use snapshot::{LatencySeries, ScenarioGauges, Snapshot, snapshot};
