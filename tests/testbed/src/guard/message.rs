//! What owner and guard say to each other: one JSON value per line, both ways.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A program to be started and stopped by the guard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// Names the log files `<name>.out` and `<name>.err`, and the program in messages.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments, without the program's name.
    pub args: Vec<String>,
    /// Environment variables added to the guard's own.
    pub env: BTreeMap<String, String>,
    /// Environment variables taken away.
    pub unset: Vec<String>,
    /// User and group id to run as, when it must not run as root.
    pub user: Option<(u32, u32)>,
    /// What stops it quickly and without leftovers; after five seconds comes `Kill`.
    pub stop: Signal,
}

/// The signals a test has a use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// `SIGINT`, as Ctrl-C sends it.
    Interrupt,
    /// `SIGTERM`.
    Terminate,
    /// `SIGQUIT`: PostgreSQL's immediate shutdown.
    Quit,
    /// `SIGKILL`, to the whole process group.
    Kill,
    /// `SIGSTOP`: the process stands still until [`Signal::Continue`].
    Stop,
    /// `SIGCONT`.
    Continue,
}

/// From the owner to the guard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// The first line: the folder that holds everything and goes at the end.
    Folder(PathBuf),
    /// Start a program under a number that the owner chose.
    Start { id: u64, program: Program },
    /// Send a signal to a running program; one that has ended is left alone.
    Send { id: u64, signal: Signal },
}

/// From the guard to the owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) id: u64,
    pub(super) state: State,
}

/// What has become of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Asked for; no answer yet.
    Requested,
    /// Running, with this process id.
    Running(u32),
    /// It could not be started, and why.
    Failed(String),
    /// It has ended: exit code, or the number of the signal that ended it.
    Exited {
        /// Exit code, absent when a signal ended it.
        code: Option<i32>,
        /// Signal, absent when it exited.
        signal: Option<i32>,
    },
}

impl Program {
    /// A program without arguments, stopped by `SIGKILL`.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            unset: Vec::new(),
            user: None,
            stop: Signal::Kill,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

impl State {
    /// Whether the program has ended or never began.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Exited { .. })
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requested => f.write_str("not started yet"),
            Self::Running(pid) => write!(f, "running as process {pid}"),
            Self::Failed(why) => write!(f, "could not be started: {why}"),
            Self::Exited { code: Some(code), .. } => write!(f, "ended with code {code}"),
            Self::Exited { signal: Some(signal), .. } => write!(f, "was ended by signal {signal}"),
            Self::Exited { .. } => f.write_str("ended"),
        }
    }
}
