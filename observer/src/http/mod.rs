//! The one port.
//!
//! | path | answer |
//! | --- | --- |
//! | `/metrics` | the run that goes on or went on last, in OpenMetrics or Prometheus' text format, with gzip if asked |
//! | `/api/snapshot` | the report as of the last second, JSON |
//! | `/api/rows/<writer>/<sequence>` | one row of that run as far as it is known, JSON |
//! | `/livez` | 200 while the process serves |
//! | `/readyz` | 200 once the change stream can be opened, run or no run |
//! | `/ledger` | upgrade to the ledger link |
//!
//! HEAD answers like GET, without the body; `/ledger` knows GET alone.
//!
//! Limits: connections at a time ([`CONNECTIONS_MAX`]), time for a request's head ([`HEAD_MAX`]), no bodies.

mod negotiation;
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

use crate::run::Observer;

/// Connections served at a time; more wait in the listener's backlog.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take.
const HEAD_MAX: Duration = Duration::from_secs(10);

/// Serves the port until the observer is shut down; then no connection is accepted, and those that are open
/// end with the tasks that this future owns.
pub async fn serve(listener: TcpListener, observer: Arc<Observer>) {
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
        let observer = Arc::clone(&observer);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let observer = Arc::clone(&observer);
                async move { Ok::<_, Infallible>(routes::answer(request, observer).await) }
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
