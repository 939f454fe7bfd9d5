//! What `doctor` of either program says of a system: findings with their gravity and the way out, as text and as JSON.

mod host;

pub use host::Host;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use crate::finding;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Looked at, and as it should be.
    Fine,
    /// Good to know; spoils no measurement.
    Info,
    /// Would spoil a measurement, or some of its figures.
    Warning,
    /// No measurement is possible.
    Error,
}

/// One thing that was looked at.
pub type Finding = finding::Finding<Severity>;

impl Finding {
    /// Something that is as it should be.
    pub fn fine(code: &str, seen: impl Into<String>) -> Self {
        Self::new(code, Severity::Fine, seen, "", "")
    }

    /// Something that could not be looked at; an unknown is neither good nor bad.
    pub fn unknown(code: &str, seen: impl Into<String>, next: &str) -> Self {
        let seen = format!("not known: {}", seen.into());
        Self::new(code, Severity::Info, seen, "it was not looked at, so nothing is said of it", next)
    }
}

/// Everything that was found on one system.
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    /// What was looked at; without a password.
    pub subject: String,
    /// In the order in which they were looked at.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// 0 only if nothing would spoil a measurement; otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(self.findings.iter().any(|finding| finding.grade >= Severity::Warning))
    }

    /// For people: a mark and a line for each finding, with cause and next step below those that matter.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.subject);
        for finding in &self.findings {
            let mark = match finding.grade {
                Severity::Fine => "✓",
                Severity::Info => "·",
                Severity::Warning => "!",
                Severity::Error => "✗",
            };
            for line in finding.lines(&format!("  {mark} {:<22} ", finding.code)) {
                writeln!(text, "{line}").expect("writing to a string cannot fail");
            }
        }
        let count = |severity| self.findings.iter().filter(|finding| finding.grade == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        let verdict = if self.exit_code() == 0 {
            "nothing here would spoil a measurement".to_owned()
        } else {
            format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
        };
        text + &format!("\n  {verdict} (exit code {})\n", self.exit_code())
    }

    /// For scripts: `findings` are what is not as it should be, `passed` what is.
    #[must_use]
    pub fn json(&self) -> Value {
        let (passed, findings): (Vec<&Finding>, Vec<&Finding>) =
            self.findings.iter().partition(|finding| finding.grade == Severity::Fine);
        json!({ "subject": self.subject, "exit_code": self.exit_code(), "findings": findings, "passed": passed })
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_spoil_a_measurement_makes_exit_code_1() {
        let of = |severity| Examination {
            subject: "PostgreSQL 16.2".into(),
            findings: vec![
                Finding::fine("version", "16.2"),
                Finding::new("wal_level", severity, "'replica'", "nothing decodes it", "set it"),
            ],
        };
        let codes = [Severity::Fine, Severity::Info, Severity::Warning, Severity::Error]
            .map(|severity| of(severity).exit_code());
        assert_eq!(codes, [0, 0, 1, 1]);
        let bad = of(Severity::Error);
        let text = bad.text();
        for part in ["✓ version", "✗ wal_level", "why:", "next: set it", "1 error, 0 warnings (exit code 1)"]
        {
            assert!(text.contains(part), "'{part}' is missing:\n{text}");
        }
        let json = bad.json();
        assert_eq!(json["findings"][0]["grade"], "error");
        assert_eq!((&json["passed"][0]["code"], &json["exit_code"]), (&"version".into(), &1.into()));
        assert!(json["passed"][0].get("cause").is_none());
    }
}
