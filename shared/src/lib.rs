//! What both programs of Streamgauge speak.
//!
//! This crate knows neither program and does no I/O except reading the clock and what the kernel says of
//! process and machine.

pub mod account;
pub mod canonical;
pub mod capacity;
pub mod clock;
pub mod content;
pub mod display;
pub mod doctor;
pub mod exit_code;
pub mod finding;
pub mod histogram;
pub mod ledger;
pub mod marks;
pub mod process;
pub mod report;
pub mod stamp;
pub mod test_file;
pub mod threshold;
pub mod time;
pub mod timeline;
pub mod token;
