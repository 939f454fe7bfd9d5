//! The relay as a test sees it: a process that can be killed, stalled and started again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;

use crate::ack_file::{AckFile, AckRow};
use crate::fault_file::{FaultFile, FaultRow};
use crate::find_program;
use crate::guard::{Guard, Launcher, Process, Program, Signal};
use crate::relay::{Faults, MONGO_VARIABLE, POSTGRES_VARIABLE, READY_LINE};
use crate::wait::wait_for;

/// How long the relay may take until it streams; after a kill PostgreSQL has to notice that the slot is free.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// What the relay is told.
#[derive(Clone, Debug)]
pub(crate) struct RelayOptions {
    pub(crate) postgres: String,
    pub(crate) mongo: String,
    pub(crate) database: String,
    pub(crate) ack_file: PathBuf,
    pub(crate) fault_file: PathBuf,
    pub(crate) faults: Faults,
}

/// The relay of a testbed. Everything that it does not confirm before it is killed it does again.
#[derive(Debug)]
pub struct RelayProcess {
    launcher: Launcher,
    options: RelayOptions,
    starts: Mutex<Starts>,
}

#[derive(Debug)]
struct Starts {
    count: u32,
    current: Process,
}

impl RelayProcess {
    pub(crate) async fn start(guard: &Guard, options: RelayOptions) -> Result<Self> {
        let launcher = guard.launcher();
        let current = launch(&launcher, &options, 1).await?;
        Ok(Self { launcher, options, starts: Mutex::new(Starts { count: 1, current }) })
    }

    /// The process of the last start.
    #[must_use]
    pub fn process(&self) -> Process {
        self.starts.lock().current.clone()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// When the testbed is stopping.
    pub async fn kill_9(&self) -> Result<()> {
        self.process().kill_9().await
    }

    /// Ends it in order: what is being written is finished, what is held is left for the next start.
    ///
    /// # Errors
    /// When the testbed is stopping.
    pub async fn terminate(&self) -> Result<()> {
        let process = self.process();
        process.signal(Signal::Terminate)?;
        process.ended().await;
        Ok(())
    }

    /// Makes it stand still (`SIGSTOP`) until [`Self::resume`].
    ///
    /// # Errors
    /// When the testbed is stopping.
    pub fn stall(&self) -> Result<()> {
        self.process().signal(Signal::Stop)
    }

    /// Lets it go on after [`Self::stall`].
    ///
    /// # Errors
    /// When the testbed is stopping.
    pub fn resume(&self) -> Result<()> {
        self.process().signal(Signal::Continue)
    }

    /// Starts it again with the same options, from what it had confirmed; returns when it streams.
    ///
    /// # Errors
    /// When it still runs, or does not come up.
    pub async fn start_again(&self) -> Result<()> {
        if self.is_running() {
            bail!("the relay still runs: kill it before it is started again");
        }
        let number = self.starts.lock().count + 1;
        let current = launch(&self.launcher, &self.options, number).await?;
        *self.starts.lock() = Starts { count: number, current };
        Ok(())
    }

    /// Where it notes when each row was acknowledged by MongoDB.
    #[must_use]
    pub fn ack_file(&self) -> &Path {
        &self.options.ack_file
    }

    /// The rows of the ack file so far.
    ///
    /// # Errors
    /// When the file cannot be read or holds a line that no relay writes.
    pub fn acks(&self) -> Result<Vec<AckRow>> {
        AckFile::read(self.ack_file())
    }

    /// The rows that it has hit on purpose so far.
    ///
    /// # Errors
    /// When the file cannot be read or holds a line that no relay writes.
    pub fn faults(&self) -> Result<Vec<FaultRow>> {
        FaultFile::read(&self.options.fault_file)
    }
}

async fn launch(launcher: &Launcher, options: &RelayOptions, number: u32) -> Result<Process> {
    let ack_file = options.ack_file.to_str().context("the temporary folder's path is not UTF-8")?;
    let fault_file = options.fault_file.to_str().context("the temporary folder's path is not UTF-8")?;
    let program = Program::new(format!("relay-{number}"), find_program("relay")?)
        // Passwords go through the environment: arguments can be read by everybody on the machine.
        .env(POSTGRES_VARIABLE, &options.postgres)
        .env(MONGO_VARIABLE, &options.mongo)
        .args(["--database", &options.database, "--ack-file", ack_file])
        .args(["--fault-file", fault_file])
        .args(options.faults.arguments());
    let process = launcher.run(program).await?;
    let ready = wait_for("the relay to stream", READY_LIMIT, || async {
        if process.stdout().lines().any(|line| line == READY_LINE) {
            return Ok(true);
        }
        if process.state().is_over() { Ok(false) } else { Err(process.state()) }
    });
    if !ready.await? {
        bail!("the relay {}: {}", process.state(), process.tail());
    }
    Ok(process)
}
