//! `report.json` as this version writes it.

use streamgauge_shared::exit_code::Failure;

use super::Format;
use crate::kept::KeptRun;

/// `report --json`.
pub(super) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn render(&self, run: &KeptRun) -> Result<String, Failure> {
        let json = serde_json::to_string_pretty(&run.report);
        json.map(|json| json + "\n")
            .map_err(|error| Failure::run(format!("the report cannot be written: {error}")))
    }
}
