//! What the sources must keep to, read from their text: no two modules at the top of a program import each
//! other, no file of the product is too long, and the tests that the documentation names are there.
//!
//! `compatibility` reads the table of what was tried; `tokens` cuts a file into words, `paths` finds what it imports, `modules` draws the graph of one folder, and
//! `length` counts lines. Nothing here needs a compiler, so that a mistake is told before anything is built.

pub mod compatibility;
pub mod length;
pub mod modules;
pub mod paths;
pub mod tokens;

use std::path::{Path, PathBuf};

/// One source file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path below the folder that was read, with `/` between its parts.
    pub path: String,
    /// Its content.
    pub text: String,
}

/// Every Rust source below a folder, in the order of their paths.
///
/// # Errors
/// A folder or a file cannot be read.
pub fn sources(root: &Path) -> std::io::Result<Vec<File>> {
    let mut files = Vec::new();
    gather(root, "", &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn gather(folder: &Path, prefix: &str, files: &mut Vec<File>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{path}/"), files)?;
        } else if name.ends_with(".rs") {
            files.push(File { path, text: std::fs::read_to_string(entry.path())? });
        }
    }
    Ok(())
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether a file holds tests alone, by its name or by the folder that it is in.
#[must_use]
pub fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
}
