//! Names and texts as TOML writes them.

use std::fmt::Write as _;

/// A text in quotes.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            control if control.is_control() => {
                // Writing to a text does not fail.
                write!(quoted, "\\u{:04X}", u32::from(control)).unwrap_or_default();
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A key, in quotes where it needs them.
pub(super) fn key(name: &str) -> String {
    let is_bare = !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'));
    if is_bare { name.to_owned() } else { text(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn toml_reads_back_what_was_written(name in ".{1,12}", value in "\\PC{0,20}|.{0,20}") {
            let document = format!("{} = {}", key(&name), text(&value));
            let table = toml::de::DeTable::parse(&document).expect("TOML");
            let read = table.get_ref().iter().next().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref().as_str()));
            prop_assert_eq!(read, Some((name.as_str(), Some(value.as_str()))));
        }
    }
}
