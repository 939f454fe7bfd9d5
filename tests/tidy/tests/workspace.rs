//! The sources of the product keep to what CONTRIBUTING says of them.

use std::collections::BTreeSet;

use streamgauge_tidy::length::{LINES_MAX, too_long};
use streamgauge_tidy::modules::Graph;
use streamgauge_tidy::{sources, workspace};

const CRATES: [&str; 3] = ["observer", "shared", "writer"];

/// Files that are too long today. The list only shrinks.
const KNOWN_LONG: &[&str] = &[];

#[test]
fn no_two_modules_at_the_top_of_a_program_import_each_other() {
    let mut told = String::new();
    for name in CRATES {
        let files = sources(&workspace().join(name).join("src")).expect("the sources can be read");
        assert!(files.len() > 10, "{name}/src has only {} files: is this the workspace?", files.len());
        for knot in Graph::of(&files, "").knots() {
            told.push_str(&format!("{name}: {}\n  {}\n", knot.modules.join(", "), knot.imports.join("\n  ")));
        }
    }
    assert!(told.is_empty(), "these modules import each other, or in a circle:\n{told}");
}

#[test]
fn no_file_of_the_product_is_too_long() {
    let mut found = BTreeSet::new();
    for name in CRATES {
        let files = sources(&workspace().join(name).join("src")).expect("the sources can be read");
        let long = too_long(&files, LINES_MAX).into_iter();
        found.extend(long.map(|(path, lines)| (format!("{name}/src/{path}"), lines)));
    }
    let new: Vec<_> = found.iter().filter(|(path, _)| !KNOWN_LONG.contains(&path.as_str())).collect();
    assert!(
        new.is_empty(),
        "past {LINES_MAX} lines, tests apart: {new:#?}: split each by the questions it answers"
    );
    let gone: Vec<_> =
        KNOWN_LONG.iter().filter(|known| !found.iter().any(|(path, _)| path == *known)).collect();
    assert!(gone.is_empty(), "no longer too long, so take them out of KNOWN_LONG: {gone:#?}");
}

#[test]
fn the_circles_within_the_measures_are_listed() {
    let files = sources(&workspace().join("observer/src")).expect("the sources can be read");
    for knot in Graph::of(&files, "measure").knots() {
        println!("observer/src/measure: {}\n  {}", knot.modules.join(", "), knot.imports.join("\n  "));
    }
}
