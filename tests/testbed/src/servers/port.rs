//! Free ports. A number taken here can be lost to another process before the server binds it: starters retry.

use std::net::TcpListener;

use anyhow::{Context, Result};

/// How often a server is started again because its port was taken in between.
pub(crate) const START_ATTEMPTS: u32 = 5;
/// What both servers print when somebody else has the port.
const TAKEN: &str = "address already in use";

/// A port of 127.0.0.1 that nobody listens on at this moment.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Whether a server's log says that it lost the race for its port.
pub(crate) fn was_taken(log: &str) -> bool {
    log.to_lowercase().contains(TAKEN)
}
