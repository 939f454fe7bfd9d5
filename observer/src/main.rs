//! The life of the observer's process.

use std::process::ExitCode;

use clap::Parser;
use streamgauge_observer::cli::{self, Cli, Command, SlaCommand};
use streamgauge_observer::{compare, doctor, health, lifecycle, merge, output, report, sla};
use streamgauge_shared::process::forbid_core_files;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nothing can be done about an output that cannot be written to.
            error.print().unwrap_or_default();
            return ExitCode::from(if error.use_stderr() { 104 } else { 0 });
        }
    };
    let level = tracing_subscriber::EnvFilter::try_from_env("STREAMGAUGE_LOG")
        .unwrap_or_else(|_| "info,mongodb=warn".into());
    tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .with_ansi(output::display_of(&std::io::stderr(), false).color)
        .with_target(false)
        .init();
    if !forbid_core_files() {
        tracing::warn!("a crash may leave a core file with passwords in it: run with 'ulimit -c 0'");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("the runtime cannot be started: {error}");
            return ExitCode::from(107);
        }
    };
    let done = match cli.command {
        Command::Serve(options) => runtime.block_on(lifecycle::serve(options)).map(|code| code.number()),
        Command::Doctor(options) => runtime.block_on(doctor::examine(&options)),
        Command::Health(options) => health::ask(&options),
        Command::Runs(options) => report::runs(&options),
        Command::Report(options) => report::report(&options),
        Command::Merge(options) => merge::merge(&options),
        Command::Compare(options) => compare::run(&options),
        Command::Completions(options) => {
            output::print(&cli::completions(options.shell));
            Ok(0)
        }
        Command::Man(options) => cli::manual(&options.folder).map(|()| 0),
        Command::Sla(options) => match &options.command {
            Some(SlaCommand::Rules(rules)) => sla::write_rules(rules),
            None => sla::run(&options.judge),
        },
    };
    let code = done.unwrap_or_else(|failure| {
        tracing::error!("{failure}");
        failure.exit_code.number()
    });
    // Connections of clients that do not end are not worth waiting for.
    runtime.shutdown_background();
    ExitCode::from(code)
}
