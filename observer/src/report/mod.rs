//! The run folder: what is kept of a run.

mod folder;

pub use folder::Folder;
