//! The one port.
//!
//! | path | answer |
//! | --- | --- |
//! | `/` | the live page, HTML; with `?scenario=…&entity=…&operation=…&stage=…&scale=log` of a part |
//! | `/rows/<writer>/<sequence>` | one row with its four points, HTML |
//! | `/runs/<folder>/report.html` | the report of a kept run; `report.json` and `summary.txt` likewise |
//! | `/login`, `/logout` | where there is a token: the form that gives a browser its cookie, and its end |
//! | `/metrics` | the run that goes on or went on last, in OpenMetrics or Prometheus' text format, with gzip if asked |
//! | `/api/snapshot` | the report as of the last second, JSON |
//! | `/api/rows/<writer>/<sequence>` | one row of that run as far as it is known, JSON |
//! | `/api/events` | what the page shows, as it changes: server-sent events |
//! | `/livez` | 200 while the process serves |
//! | `/readyz` | 200 once the change stream can be opened, run or no run |
//! | `/ledger` | upgrade to the ledger link |
//!
//! HEAD answers like GET, without the body; `/ledger` knows GET alone. `routes` says who is answered by whom, `access` who
//! may ask, `answers` what each answer carries; each other file answers one group of paths.
//!
//! Limits: connections at a time ([`CONNECTIONS_MAX`]), readers of events among them ([`events::READERS_MAX`]), time for a
//! request's head ([`HEAD_MAX`]), and no bodies but the form of `/login`.

mod access;
mod answers;
mod events;
mod figures;
mod kept;
mod ledger;
mod login;
mod negotiation;
mod pages;
mod routes;
mod rows;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::page::Live;
use crate::run::Observer;

pub use access::Access;

/// Connections served at a time; more wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take.
const HEAD_MAX: Duration = Duration::from_secs(10);

/// What the handlers of the port share.
pub struct Port {
    observer: Arc<Observer>,
    access: Access,
    live: Live,
    /// Places for readers of events.
    readers: Arc<Semaphore>,
}

impl Port {
    /// The port of an observer, for those whom `access` lets in; `reached_at` is the address to give a writer.
    #[must_use]
    pub fn new(observer: Arc<Observer>, access: Access, reached_at: &str) -> Self {
        let live = Live::new(observer.runs().to_owned(), reached_at.to_owned());
        Self { observer, access, live, readers: Arc::new(Semaphore::new(events::READERS_MAX)) }
    }
}

/// Serves the port until the observer is shut down; then no connection is accepted, and those that are open
/// end with the tasks that this future owns.
pub async fn serve(listener: TcpListener, port: Arc<Port>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: connections that end will free some.
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Frames are small and wanted at once; a socket without the option is only slower.
        stream.set_nodelay(true).unwrap_or_default();
        let port = Arc::clone(&port);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let port = Arc::clone(&port);
                async move { Ok::<_, Infallible>(routes::answer(request, port).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!("a connection ended: {error}");
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
}
