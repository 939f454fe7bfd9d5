//! The figures: what the matcher tells, counted; and snapshots, of which everything shown is a rendering.
//!
//! `recorder` counts, `seconds` keeps the course of time, `windows` what happened lately, `intervals` what came since the interval log was last told, `rows` single rows, `stages` where the time went,
//! `figures` answers thresholds, `watcher` follows those judged each second, `probe` the probes of a capacity
//! search, `course` puts the course of time together for the `findings`, `validity` doubts, `floor` says what the canary found, `snapshot` puts all of it together as of one
//! moment. Pure: time is an argument.

pub mod clock;
mod course;
mod facts;
mod figures;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixture;
mod floor;
mod intervals;
mod probe;
mod recorder;
mod rows;
mod rows_kept;
mod seconds;
mod snapshot;
mod stages;
mod starvation;
#[cfg(test)]
mod tests;
mod validity;
mod watcher;
#[cfg(test)]
mod watcher_tests;
mod windows;

pub use clock::{ClockFacts, WriterClock};
pub use facts::{Evidence, Facts, WriterFacts};
pub use intervals::{Interval, Intervals};
pub use probe::{Probing, Totals};
pub use recorder::{Measured, Recorder};
pub use rows::{Row, Rows};
pub use rows_kept::KeptRows;
pub use seconds::Seconds;
pub use snapshot::{LatencySeries, ScenarioGauges, Snapshot, snapshot};
pub use stages::StageSeries;
pub use starvation::{Starvation, Starved};
pub use watcher::watch;
