//! Options of `merge`.

use std::path::PathBuf;

use clap::Args;

/// Options of `merge`.
#[derive(Args, Clone, Debug)]
pub struct Merge {
    /// The runs: folders, their names, or the beginnings of their ids. At least two, of one test and one load.
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    pub named: Vec<String>,
    /// The folder that keeps a folder for each run; the merged one is kept there too.
    #[arg(long, value_name = "DIR", env = "STREAMGAUGE_RUNS", default_value = "runs")]
    pub runs: PathBuf,
    /// Print the merged report.json instead of the summary.
    #[arg(long)]
    pub json: bool,
}
