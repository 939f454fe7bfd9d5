//! Times in which rows waited and none arrived.

use serde::{Deserialize, Serialize};

use super::Band;
use super::words::seconds;

/// A time in which rows waited and none arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// Its start.
    pub at_s: f64,
    /// Its length.
    pub length_s: f64,
    /// Whether it had ended when the run did.
    pub ended: bool,
    /// Rows waiting at its end.
    pub rows_waiting: u64,
    /// From its end until no more rows waited than before it; absent if that did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_s: Option<f64>,
    /// From its end until the p95 was back in its band; absent if that did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_after_s: Option<f64>,
    /// What "back" means; absent where there was too little to learn it from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<Band>,
}

impl Stall {
    /// The stall in one sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let head = format!(
            "stall: at {} nothing arrived for {}, {} rows waiting",
            seconds(self.at_s),
            seconds(self.length_s),
            self.rows_waiting
        );
        if !self.ended {
            return format!("{head}; it had not ended when the run did");
        }
        let after =
            |time: Option<f64>| time.map_or("not".to_owned(), |time| format!("{} later", seconds(time)));
        let recovered = match self.band {
            Some(_) => after(self.recovered_after_s),
            None => "unknown, too few points before it".to_owned(),
        };
        format!("{head}; caught up: {}; p95 back: {recovered}", after(self.caught_up_after_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_said_in_words() {
        let stall = Stall {
            at_s: 100.0,
            length_s: 20.5,
            ended: true,
            rows_waiting: 50,
            caught_up_after_s: Some(0.5),
            recovered_after_s: None,
            band: None,
        };
        assert_eq!(
            stall.line(),
            "stall: at 1m40s nothing arrived for 20.5s, 50 rows waiting; caught up: 500ms later; p95 back: \
             unknown, too few points before it"
        );
        assert!(Stall { ended: false, ..stall }.line().ends_with("it had not ended when the run did"));
    }
}
