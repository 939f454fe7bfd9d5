//! The folder of a run: `folder` writes it while the run goes on, `interval_log` its latencies of each second. What a
//! kept run is rendered as again has one file for each format, and `command` is what a person calls; `merged` writes the
//! folder of a merged run.

mod command;
mod csv;
mod folder;
mod format;
mod html;
mod interval_log;
mod json;
mod merged;
mod text;

pub use command::{report, runs};
pub use folder::{Folder, write_html};
pub use format::{FORMATS, Format};
pub use html::html;
pub use interval_log::IntervalLog;
pub use merged::write_merged;
