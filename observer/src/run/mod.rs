//! Runs: who may begin one, and one run as it is conducted, carried along, and handed out at its end.
//!
//! `desk` says who may begin, `carry` tells the time and keeps the folder, `thread` owns the `core`, which is pure and
//! drives matcher and recorder: `writers` is what the writers say and `peers` what is known of them, `probes` follows a
//! capacity search, `silence` looks for rows that do not arrive, `facts` is what a snapshot is told, and `lookup` finds single rows.

mod carry;
pub mod core;
#[cfg(test)]
mod core_tests;
mod desk;
mod facts;
#[cfg(test)]
mod fixture;
mod input;
mod lookup;
mod peers;
mod probes;
mod silence;
mod thread;
mod writers;

pub use desk::{Active, Observer, Over};
pub use input::Input;
