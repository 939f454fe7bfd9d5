//! The command line of the observer.

mod compare;
mod merge;
mod report;
mod shell;
mod sla;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use streamgauge_shared::clock::ClockChoice;
use streamgauge_shared::time::{Nanos, parse_duration};

pub use compare::Compare;
pub use merge::Merge;
pub use report::{Form, Report, Runs};
pub use shell::{Completions, Man, completions, manual};
pub use sla::{Expected, Judge, Objectives, Rules, Sla, SlaCommand};

/// Watches MongoDB, matches what arrives with what a writer wrote, and serves the figures on one port.
#[derive(Debug, Parser)]
#[command(name = "streamgauge-observer", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch, match, and serve the live page, /metrics, /api/snapshot and the writer's ledger on one port.
    #[command(
        after_help = "Example:\n  streamgauge-observer serve --mongo 'mongodb://127.0.0.1:27017/shop?replicaSet=rs0'"
    )]
    Serve(Serve),
    /// Say what in this MongoDB, or on this machine, would spoil a measurement, and what to do about it.
    ///
    /// Asks a few questions, and writes and drops the canary's collection as a run would. With --model it looks for
    /// stamped rows in all databases and collections that it may see, and says where they arrive. Ends with 1 if there
    /// is anything that would spoil a measurement.
    #[command(
        after_help = "Examples:\n  streamgauge-observer doctor --mongo 'mongodb://127.0.0.1:27017/shop?replicaSet=rs0'\n  streamgauge-observer doctor --model scenarios/models/shop.toml --mongo 'mongodb://127.0.0.1:27017/shop?replicaSet=rs0'"
    )]
    Doctor(Doctor),
    /// Ask the observer that runs beside this one whether it lives: the health check of its container.
    ///
    /// Ends with 0 if it does and with 1 if it does not.
    #[command(after_help = "Example:\n  streamgauge-observer health --ready --listen 127.0.0.1:9464")]
    Health(Health),
    /// List the kept runs, newest first.
    #[command(after_help = "Example:\n  streamgauge-observer runs --runs runs")]
    Runs(Runs),
    /// Render a kept run again: for people, as JSON, as one HTML file, or its seconds as CSV.
    #[command(after_help = "Example:\n  streamgauge-observer report 00c0ffee0042 --html report.html")]
    Report(Report),
    /// Make one report of several runs of one test: histograms add up, percentiles are found anew.
    ///
    /// Ends with the exit code of the merged verdict.
    #[command(after_help = "Example:\n  streamgauge-observer merge 00c0ffee0042 00c0ffee0043")]
    Merge(Merge),
    /// Say whether kept runs differ, by how much, and how sure that is; or where a history of runs changed.
    ///
    /// Confidence intervals of p50, p95 and p99 by a block bootstrap over the seconds of each run. Ends with 99 where
    /// --fail-on-regression says so, and with 104 where the runs must not be compared.
    #[command(
        after_help = "Examples:\n  streamgauge-observer compare 6e42d88aaac0 7a10c3d5e6f7\n  streamgauge-observer compare A1 A2 A3 -- B1 B2 B3\n  streamgauge-observer compare --fail-on-regression 10% --markdown 6e42d88aaac0 7a10c3d5e6f7\n  streamgauge-observer compare --history runs --test e2e-latency"
    )]
    Compare(Box<Compare>),
    /// Print the script that makes a shell complete these commands.
    #[command(after_help = "Example:\n  streamgauge-observer completions bash")]
    Completions(Completions),
    /// Write a manual page for each command into a folder.
    #[command(hide = true, after_help = "Example:\n  streamgauge-observer man target/man")]
    Man(Man),
    /// Judge objectives over kept runs: whether they were met, how sure that is, and what is left of the error budget.
    ///
    /// Time that was not measured is neither good nor bad; lost, rejected and never sent rows are bad. Ends with 0 if every
    /// objective is met, with 99 if one is missed, and with 111 if there is no data.
    #[command(
        after_help = "Examples:\n  streamgauge-observer sla runs --objective 'cdc_e2e_latency<5s' --target 99.9%\n  streamgauge-observer sla runs --objective 'p(99)<5s' --window month --tz Europe/Berlin --html sla.html"
    )]
    Sla(Box<Sla>),
}

/// Options of `health`.
#[derive(Args, Clone, Debug)]
pub struct Health {
    /// The address that `serve` was given; one that means every address is asked on loopback.
    #[arg(long, value_name = "ADDR", env = "STREAMGAUGE_LISTEN", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,
    /// Ask whether a run could start (/readyz: MongoDB can be watched), and not only whether it lives (/livez).
    #[arg(long)]
    pub ready: bool,
}

/// Which MongoDB is watched.
#[derive(Args, Clone)]
pub struct Mongo {
    /// MongoDB's URI; its replica set may have a single node.
    ///
    /// A password in it can be read in the list of processes: give it by --mongo-file or STREAMGAUGE_MONGO.
    #[arg(long = "mongo", value_name = "URI", env = "STREAMGAUGE_MONGO", hide_env_values = true)]
    pub uri: Option<String>,
    /// A file that holds the URI.
    #[arg(long = "mongo-file", value_name = "FILE", env = "STREAMGAUGE_MONGO_FILE")]
    pub file: Option<PathBuf>,
    /// The database to watch [default: the one in the URI].
    #[arg(long, value_name = "NAME", env = "STREAMGAUGE_DATABASE")]
    pub database: Option<String>,
}

impl std::fmt::Debug for Mongo {
    /// Without the URI, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mongo")
            .field("file", &self.file)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// Options of `doctor`.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// Where MongoDB is.
    #[command(flatten)]
    pub mongo: Mongo,
    /// A model file: look up where the rows of its entities arrive, in the changes of the last ten minutes and in the
    /// newest documents.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `serve`.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Where MongoDB is.
    #[command(flatten)]
    pub mongo: Mongo,
    /// The address of the one port; 0 takes a free port. Beyond loopback a token file is needed.
    #[arg(long, value_name = "ADDR", env = "STREAMGAUGE_LISTEN", default_value = "127.0.0.1:9464")]
    pub listen: SocketAddr,
    /// A file that holds the token which writer and scrapers must send.
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// A file that holds a second token, which opens page, API and metrics but never the ledger: for whoever looks on.
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_READ_TOKEN_FILE")]
    pub read_token_file: Option<PathBuf>,
    /// The folder that keeps a folder for each run.
    #[arg(long, value_name = "DIR", env = "STREAMGAUGE_RUNS", default_value = "runs")]
    pub runs: PathBuf,
    /// How the writer's clock is compared with this one: auto (exactly on one kernel, else by exchanges) or
    /// network (by exchanges always).
    #[arg(long, value_name = "auto|network", default_value = "auto")]
    pub clock: ClockChoice,
    /// How long a run waits for all of its writers to say hello, from the first one on.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_duration)]
    pub writers_timeout: Nanos,
    /// End after the first run, with its exit code.
    #[arg(long)]
    pub once: bool,
    /// Write nothing into MongoDB: no document a second into the collection `streamgauge_canary`, and so no
    /// measurement floor.
    #[arg(long)]
    pub no_canary: bool,
}
