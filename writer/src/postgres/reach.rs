//! From an address to a session at one of its places: which is tried when, with TLS or without.
//!
//! The order is libpq's. A place that cannot be reached, or is not what is wanted, gives way to the next; one whose
//! server refuses the session does not, unless it is only starting up.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::seq::SliceRandom as _;
use rustix::net::sockopt;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_postgres::{Client, Connection as Driver};
use tokio_rustls::rustls::pki_types::ServerName;

use super::ConnectError;
use super::address::{Address, Host, Keepalive, Place, Wanted};
use super::tls::{AsItIs, NotEncrypted, TlsMode, Wire};

/// How long one place may take, unless the address says otherwise.
pub(super) const PLACE_MAX: Duration = Duration::from_secs(5);

/// A session that is not set up yet, with what moves its bytes.
pub(super) type Reached = (Client, Driver<Wire, Wire>, Peer);

/// Whom a session is with, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `user@host:port/database` of the place that was reached.
    pub address: String,
    /// The version of TLS, such as `TLSv1.3`; nothing if the session is not encrypted.
    pub tls: Option<String>,
    /// Whether the way to it stays within this machine.
    pub local: bool,
}

impl Peer {
    /// `TLSv1.3`, or `none`.
    #[must_use]
    pub fn protocol(&self) -> &str {
        self.tls.as_deref().unwrap_or("none")
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// How long all places together may take.
pub(super) fn longest(address: &Address) -> Duration {
    let places = u32::try_from(address.places().len()).unwrap_or(u32::MAX);
    limit(address).saturating_mul(places.max(1))
}

fn limit(address: &Address) -> Duration {
    address.connect_timeout().unwrap_or(PLACE_MAX)
}

/// A session with the first place that gives one.
///
/// # Errors
/// Why there is none; with several places, why at each.
pub(super) async fn reach(address: &Address) -> Result<Reached, ConnectError> {
    let mut places: Vec<&Place> = address.places().iter().collect();
    if address.shuffled {
        places.shuffle(&mut rand::rng());
    }
    let mut failures = Vec::new();
    for place in places {
        let limit = limit(address);
        let reached =
            timeout(limit, at_place(address, place)).await.unwrap_or(Err(ConnectError::Timeout(limit)));
        match reached {
            Ok(reached) => return Ok(reached),
            Err(error) => {
                let is_final = error.is_final();
                failures.push((place.to_string(), error));
                if is_final {
                    break;
                }
            }
        }
    }
    Err(ConnectError::of(failures))
}

async fn at_place(address: &Address, place: &Place) -> Result<Reached, ConnectError> {
    let (client, driver, peer) = match &place.host {
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", place.port));
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            let stream =
                UnixStream::connect(&path).await.map_err(|error| ConnectError::Unreachable(named(error)))?;
            start(address, place, Wire::Unix(stream), true).await?
        }
        Host::Tcp { name, address: None } => {
            let found = lookup_host((name.as_str(), place.port)).await.map_err(ConnectError::Unreachable)?;
            let found: Vec<SocketAddr> = found.collect();
            let share = limit(address) / u32::try_from(found.len().max(1)).unwrap_or(1);
            let mut last = ConnectError::Unreachable(io::Error::other("its name has no address"));
            let mut session = None;
            for ip in found {
                match at_address(address, place, name, ip, share).await {
                    Ok(reached) => {
                        session = Some(reached);
                        break;
                    }
                    Err(error) if error.is_final() => return Err(error),
                    Err(error) => last = error,
                }
            }
            session.ok_or(last)?
        }
        Host::Tcp { name, address: Some(ip) } => {
            at_address(address, place, name, (*ip, place.port).into(), limit(address)).await?
        }
    };
    Ok((client, driver, peer))
}

/// One or two attempts, as `sslmode` says.
async fn at_address(
    address: &Address,
    place: &Place,
    name: &str,
    at: SocketAddr,
    share: Duration,
) -> Result<Reached, ConnectError> {
    let local = at.ip().is_loopback();
    // Whether the server took TLS: a session that it refuses without is refused for good.
    let took = AtomicBool::new(false);
    let plain = async || {
        let stream = connect(at, share, address.keepalive).await?;
        start(address, place, Wire::Tcp(stream), local).await
    };
    let encrypted = async || {
        let stream = connect(at, share, address.keepalive).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap_or(ServerName::IpAddress(at.ip().into()));
        let wire = match address.tls().encrypt(stream, name).await {
            Ok(wire) => {
                took.store(true, Ordering::Relaxed);
                wire
            }
            Err(NotEncrypted::NotOffered(stream)) if address.tls().mode() == TlsMode::Prefer => {
                Wire::Tcp(stream)
            }
            Err(NotEncrypted::NotOffered(_)) => return Err(ConnectError::Tls(address.tls().not_offered())),
            Err(NotEncrypted::Broken(error)) => return Err(ConnectError::Unreachable(error)),
            Err(NotEncrypted::Failed(failure)) => return Err(ConnectError::Tls(failure)),
        };
        start(address, place, wire, local).await
    };
    match address.tls().mode() {
        TlsMode::Disable => plain().await,
        TlsMode::Allow => either(plain, encrypted, ConnectError::is_refusal).await,
        TlsMode::Prefer => {
            let again = |error: &ConnectError| match error {
                ConnectError::Tls(_) => true,
                error => took.load(Ordering::Relaxed) && error.is_refusal(),
            };
            either(encrypted, plain, again).await
        }
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => encrypted().await,
    }
}

/// The first way, or the other if it fails so that the other may do; of two failures the one that says more.
async fn either<
    F: Future<Output = Result<Reached, ConnectError>>,
    G: Future<Output = Result<Reached, ConnectError>>,
>(
    first: impl FnOnce() -> F,
    other: impl FnOnce() -> G,
    again: impl Fn(&ConnectError) -> bool,
) -> Result<Reached, ConnectError> {
    let failure = match first().await {
        Err(failure) if again(&failure) => failure,
        done => return done,
    };
    // That pg_hba.conf has no entry for one of the two ways says nothing of the user's password.
    other().await.map_err(|second| if failure.has_no_entry() { second } else { failure })
}

async fn connect(at: SocketAddr, share: Duration, keepalive: Keepalive) -> Result<TcpStream, ConnectError> {
    let connected = timeout(share, TcpStream::connect(at)).await.map_err(|_| ConnectError::Timeout(share))?;
    let stream = connected.map_err(ConnectError::Unreachable)?;
    set_up(&stream, keepalive).map_err(ConnectError::Unreachable)?;
    Ok(stream)
}

fn set_up(stream: &TcpStream, keepalive: Keepalive) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if let Some(ms) = keepalive.user_timeout_ms {
        sockopt::set_tcp_user_timeout(stream, ms)?;
    }
    if keepalive.on {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, keepalive.idle)?;
        if let Some(interval) = keepalive.interval {
            sockopt::set_tcp_keepintvl(stream, interval)?;
        }
        if let Some(count) = keepalive.count {
            sockopt::set_tcp_keepcnt(stream, count)?;
        }
    }
    Ok(())
}

async fn start(address: &Address, place: &Place, wire: Wire, local: bool) -> Result<Reached, ConnectError> {
    let peer = Peer { address: address.at(place), tls: wire.tls_version(), local };
    let started = address.config(place).connect_raw(wire, AsItIs).await;
    let (client, mut driver) = started.map_err(ConnectError::of_session)?;
    if address.wanted != Wanted::Any {
        let is_wanted = is_wanted(&client, address.wanted);
        // The question needs somebody who moves its bytes.
        tokio::select! {
            fits = is_wanted => fits?,
            ended = &mut driver => {
                ended.map_err(ConnectError::of_session)?;
                return Err(ConnectError::NotWanted("the server ended the session"));
            }
        }
    }
    Ok((client, driver, peer))
}

async fn is_wanted(client: &Client, wanted: Wanted) -> Result<(), ConnectError> {
    let asked = "SELECT current_setting('transaction_read_only') = 'on', pg_is_in_recovery()";
    let row = client.query_typed_one(asked, &[]).await.map_err(ConnectError::of_session)?;
    let (read_only, standby): (bool, bool) = (row.get(0), row.get(1));
    match wanted {
        Wanted::ReadWrite if read_only || standby => {
            Err(ConnectError::NotWanted("its sessions may only read"))
        }
        Wanted::Primary if standby => Err(ConnectError::NotWanted("it is a standby")),
        _ => Ok(()),
    }
}
