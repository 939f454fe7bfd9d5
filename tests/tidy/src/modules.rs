//! Which modules of one folder import which, and where that goes in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{module_of, named};
use crate::tokens::{shipped, test_modules};
use crate::{File, is_test};

/// The imports between the files and folders that one module holds.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// For each pair, who imports and who is imported, the lines that do so as `path:line: crate::name`.
    edges: BTreeMap<(String, String), Vec<String>>,
}

/// A pair of modules that import each other, or of which one imports the other in a circle of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knot {
    /// The modules of the circle, in the order of their names.
    pub modules: Vec<String>,
    /// Each import between two of them, with its lines.
    pub imports: Vec<String>,
}

impl Graph {
    /// The graph between the children of a module (`""`: the root of the crate) from the sources of a crate.
    ///
    /// What `mod.rs` or `lib.rs` passes on with `pub use` counts as an import of the module that it is from. The
    /// parent itself is in no circle: it names its children to hold them together.
    #[must_use]
    pub fn of(files: &[File], parent: &str) -> Self {
        let parent: Vec<String> =
            parent.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let files = without_test_files(files);
        let children: BTreeSet<String> = files
            .iter()
            .map(|file| module_of(&file.path))
            .filter(|module| module.len() > parent.len() && module.starts_with(&parent))
            .map(|module| module[parent.len()].clone())
            .filter(|name| name != "main")
            .collect();
        // A name that the parent passes on, and the child that it is from.
        let mut passed_on = BTreeMap::new();
        for file in files.iter().filter(|file| module_of(&file.path) == parent) {
            for path in named(&shipped(&file.text), &parent) {
                let Some(child) = path.parts.get(parent.len()).filter(|_| path.parts.starts_with(&parent))
                else {
                    continue;
                };
                if path.imported && children.contains(child) && path.parts.len() > parent.len() + 1 {
                    let name = path.alias.as_ref().or(path.parts.last());
                    passed_on.extend(name.map(|name| (name.clone(), child.clone())));
                }
            }
        }
        let mut graph = Self::default();
        for file in &files {
            let module = module_of(&file.path);
            let Some(from) = module.get(parent.len()).filter(|_| module.starts_with(&parent)) else {
                continue;
            };
            for path in named(&shipped(&file.text), &module) {
                let Some(name) = path.parts.get(parent.len()).filter(|_| path.parts.starts_with(&parent))
                else {
                    continue;
                };
                let to = if children.contains(name) { Some(name) } else { passed_on.get(name) };
                if let Some(to) = to.filter(|to| *to != from) {
                    let line = format!("{}:{}: {}", file.path, path.line, path.parts.join("::"));
                    graph.edges.entry((from.clone(), to.clone())).or_default().push(line);
                }
            }
        }
        graph
    }

    /// Every circle, each as the largest set of modules that reach each other.
    #[must_use]
    pub fn knots(&self) -> Vec<Knot> {
        let names: BTreeSet<&String> = self.edges.keys().flat_map(|(from, to)| [from, to]).collect();
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            names.iter().map(|name| (*name, self.reached(name))).collect();
        let mut knots = Vec::new();
        let mut seen = BTreeSet::new();
        for name in &names {
            let circle: BTreeSet<&String> =
                reached[name].iter().filter(|other| reached[*other].contains(name)).copied().collect();
            if circle.len() < 2 || !seen.insert(circle.clone()) {
                continue;
            }
            let inside =
                self.edges.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
            let said = |((from, to), lines): (&(String, String), &Vec<String>)| {
                format!("{from} → {to}\n    {}", lines.join("\n    "))
            };
            knots.push(Knot {
                modules: circle.iter().map(|name| (*name).clone()).collect(),
                imports: inside.map(said).collect(),
            });
        }
        knots
    }

    fn reached<'g>(&'g self, from: &'g String) -> BTreeSet<&'g String> {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(name) = next.pop() {
            for (_, to) in self.edges.keys().filter(|(from, _)| from == name) {
                if reached.insert(to) {
                    next.push(to);
                }
            }
        }
        reached
    }
}

/// The files of the product: without those that only tests see.
fn without_test_files(files: &[File]) -> Vec<File> {
    let mut tests: BTreeSet<Vec<String>> = BTreeSet::new();
    for file in files {
        for name in test_modules(&file.text) {
            let mut module = module_of(&file.path);
            module.push(name);
            tests.insert(module);
        }
    }
    let is_under_test = |path: &str| {
        let module = module_of(path);
        (1..=module.len()).any(|length| tests.contains(&module[..length]))
    };
    files.iter().filter(|file| !is_test(&file.path) && !is_under_test(&file.path)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Vec<File> {
        let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        list.iter().map(file).collect()
    }

    fn circles(list: &[(&str, &str)], parent: &str) -> Vec<Vec<String>> {
        Graph::of(&files(list), parent).knots().into_iter().map(|knot| knot.modules).collect()
    }

    #[test]
    fn one_way_is_no_circle_and_two_ways_are_one_with_their_lines() {
        let one_way =
            [("lib.rs", "pub mod a; pub mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "struct B;")];
        assert!(circles(&one_way, "").is_empty());
        let both = [("a.rs", "use crate::b::B;"), ("b/mod.rs", "\nfn f() { crate::a::g() }"), ("b/c.rs", "")];
        let knots = Graph::of(&files(&both), "").knots();
        let imports = ["a → b\n    a.rs:1: b::B", "b → a\n    b/mod.rs:2: a::g"];
        assert_eq!(
            knots,
            [Knot { modules: vec!["a".into(), "b".into()], imports: imports.map(Into::into).into() }]
        );
    }

    #[test]
    fn a_circle_of_three_is_found_and_what_hangs_on_it_is_not_in_it() {
        let three = [
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "use crate::{a::A, d::D};"),
            ("d.rs", ""),
            ("e.rs", "use crate::a::A;"),
        ];
        assert_eq!(circles(&three, ""), [["a", "b", "c"]]);
    }

    #[test]
    fn a_name_that_the_parent_passes_on_is_an_import_of_where_it_is_from() {
        let passed = [
            ("m/mod.rs", "mod a; mod b; pub use a::A; pub use b::{B as Bee};"),
            ("m/a.rs", "use super::Bee;"),
            ("m/b.rs", "fn f() -> crate::m::A { super::a::A }"),
        ];
        assert_eq!(circles(&passed, "m"), [["a", "b"]]);
        assert!(circles(&passed, "").is_empty());
    }

    #[test]
    fn tests_may_import_what_they_like() {
        let tests = [
            ("a.rs", "use crate::b::B; #[cfg(test)] mod fixture;"),
            ("a/fixture.rs", "use crate::c::C;"),
            ("b.rs", "// crate::a\n#[cfg(test)] mod tests { use crate::a::A; }"),
            ("b/tests.rs", "use crate::a::A;"),
            ("c.rs", "use crate::a::A;"),
        ];
        assert!(circles(&tests, "").is_empty());
    }
}
