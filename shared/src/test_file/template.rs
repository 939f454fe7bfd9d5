//! Texts with placeholders: `e2e-{id}@latency.test`.

use std::fmt;

use super::mistake::unknown;
use super::reader::Value;

/// A text cut at its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(Placeholder),
}

/// What can stand in braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The row's key.
    Id,
    /// The operation's sequence within its writer.
    Sequence,
    /// The run's id.
    Run,
    /// The scenario's name.
    Scenario,
    /// The virtual user's number, from 1 as in k6.
    Vu,
    /// The user's iteration, from 0 as in k6.
    Iteration,
}

/// Every placeholder by name.
const PLACEHOLDERS: &[(&str, Placeholder)] = &[
    ("id", Placeholder::Id),
    ("sequence", Placeholder::Sequence),
    ("run", Placeholder::Run),
    ("scenario", Placeholder::Scenario),
    ("vu", Placeholder::Vu),
    ("iteration", Placeholder::Iteration),
];

impl Template {
    /// Reads a template from a value of a file; mistakes go to the file.
    pub(super) fn read(value: &Value<'_, '_>) -> Option<Self> {
        match Self::parse(value.text()?) {
            Ok(template) => Some(template),
            Err(message) => {
                value.mistake(message);
                None
            }
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail
                .split_once('}')
                .ok_or_else(|| format!("'{text}' has an opening brace without a closing one"))?;
            let placeholder =
                PLACEHOLDERS.iter().find(|(known, _)| *known == name).map(|(_, placeholder)| *placeholder);
            let names: Vec<&str> = PLACEHOLDERS.iter().map(|(known, _)| *known).collect();
            parts.push(Part::Literal(literal.to_owned()));
            parts.push(Part::Value(placeholder.ok_or_else(|| unknown("placeholder", name, &names))?));
            rest = tail;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        Ok(Self { parts })
    }

    /// The text with each placeholder replaced by what `value` displays for it.
    pub fn render<D: fmt::Display>(&self, value: impl Fn(Placeholder) -> D) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Value(placeholder) => text.push_str(&value(*placeholder).to_string()),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_and_unknown_ones_named() {
        let template = Template::parse("e2e-{id}@{scenario}.test").expect("a template");
        let text = template.render(|placeholder| if placeholder == Placeholder::Id { "7" } else { "x" });
        assert_eq!(text, "e2e-7@x.test");
        assert_eq!(
            Template::parse("{idd}").unwrap_err(),
            "unknown placeholder 'idd', did you mean 'id'? allowed: id, sequence, run, scenario, vu, iteration"
        );
        assert!(Template::parse("{id").is_err());
    }
}
