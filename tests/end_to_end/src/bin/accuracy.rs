//! The fault gallery: injects each fault at a known size, prints one line for each, and ends with 1 if one of
//! them was not reported as it must be. `--only NAME` selects lines, and may be given several times; `--list`
//! prints the names.

#![expect(clippy::print_stdout, reason = "a program that prints what it finds")]

use std::process::ExitCode;

use anyhow::{Result, bail};
use streamgauge_end_to_end::gallery::{Entry, Line};
use streamgauge_shared::clock::Clock;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let entries = Entry::all();
    let Some(only) = selected(&entries, std::env::args().skip(1))? else {
        entries.iter().for_each(|entry| println!("{}", entry.name));
        return Ok(ExitCode::SUCCESS);
    };
    let clock = Clock::start();
    let began = clock.now();
    println!("{}", Line::heading());
    let (mut right, mut wrong) = (0, 0);
    for entry in
        entries.into_iter().filter(|entry| only.is_empty() || only.iter().any(|name| name == entry.name))
    {
        for line in entry.lines().await {
            println!("{line}");
            if line.is_wrong() { wrong += 1 } else { right += 1 }
        }
    }
    println!("{right} right or skipped, {wrong} wrong, {:.0} s", (clock.now() - began).as_secs_f64());
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The names after `--only`, none for all; nothing at all for `--list`.
fn selected(entries: &[Entry], mut arguments: impl Iterator<Item = String>) -> Result<Option<Vec<String>>> {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
    let mut only = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => return Ok(None),
            "--only" => match arguments.next() {
                Some(name) if names.contains(&name.as_str()) => only.push(name),
                Some(name) => {
                    bail!("--only '{name}' is no line of the gallery: write one of {}", names.join(", "))
                }
                None => bail!("--only wants a name: write one of {}", names.join(", ")),
            },
            other => bail!("'{other}' is not understood: write --only NAME, or --list"),
        }
    }
    Ok(Some(only))
}
