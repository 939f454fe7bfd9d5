//! Options of `ping`.

use std::path::PathBuf;

use clap::Args;
use streamgauge_shared::clock::ClockChoice;
use streamgauge_shared::time::Nanos;

use super::{Postgres, at_least_a_millisecond};

/// Options of `ping`.
#[derive(Args, Debug)]
pub struct Ping {
    /// A test, or a model alone, into one of whose tables the row goes [default: the shop of the shipped tests].
    #[arg(value_name = "FILE.toml")]
    pub source: Option<PathBuf>,
    /// Which of the model's entities the row is [default: the first that refers to no other].
    ///
    /// Rows that it refers to are made before it, and are not measured.
    #[arg(long, value_name = "NAME")]
    pub entity: Option<String>,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: Postgres,
    /// The observer's address.
    #[arg(long, value_name = "URL", env = "STREAMGAUGE_OBSERVER", default_value = "http://127.0.0.1:9464")]
    pub observer: String,
    /// A file that holds the token which the observer wants.
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How long the row may take for an exit code of 0; the row is waited for all the same [default: as --timeout].
    #[arg(long, value_name = "DURATION", value_parser = at_least_a_millisecond)]
    pub within: Option<Nanos>,
    /// How long the row is waited for; at least as long as --within.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = at_least_a_millisecond)]
    pub timeout: Nanos,
    /// How this clock is compared with the observer's: auto (exactly on one kernel, else by exchanges) or
    /// network (by exchanges always).
    #[arg(long, value_name = "auto|network", default_value = "auto")]
    pub clock: ClockChoice,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}
