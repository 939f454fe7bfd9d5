//! Pairs of real runs of one seed: those that differ in nothing, of which `compare` must not claim a difference in at least
//! 19 of 20, and those with 10 % more delay, which it must find in all. `--pairs N`, 20 unless told; three runs of 18 s each:
//! the first run of a number is the first side of both of its pairs.

#![expect(clippy::print_stdout, reason = "a program that prints what it finds")]

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use streamgauge_end_to_end::pairs::{BASE, MORE, compare, line, run};

/// Length of each run.
const SECONDS: u32 = 18;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let pairs = pairs(std::env::args().skip(1))?;
    let kept = tempfile::tempdir()?;
    let (mut quiet, mut found) = (0, 0);
    for seed in 1..=pairs {
        let first = run(kept.path(), BASE, seed, SECONDS).await?;
        let same = run(kept.path(), BASE, seed, SECONDS).await?;
        let slower = run(kept.path(), MORE, seed, SECONDS).await?;
        let (compared, _) = compare(&first, &same, &[])?;
        quiet += u32::from(compared["verdict"] == "unchanged");
        println!("{seed:>3}  the same   {}", line(&compared));
        let (compared, _) = compare(&first, &slower, &[])?;
        found += u32::from(compared["verdict"] == "regressed");
        println!("{seed:>3}  10 % more  {}", line(&compared));
    }
    println!(
        "no difference claimed in {quiet} of {pairs} pairs of the same, found in {found} of {pairs} with 10 % more"
    );
    let right = quiet * 20 >= pairs * 19 && found == pairs;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn pairs(mut arguments: impl Iterator<Item = String>) -> Result<u32> {
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, ..) => Ok(20),
        (Some("--pairs"), Some(count), None) => {
            count.parse().with_context(|| format!("--pairs '{count}' is no number: write 20"))
        }
        (Some(other), ..) => bail!("'{other}' is not understood: write --pairs N"),
    }
}
