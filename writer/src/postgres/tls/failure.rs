//! Why there is no TLS, in words that say what to do.

use std::error::Error as StdError;
use std::io;

use tokio_rustls::rustls::{AlertDescription, CertificateError, Error};

/// TLS with a server was not to be had.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct TlsFailure {
    sentence: String,
    /// What to do, to stand behind a semicolon.
    pub(in crate::postgres) next: String,
}

impl TlsFailure {
    /// The server says that it has none.
    pub(super) fn not_offered(mode: &str) -> Self {
        Self {
            sentence: "the server offers no TLS".into(),
            next: format!(
                "set ssl = on there, or write sslmode=prefer in the place of sslmode={mode} if the way to it is safe"
            ),
        }
    }

    /// The answer to the question for TLS is none of PostgreSQL's.
    pub(super) fn no_postgres() -> Self {
        Self {
            sentence: "what answers there does not speak PostgreSQL's protocol".into(),
            next: "correct host and port in --postgres".into(),
        }
    }

    /// A handshake that failed; `root` names the authorities.
    pub(super) fn handshake(error: &io::Error, root: &str) -> Self {
        match rustls_error(error) {
            Some(error) => Self::of(error, root),
            None => Self {
                sentence: format!("the TLS handshake broke off: {error}"),
                next: "look into PostgreSQL's log; where a proxy stands before it, correct sslnegotiation or sslmode in --postgres".into(),
            },
        }
    }

    fn of(error: &Error, root: &str) -> Self {
        let certificate =
            |says: &str, next: String| Self { sentence: format!("its certificate {says}"), next };
        match error {
            Error::InvalidCertificate(reason) => match reason {
                CertificateError::UnknownIssuer => certificate(
                    &format!("is signed by none of the authorities of {root}"),
                    "give the file of the authority that signed it as sslrootcert".into(),
                ),
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    certificate("has expired", "renew it, or set this machine's clock".into())
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    certificate("is not valid yet", "set the clock of this machine or of the one that made it".into())
                }
                CertificateError::NotValidForNameContext { expected, presented } => {
                    let names = match &presented[..] {
                        [] => "for no host by name".to_owned(),
                        presented => {
                            let names: Vec<&str> = presented.iter().map(|name| plain(name)).collect();
                            format!("for {}", names.join(", "))
                        }
                    };
                    certificate(
                        &format!("is {names}, and not for {}", expected.to_str()),
                        "give the host by a name of the certificate (and hostaddr where to find it), or write sslmode=verify-ca".into(),
                    )
                }
                other => certificate(
                    &format!("cannot be accepted: {other}"),
                    "make another one (X.509 version 3, with subjectAltName), or write sslmode=require, which checks nothing".into(),
                ),
            },
            Error::AlertReceived(alert) => Self::alert(*alert),
            other => Self {
                sentence: format!("the TLS handshake failed: {other}"),
                next: "look into PostgreSQL's log; TLS 1.2 and 1.3 are spoken here".into(),
            },
        }
    }

    fn alert(alert: AlertDescription) -> Self {
        let (sentence, next) = match alert {
            AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate => (
                format!(
                    "the server does not accept the certificate of this client, or wants one ({alert:?})"
                ),
                "give sslcert and sslkey with one that an authority of its ssl_ca_file signed",
            ),
            AlertDescription::NoApplicationProtocol => (
                "the server does not know PostgreSQL's protocol by name (NoApplicationProtocol)".to_owned(),
                "write sslnegotiation=postgres",
            ),
            AlertDescription::ProtocolVersion => (
                "the server speaks no version of TLS that is spoken here (ProtocolVersion)".to_owned(),
                "TLS 1.2 and 1.3 are: raise ssl_max_protocol_version there, or lower ssl_min_protocol_version in --postgres",
            ),
            other => {
                (format!("the server broke the TLS handshake off ({other:?})"), "look into PostgreSQL's log")
            }
        };
        Self { sentence, next: next.into() }
    }

    /// What an error behind the handshake says of it: with TLS 1.3 a server that does not accept the client's
    /// certificate says so only afterwards.
    pub(in crate::postgres) fn behind(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(Error::AlertReceived(alert)) =
                error.downcast_ref::<io::Error>().and_then(rustls_error)
            {
                return Some(Self::alert(*alert));
            }
            cause = error.source();
        }
        None
    }
}

/// The name in what rustls writes as `DnsName("db.test")`.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.map_or(name, |inner| inner.trim_matches('"'))
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}
