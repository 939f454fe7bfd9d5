//! What became of the rows of a spike.

use serde::{Deserialize, Serialize};

use super::words::seconds;

/// What became of the rows of a spike, by when they were sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CatchUp {
    /// When the load rose.
    pub rose_s: f64,
    /// When it fell.
    pub fell_s: f64,
    /// When the load ended.
    pub ended_s: f64,
    /// How long after that rows were given to arrive, seconds.
    pub window_s: f64,
    /// Rows sent before the load rose.
    pub before: Span,
    /// Rows sent while it was high.
    pub during: Span,
    /// Rows sent after it fell.
    pub after: Span,
    /// Rows that arrived within `window_s` after the load's end, of all three spans.
    pub arrived_in_window: u64,
    /// Rows waiting at the end of the window, or of the run if that was earlier.
    pub pending_after_window: u64,
    /// From the fall of the load until nothing sent before it waited any more; absent if rows still wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up_after_s: Option<f64>,
}

/// The rows of one span of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Rows sent in it.
    pub sent: u64,
    /// Of these, arrived by now.
    pub arrived: u64,
    /// Of these, still waiting.
    pub pending: u64,
    /// When the last of them arrived; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_arrival_s: Option<f64>,
}

impl Span {
    /// Rows that neither arrived nor wait: lost, rejected, or with an unknown end.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.sent.saturating_sub(self.arrived + self.pending)
    }
}

impl CatchUp {
    /// The rows of the three spans, and when the last of the spike was there.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let head = match self.caught_up_after_s {
            Some(after) => {
                format!("catch-up: {} after the load fell at {}", seconds(after), seconds(self.fell_s))
            }
            None => format!(
                "catch-up: not caught up, {} rows sent before the load fell at {} still wait",
                self.before.pending + self.during.pending,
                seconds(self.fell_s)
            ),
        };
        vec![
            head,
            format!("  rows sent before the spike: {}", self.before.words()),
            format!("  rows sent during the spike: {}", self.during.words()),
            format!("  rows sent after the spike:  {}", self.after.words()),
            format!(
                "  in the {} after the load's end {} rows arrived, {} were waiting then",
                seconds(self.window_s),
                self.arrived_in_window,
                self.pending_after_window
            ),
        ]
    }
}

impl Span {
    fn words(&self) -> String {
        let mut words = format!("{}, {} arrived", self.sent, self.arrived);
        if let Some(last) = self.last_arrival_s {
            words.push_str(&format!(" (the last at {})", seconds(last)));
        }
        if self.pending > 0 {
            words.push_str(&format!(", {} waiting", self.pending));
        }
        if self.missing() > 0 {
            words.push_str(&format!(", {} lost, rejected or unknown", self.missing()));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_wait_and_rows_that_are_missing_are_told_apart() {
        let span = Span { sent: 10, arrived: 6, pending: 3, last_arrival_s: Some(12.0) };
        assert_eq!(span.words(), "10, 6 arrived (the last at 12s), 3 waiting, 1 lost, rejected or unknown");
    }
}
