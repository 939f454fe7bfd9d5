//! A headless Chromium beside a testbed: it opens what the observer serves and writes, and says what it sees.
//!
//! `tools.sh` fetches the browser, its driver and axe-core; the folder is named by `STREAMGAUGE_BROWSER`. The browser
//! belongs to its testbed: it ends with it, however the test ends.

mod axe;
mod driver_client;
mod health;
mod keyboard;
mod look;
mod page;
mod pictures;
mod printed;
mod session;
pub mod summary;
mod terminal;

use anyhow::{Result, ensure};
use streamgauge_end_to_end::Finished;

pub use axe::AccessibilityFault;
pub use health::Health;
pub use look::{Look, Scheme};
pub use page::Figure;
pub use printed::{differences, holds};
pub use session::Browser;
pub use terminal::as_document;

/// What a run may end with here, where nothing is measured: passed, a threshold crossed, or a machine too busy to measure on.
const CODES: [i32; 3] = [0, 99, 111];

/// That a run came to its end, whatever its figures.
///
/// # Errors
/// With what it printed.
pub fn came_to_its_end(finished: &Finished) -> Result<()> {
    ensure!(CODES.contains(&finished.code), "{}\n{}", finished.stdout, finished.stderr);
    Ok(())
}
