//! The observer's life: wait for MongoDB, serve the port, carry one run after another, end in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use streamgauge_shared::clock::Clock;
use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::token::Token;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::cli::Serve;
use crate::http::{self, Access, Port};
use crate::run::{Input, Observer};
use crate::stream::{MongoAddress, StartError};

/// How often a MongoDB that is not up is asked again.
const MONGO_RETRY: Duration = Duration::from_secs(2);
/// How long the writers' connections get to take their verdict before the process ends.
const FAREWELL_MAX: Duration = Duration::from_secs(2);

/// Serves until a signal, or until the first run has ended with `--once`.
///
/// # Errors
/// Why the observer cannot serve.
pub async fn serve(options: Serve) -> Result<ExitCode, Failure> {
    let access = read_access(&options)?;
    let address = MongoAddress::read(&options.mongo).await?;
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        Failure::run(format!(
            "--listen {} cannot be bound: {error}; give another address or end what holds it",
            options.listen
        ))
    })?;
    let listening = listener.local_addr().unwrap_or(options.listen);
    let clock = Clock::of_program(options.clock)?;
    if let Some(skewed) = clock.test_clock() {
        tracing::warn!("this observer runs with a TEST CLOCK ({skewed}): its figures are of a test");
    }
    let (ended, mut ends) = mpsc::channel(1);
    let observer = Arc::new(Observer {
        clock,
        address,
        runs: options.runs,
        writers_timeout: options.writers_timeout,
        canary: !options.no_canary,
        server: watch::Sender::new(Err("MongoDB has not been asked yet".to_owned())),
        snapshots: watch::Sender::new(None),
        active: tokio::sync::Mutex::new(None),
        last: Mutex::new(None),
        kept: Mutex::new(None),
        tasks: Mutex::new(JoinSet::new()),
        ended,
    });
    announce(listening, &observer.address);
    let port = Arc::new(Port::new(Arc::clone(&observer), access, &reached_at(listening)));
    let mut port = tokio::spawn(http::serve(listener, port));
    let mut signals = Signals::listen()?;
    let outcome = tokio::select! {
        // Signals first: a MongoDB that is not up must not hold the process.
        biased;
        () = signals.next() => Ok(None),
        started = observer.wait_for_mongo() => started.map(Some),
    };
    let code = match outcome? {
        None => ExitCode::Passed,
        Some(()) => observer.until_ended(&mut ends, &mut signals, options.once).await,
    };
    port.abort();
    drop((&mut port).await);
    Ok(code)
}

#[expect(clippy::print_stdout, reason = "the one line that scripts wait for")]
fn announce(listening: SocketAddr, address: &MongoAddress) {
    println!(
        "streamgauge-observer: listening on http://{listening} (page at http://{listening}/, metrics at http://{listening}/metrics)"
    );
    tracing::info!("watching database '{}' of {address}", address.database());
}

/// Where writers reach a port; one that listens everywhere is reached by a name that only they know.
fn reached_at(listening: SocketAddr) -> String {
    if listening.ip().is_unspecified() {
        return format!("http://THIS_HOST:{}", listening.port());
    }
    format!("http://{listening}")
}

/// The tokens, and whether those that are given are enough for the address.
fn read_access(options: &Serve) -> Result<Access, Failure> {
    let Some(path) = &options.token_file else {
        if !options.listen.ip().is_loopback() {
            return Err(Failure::configuration(format!(
                "--listen {} is not a loopback address, so a token is needed: give --token-file FILE here and to the writer, or listen on 127.0.0.1",
                options.listen
            )));
        }
        if let Some(path) = &options.read_token_file {
            return Err(Failure::configuration(format!(
                "--read-token-file '{}' is given without --token-file, so that reading would need a token and writing none: give --token-file FILE too, here and to the writer",
                path.display()
            )));
        }
        return Ok(Access::default());
    };
    let token = read_token("--token-file", path)?;
    let read_token = options.read_token_file.as_ref().map(|path| read_token("--read-token-file", path));
    let read_token = read_token.transpose()?;
    if read_token.as_ref() == Some(&token) {
        return Err(Failure::configuration(
            "--read-token-file holds the same token as --token-file, so that whoever may read could write: make another, as from 'openssl rand -hex 32'",
        ));
    }
    Ok(Access::new(Some(token), read_token))
}

fn read_token(option: &'static str, path: &std::path::Path) -> Result<Token, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::configuration(format!("{option} '{shown}' cannot be read: {error}")))?;
    Token::of_option(option, &shown.to_string(), &text)
}

/// Interrupt and terminate, as a container's stop sends it.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::run(format!("signals cannot be listened to: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Observer {
    /// Asks MongoDB until it can be watched.
    async fn wait_for_mongo(&self) -> Result<(), Failure> {
        loop {
            match self.address.ask().await {
                Ok(server) => {
                    tracing::info!("ready: MongoDB {}", server.version);
                    drop(self.server.send_replace(Ok(server)));
                    return Ok(());
                }
                Err(StartError::Fatal(failure)) => return Err(failure),
                Err(StartError::NotUp(reason)) => {
                    tracing::warn!("not ready: {reason}; asking again");
                    drop(self.server.send_replace(Err(reason)));
                    tokio::time::sleep(MONGO_RETRY).await;
                }
            }
        }
    }

    async fn until_ended(
        &self,
        ends: &mut mpsc::Receiver<ExitCode>,
        signals: &mut Signals,
        once: bool,
    ) -> ExitCode {
        loop {
            tokio::select! {
                code = ends.recv() => match code {
                    Some(code) if once => {
                        self.farewell().await;
                        return code;
                    }
                    Some(_) => {}
                    None => return ExitCode::RunFailed,
                },
                () = signals.next() => return self.interrupted(ends, signals).await,
            }
        }
    }

    /// A signal came: a run that goes on is closed and reported; a second signal ends the process at once.
    async fn interrupted(&self, ends: &mut mpsc::Receiver<ExitCode>, signals: &mut Signals) -> ExitCode {
        let inputs = self.active.lock().await.as_ref().map(|active| active.inputs.clone());
        let Some(inputs) = inputs else { return ExitCode::Passed };
        tracing::info!("interrupted: closing the run");
        let failure =
            Failure { exit_code: ExitCode::Interrupted, sentence: "the observer was interrupted".to_owned() };
        if inputs.send(Input::Shutdown(failure)).await.is_err() {
            return ExitCode::Passed;
        }
        tokio::select! {
            code = ends.recv() => {
                self.farewell().await;
                code.unwrap_or(ExitCode::RunFailed)
            }
            () = signals.next() => ExitCode::Interrupted,
        }
    }

    /// Lets the sessions write what they still have.
    async fn farewell(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock());
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL_MAX, all).await.is_err() {
            tracing::debug!("a connection did not take its verdict in time");
        }
    }
}
