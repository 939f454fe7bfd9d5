//! The guard's own side: starts programs, passes signals on, and cleans up when its owner is gone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{
    Pid, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, wait,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::message::{Event, Program, Request, Signal, State};
use crate::wait::wait_for;

/// How long a program may take after its stop signal before it is killed.
pub(super) const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long the last processes of a killed server may go on writing into the folder.
const REMOVE_LIMIT: Duration = Duration::from_secs(20);
/// Events not yet handed to the owner; a program makes two in its life.
const EVENT_QUEUE: usize = 64;
/// Signals not yet handed to one program.
const SIGNAL_QUEUE: usize = 16;

/// Runs the guard on the socket that the owner gave as standard input, until the owner is gone.
///
/// # Errors
/// When standard input is not a socket, or the folder cannot be removed.
pub fn serve() -> Result<()> {
    // What a program leaves behind when it dies becomes a child of the guard, not of the machine's init.
    set_child_subreaper(Some(getpid())).context("cannot adopt orphans")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = io::stdin().as_fd().try_clone_to_owned().context("cannot take standard input")?;
        let socket = std::os::unix::net::UnixStream::from(socket);
        socket.set_nonblocking(true).context("the guard's standard input is not its owner's socket")?;
        let mut guard = Serving::default();
        let heard = guard.listen(UnixStream::from_std(socket)?).await;
        guard.stop_all().await;
        end_orphans().await?;
        guard.remove_folder().await.and(heard)
    })
}

/// The programs of one testbed.
#[derive(Default)]
struct Serving {
    folder: Option<PathBuf>,
    programs: JoinSet<()>,
    signals: BTreeMap<u64, (mpsc::Sender<Signal>, Signal)>,
}

impl Serving {
    /// Serves requests until the owner is gone or somebody asks the guard itself to end.
    async fn listen(&mut self, socket: UnixStream) -> Result<()> {
        let (requests, mut replies) = socket.into_split();
        let mut requests = BufReader::new(requests).lines();
        let (events, mut happened) = mpsc::channel(EVENT_QUEUE);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        loop {
            tokio::select! {
                line = requests.next_line() => match line {
                    Ok(Some(line)) => self.handle(serde_json::from_str(&line)?, &events),
                    // A reset is what a killed owner leaves when it had not read our last line.
                    Ok(None) | Err(_) => return Ok(()),
                },
                Some(event) = happened.recv() => {
                    let mut line = serde_json::to_vec(&event)?;
                    line.push(b'\n');
                    // A failed write means that the owner is gone: the next read says so.
                    replies.write_all(&line).await.unwrap_or(());
                }
                _ = terminate.recv() => return Ok(()),
                _ = interrupt.recv() => return Ok(()),
                _ = hangup.recv() => return Ok(()),
            }
        }
    }

    fn handle(&mut self, request: Request, events: &mpsc::Sender<Event>) {
        match request {
            Request::Folder(folder) => self.folder = Some(folder),
            Request::Start { id, program } => {
                let (sender, signals) = mpsc::channel(SIGNAL_QUEUE);
                self.signals.insert(id, (sender, program.stop));
                let folder = self.folder.clone().unwrap_or_default();
                self.programs.spawn(run(id, program, folder, signals, events.clone()));
            }
            Request::Send { id, signal } => {
                if let Some((sender, _)) = self.signals.get(&id) {
                    // Closed: it has ended. Full: sixteen signals wait already, one more says nothing new.
                    sender.try_send(signal).unwrap_or(());
                }
            }
        }
    }

    /// Stops everything, the last started first; whatever does not end in time is killed.
    async fn stop_all(&mut self) {
        for (sender, stop) in self.signals.values().rev() {
            sender.try_send(*stop).unwrap_or(());
        }
        if tokio::time::timeout(STOP_GRACE, self.ended()).await.is_err() {
            for (sender, _) in self.signals.values() {
                sender.try_send(Signal::Kill).unwrap_or(());
            }
            self.ended().await;
        }
    }

    async fn ended(&mut self) {
        while self.programs.join_next().await.is_some() {}
    }

    async fn remove_folder(&self) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        wait_for("the testbed's folder to go", REMOVE_LIMIT, || async {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
        .await
    }
}

/// Kills what the programs have left behind, once they themselves are gone and all children are adopted ones.
async fn end_orphans() -> Result<()> {
    wait_for("orphans to end", STOP_GRACE, || async {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let orphans = own_children();
        for pid in &orphans {
            // The one possible error is that it has just ended.
            kill_process(*pid, rustix::process::Signal::KILL).unwrap_or(());
        }
        if orphans.is_empty() { Ok(()) } else { Err(format!("{orphans:?}")) }
    })
    .await
}

/// The processes whose parent is this one.
fn own_children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(io::Result::ok);
    let children = entries.filter_map(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The name, in parentheses, may hold anything; state and parent follow it.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
        if parent != own {
            return None;
        }
        Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)
    });
    children.collect()
}

/// Runs one program to its end.
async fn run(
    id: u64,
    program: Program,
    folder: PathBuf,
    mut signals: mpsc::Receiver<Signal>,
    events: mpsc::Sender<Event>,
) {
    let tell = async |state| {
        // Closed only while the guard itself ends, when nobody is there to be told.
        events.try_send(Event { id, state }).unwrap_or(());
    };
    let mut child = match spawn(&program, &folder) {
        Ok(child) => child,
        Err(error) => return tell(State::Failed(format!("{}: {error}", program.path.display()))).await,
    };
    tell(State::Running(child.id().unwrap_or_default())).await;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            Some(signal) = signals.recv() => send(&child, signal),
        }
    };
    tell(ended(status)).await;
}

fn spawn(program: &Program, folder: &Path) -> io::Result<Child> {
    let log = |ending: &str| {
        File::options().create(true).append(true).open(folder.join(format!("{}.{ending}", program.name)))
    };
    let mut command = std::process::Command::new(&program.path);
    command.args(&program.args).envs(&program.env).current_dir(folder);
    for name in &program.unset {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(log("out")?).stderr(log("err")?);
    // Its own group: the terminal's Ctrl-C reaches the owner, and the servers end in order after it.
    command.process_group(0);
    if let Some((user, group)) = program.user {
        command.uid(user).gid(group);
    }
    Command::from(command).spawn()
}

/// Sends to a child that has not been reaped, so the id is still its own.
fn send(child: &Child, signal: Signal) {
    let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return };
    let sent = match signal {
        Signal::Interrupt => kill_process(pid, rustix::process::Signal::INT),
        Signal::Terminate => kill_process(pid, rustix::process::Signal::TERM),
        Signal::Quit => kill_process(pid, rustix::process::Signal::QUIT),
        Signal::Stop => kill_process(pid, rustix::process::Signal::STOP),
        Signal::Continue => kill_process(pid, rustix::process::Signal::CONT),
        Signal::Kill => kill_process_group(pid, rustix::process::Signal::KILL),
    };
    // The one possible error is that it has just ended, which is reported by its exit.
    sent.unwrap_or(());
}

fn ended(status: io::Result<ExitStatus>) -> State {
    match status {
        Ok(status) => State::Exited { code: status.code(), signal: status.signal() },
        Err(error) => State::Failed(format!("its end could not be seen: {error}")),
    }
}
