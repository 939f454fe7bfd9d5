//! What the tests need: servers that containers reach, and podman.
//!
//! Images come from `images.sh`; `containers.conf` beside it says how they run.

mod podman;
mod stage;

pub use podman::{Container, Network, OBSERVER_IMAGE, Volume, WRITER_IMAGE, podman};
pub use stage::Stage;
