//! The paths within its own crate that a source names: in `use` lines, and in the code.

use crate::tokens::Token;

/// One path that a source names, from the root of its crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Its parts, without `crate`.
    pub parts: Vec<String>,
    /// The name that a `use` gives it, where it gives another than its last part.
    pub alias: Option<String>,
    /// Whether a `use` names it: then its last part stands for it in this module.
    pub imported: bool,
    /// Counted from 1.
    pub line: usize,
}

/// The module that a file below the root of a crate is: `a/b.rs` and `a/b/mod.rs` are `a::b`.
#[must_use]
pub fn module_of(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut parts: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let is_folder = parts.last().is_some_and(|last| last == "mod");
    let is_root = matches!(&parts[..], [root] if root == "lib" || root == "main");
    if is_folder || is_root {
        parts.pop();
    }
    parts
}

/// Every path of a module that begins with `crate`, `self`, `super` or, in a `use`, with the name of a module.
#[must_use]
pub fn named(tokens: &[Token], module: &[String]) -> Vec<Path> {
    let mut paths = Vec::new();
    // Modules within the file, each with the depth of braces at which it ends.
    let (mut within, mut depth): (Vec<(String, usize)>, usize) = (Vec::new(), 0);
    let mut index = 0;
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    while index < tokens.len() {
        let here: Vec<String> =
            module.iter().cloned().chain(within.iter().map(|(name, _)| name.clone())).collect();
        match text(index) {
            "mod" if text(index + 2) == "{" => {
                within.push((text(index + 1).to_owned(), depth));
                depth += 1;
                index += 3;
                continue;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                within.retain(|(_, end)| *end < depth);
            }
            "use" => {
                index = tree(tokens, index + 1, &here, &[], &mut paths);
                continue;
            }
            "crate" | "super" | "self"
                if text(index + 1) == "::" && (index == 0 || text(index - 1) != "::") =>
            {
                let line = tokens[index].line;
                let mut parts = vec![text(index).to_owned()];
                while text(index + 1) == "::" && is_word(text(index + 2)) {
                    parts.push(text(index + 2).to_owned());
                    index += 2;
                }
                let parts = absolute(&parts, &here);
                paths.push(Path { parts, alias: None, imported: false, line });
            }
            _ => {}
        }
        index += 1;
    }
    paths
}

/// Reads one tree of a `use` from `index` on and returns the index after it.
fn tree(
    tokens: &[Token],
    mut index: usize,
    here: &[String],
    before: &[String],
    paths: &mut Vec<Path>,
) -> usize {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut parts = before.to_vec();
    let line = tokens.get(index).map_or(0, |token| token.line);
    let mut alias = None;
    loop {
        match text(index) {
            "::" => index += 1,
            "{" => {
                index += 1;
                while !matches!(text(index), "}" | "") {
                    index = tree(tokens, index, here, &parts, paths);
                    if text(index) == "," {
                        index += 1;
                    }
                }
                return index + 1;
            }
            "as" => {
                alias = Some(text(index + 1).to_owned());
                index += 2;
            }
            "*" => {
                parts.push("*".to_owned());
                index += 1;
            }
            word if is_word(word) => {
                parts.push(word.to_owned());
                index += 1;
            }
            _ => break,
        }
    }
    // `use a::{self, b}` names `a` itself.
    if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
        parts.pop();
    }
    paths.push(Path { parts: absolute(&parts, here), alias, imported: true, line });
    index
}

/// A path from the root of the crate; one that begins with a name is taken to begin in the module itself.
fn absolute(parts: &[String], here: &[String]) -> Vec<String> {
    let mut from = here.to_vec();
    let mut rest = parts;
    if let Some((first, tail)) = rest.split_first()
        && first == "crate"
    {
        (from, rest) = (Vec::new(), tail);
    }
    while let Some((first, tail)) = rest.split_first()
        && matches!(first.as_str(), "self" | "super")
    {
        if first == "super" {
            from.pop();
        }
        rest = tail;
    }
    from.extend(rest.iter().cloned());
    from
}

fn is_word(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::shipped;

    fn found(text: &str, module: &str) -> Vec<String> {
        let paths = named(&shipped(text), &module_of(module));
        paths.iter().map(|path| path.parts.join("::")).collect()
    }

    #[test]
    fn every_form_of_a_path_is_found() {
        assert_eq!(found("use crate::a::{B, c::{self, D as E}};", "x.rs"), ["a::B", "a::c", "a::c::D"]);
        assert_eq!(found("use super::a::B; fn f() { super::super::c::d() }", "x/y.rs"), ["x::a::B", "c::d"]);
        assert_eq!(found("fn f() -> Vec<crate::a::B> { self::g() }", "x/mod.rs"), ["a::B", "x::g"]);
        assert_eq!(found("mod m { use super::a::B; } use super::C;", "x/mod.rs"), ["x::a::B", "C"]);
        assert_eq!(found("use crate::a::*; pub(crate) use b::C;", "lib.rs"), ["a::*", "b::C"]);
        assert_eq!(found("pub(in crate::a) fn f() {}", "x.rs"), ["a"]);
    }

    #[test]
    fn a_file_is_the_module_of_its_path() {
        assert_eq!(module_of("a/b.rs"), ["a", "b"]);
        assert_eq!(module_of("a/mod.rs"), ["a"]);
        assert!(module_of("lib.rs").is_empty());
    }
}
