//! Standard output of the commands: what they were asked for, and nothing else; what happens is logged to standard error.
//! The one place that asks the terminal and the environment what an output can show.

use std::io::{IsTerminal, Write as _, stderr, stdout};
use std::os::fd::AsFd;

use streamgauge_shared::display::{Display, Output};

/// How standard output is written to; `no_color` is the user's `--no-color`.
#[must_use]
pub fn display(no_color: bool) -> Display {
    display_of(&stdout(), no_color)
}

/// How an output is written to, as it and the environment say now.
#[must_use]
pub fn display_of(output: &(impl IsTerminal + AsFd), no_color: bool) -> Display {
    let columns = terminal_size::terminal_size_of(output).map(|(width, _)| width.0);
    Display::of(Output { is_terminal: output.is_terminal(), columns, no_color }, |name| {
        std::env::var_os(name)
    })
}

/// Writes to standard output. A reader that has gone away is no reason to fail.
pub fn print(text: &str) {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_or_default();
}

/// Writes a line to standard error, as [`print()`].
pub fn note(line: &str) {
    writeln!(stderr().lock(), "{line}").unwrap_or_default();
}
