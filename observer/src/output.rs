//! Standard output of the commands: what they were asked for, and nothing else. What happens is logged to standard error.

use std::io::Write as _;

/// Writes to standard output. A reader that has gone away is no reason to fail.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or_default();
}
