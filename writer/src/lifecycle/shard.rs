//! Which part of a run's load this writer may produce.

use streamgauge_shared::exit_code::Failure;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Test;

use crate::cli::Run;
use crate::schedule::Shard;

/// The part that the options name.
///
/// # Errors
/// All that keeps the test from being shared in this way; exit code 104.
pub(super) fn of(options: &Run, test: &Test) -> Result<Shard, Failure> {
    let (index, count) = (options.shard_index, options.shard_count);
    let shard = Shard::new(index, count);
    if shard == Some(Shard::WHOLE) {
        return Ok(Shard::WHOLE);
    }
    let mut mistakes = Vec::new();
    if shard.is_none() {
        mistakes.push(format!(
            "--shard-index {index} must be below --shard-count {count}: the writers are numbered from 0"
        ));
    }
    if options.run_id.is_none() {
        mistakes.push(format!(
            "--shard-count {count} needs --run-id: twelve hexadecimal digits that all writers of the run are given"
        ));
    }
    if test.capacity_search().is_some() {
        mistakes.push(format!(
            "--shard-count {count} is not possible with capacity-search, whose next rate depends on the last one: run one writer"
        ));
    }
    for scenario in &test.scenarios {
        let users = scenario.executor.peak_users();
        if users < u32::from(count) {
            mistakes.push(format!(
                "--shard-count {count} is more than the {users} users of scenario '{}': each writer needs one; give fewer writers or more users",
                scenario.name
            ));
        }
    }
    match shard {
        Some(shard) if mistakes.is_empty() => Ok(shard),
        _ => Err(Failure::configuration(mistakes.join("\n"))),
    }
}

/// The seed of writers that were given none: the same for all of them, another for each run.
pub(super) fn seed_of(run: RunId) -> u64 {
    run.bits()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::test_source::tests::shop;

    fn shard(options: &[&str]) -> Result<Shard, String> {
        let line = ["streamgauge-writer", "run", "x.toml", "--postgres", "postgres://u@h/d"];
        let parsed = Cli::try_parse_from(line.iter().chain(options).copied()).map_err(|e| e.to_string())?;
        let Command::Run(run) = parsed.command else { panic!("it says run") };
        of(&run, &shop()).map_err(|failure| failure.sentence)
    }

    #[test]
    fn a_part_is_named_by_index_and_count_and_belongs_to_a_named_run() {
        assert_eq!(shard(&[]), Ok(Shard::WHOLE));
        let part = shard(&["--shard-index", "2", "--shard-count", "3", "--run-id", "00c0ffee0042"]);
        assert_eq!(part, Ok(Shard::new(2, 3).expect("below")));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        // The shop's scenario has at most 50 users.
        let told = shard(&["--shard-index", "51", "--shard-count", "51"]).expect_err("three mistakes");
        for part in ["--shard-index 51 must be below", "needs --run-id", "more than the 50 users of scenario"]
        {
            assert!(told.contains(part), "{told}");
        }
        assert!(shard(&["--shard-count", "0"]).expect_err("none").contains("--shard-count"));
    }

    #[test]
    fn a_seed_that_was_not_given_survives_json() {
        let seed = seed_of(RunId::from_bits(u64::MAX));
        assert!(seed < 1 << 53 && seed > 0);
    }
}
