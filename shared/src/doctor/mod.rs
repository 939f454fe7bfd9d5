//! What `doctor` of either program says of a system: findings with severity and remedy, as text and as JSON.

mod host;

pub use host::Host;

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A word for scripts.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was seen, with its figures.
    pub seen: String,
    /// Why it matters; empty where it is fine.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What to do; empty where there is nothing to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl Finding {
    /// Something that is as it should be.
    pub fn fine(code: &'static str, seen: impl Into<String>) -> Self {
        Self { code, severity: Severity::Fine, seen: seen.into(), why: String::new(), remedy: String::new() }
    }

    /// Something that is not.
    pub fn new(
        code: &'static str,
        severity: Severity,
        seen: impl Into<String>,
        why: &str,
        remedy: &str,
    ) -> Self {
        Self { code, severity, seen: seen.into(), why: why.into(), remedy: remedy.into() }
    }

    /// Something that could not be looked at; an unknown is neither good nor bad.
    pub fn unknown(code: &'static str, seen: impl Into<String>, remedy: &str) -> Self {
        let seen = format!("not known: {}", seen.into());
        Self::new(code, Severity::Info, seen, "it was not looked at, so nothing is said of it", remedy)
    }
}

/// Everything that was found on one system.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        u8::from(self.findings.iter().any(|finding| finding.severity >= Severity::Warning))
    }

    /// For people: a mark and a line for each finding, with reason and remedy below those that matter.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.subject);
        for finding in &self.findings {
            let mark = match finding.severity {
                Severity::Fine => "✓",
                Severity::Info => "·",
                Severity::Warning => "!",
                Severity::Error => "✗",
            };
            let mut add = |line: String| writeln!(text, "{line}").expect("writing to a string cannot fail");
            add(format!("  {mark} {:<22} {}", finding.code, finding.seen));
            for (label, content) in [("why", &finding.why), ("remedy", &finding.remedy)] {
                if !content.is_empty() {
                    add(format!("      {label:<6}  {content}"));
                }
            }
        }
        let count = |severity| self.findings.iter().filter(|finding| finding.severity == severity).count();
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
            self.findings.iter().partition(|finding| finding.severity == Severity::Fine);
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
        for part in ["✓ version", "✗ wal_level", "why", "remedy  set it", "1 error, 0 warnings (exit code 1)"]
        {
            assert!(text.contains(part), "'{part}' is missing:\n{text}");
        }
        let json = bad.json();
        assert_eq!(json["findings"][0]["severity"], "error");
        assert_eq!((&json["passed"][0]["code"], &json["exit_code"]), (&"version".into(), &1.into()));
        assert!(json["passed"][0].get("why").is_none());
    }
}
