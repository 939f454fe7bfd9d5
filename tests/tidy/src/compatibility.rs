//! The table of `docs/compatibility.md`, and whether the tests that it names are there and run.

use crate::File;

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Tried {
    /// Which kind of thing it is.
    pub kind: String,
    /// Names of tests: `file.rs::function`, with a folder below `tests/` before it unless it is `end_to_end`.
    pub tests: Vec<String>,
}

/// The rows of the table, read from its page.
#[must_use]
pub fn rows(page: &str) -> Vec<Tried> {
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter(|cells| cells.len() == 5 && cells[0] != "kind");
    rows.map(|cells| Tried {
        kind: cells[0].to_owned(),
        tests: cells[4].split('`').skip(1).step_by(2).map(str::to_owned).collect(),
    })
    .collect()
}

/// Whether a test is there and is run with the others of its file, of the sources below `tests/`.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn runs(files: &[File], name: &str) -> Result<(), String> {
    let (file, function) =
        name.split_once("::").ok_or_else(|| format!("'{name}' is no file.rs::function"))?;
    let (folder, file) = file.split_once('/').unwrap_or(("end_to_end", file));
    let path = format!("{folder}/tests/{file}");
    let source = files.iter().find(|file| file.path == path);
    let source = source.ok_or_else(|| format!("'{name}': there is no tests/{path}"))?;
    let Some((before, _)) = source.text.split_once(&format!("fn {function}(")) else {
        return Err(format!("'{name}': tests/{path} has no such function"));
    };
    let attributes = before.rsplit_once("\n\n").map_or(before, |(_, attributes)| attributes);
    if !attributes.contains("#[tokio::test") && !attributes.contains("#[test]") {
        return Err(format!("'{name}' is no test"));
    }
    if attributes.contains("#[ignore") {
        return Err(format!("'{name}' is ignored"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_kind_and_names_its_tests() {
        let page = "# What\n\n| kind | what | versions | happens | tests |\n| --- | --- | --- | --- | --- |\n\
                    | keys | a key | | it works | `a.rs::b`, `c/d.rs::e` |\n| names | a name | | refused | |\n";
        let expected = [("keys", vec!["a.rs::b", "c/d.rs::e"]), ("names", vec![])];
        let expected = expected.map(|(kind, tests)| Tried {
            kind: kind.to_owned(),
            tests: tests.into_iter().map(str::to_owned).collect(),
        });
        assert_eq!(rows(page), expected);
    }

    #[test]
    fn a_test_that_is_not_there_or_does_not_run_is_told() {
        let text =
            "#[tokio::test]\nasync fn good() {}\n\n#[test]\n#[ignore]\nfn ignored() {}\n\nfn other() {}\n";
        let files = [File { path: "end_to_end/tests/a.rs".into(), text: text.into() }];
        let told = |name| runs(&files, name).err().unwrap_or_default();
        assert_eq!(told("a.rs::good"), "");
        for (name, says) in [
            ("a.rs::ignored", "is ignored"),
            ("a.rs::other", "is no test"),
            ("a.rs::absent", "no such function"),
            ("b.rs::good", "there is no tests/"),
            ("x/a.rs::good", "there is no tests/"),
            ("good", "is no file.rs::function"),
        ] {
            assert!(told(name).contains(says), "{name}: {}", told(name));
        }
    }
}
