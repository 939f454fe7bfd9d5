//! The course of a run as comma-separated values: one line for each step of time, as RFC 4180 has them.
//!
//! What is not known is an empty field, never 0.

use serde_json::{Map, Value};
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::report::Second;

use super::Format;
use crate::kept::KeptRun;

/// `report --csv`.
pub(super) struct Csv;

/// The columns: the fields of `load.seconds` in `report.json`, with the unit where the field's name does not have it.
const COLUMNS: [(&str, &str); 18] = [
    ("at_s", "at_s"),
    ("width_s", "width_s"),
    ("sent", "sent"),
    ("arrived", "arrived"),
    ("arrived_of_sent", "arrived_of_sent"),
    ("last_of_sent_s", "last_of_sent_s"),
    ("e2e_mean", "e2e_mean_ms"),
    ("e2e_p50", "e2e_p50_ms"),
    ("e2e_p95", "e2e_p95_ms"),
    ("e2e_p99", "e2e_p99_ms"),
    ("e2e_max", "e2e_max_ms"),
    ("iterations", "iterations"),
    ("iteration_mean", "iteration_mean_ms"),
    ("pending", "pending"),
    ("active_users", "active_users"),
    ("errors", "errors"),
    ("writer_rss_bytes", "writer_rss_bytes"),
    ("observer_rss_bytes", "observer_rss_bytes"),
];

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn render(&self, run: &KeptRun) -> Result<String, Failure> {
        let mut csv = COLUMNS.map(|(_, heading)| heading).join(",");
        csv.push_str("\r\n");
        for second in &run.report.load.seconds {
            csv.push_str(&line(second));
        }
        Ok(csv)
    }
}

fn line(second: &Second) -> String {
    let fields = match serde_json::to_value(second) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let values = COLUMNS.map(|(field, _)| fields.get(field).map_or_else(String::new, Value::to_string));
    format!("{}\r\n", values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_second_is_a_column_and_what_is_unknown_is_empty() {
        let full = Second {
            e2e_mean: Some(1.5),
            e2e_max: Some(2.0),
            e2e_p50: Some(1.0),
            e2e_p95: Some(2.0),
            e2e_p99: Some(2.0),
            last_of_sent_s: Some(0.5),
            iteration_mean: Some(3.0),
            pending: Some(0),
            active_users: Some(1),
            errors: Some(0),
            writer_rss_bytes: Some(1),
            observer_rss_bytes: Some(2),
            ..Second::default()
        };
        let Value::Object(fields) = serde_json::to_value(full).expect("numbers") else { panic!("no object") };
        let mut known: Vec<&str> = COLUMNS.iter().map(|(field, _)| *field).collect();
        let mut there: Vec<&str> = fields.keys().map(String::as_str).collect();
        known.sort_unstable();
        there.sort_unstable();
        assert_eq!(known, there);
        let known = Second { at_s: 7, width_s: 1, sent: 3, e2e_p50: Some(1.25), ..Second::default() };
        assert_eq!(line(&known), "7,1,3,0,0,,,1.25,,,,0,,,,,,\r\n");
    }
}
