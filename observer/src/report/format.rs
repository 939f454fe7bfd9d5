//! The formats in which a kept run is rendered again: one file each, and one line in [`FORMATS`].

use streamgauge_shared::exit_code::Failure;

use super::csv::Csv;
use super::html::Html;
use super::json::Json;
use super::text::Text;
use crate::kept::KeptRun;

/// A rendering of a kept run.
pub trait Format: Sync {
    /// What it is called in sentences: `text`.
    fn name(&self) -> &'static str;

    /// The whole run in this format.
    ///
    /// # Errors
    /// A file of the run that the format needs cannot be read (104).
    fn render(&self, run: &KeptRun) -> Result<String, Failure>;
}

/// Every format.
pub static FORMATS: &[&dyn Format] = &[&Text, &Json, &Html, &Csv];
