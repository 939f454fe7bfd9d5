//! `compare`: whether two sides of kept runs differ, by how much, and how sure that is; and where a history of runs
//! changed.
//!
//! The statistics are pure: [`block_length`], [`long_run`], [`bootstrap`], [`effect`], [`verdict`], [`conditions`] and
//! [`history`] read no file and no clock, and draw their random numbers from a seed. What they rest on, and how often
//! their intervals are right, is in `docs/compare.md`; `tests/calibration.rs` measures it.

pub mod block_length;
pub mod bootstrap;
pub mod chronicle;
mod command;
pub mod comparison;
pub mod conditions;
pub mod course;
pub mod effect;
pub mod history;
pub mod long_run;
pub mod random;
mod render;
mod rows;
pub mod slots;
pub mod student;
pub mod verdict;

pub use command::run;
pub use comparison::{Compared, Comparison, Group, Input, Question, RunHead, Shifted, comparison};
