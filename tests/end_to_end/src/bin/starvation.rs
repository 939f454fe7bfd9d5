//! How wrong a starved writer or observer gets: each program beside ever more busy processes, in rounds.
//! `--rounds N`, 3 unless told.

#![expect(clippy::print_stdout, reason = "a program that prints what it finds")]

use anyhow::{Context, Result, bail};
use streamgauge_end_to_end::cores;
use streamgauge_end_to_end::gallery::{Role, Starved};

#[tokio::main]
async fn main() -> Result<()> {
    let rounds = rounds(std::env::args().skip(1))?;
    let cores = cores::allowed()?;
    let [core, others, ..] = &cores[..] else { bail!("two cores are needed, there is one") };
    cores::move_to(others)?;
    println!("{}", Starved::heading());
    for _ in 0..rounds {
        for role in [Role::Writer, Role::Observer] {
            Starved::every_grade(role, core, |run| println!("{run}")).await?;
        }
    }
    Ok(())
}

fn rounds(mut arguments: impl Iterator<Item = String>) -> Result<u32> {
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, ..) => Ok(3),
        (Some("--rounds"), Some(count), None) => {
            count.parse().with_context(|| format!("--rounds '{count}' is no number: write 3"))
        }
        (Some(other), ..) => bail!("'{other}' is not understood: write --rounds N"),
    }
}
