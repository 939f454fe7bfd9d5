//! The shipped boards, read, and a Prometheus to ask their queries.

mod board;
mod prometheus;

pub use board::{Board, Panel, Query, boards, compose};
pub use prometheus::{Prometheus, Series};
