//! The source of Grafana's boards.
//!
//! A board is a file here ([`run`], [`soak`], [`sla`]) that says which questions its panels answer; [`look`] says how
//! everything looks, once for all of them. The JSON is written from both and committed, because Grafana reads files and
//! a reader of the project should not have to build them. What it does not do: start Grafana, or ask Prometheus. Whether
//! each query finds something is for `tests/dashboards`, whether Grafana knows each field for its `schema.py`.

mod board;
mod look;
mod panel;
mod query;
pub mod read;
mod run;
mod shared;
mod sla;
mod soak;

use std::path::{Path, PathBuf};

/// Where Grafana reads the boards.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

/// Each board's file name and text.
#[must_use]
pub fn written() -> Vec<(&'static str, String)> {
    [("run.json", run::board()), ("sla.json", sla::board()), ("soak.json", soak::board())]
        .into_iter()
        .map(|(file, board)| (file, format!("{:#}\n", board.json())))
        .collect()
}
