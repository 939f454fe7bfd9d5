//! The real pipeline, natively: Debezium's source, Kafka, Kafka Connect and MongoDB's sink, between the testbed's
//! PostgreSQL and mongod, with the very configuration files of `compose/`.
//!
//! [`Artefacts`] fetches the Java parts with Maven, [`Pipeline`] owns what runs, [`Variant`] and [`Overrides`] say
//! which connector files are registered, and [`measure()`] runs a shipped scenario through all of it.

mod artefacts;
mod connectors;
mod measure;
mod pipeline;
mod table;

use std::path::{Path, PathBuf};

pub use artefacts::Artefacts;
pub use connectors::{Override, Overrides, Settings, Sink, Variant};
pub use measure::{Measured, Scenario, measure};
pub use pipeline::Pipeline;
pub use table::{heading, line, side_by_side};

/// The folder of the configuration files.
#[must_use]
pub fn compose() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compose")
}
