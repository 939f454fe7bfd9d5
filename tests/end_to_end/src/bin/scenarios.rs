//! Runs every shipped scenario against a testbed, shortened to about half a minute each with its full number of
//! users, prints their summaries, and ends with 1 if one of them did not pass or left a row behind.

#![expect(clippy::print_stdout, reason = "a program that prints what the scenarios print")]

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use streamgauge_end_to_end::{Finished, Observer, finish, nothing_left, scenarios, start_run};
use streamgauge_shared::clock::Clock;
use streamgauge_testbed::Testbed;

/// Each shipped scenario, and the factor that makes about half a minute of its length.
const SCENARIOS: [(&str, &str); 6] = [
    ("baseline", "0.1"),
    ("stress", "0.035"),
    ("spike", "0.1"),
    ("soak", "0.0042"),
    ("e2e-latency", "0.1"),
    ("mixed", "0.056"),
];
/// Longer than any of them may take with graceful stop and drain.
const LIMIT: Duration = Duration::from_secs(300);
/// How long the pipeline may take to carry the clean-up's deletes.
const CLEAN_LIMIT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let bed = Testbed::builder().start().await?;
    let observer = Observer::start(&bed, &[]).await?;
    let clock = Clock::start();
    let mut lines = Vec::new();
    let mut all_passed = true;
    for (name, scale) in SCENARIOS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("━━━ {name} (--time-scale {scale}) ━━━");
        let began = clock.now();
        let path = scenarios().join(format!("{name}.toml"));
        let run = start_run(&bed, &observer, &path, &["--prepare", "--time-scale", scale]).await?;
        let Finished { code, stdout, stderr } = finish(&run, LIMIT).await?;
        let took = clock.now() - began;
        println!("{stdout}");
        if code != 0 {
            println!("{stderr}");
        }
        let clean = nothing_left(&bed, CLEAN_LIMIT).await;
        all_passed &= code == 0 && clean.is_ok();
        let left = clean.map_or_else(|error| format!("{error:#}"), |()| "nothing left behind".to_owned());
        lines.push(format!("{name:<12} exit code {code:<3} {:>5.1} s  {left}", took.as_secs_f64()));
    }
    println!("{}", lines.join("\n"));
    bed.stop().context("the testbed could not be stopped")?;
    Ok(if all_passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
