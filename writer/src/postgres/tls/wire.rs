//! A connection, encrypted or not, as the crate that speaks PostgreSQL's protocol takes it.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream as BoundStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Negotiation, Tls, TlsFailure, certificate};

/// PostgreSQL's question for TLS: its length, and a version of the protocol that does not exist.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A connection.
pub(in crate::postgres) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why a connection was not encrypted.
pub(in crate::postgres) enum NotEncrypted {
    /// The server has no TLS; the connection goes on without.
    NotOffered(TcpStream),
    /// The connection broke before TLS began: nothing that TLS could be blamed for.
    Broken(io::Error),
    /// It broke.
    Failed(TlsFailure),
}

impl Tls {
    /// Begins TLS on a connection; `name` is what the certificate is compared with.
    ///
    /// # Errors
    /// [`NotEncrypted`].
    pub(in crate::postgres) async fn encrypt(
        &self,
        mut stream: TcpStream,
        name: ServerName<'static>,
    ) -> Result<Wire, NotEncrypted> {
        let failed = |failure| NotEncrypted::Failed(failure);
        let broke = |error: io::Error| failed(TlsFailure::handshake(&error, &self.root));
        let Some(config) = &self.config else { return Err(NotEncrypted::NotOffered(stream)) };
        if self.negotiation == Negotiation::Postgres {
            stream.write_all(&SSL_REQUEST).await.map_err(NotEncrypted::Broken)?;
            // One byte and no more: what a stranger put behind it is not taken for the server's.
            match stream.read_u8().await.map_err(NotEncrypted::Broken)? {
                b'S' => {}
                b'N' => return Err(NotEncrypted::NotOffered(stream)),
                _ => return Err(failed(TlsFailure::no_postgres())),
            }
        }
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.map_err(broke)?;
        Ok(Wire::Tls(Box::new(stream)))
    }

    /// The failure of a server without TLS where TLS must be.
    pub(in crate::postgres) fn not_offered(&self) -> TlsFailure {
        TlsFailure::not_offered(self.mode.name())
    }
}

impl Wire {
    /// The version of TLS, as OpenSSL writes it; nothing for a wire that is not encrypted.
    pub(in crate::postgres) fn tls_version(&self) -> Option<String> {
        let Self::Tls(stream) = self else { return None };
        match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2".into()),
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3".into()),
            other => Some(format!("{other:?}")),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Tcp",
            Self::Unix(_) => "Unix",
            Self::Tls(_) => "Tls",
        })
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl BoundStream for Wire {
    fn channel_binding(&self) -> ChannelBinding {
        let Self::Tls(stream) = self else { return ChannelBinding::none() };
        let certificates = stream.get_ref().1.peer_certificates();
        certificates
            .and_then(|chain| certificate::end_point(chain.first()?))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// Takes a wire as it is: whether it is encrypted was settled before.
pub(in crate::postgres) struct AsItIs;

impl TlsConnect<Wire> for AsItIs {
    type Stream = Wire;
    type Error = Infallible;
    type Future = Ready<Result<Wire, Infallible>>;

    fn connect(self, stream: Wire) -> Self::Future {
        ready(Ok(stream))
    }
}
