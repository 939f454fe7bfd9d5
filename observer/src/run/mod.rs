//! Runs: who may begin one, and one run as it is admitted, carried along, and handed out at its end.

mod carry;
mod desk;
mod input;
mod thread;

pub use desk::{Active, Observer, Over};
pub use input::Input;
