//! The run folder: what is kept of a run.

mod folder;
mod interval_log;

pub use folder::Folder;
pub use interval_log::IntervalLog;
