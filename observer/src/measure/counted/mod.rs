//! What is counted as it happens: the matcher tells the [`Recorder`], and nothing is judged here.
//!
//! `recorder` counts, `seconds` keeps the course of time, `windows` what a threshold's window holds, `intervals` what
//! came since the interval log was last told, `recent` the last of it, `pairs` when the last rows were written and arrived, `rows` single rows and `notable` the few of them that a page shows, `stages` where the time went.

mod errors;
mod intervals;
mod notable;
mod pairs;
mod recent;
mod recorder;
mod rows;
mod rows_kept;
mod seconds;
mod stages;
mod windows;

pub(super) use errors::ErrorCounts;
pub use intervals::{Interval, Intervals};
pub use notable::NotableRows;
pub use recent::{RECENT_SECONDS, Recent};
pub use recorder::{Measured, Recorder};
pub use rows::{RowRecord, Rows};
pub use rows_kept::KeptRows;
pub use seconds::Seconds;
pub(super) use seconds::{Gauges, POINTS_MAX};
pub use stages::StageSeries;
pub(super) use stages::marks_report;
