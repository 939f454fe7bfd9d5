//! The owner's side: the socket to the guard, and a handle for each program.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::message::{Event, Program, Request, Signal, State};
use crate::find_program;

/// How much of a log goes into an error message.
const LOG_TAIL_LINES: usize = 12;
/// How long a start may take: the guard answers at once unless the machine stands still.
const START_LIMIT: Duration = Duration::from_secs(20);

type States = BTreeMap<u64, State>;

/// The owner's hold on one guard; dropping it stops every program and removes the folder.
#[derive(Debug)]
pub struct Guard {
    launcher: Launcher,
    child: Option<Child>,
    reader: Option<JoinHandle<()>>,
}

/// What starts programs; it does not keep the guard alive, so it fails once the [`Guard`] is gone.
#[derive(Clone, Debug)]
pub(crate) struct Launcher {
    link: Arc<Link>,
    folder: PathBuf,
}

#[derive(Debug)]
struct Link {
    socket: Mutex<UnixStream>,
    states: watch::Sender<States>,
}

/// A program that the guard runs.
#[derive(Clone, Debug)]
pub struct Process {
    link: Arc<Link>,
    id: u64,
    pid: u32,
    name: String,
    folder: PathBuf,
}

impl Guard {
    /// Starts a guard for `folder`, which it takes over: it removes the folder at the end.
    ///
    /// # Errors
    /// When the `testbed` executable cannot be found or started.
    pub fn start(folder: &Path) -> Result<Self> {
        let program = find_program("testbed")?;
        let (ours, theirs) = UnixStream::pair().context("no socket for the guard")?;
        let mut command = Command::new(&program);
        command.arg("guard").stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        command.process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let (states, _) = watch::channel(States::new());
        let reading = ours.try_clone()?;
        let link = Arc::new(Link { socket: Mutex::new(ours), states });
        let reader = std::thread::Builder::new().name("guard-events".into()).spawn({
            let link = Arc::clone(&link);
            move || link.listen(reading)
        })?;
        let launcher = Launcher { link, folder: folder.to_owned() };
        let guard = Self { launcher, child: Some(child), reader: Some(reader) };
        guard.launcher.link.say(&Request::Folder(folder.to_owned()))?;
        Ok(guard)
    }

    /// What a part of the testbed needs to start programs itself.
    pub(crate) fn launcher(&self) -> Launcher {
        self.launcher.clone()
    }

    /// Starts a program and waits until it runs.
    ///
    /// # Errors
    /// When the executable cannot be run, or the guard is gone.
    pub async fn run(&self, program: Program) -> Result<Process> {
        self.launcher.run(program).await
    }

    /// Stops every program, removes the folder, and waits until both is done. Further calls do nothing.
    ///
    /// # Errors
    /// When the guard could not do it all.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // Already shut down when the guard has gone first: its exit status tells.
        self.launcher.link.socket.lock().shutdown(Shutdown::Write).unwrap_or(());
        let status = child.wait().context("cannot wait for the guard")?;
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap_or(());
        }
        if !status.success() {
            bail!("the guard of {} {status}: servers may be left running", self.launcher.folder.display());
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("testbed: {error:#}");
        }
    }
}

impl Launcher {
    /// [`Guard::run`].
    pub(crate) async fn run(&self, program: Program) -> Result<Process> {
        let name = program.name.clone();
        let mut id = 0;
        self.link.states.send_modify(|states| {
            id = states.last_key_value().map_or(0, |(last, _)| last + 1);
            states.insert(id, State::Requested);
        });
        self.link.say(&Request::Start { id, program })?;
        let mut process =
            Process { link: Arc::clone(&self.link), id, pid: 0, name, folder: self.folder.clone() };
        let answered = process.reach(|state| *state != State::Requested);
        let state = tokio::time::timeout(START_LIMIT, answered).await.context("the guard does not answer")?;
        match state {
            State::Running(pid) => process.pid = pid,
            // A program this short has ended before anybody looked; it did run.
            State::Exited { .. } => {}
            other => bail!("{} {other}", process.name),
        }
        Ok(process)
    }
}

impl Link {
    fn say(&self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_vec(request).context("a path that is not UTF-8")?;
        line.push(b'\n');
        self.socket.lock().write_all(&line).context("the guard is gone")
    }

    /// Keeps the states current until the guard closes its end.
    fn listen(&self, socket: UnixStream) {
        for line in BufReader::new(socket).lines() {
            let Some(event) = line.ok().and_then(|line| serde_json::from_str::<Event>(&line).ok()) else {
                break;
            };
            self.states.send_modify(|states| {
                states.insert(event.id, event.state);
            });
        }
        self.states.send_modify(|states| {
            for state in states.values_mut().filter(|state| !state.is_over()) {
                *state = State::Failed("its guard is gone".into());
            }
        });
    }
}

impl Process {
    /// The process id; no longer its own once [`Self::state`] says that it has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What has become of it.
    #[must_use]
    pub fn state(&self) -> State {
        self.link.states.borrow().get(&self.id).cloned().unwrap_or(State::Requested)
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state(), State::Running(_))
    }

    /// Sends a signal; does nothing when it has ended.
    ///
    /// # Errors
    /// When the guard is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.link.say(&Request::Send { id: self.id, signal })
    }

    /// Waits until it has ended, for as long as that takes.
    pub async fn ended(&self) -> State {
        self.reach(State::is_over).await
    }

    /// Kills it and waits until it is gone.
    ///
    /// # Errors
    /// When the guard is gone.
    pub async fn kill_9(&self) -> Result<()> {
        self.signal(Signal::Kill)?;
        self.ended().await;
        Ok(())
    }

    /// Everything it has printed so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.log("out")
    }

    /// Everything it has printed to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.log("err")
    }

    /// The last lines of both, for an error message.
    #[must_use]
    pub fn tail(&self) -> String {
        let all = self.stdout() + &self.stderr();
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    fn log(&self, ending: &str) -> String {
        let bytes = fs::read(self.folder.join(format!("{}.{ending}", self.name))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    async fn reach(&self, wanted: impl Fn(&State) -> bool) -> State {
        let mut states = self.link.states.subscribe();
        let found = states.wait_for(|states| states.get(&self.id).is_some_and(&wanted)).await;
        // The sender lives in the link that this handle holds, so the wait cannot fail.
        found.ok().and_then(|states| states.get(&self.id).cloned()).unwrap_or(State::Requested)
    }
}
