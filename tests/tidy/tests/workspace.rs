//! The sources of the product keep to what CONTRIBUTING says of them.

use std::collections::BTreeSet;

use streamgauge_tidy::compatibility::{rows, runs};
use streamgauge_tidy::length::{LINES_MAX, too_long};
use streamgauge_tidy::modules::Graph;
use streamgauge_tidy::{sources, workspace};

const CRATES: [&str; 3] = ["observer", "shared", "writer"];

/// What `docs/compatibility.md` has at least one row of.
const KINDS: [&str; 17] = [
    "versions",
    "TLS",
    "secrets",
    "keys",
    "names",
    "columns",
    "model",
    "landing",
    "poolers",
    "failover",
    "rights",
    "transactions",
    "MongoDB",
    "Prometheus",
    "connections",
    "busy tables",
    "pipeline",
];
/// Rows of it at least.
const ROWS_MIN: usize = 40;

/// What a glob of `.dockerignore` lets through besides the folders of the product.
const MANIFESTS: [&str; 2] = ["tests/*/Cargo.toml", "compose/grafana/boards/Cargo.toml"];

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

#[test]
fn what_the_documentation_says_was_tried_is_tried_by_tests_that_run() {
    let page = workspace().join("docs/compatibility.md");
    let rows = rows(&std::fs::read_to_string(page).expect("the page can be read"));
    assert!(rows.len() >= ROWS_MIN, "{} rows of at least {ROWS_MIN}", rows.len());
    for row in &rows {
        assert!(KINDS.contains(&row.kind.as_str()), "'{}' is not in the list of kinds", row.kind);
        assert!(!row.tests.is_empty(), "a row without a test: {row:?}");
    }
    for kind in KINDS {
        assert!(rows.iter().any(|row| row.kind == kind), "no row of '{kind}'");
    }
    let files = sources(&workspace().join("tests")).expect("the tests can be read");
    let wrong: Vec<String> =
        rows.iter().flat_map(|row| &row.tests).filter_map(|name| runs(&files, name).err()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Cargo reads no workspace of which a member is missing, so an image is built from the manifests of all of them.
#[test]
fn the_images_are_built_with_the_manifest_of_every_member() {
    let read = |file: &str| std::fs::read_to_string(workspace().join(file)).expect(file);
    let (dockerfile, ignored) = (read("compose/Dockerfile"), read(".dockerignore"));
    let (_, made) = dockerfile.split_once("for member in").expect("members are made");
    let made: Vec<&str> = made.split("; do").next().unwrap_or_default().split_whitespace().collect();
    for member in &members() {
        assert!(
            dockerfile.contains(&format!("COPY {member}/Cargo.toml {member}/")),
            "{member} is not copied"
        );
        assert!(made.contains(&member.as_str()), "{member} gets no source: {made:?}");
        let allowed = MANIFESTS.into_iter().any(|glob| {
            glob == format!("{member}/Cargo.toml")
                || glob.strip_suffix("*/Cargo.toml").is_some_and(|folder| member.starts_with(folder))
        });
        assert!(allowed || ignored.lines().any(|line| line == format!("!{member}")), "{member} is ignored");
    }
    for glob in MANIFESTS {
        assert!(ignored.lines().any(|line| line == format!("!{glob}")), "{glob} is not in .dockerignore");
    }
}

/// The members of the workspace, as folders from its root.
fn members() -> Vec<String> {
    let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).expect("Cargo.toml");
    let list = manifest.lines().find_map(|line| line.strip_prefix("members = [")).expect("members");
    let members: Vec<String> = list.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(members.len() >= 10, "{members:?}");
    members
}

/// `make` names tests for the whole workspace, so that everything is compiled with one set of features: a folder that it
/// does not name is not run, and of two tests with one name both are.
#[test]
fn make_runs_the_tests_of_every_member_and_no_two_have_one_name() {
    let makefile = std::fs::read_to_string(workspace().join("Makefile")).expect("Makefile");
    let unit = makefile.lines().find_map(|line| line.strip_prefix("UNIT = $(foreach crate,"));
    let unit = unit.and_then(|line| line.split(',').next()).expect("the crates of `unit`");
    let mut names = BTreeSet::new();
    for member in members() {
        let Ok(tests) = std::fs::read_dir(workspace().join(&member).join("tests")) else { continue };
        let run = makefile.contains(&format!("$(TEST) $(call tests_of,{member})"));
        assert!(run || unit.split_whitespace().any(|one| one == member), "make does not run {member}/tests");
        for entry in tests {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            assert!(names.insert(name), "{}: another test has this name", path.display());
        }
    }
    assert!(names.len() > 40, "{names:?}");
}
