//! The figures: what the matcher tells, counted; and snapshots, of which everything shown is a rendering.
//!
//! Three things, in this order. **Counted**: `counted`, what the matcher tells the recorder as it happens. **Facts**:
//! `facts`, what else is known of a run, with `clock`, `floor` and `starvation`, and in `spans` when something held. `over_time` keeps histograms over time. **Judged**, from both: `figures` answers
//! thresholds, `watcher` follows those judged on windows, `windowed` says when a window is judged, `thresholds` says what became of each, `probe` judges the
//! probes of a capacity search, `course` puts the course of time together for the `findings`, `validity` says
//! whether a run is to be believed, `report` and `snapshot` put all of it together as of one moment. Pure: time is an argument.

pub mod clock;
mod content;
mod counted;
mod course;
mod facts;
mod figures;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixture;
mod floor;
mod load;
#[cfg(test)]
mod load_tests;
mod over_time;
mod probe;
mod report;
mod snapshot;
mod spans;
mod starvation;
#[cfg(test)]
mod tests;
mod thresholds;
mod validity;
mod watcher;
#[cfg(test)]
mod watcher_tests;
mod windowed;

pub use clock::{ClockFacts, WriterClock};
pub use counted::{
    Interval, Intervals, KeptRows, Measured, NotableRows, RECENT_SECONDS, Recent, Recorder, RowRecord, Rows,
    Seconds, StageSeries,
};
pub use facts::{Evidence, Facts, WriterFacts};
pub use over_time::{OverTime, Percentiles, Slot};
pub use probe::{Probing, Totals};
pub(crate) use report::headline;
pub use snapshot::{LatencySeries, Part, PlannedStage, ScenarioGauges, Snapshot, Total, snapshot};
pub use spans::Spans;
pub use starvation::{Starvation, Starved};
pub use watcher::{Watcher, watch};
