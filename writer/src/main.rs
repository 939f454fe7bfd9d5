//! The life of the writer's process.

use std::io::stderr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use streamgauge_shared::exit_code::{ExitCode as Code, Failure};
use streamgauge_shared::process::forbid_core_files;
use streamgauge_writer::cli::{self, Cli};
use streamgauge_writer::{lifecycle, terminal};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            if !error.use_stderr() {
                // Help or version; nothing can be done about an output that cannot be written to.
                error.print().unwrap_or_default();
                return ExitCode::SUCCESS;
            }
            terminal::note(cli::without_secrets(&error.to_string()).trim_end());
            return ExitCode::from(Code::InvalidConfiguration.number());
        }
    };
    let level =
        tracing_subscriber::EnvFilter::try_from_env("STREAMGAUGE_LOG").unwrap_or_else(|_| "info".into());
    let log =
        tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).with_target(false);
    log.with_ansi(terminal::display_of(&stderr(), false).color).init();
    if !forbid_core_files() {
        tracing::warn!("a crash may leave a core file with passwords in it: run with 'ulimit -c 0'");
    }
    match live(cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // The one place where a failure is told.
            format!("{error:#}").lines().for_each(|line| terminal::note(&format!("error: {line}")));
            let code = error.downcast_ref::<Failure>().map_or(Code::RunFailed, |failure| failure.exit_code);
            ExitCode::from(code.number())
        }
    }
}

fn live(cli: Cli) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("the runtime cannot be started")?;
    let code = runtime.block_on(lifecycle::carry_out(cli.command));
    // What was dropped on the way out has nothing left to do that is worth waiting for.
    runtime.shutdown_background();
    Ok(code?)
}
