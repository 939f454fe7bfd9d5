//! Options of `sla`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Options of `sla`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Sla {
    /// What to do instead.
    #[command(subcommand)]
    pub command: Option<SlaCommand>,
    /// What to judge.
    #[command(flatten)]
    pub judge: Judge,
}

/// What `sla` can do beside judging.
#[derive(Clone, Debug, Subcommand)]
pub enum SlaCommand {
    /// Write Prometheus' recording and alerting rules of the same objectives to standard output.
    ///
    /// The bound of an objective has to be a bucket of /metrics.
    #[command(
        after_help = "Example:\n  streamgauge-observer sla rules --slo docs/sla-example.yaml > compose/prometheus/rules/slo.yml"
    )]
    Rules(Rules),
}

/// The objectives.
#[derive(Args, Clone, Debug)]
pub struct Objectives {
    /// What is to be met: a latency and its bound, as in 'cdc_e2e_latency<5s' or 'cdc_e2e_latency{operation:create}<1s',
    /// with --target; or a percentile, as in 'p(99)<5s', which has its target in it. Several may be given.
    #[arg(long, value_name = "OBJECTIVE", conflicts_with = "slo")]
    pub objective: Vec<String>,
    /// The share of the rows that is to be within the bound.
    #[arg(long, value_name = "PERCENT", conflicts_with = "slo")]
    pub target: Option<String>,
    /// Over which time: a number of days that roll, as in 30d, or each day, week, month, quarter or year of the calendar
    /// [default: 30d].
    #[arg(long, value_name = "WINDOW", conflicts_with = "slo")]
    pub window: Option<String>,
    /// A file with one SLO of OpenSLO: objectives, target and window in one.
    #[arg(long, value_name = "FILE")]
    pub slo: Option<PathBuf>,
    /// Rows that the long window of a burn rate needs before it counts [default: so many that one bad row alone does not
    /// reach the threshold].
    #[arg(long, value_name = "N")]
    pub min_rows: Option<u64>,
}

/// Options of judging.
#[derive(Args, Clone, Debug)]
pub struct Judge {
    /// Run folders, or folders that hold run folders.
    #[arg(value_name = "RUNS", default_value = "runs")]
    pub runs: Vec<PathBuf>,
    /// What is to be met.
    #[command(flatten)]
    pub objectives: Objectives,
    /// The time zone of days, hours and local times, by its name in the IANA database [default: UTC].
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// What coverage is held against: the time in which runs were going, or always, which is all of the window.
    #[arg(long, value_name = "runs|always", default_value = "runs", hide_possible_values = true)]
    pub expect: Expected,
    /// Time that is left out of everything, as in 2026-11-03T02:00/2026-11-03T04:00; several may be given.
    #[arg(long, value_name = "FROM/TO")]
    pub maintenance: Vec<String>,
    /// The end of the account [default: the end of the last run; with --expect always: now].
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Print the account as JSON.
    #[arg(long)]
    pub json: bool,
    /// Write the account as one HTML file too.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What coverage is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Expected {
    /// The time in which runs were going.
    Runs,
    /// All of the window.
    Always,
}

impl Judge {
    /// Whether all of the window was to be measured.
    #[must_use]
    pub fn expect_always(&self) -> bool {
        self.expect == Expected::Always
    }
}

/// Options of `sla rules`.
#[derive(Args, Clone, Debug)]
pub struct Rules {
    /// What is to be met.
    #[command(flatten)]
    pub objectives: Objectives,
    /// Where no bucket ends at a bound take the next one below it: alerts come early and never late.
    #[arg(long)]
    pub lower_bucket: bool,
}
