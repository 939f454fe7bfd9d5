//! A Prometheus with the files of `compose/`, to ask the queries of the shipped boards.

mod prometheus;

use std::path::{Path, PathBuf};

pub use prometheus::{Prometheus, Series};

/// The folder of what runs beside the two programs.
#[must_use]
pub fn compose() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compose")
}
