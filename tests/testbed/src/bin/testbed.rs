//! Starts private servers and the relay: for a shell, for one command, or to see where the servers are.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Pid, Signal, kill_process};
use streamgauge_testbed::{Faults, Places, Testbed, guard};
use tokio::signal::unix::{SignalKind, signal};

/// A private PostgreSQL and MongoDB with a reference pipeline between them; nothing is left behind
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything, print how to reach it, and stay until Ctrl-C
    Start(Options),
    /// Start everything, run a command with the variables that `start` prints, and stop
    Exec {
        #[command(flatten)]
        options: Options,
        /// The command and its arguments
        #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Find the servers, download them if need be, and print where they are
    Fetch {
        /// Pass over what is installed
        #[arg(long)]
        only_wheels: bool,
    },
    /// Run programs for a testbed that holds the other end of standard input
    #[command(hide = true)]
    Guard,
}

#[derive(Debug, Args)]
struct Options {
    #[command(flatten)]
    faults: Faults,
    /// Only the servers, no relay
    #[arg(long)]
    without_relay: bool,
    /// Pass over the servers that are installed: use the downloaded ones
    #[arg(long)]
    only_wheels: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("testbed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    if matches!(command, Command::Guard) {
        return guard::serve().map(|()| ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Start(options) => start(&options).await,
            Command::Exec { options, command } => exec(&options, &command).await,
            Command::Fetch { only_wheels } => fetch(only_wheels).await,
            Command::Guard => Ok(ExitCode::SUCCESS),
        }
    })
}

#[expect(clippy::print_stdout, reason = "what this command is for")]
async fn start(options: &Options) -> Result<ExitCode> {
    let mut stop = StopSignals::listen()?;
    let Some(bed) = stop.unless(Box::pin(bed(options))).await else { return Ok(ExitCode::SUCCESS) };
    let bed = bed?;
    for (name, value) in variables(&bed, options) {
        println!("{name}={value}");
    }
    println!("testbed: ready");
    stop.arrived().await;
    bed.stop()?;
    Ok(ExitCode::SUCCESS)
}

async fn exec(options: &Options, command: &[String]) -> Result<ExitCode> {
    let mut stop = StopSignals::listen()?;
    let Some(bed) = stop.unless(Box::pin(bed(options))).await else { return Ok(ExitCode::from(130)) };
    let bed = bed?;
    let [program, arguments @ ..] = command else { unreachable!("clap wants a command") };
    let mut running = tokio::process::Command::new(program);
    running.args(arguments).envs(variables(&bed, options)).kill_on_drop(true);
    let mut running = running.spawn().with_context(|| format!("cannot run {program}"))?;
    let status = loop {
        tokio::select! {
            status = running.wait() => break status?,
            // The terminal sends Ctrl-C to the command as well; it decides how to end.
            _ = stop.interrupt.recv() => {}
            _ = stop.terminate.recv() => {
                if let Some(pid) = running.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                    kill_process(pid, Signal::TERM)?;
                }
            }
        }
    };
    bed.stop()?;
    // As a shell has it.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

#[expect(clippy::print_stdout, reason = "what this command is for")]
async fn fetch(only_wheels: bool) -> Result<ExitCode> {
    let places = places(only_wheels);
    println!("postgres: {}", places.postgres_bin().await?.display());
    println!("mongod: {}", places.mongod().await?.display());
    Ok(ExitCode::SUCCESS)
}

fn places(only_wheels: bool) -> Places {
    let places = Places::of_this_machine();
    if only_wheels { places.only_wheels() } else { places }
}

async fn bed(options: &Options) -> Result<Testbed> {
    // By hand: clap's groups do not reach into what is flattened twice.
    if options.without_relay && options.faults != Faults::default() {
        bail!("--without-relay cannot be used with what the relay is to do: leave one of the two out");
    }
    let builder = Testbed::builder().places(places(options.only_wheels));
    let builder = builder.faults(options.faults.clone());
    let builder = if options.without_relay { builder.without_relay() } else { builder };
    builder.start().await
}

fn variables(bed: &Testbed, options: &Options) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("STREAMGAUGE_POSTGRES", bed.postgres_url().to_owned()),
        ("STREAMGAUGE_MONGO", bed.mongo_uri().to_owned()),
        ("STREAMGAUGE_DATABASE", bed.database().to_owned()),
    ];
    if !options.without_relay {
        variables.push(("STREAMGAUGE_ACK_FILE", bed.relay().ack_file().display().to_string()));
    }
    variables
}

/// SIGINT and SIGTERM, from the moment of listening on.
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn arrived(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The outcome of `work`, or `None` when a signal came first.
    async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.arrived() => None,
        }
    }
}
