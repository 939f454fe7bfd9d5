//! Options of `compare`.

use std::path::PathBuf;

use clap::Args;
use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::time::{Nanos, parse_duration};

/// Options of `compare`.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// Two runs, or the runs of the first side: the path of a run folder, its name in --runs, or the beginning of a run id.
    #[arg(value_name = "RUN", required_unless_present = "history", conflicts_with = "history")]
    pub first: Vec<String>,
    /// The runs of the second side.
    #[arg(value_name = "RUN", last = true, conflicts_with = "history")]
    pub second: Vec<String>,
    /// The folder that keeps a folder for each run.
    #[arg(long, value_name = "DIR", env = "STREAMGAUGE_RUNS", default_value = "runs")]
    pub runs: PathBuf,
    /// End with 99 where a figure regressed by at least so much, as far as its interval is sure of it; also where some
    /// figures improved and some regressed, and where nothing can be told.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub fail_on_regression: Option<f64>,
    /// A smaller change does not matter: a share of the first side's figure.
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    pub min_change: f64,
    /// A smaller difference does not matter, whatever share it is.
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = parse_duration)]
    pub min_difference: Nanos,
    /// Compare runs that should not be compared: of other tests or models, or that did not end. It is said all the same,
    /// and of an INVALID run nothing can be told with it either.
    #[arg(long)]
    pub force: bool,
    /// Seed of the random numbers: the same seed gives the same intervals.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Print Markdown, for a comment on a pull request.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Write a page with the quantiles of both sides and their difference.
    #[arg(long, value_name = "FILE", conflicts_with = "history")]
    pub html: Option<PathBuf>,
    /// Instead of comparing two sides, say where the figures of a test changed over the runs that are kept in a folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["markdown", "fail_on_regression"])]
    pub history: Option<PathBuf>,
    /// Whose history; needed where runs of several tests are kept.
    #[arg(long, value_name = "NAME", requires = "history")]
    pub test: Option<String>,
}

impl Compare {
    /// The runs of both sides.
    ///
    /// # Errors
    /// It is not clear which run belongs to which side (104).
    pub fn sides(&self) -> Result<(&[String], &[String]), Failure> {
        match (&self.first[..], &self.second[..]) {
            ([_, _], []) => Ok(self.first.split_at(1)),
            ([_, ..], [_, ..]) => Ok((&self.first, &self.second)),
            (first, _) => Err(Failure::configuration(format!(
                "compare was given {} run{} without a second side: write compare A B, or compare A1 A2 A3 -- B1 B2 B3",
                first.len(),
                if first.len() == 1 { "" } else { "s" }
            ))),
        }
    }
}

/// Reads `10%` as 0.1.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let number = number.filter(|number| (0.0..=1_000.0).contains(number));
    number
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("'{text}' is no percentage from 0% to 1000%: write 10%"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn compare(arguments: &[&str]) -> Compare {
        let all = ["streamgauge-observer", "compare"].iter().chain(arguments);
        match Cli::try_parse_from(all).expect("legal arguments").command {
            Command::Compare(options) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_runs_are_two_sides_and_two_dashes_part_more() {
        let options = compare(&["a", "b"]);
        assert_eq!(options.sides().expect("two"), (&["a".to_owned()][..], &["b".to_owned()][..]));
        let options = compare(&["a", "b", "c", "--", "d", "e"]);
        let (first, second) = options.sides().expect("two");
        assert_eq!((first.len(), second.len()), (3, 2));
        let failure = compare(&["a", "b", "c"]).sides().expect_err("one side");
        assert!(failure.sentence.starts_with("compare was given 3 runs without a second side"), "{failure}");
    }

    #[test]
    fn a_share_is_written_in_percent() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert_eq!(percent("10"), Err("'10' is no percentage from 0% to 1000%: write 10%".to_owned()));
        assert!(percent("-1%").is_err() && percent("NaN%").is_err());
        assert_eq!(compare(&["a", "b", "--fail-on-regression", "5%"]).fail_on_regression, Some(0.05));
    }
}
