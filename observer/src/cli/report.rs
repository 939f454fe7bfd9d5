//! Options of `report` and `runs`.

use std::path::PathBuf;

use clap::Args;

/// Options of `report`.
#[derive(Args, Clone, Debug)]
pub struct Report {
    /// The run: its folder, the folder's name, or the beginning of its id.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// The folder that keeps a folder for each run.
    #[arg(long, value_name = "DIR", env = "STREAMGAUGE_RUNS", default_value = "runs")]
    pub runs: PathBuf,
    /// How it is rendered.
    #[command(flatten)]
    pub form: Form,
    /// No colours in the text; NO_COLOR does the same.
    #[arg(long)]
    pub no_color: bool,
}

/// How a run is rendered; one of them.
#[derive(Args, Clone, Debug)]
#[group(multiple = false)]
pub struct Form {
    /// For people, every line: what summary.txt has [default].
    #[arg(long)]
    pub text: bool,
    /// report.json.
    #[arg(long)]
    pub json: bool,
    /// One file with charts that opens in a browser, without scripts and without a network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// One line for each step of time, with a heading.
    #[arg(long)]
    pub csv: bool,
}

/// Options of `runs`.
#[derive(Args, Clone, Debug)]
pub struct Runs {
    /// The folder that keeps a folder for each run.
    #[arg(long, value_name = "DIR", env = "STREAMGAUGE_RUNS", default_value = "runs")]
    pub runs: PathBuf,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}
