//! The summary as a person reads it, whole.

use streamgauge_shared::display::Display;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::render_full;

use super::Format;
use crate::kept::KeptRun;

/// `report --text`: every line of `summary.txt`, and what the folder lacks.
pub(super) struct Text;

impl Format for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn render(&self, run: &KeptRun) -> Result<String, Failure> {
        Ok(on(run, Display::FILE))
    }
}

/// The same as wide as a display, in its colours.
pub(super) fn on(run: &KeptRun, display: Display) -> String {
    let mut text = render_full(&run.report, display);
    if !run.lacks.is_empty() {
        text.push_str("\n  This run folder lacks something:\n");
        run.lacks.iter().for_each(|lack| text.push_str(&display.fold(&format!("    {lack}\n"))));
    }
    text
}
