//! The reference pipeline as a program: PostgreSQL's logical replication to MongoDB, with known faults.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use streamgauge_testbed::relay::{self, Options, READY_LINE};

/// Carries every row from a PostgreSQL publication to MongoDB, in order; a test instrument, not a product
#[derive(Debug, Parser)]
#[command(name = "relay", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> ExitCode {
    let options = Arguments::parse().options;
    let secrets = [relay::password_of(&options.postgres), relay::password_of(&options.mongo)];
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("{error:#}").replace('\n', " ");
            for secret in secrets.into_iter().flatten() {
                text = text.replace(&secret, "***");
            }
            eprintln!("relay: {text}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the line that starters wait for")]
fn run(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(relay::run(options, || println!("{READY_LINE}")))
}
