//! Kept runs: reads the folders that runs left, those of earlier versions and of runs that died too.
//!
//! Nothing is judged here. What a folder does not have, because it was written by an earlier version or its run died, is
//! said in [`KeptRun::lacks`]; whoever shows its figures says it too.

mod list;
mod run;

pub use list::{Listed, list};
pub use run::{KeptInterval, KeptRun};

/// What the folder of a run is called until it is whole.
pub(crate) const PARTIAL: &str = ".partial";
/// The histograms of a whole run, by latency, scenario, entity and operation.
pub(crate) const TOTALS: &str = "histograms.jsonl";
