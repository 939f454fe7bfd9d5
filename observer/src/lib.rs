//! The observer of Streamgauge: watches a MongoDB change stream, matches what arrives with what a writer
//! says it wrote, and serves the figures on one port.
//!
//! Data flows one way: `intake` and `stream` bring in what happened, `matcher` decides what it means,
//! `measure` counts, `run` puts them together and conducts a run, and `metrics`, `http` and `report` render
//! snapshots; `chart` draws for them and `html` is the frame of their documents. `kept` reads the folders of runs that are over, `compare` says how they
//! differ, and `sla` judges objectives over them. `landing` looks up where rows arrive that the stream does not see. `lifecycle` starts and ends the process.

pub mod canary;
pub mod chart;
pub mod cli;
pub mod compare;
pub mod doctor;
pub mod health;
pub mod html;
pub mod http;
pub mod intake;
pub mod kept;
pub mod landing;
pub mod lifecycle;
pub mod matcher;
pub mod measure;
pub mod merge;
pub mod metrics;
pub mod output;
pub mod page;
pub mod report;
pub mod run;
pub mod sla;
pub mod stream;
