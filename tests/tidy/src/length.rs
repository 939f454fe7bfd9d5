//! How long the part of a file is that ships.

use crate::{File, is_test};

/// Lines of one file of the product at most, its tests apart.
pub const LINES_MAX: usize = 400;

/// The files that are past `most` lines, with how many they have.
#[must_use]
pub fn too_long(files: &[File], most: usize) -> Vec<(String, usize)> {
    let long = files.iter().filter(|file| !is_test(&file.path)).filter_map(|file| {
        let lines = shipped_lines(&file.text);
        (lines > most).then(|| (file.path.clone(), lines))
    });
    long.collect()
}

/// The lines before the tests that end the file.
fn shipped_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = |pair: &[&str]| matches!(pair, ["#[cfg(test)]", module] if module.starts_with("mod tests"));
    lines.windows(2).position(tests).unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_at_the_end_of_a_file_do_not_count_and_what_is_before_them_does() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("a.rs", "1\n2\n#[cfg(test)]\nmod tests {\n5\n}"),
            file("b.rs", "1\n2\n3"),
            file("b_tests.rs", "1\n2\n3"),
            file("c/tests/d.rs", "1\n2\n3"),
        ];
        assert_eq!(too_long(&files, 2), [("b.rs".to_owned(), 3)]);
    }
}
