//! Texts with placeholders: `e2e-{id}@latency.test`.

use std::fmt;

use super::mistake::unknown;
use super::reader::Value;

/// A text cut at its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    fragments: Vec<Fragment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fragment {
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
    /// `int(0,9998)`: a random whole number, both ends included.
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// `digits(5)`: so many random digits.
    Digits(u8),
    /// `number` or `number(6)`: the number of a key, of so many digits at least; in the template of a sequence only.
    Number(u8),
}

/// Every placeholder by name.
const PLACEHOLDERS: &[(&str, Placeholder)] = &[
    ("id", Placeholder::Id),
    ("sequence", Placeholder::Sequence),
    ("run", Placeholder::Run),
    ("scenario", Placeholder::Scenario),
    ("vu", Placeholder::Vu),
    ("iteration", Placeholder::Iteration),
    ("number", Placeholder::Number(0)),
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
        let mut fragments = Vec::new();
        let (mut literal, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let (brace, tail) = rest[at..].split_at(1);
            // Doubled braces stand for themselves, as JSON needs them.
            if let Some(tail) = tail.strip_prefix(brace) {
                literal.push_str(brace);
                rest = tail;
                continue;
            }
            if brace == "}" {
                return Err(format!(
                    "'{text}' has a closing brace without an opening one: write }}}} for a brace"
                ));
            }
            let (name, tail) = tail.split_once('}').ok_or_else(|| {
                format!("'{text}' has an opening brace without a closing one: write {{{{ for a brace")
            })?;
            fragments.push(Fragment::Literal(std::mem::take(&mut literal)));
            fragments.push(Fragment::Value(placeholder(name)?));
            rest = tail;
        }
        literal.push_str(rest);
        fragments.push(Fragment::Literal(literal));
        fragments.retain(|fragment| !matches!(fragment, Fragment::Literal(text) if text.is_empty()));
        Ok(Self { fragments })
    }

    /// A text without placeholders.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self { fragments: vec![Fragment::Literal(text.to_owned())] }
    }

    /// The text with each placeholder replaced by what `value` displays for it; placeholders come in order.
    pub fn render<D: fmt::Display>(&self, mut value: impl FnMut(Placeholder) -> D) -> String {
        let mut text = String::new();
        for fragment in &self.fragments {
            match fragment {
                Fragment::Literal(literal) => text.push_str(literal),
                Fragment::Value(placeholder) => text.push_str(&value(*placeholder).to_string()),
            }
        }
        text
    }

    /// Whether the row's key is in it.
    pub(super) fn uses_id(&self) -> bool {
        self.fragments.contains(&Fragment::Value(Placeholder::Id))
    }

    /// Whether a number of a key is in it.
    pub(super) fn uses_number(&self) -> bool {
        self.fragments.iter().any(|fragment| matches!(fragment, Fragment::Value(Placeholder::Number(_))))
    }

    /// The text before its one number, the number's digits and the text after it; nothing where something else
    /// varies.
    pub(super) fn around_number(&self) -> Option<(String, u8, String)> {
        let text = |fragments: &[Fragment]| match fragments {
            [] => Some(String::new()),
            [Fragment::Literal(text)] => Some(text.clone()),
            _ => None,
        };
        let digits = |fragment: &Fragment| match fragment {
            Fragment::Value(Placeholder::Number(digits)) => Some(*digits),
            _ => None,
        };
        let place = self.fragments.iter().position(|fragment| digits(fragment).is_some())?;
        let (before, rest) = self.fragments.split_at(place);
        Some((text(before)?, digits(&rest[0])?, text(&rest[1..])?))
    }

    /// A text as it may come out: with letters where a placeholder may give letters, else with digits.
    #[must_use]
    pub fn sample(&self) -> String {
        self.render(|placeholder| match placeholder {
            Placeholder::Id => "6f2c1a6e-0000-4000-8000-000000000000".to_owned(),
            Placeholder::Run => "00c0ffee0042".to_owned(),
            Placeholder::Scenario => "scenario".to_owned(),
            Placeholder::Int { min, .. } => min.to_string(),
            // The first digit may be 0, which a JSON number of several digits cannot begin with.
            Placeholder::Digits(count) => "0".repeat(usize::from(count)),
            Placeholder::Sequence | Placeholder::Vu | Placeholder::Iteration | Placeholder::Number(_) => {
                "7".to_owned()
            }
        })
    }
}

fn placeholder(name: &str) -> Result<Placeholder, String> {
    if let Some((_, placeholder)) = PLACEHOLDERS.iter().find(|(known, _)| *known == name) {
        return Ok(*placeholder);
    }
    let inner = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    if let Some(range) = inner("int(") {
        let ends = range.split_once(',').map(|(min, max)| (min.trim().parse(), max.trim().parse()));
        return match ends {
            Some((Ok(min), Ok(max))) if min <= max => Ok(Placeholder::Int { min, max }),
            _ => Err(format!("'{{{name}}}' is not a range of whole numbers: write {{int(0,9998)}}")),
        };
    }
    if let Some(count) = inner("digits(") {
        let count = count.trim().parse().ok().filter(|count| (1..=100).contains(count));
        return count.map(Placeholder::Digits).ok_or_else(|| {
            format!("'{{{name}}}' is not a number of digits from 1 to 100: write {{digits(5)}}")
        });
    }
    if let Some(digits) = inner("number(") {
        let digits = digits.trim().parse().ok().filter(|digits| (1..=18).contains(digits));
        return digits.map(Placeholder::Number).ok_or_else(|| {
            format!("'{{{name}}}' is not a number of digits from 1 to 18: write {{number(6)}}")
        });
    }
    let names =
        PLACEHOLDERS.iter().map(|(known, _)| *known).chain(["int(min,max)", "digits(n)", "number(n)"]);
    Err(unknown("placeholder", name, &names.collect::<Vec<_>>()))
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
            "unknown placeholder 'idd', did you mean 'id'? allowed: id, sequence, run, scenario, vu, iteration, number, int(min,max), digits(n), number(n)"
        );
        for bad in ["{id", "id}", "{int(5,1)}", "{int(1)}", "{digits(0)}", "{digits(x)}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn random_placeholders_and_doubled_braces_are_read() {
        let json = Template::parse(r#"{{"zip": "{digits(5)}", "n": {int(-1,9)}}}"#).expect("a template");
        let mut seen = Vec::new();
        let text = json.render(|placeholder| {
            seen.push(placeholder);
            "7"
        });
        assert_eq!(text, r#"{"zip": "7", "n": 7}"#);
        assert_eq!(seen, [Placeholder::Digits(5), Placeholder::Int { min: -1, max: 9 }]);
    }
}
