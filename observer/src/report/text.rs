//! The summary as a person reads it, whole.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::render;

use super::Format;
use crate::kept::KeptRun;

/// `report --text`: every line of `summary.txt`, and what the folder lacks.
pub(super) struct Text;

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn render(&self, run: &KeptRun) -> Result<String, Failure> {
        let mut text = render(&run.report, false);
        if !run.lacks.is_empty() {
            text.push_str("\n  This run folder lacks something:\n");
            run.lacks.iter().for_each(|lack| text.push_str(&format!("    {lack}\n")));
        }
        Ok(text)
    }
}
