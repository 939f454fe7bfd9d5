//! Interrupt (Ctrl-C) and terminate (a container's stop), which mean the same.

use streamgauge_shared::exit_code::{ExitCode, Failure};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The two signals, listened to from the start.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on; the process is no longer ended by them.
    ///
    /// # Errors
    /// The operating system does not let us; exit code 107.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::run(format!("signals cannot be listened to: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// The next one. Cancel-safe.
    pub async fn next(&mut self) -> Failure {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        Failure { exit_code: ExitCode::Interrupted, sentence: format!("interrupted by {name}") }
    }
}
