//! The command line of the writer.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use streamgauge_shared::clock::ClockChoice;
use streamgauge_shared::ledger::SHARDS_MAX;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Scale;
use streamgauge_shared::time::{Nanos, parse_duration};

mod ping;
mod shell;

pub use ping::Ping;
pub use shell::{Completions, Man, completions, manual};

/// Writes scenario load into PostgreSQL, stamps every row, and tells the observer what it wrote.
#[derive(Debug, Parser)]
#[command(name = "streamgauge-writer", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Produce the load, print progress and the summary, exit with the verdict.
    #[command(
        after_help = "Example:\n  streamgauge-writer run scenarios/e2e-latency.toml --prepare \\\n    --postgres postgresql://shop@127.0.0.1:5432/shop --observer http://127.0.0.1:9464"
    )]
    Run(Box<Run>),
    /// Print all mistakes of test files at once, or their plans; touches no database unless one is given.
    #[command(after_help = "Example:\n  streamgauge-writer check scenarios/e2e-latency.toml")]
    Check(Check),
    /// Create what is missing in PostgreSQL (tables, stamp column), or say what is missing.
    #[command(
        after_help = "Example:\n  streamgauge-writer prepare scenarios/e2e-latency.toml --postgres postgresql://shop@127.0.0.1:5432/shop"
    )]
    Prepare(Prepare),
    /// Delete the rows that runs left behind, and nothing else.
    ///
    /// Counts what remains. Ends with 107 when rows stay, and says what keeps them.
    #[command(
        after_help = "Example:\n  streamgauge-writer clean scenarios/e2e-latency.toml --run 00c0ffee0042 \\\n    --postgres postgresql://shop@127.0.0.1:5432/shop"
    )]
    Clean(Clean),
    /// Write a file with a model of tables that are there and a small load on them, ready to be checked and run.
    ///
    /// Prints it. Columns, types, references, and values that the constraints allow come from the catalogue; what a person must
    /// decide stands in it as a comment. Tables that rows must refer to come along.
    #[command(
        after_help = "Example:\n  streamgauge-writer model orders --postgres postgresql://shop@127.0.0.1:5432/shop"
    )]
    Model(Model),
    /// Say what in this PostgreSQL, or on this machine, would spoil a measurement, and what to do about it.
    ///
    /// With a test it writes a row into each of its tables and rolls it back; otherwise it changes nothing. Ends with 1 if
    /// there is anything that would spoil a measurement.
    #[command(
        after_help = "Example:\n  streamgauge-writer doctor scenarios/e2e-latency.toml --postgres postgresql://shop@127.0.0.1:5432/shop"
    )]
    Doctor(Doctor),
    /// Send one row through the whole pipeline and say how long it took, with an exit code for scripts.
    ///
    /// Ends with 0 when the row arrived within --within, with 99 when it took longer or did not arrive within --timeout. It
    /// is a run like any other, of one row: the observer keeps its folder, and the row is deleted when it is over.
    #[command(
        after_help = "Example:\n  streamgauge-writer ping --within 2s --postgres postgresql://shop@127.0.0.1:5432/shop \\\n    --observer http://127.0.0.1:9464"
    )]
    Ping(Ping),
    /// Print the script that makes a shell complete these commands.
    #[command(after_help = "Example:\n  streamgauge-writer completions bash")]
    Completions(Completions),
    /// Write a manual page for each command into a folder.
    #[command(hide = true, after_help = "Example:\n  streamgauge-writer man target/man")]
    Man(Man),
}

/// Options of `run`.
#[derive(Args, Debug)]
pub struct Run {
    /// The test.
    #[arg(value_name = "SCENARIO.toml")]
    pub test: PathBuf,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: Postgres,
    /// The observer's address.
    #[arg(long, value_name = "URL", env = "STREAMGAUGE_OBSERVER", default_value = "http://127.0.0.1:9464")]
    pub observer: String,
    /// A file that holds the token which the observer wants.
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// The seed of everything random [default: random].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The run's id, twelve hexadecimal digits [default: random].
    #[arg(long, value_name = "HEX", env = "STREAMGAUGE_RUN_ID")]
    pub run_id: Option<RunId>,
    /// Which part of the load this writer produces, from 0, when several writers share one run.
    #[arg(long, value_name = "I", env = "STREAMGAUGE_SHARD_INDEX", default_value_t = 0)]
    pub shard_index: u16,
    /// How many writers share the run; each needs the same test, --run-id and scales.
    #[arg(long, value_name = "N", env = "STREAMGAUGE_SHARD_COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=i64::from(SHARDS_MAX)))]
    pub shard_count: u16,
    /// How lengths and rates are scaled.
    #[command(flatten)]
    pub scales: Scales,
    /// Sessions with PostgreSQL [default: the peak of users, at most 64, divided among the writers of the run].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: Option<u32>,
    /// How this clock is compared with the observer's: auto (exactly on one kernel, else by exchanges) or
    /// network (by exchanges always).
    #[arg(long, value_name = "auto|network", default_value = "auto")]
    pub clock: ClockChoice,
    /// Create missing tables and stamp columns first.
    #[arg(long)]
    pub prepare: bool,
    /// How long a lock of `--prepare` may hold others up.
    #[command(flatten)]
    pub locks: Locks,
    /// Leave this run's rows in PostgreSQL.
    #[arg(long)]
    pub keep_rows: bool,
    /// No header and no progress.
    #[arg(long)]
    pub quiet: bool,
    /// No colours; NO_COLOR does the same, and CLICOLOR_FORCE asks for them where there is no terminal.
    #[arg(long)]
    pub no_color: bool,
    /// What is printed at the end: one screen, everything, or report.json.
    #[arg(long, value_name = "text|full|json", default_value = "text")]
    pub summary: Summary,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// The tests.
    #[arg(value_name = "SCENARIO.toml", required = true)]
    pub tests: Vec<PathBuf>,
    /// How lengths and rates are scaled.
    #[command(flatten)]
    pub scales: Scales,
    /// Print the plans as one JSON array.
    #[arg(long)]
    pub json: bool,
    /// Compare the models with the tables of this PostgreSQL too: a connection string, as libpq takes it.
    #[arg(long = "postgres", value_name = "URL")]
    pub postgres: Option<Secret>,
    /// The same, of the connection string in this file.
    #[arg(long, value_name = "FILE")]
    pub postgres_file: Option<PathBuf>,
}

/// A text that may hold a password, and is not shown.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Options of `prepare`.
#[derive(Args, Debug)]
pub struct Prepare {
    /// The test whose tables are prepared.
    #[arg(value_name = "SCENARIO.toml")]
    pub test: PathBuf,
    /// How long a lock may hold others up.
    #[command(flatten)]
    pub locks: Locks,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: Postgres,
}

/// Options of `clean`.
#[derive(Args, Debug)]
pub struct Clean {
    /// The test whose tables are cleaned.
    #[arg(value_name = "SCENARIO.toml")]
    pub test: PathBuf,
    /// Which rows are deleted.
    #[command(flatten)]
    pub which: Which,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: Postgres,
}

/// Which rows are deleted; one of the two.
#[derive(Args, Clone, Copy, Debug)]
#[group(required = true, multiple = false)]
pub struct Which {
    /// Those of this run.
    #[arg(long, value_name = "ID")]
    pub run: Option<RunId>,
    /// Those of any run that were last written longer ago than this: 1d, 12h.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub older_than: Option<Nanos>,
}

/// Options of `model`.
#[derive(Args, Debug)]
pub struct Model {
    /// Tables by their names in the catalogue, with their schema where they are not on the search path.
    #[arg(value_name = "TABLE", required = true)]
    pub tables: Vec<String>,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: Postgres,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// A test whose tables are looked at too.
    #[arg(value_name = "SCENARIO.toml")]
    pub test: Option<PathBuf>,
    /// Where PostgreSQL is.
    #[command(flatten)]
    pub postgres: Postgres,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Where PostgreSQL is.
#[derive(Args)]
pub struct Postgres {
    /// PostgreSQL's connection string, as libpq takes it: postgresql://USER@HOST:PORT/DATABASE?sslmode=…, or host=… user=….
    ///
    /// PGHOST, PGUSER, PGPASSWORD, PGSSLMODE and libpq's other variables, ~/.pgpass and ~/.pg_service.conf fill what it
    /// leaves out. A password in it can be read in the list of processes: give it by PGPASSWORD, PGPASSFILE or
    /// --postgres-file.
    #[arg(long = "postgres", value_name = "URL", env = "STREAMGAUGE_POSTGRES", hide_env_values = true)]
    pub url: Option<String>,
    /// A file that holds the connection string.
    #[arg(long = "postgres-file", value_name = "FILE", env = "STREAMGAUGE_POSTGRES_FILE")]
    pub file: Option<PathBuf>,
}

impl std::fmt::Debug for Postgres {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Postgres(***)")
    }
}

/// How long preparing a table may hold others up.
#[derive(Args, Clone, Copy, Debug)]
pub struct Locks {
    /// How long to wait for a table's lock while preparing it, which holds up whoever asks after; asked for five times,
    /// with pauses.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = at_least_a_millisecond)]
    pub lock_timeout: Nanos,
}

/// PostgreSQL counts timeouts in milliseconds.
fn at_least_a_millisecond(text: &str) -> Result<Nanos, String> {
    let timeout = parse_duration(text).map_err(|error| error.to_string())?;
    let is_allowed = (1_000_000..=MOST_MS * 1_000_000).contains(&timeout.0);
    is_allowed.then_some(timeout).ok_or_else(|| format!("'{text}' is not from 1ms to 24h"))
}

/// 24 hours.
const MOST_MS: i64 = 86_400_000;

/// How a test is scaled.
#[derive(Args, Clone, Copy, Debug)]
pub struct Scales {
    /// Multiplies the lengths of scenarios, warm-up and start times; timeouts and graceful stops stay.
    #[arg(long, value_name = "F", default_value = "1")]
    pub time_scale: Scale,
    /// Multiplies users and rates.
    #[arg(long, value_name = "F", default_value = "1")]
    pub load_scale: Scale,
}

/// The forms of a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Summary {
    /// For people, on one screen of 50 lines, as wide as the terminal (60 to 200 columns, 100 where there is none).
    Text,
    /// For people, every line: what summary.txt in the run folder has.
    Full,
    /// report.json.
    Json,
}

/// A usage message in which user and password of every URL are replaced: clap quotes what it does not
/// understand, and a URL that stands in the wrong place is exactly that.
#[must_use]
pub fn without_secrets(message: &str) -> String {
    let hide = |word: &str| {
        let credentials =
            word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)));
        match credentials {
            Some((scheme, host)) => format!("{scheme}://***@{host}"),
            None if word.contains("password=") => "password=***".to_owned(),
            None => word.to_owned(),
        }
    };
    message.split_inclusive(char::is_whitespace).map(hide).collect()
}

#[cfg(test)]
mod tests;
