//! Paths in a document, as a model writes them: names joined by dots. A name that holds a dot itself, or begins with a
//! dollar sign, stands in double quotes as in SQL: `payload."after.cdc_stamp"`.

use std::borrow::Cow;

use super::name::{first_part, quoted};

/// The first name of a path, and the path within it where there is one. A text that is no path is a name.
#[must_use]
pub fn first_name(path: &str) -> (Cow<'_, str>, Option<&str>) {
    if !path.starts_with('"') {
        return path.split_once('.').map_or((path.into(), None), |(name, rest)| (name.into(), Some(rest)));
    }
    match first_part(path) {
        Some((name, "")) => (name.into(), None),
        Some((name, rest)) => (name.into(), Some(rest.strip_prefix('.').unwrap_or(rest))),
        None => (path.into(), None),
    }
}

/// The names of a path without their quotes, from the outermost on.
pub fn names(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let (name, within) = first_name(rest?);
        rest = within;
        Some(name)
    })
}

/// The path of these names.
#[must_use]
pub fn path_of(names: &[impl AsRef<str>]) -> String {
    let written = |name: &str| if is_plain(name) { name.to_owned() } else { quoted(name) };
    names.iter().map(|name| written(name.as_ref())).collect::<Vec<_>>().join(".")
}

/// The part of a path that a projection of MongoDB can name: up to the first name that needs quotes. Nothing where that is
/// the first one: then only the whole document brings it.
#[must_use]
pub fn projected(path: &str) -> Option<String> {
    let plain: Vec<Cow<'_, str>> = names(path).take_while(|name| is_plain(name)).collect();
    (!plain.is_empty()).then(|| plain.join("."))
}

/// Whether a name can stand in a path as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('$') && !name.contains(['.', '"'])
}

/// Whether a text is a path.
///
/// # Errors
/// One sentence: what it is, and how a path is written.
pub(super) fn check(text: &str) -> Result<(), String> {
    let mut rest = text;
    loop {
        let is_quoted = rest.starts_with('"');
        let part = first_part(rest).filter(|(name, _)| !name.is_empty() && (is_quoted || is_plain(name)));
        let after = part.map(|(_, after)| after);
        match after.map(|after| after.strip_prefix('.').ok_or(after)) {
            Some(Err("")) => return Ok(()),
            Some(Ok(within)) => rest = within,
            _ => {
                return Err(format!(
                    "'{text}' is no path in a document: write names joined by dots, as in source.ts_us; a name that holds a dot itself stands in double quotes, as in '\"source.ts_us\"'"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Vec<String> {
        names(path).map(Cow::into_owned).collect()
    }

    #[test]
    fn a_dot_within_quotes_is_part_of_a_name() {
        let cases: [(&str, &[&str], Option<&str>); 7] = [
            ("cdc_stamp", &["cdc_stamp"], Some("cdc_stamp")),
            ("after.cdc_stamp", &["after", "cdc_stamp"], Some("after.cdc_stamp")),
            ("\"after.cdc_stamp\"", &["after.cdc_stamp"], None),
            ("payload.\"after.cdc_stamp\"", &["payload", "after.cdc_stamp"], Some("payload")),
            ("\"a.b\".\"c\"\".d\".e", &["a.b", "c\".d", "e"], None),
            ("a.\"$ref\".b", &["a", "$ref", "b"], Some("a")),
            ("after.\"x.y\".z", &["after", "x.y", "z"], Some("after")),
        ];
        for (path, expected, reaches) in cases {
            assert_eq!(parts(path), expected, "{path}");
            assert_eq!(check(path), Ok(()), "{path}");
            assert_eq!(projected(path).as_deref(), reaches, "{path}");
        }
        assert_eq!(path_of(&["payload", "after.cdc_stamp"]), "payload.\"after.cdc_stamp\"");
        assert_eq!(path_of(&["a", "b"]), "a.b");
        for no_path in ["", "a.", ".a", "a..b", "$a", "a.$b", "\"a", "\"a\"b", "\"\"", "a\"b"] {
            let error = check(no_path).expect_err(no_path);
            assert!(error.contains("is no path in a document"), "{error}");
        }
    }
}
