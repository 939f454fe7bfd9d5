//! Names as PostgreSQL's catalogue has them, and as SQL and a model write them.
//!
//! Nothing is folded: `Customers` in a model is the table that was made as `"Customers"`. A dot parts schema and table; a
//! part that holds a dot or a quote itself stands in double quotes, as in SQL: `"a.b".customers`.

use std::fmt;
use std::str::FromStr;

/// PostgreSQL's NAMEDATALEN without its end: longer names are cut by the server, and then are others.
pub const NAME_BYTES_MAX: usize = 63;

/// A name of a table, or of a type, with its schema where it is not to be found on the search path.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QualifiedName {
    /// The schema.
    pub schema: Option<String>,
    /// The name within it.
    pub name: String,
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a name: {why}")]
pub struct NameError {
    text: String,
    why: String,
}

/// A name as it stands in SQL: always in double quotes, so that letter cases and words such as `order` stay what they are.
#[must_use]
pub fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// Whether PostgreSQL can have something of this name; the error says why not.
///
/// # Errors
/// It is empty, longer than 63 bytes, or holds a zero byte.
pub(super) fn check_identifier(text: &str) -> Result<(), NameError> {
    let error = |why: String| Err(NameError { text: text.to_owned(), why });
    match text.len() {
        0 => error("write at least one letter".to_owned()),
        _ if text.contains('\0') => error("PostgreSQL's names hold no zero byte".to_owned()),
        length if length > NAME_BYTES_MAX => {
            error(format!("it has {length} bytes, PostgreSQL's names have at most {NAME_BYTES_MAX}"))
        }
        _ => Ok(()),
    }
}

impl QualifiedName {
    /// The name in SQL, each part in double quotes.
    #[must_use]
    pub fn quoted(&self) -> String {
        let schema = self.schema.as_ref().map(|schema| format!("{}.", quoted(schema)));
        format!("{}{}", schema.unwrap_or_default(), quoted(&self.name))
    }
}

impl fmt::Display for QualifiedName {
    /// As a model writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |part: &str| {
            if part.contains(['.', '"']) { quoted(part) } else { part.to_owned() }
        };
        if let Some(schema) = &self.schema {
            write!(f, "{}.", written(schema))?;
        }
        f.write_str(&written(&self.name))
    }
}

impl FromStr for QualifiedName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = |why: &str| NameError { text: text.to_owned(), why: why.to_owned() };
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let part;
            (part, rest) = first_part(rest).ok_or_else(|| error("a double quote is not closed, or text follows it: write a quote within a name twice, as in SQL"))?;
            check_identifier(&part).map_err(|found| error(&found.why))?;
            parts.push(part);
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => break,
            }
        }
        match <[String; 2]>::try_from(parts) {
            Ok([schema, name]) => Ok(Self { schema: Some(schema), name }),
            Err(mut parts) if parts.len() == 1 => Ok(Self { schema: None, name: parts.remove(0) }),
            Err(_) => Err(error(
                "it has more parts than schema and name: put a part that holds a dot into double quotes",
            )),
        }
    }
}

/// The part up to the next dot outside of quotes, without its quotes, and what follows it. None where quotes do not
/// match.
pub(super) fn first_part(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (part, rest) = text.split_at(end);
        return Some((part.to_owned(), rest));
    };
    let mut part = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        part.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None if after.is_empty() || after.starts_with('.') => return Some((part, after)),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(schema: Option<&str>, name: &str) -> QualifiedName {
        QualifiedName { schema: schema.map(str::to_owned), name: name.to_owned() }
    }

    #[test]
    fn names_are_read_as_the_catalogue_has_them() {
        let cases = [
            ("customers", named(None, "customers"), r#""customers""#),
            ("Sales.Customers", named(Some("Sales"), "Customers"), r#""Sales"."Customers""#),
            ("Bestellungen 2026", named(None, "Bestellungen 2026"), r#""Bestellungen 2026""#),
            (r#""a.b".order"#, named(Some("a.b"), "order"), r#""a.b"."order""#),
            (r#""say ""hi""""#, named(None, r#"say "hi""#), r#""say ""hi""""#),
            ("größe", named(None, "größe"), r#""größe""#),
        ];
        for (written, name, sql) in cases {
            assert_eq!(written.parse::<QualifiedName>().as_ref(), Ok(&name), "{written}");
            assert_eq!(name.quoted(), sql);
            assert_eq!(name.to_string(), written);
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        let long = "ä".repeat(32);
        let cases = [
            ("", "write at least one letter"),
            ("a.", "write at least one letter"),
            ("a.b.c", "it has more parts than schema and name"),
            (r#""a"#, "a double quote is not closed"),
            (r#""a"b"#, "a double quote is not closed, or text follows it"),
            ("a\0", "zero byte"),
            (long.as_str(), "it has 64 bytes, PostgreSQL's names have at most 63"),
        ];
        for (text, why) in cases {
            let error = text.parse::<QualifiedName>().expect_err(text).to_string();
            assert!(error.contains(why) && error.starts_with(&format!("'{text}'")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_read_as_it_is_written(schema in proptest::option::of("[ -~ä]{1,30}"), name in "[ -~ä]{1,30}") {
            let name = QualifiedName { schema, name };
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }
    }
}
