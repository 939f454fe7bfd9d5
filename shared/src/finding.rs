//! One thing that was found: a word for scripts, how grave it is, what was seen, its cause and what to do next.
//!
//! `doctor` finds them in a system before a run, the validity of a report in the run itself. Both are this one
//! type with a scale of its own, have the same fields in JSON and are printed by the same function.

use serde::{Deserialize, Serialize};

/// Spans that one line of text lists; JSON has all.
const SPANS_SHOWN: usize = 3;

/// One thing that was found, on the scale `Grade`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding<Grade> {
    /// A word for scripts.
    pub code: String,
    /// How grave it is.
    pub grade: Grade,
    /// What was seen, with its figures.
    pub seen: String,
    /// What most likely causes it, or why it matters; empty where all is well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
    /// What to do next; empty where there is nothing to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// When it held, oldest first; empty where it is of the whole run, or not of a run at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<TimeSpan>,
}

/// A span of a run. A moment has the same beginning and end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// Its beginning, seconds since the start of the run.
    pub from_s: f64,
    /// Its end, likewise.
    pub until_s: f64,
}

impl<Grade> Finding<Grade> {
    /// Something with a cause and a next step, of no span of time.
    pub fn new(
        code: impl Into<String>,
        grade: Grade,
        seen: impl Into<String>,
        cause: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let (code, seen, cause, next) = (code.into(), seen.into(), cause.into(), next.into());
        Self { code, grade, seen, cause, next, spans: Vec::new() }
    }

    /// The lines for people: `head` with what was seen and when, then cause and next step as far as there are any.
    #[must_use]
    pub fn lines(&self, head: &str) -> Vec<String> {
        let mut lines = vec![format!("{head}{}{}", self.seen, self.when())];
        for (label, content) in [("why:", &self.cause), ("next:", &self.next)] {
            if !content.is_empty() {
                lines.push(format!("      {label:<5} {content}"));
            }
        }
        lines
    }

    /// ` [12 s to 14.5 s, 20 s and 2 more]`; empty without spans.
    fn when(&self) -> String {
        if self.spans.is_empty() {
            return String::new();
        }
        let shown: Vec<String> = self.spans.iter().take(SPANS_SHOWN).map(TimeSpan::to_string).collect();
        let more = self.spans.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(" [{}{more}]", shown.join(", "))
    }
}

impl std::fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from_s, until_s } = self;
        if until_s - from_s < 0.05 {
            write!(f, "{from_s:.1} s")
        } else {
            write!(f, "{from_s:.1} s to {until_s:.1} s")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spans: &[(f64, f64)]) -> Finding<&'static str> {
        let spans = spans.iter().map(|(from_s, until_s)| TimeSpan { from_s: *from_s, until_s: *until_s });
        Finding {
            spans: spans.collect(),
            ..Finding::new("gap", "bad", "a hole", "the oplog rolled", "enlarge it")
        }
    }

    #[test]
    fn a_finding_is_printed_with_its_spans_its_cause_and_its_next_step() {
        let lines =
            of(&[(12.0, 14.5), (20.0, 20.0), (30.0, 31.0), (40.0, 41.0), (50.0, 51.0)]).lines("! gap ");
        assert_eq!(
            lines,
            [
                "! gap a hole [12.0 s to 14.5 s, 20.0 s, 30.0 s to 31.0 s and 2 more]",
                "      why:  the oplog rolled",
                "      next: enlarge it",
            ]
        );
        assert_eq!(Finding::new("gap", "fine", "no hole", "", "").lines("✓ "), ["✓ no hole"]);
    }

    #[test]
    fn what_is_not_known_is_left_out_of_the_json() {
        let json = serde_json::to_value(of(&[(1.0, 2.0)])).expect("json");
        assert_eq!(json["spans"], serde_json::json!([{ "from_s": 1.0, "until_s": 2.0 }]));
        let json = serde_json::to_value(Finding::new("gap", "fine", "no hole", "", "")).expect("json");
        assert_eq!(json, serde_json::json!({ "code": "gap", "grade": "fine", "seen": "no hole" }));
    }
}
