//! TLS with PostgreSQL, with libpq's meanings of `sslmode` and what belongs to it.
//!
//! [`Tls`] is what was asked for, with its files read; `check` judges the server's certificate, `wire` is a connection
//! that is encrypted or not. The crate behind it is rustls, on the provider that MongoDB's driver brings (`ring`).

mod certificate;
mod check;
mod failure;
mod files;
mod wire;

use std::sync::Arc;

use streamgauge_shared::exit_code::Failure;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};

use check::Check;
pub use check::Checked;
pub(super) use failure::TlsFailure;
pub use files::TlsFiles;
pub(super) use wire::{AsItIs, NotEncrypted, Wire};

/// What a server of PostgreSQL 17 and later wants to hear where TLS begins at once.
const ALPN: &[u8] = b"postgresql";

/// `sslmode`, from the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// Never.
    Disable,
    /// Only where the server refuses a session without.
    Allow,
    /// Where the server has it.
    Prefer,
    /// Always; the certificate is not looked at unless there is a file of authorities.
    Require,
    /// Always, with a certificate that one of the authorities signed.
    VerifyCa,
    /// As verify-ca, and the certificate is for the host that was asked for.
    VerifyFull,
}

/// `sslnegotiation`: how TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiation {
    /// With PostgreSQL's question whether the server has it.
    Postgres,
    /// At once; PostgreSQL 17 and later.
    Direct,
}

/// How sessions are encrypted.
#[derive(Clone)]
pub struct Tls {
    mode: TlsMode,
    negotiation: Negotiation,
    checked: Checked,
    /// What to compare a certificate with, as the user wrote it.
    root: String,
    /// Nothing with [`TlsMode::Disable`].
    config: Option<Arc<ClientConfig>>,
}

impl TlsMode {
    /// All of them, by name.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }
}

impl Tls {
    /// Reads the files and settles what is checked. Without a mode it is prefer, or verify-full with the system's
    /// authorities.
    ///
    /// # Errors
    /// Settings that contradict each other, or a file that is missing or cannot be used; 104.
    pub fn new(
        mode: Option<TlsMode>,
        negotiation: Negotiation,
        only_1_3: bool,
        files: &TlsFiles,
    ) -> Result<Self, Failure> {
        let wrong = |sentence: String| Err(Failure::configuration(sentence));
        let default = if files.is_system() { TlsMode::VerifyFull } else { TlsMode::Prefer };
        let mode = mode.unwrap_or(default);
        let name = mode.name();
        if files.is_system() && mode != TlsMode::VerifyFull {
            return wrong(format!(
                "sslmode={name} may not be used with sslrootcert=system, because anybody can get a certificate from the system's authorities: write sslmode=verify-full"
            ));
        }
        if negotiation == Negotiation::Direct && mode < TlsMode::Require {
            return wrong(format!(
                "sslmode={name} may not be used with sslnegotiation=direct, which leaves no way back: write sslmode=require, verify-ca or verify-full"
            ));
        }
        if mode == TlsMode::Disable {
            return Ok(Self {
                mode,
                negotiation,
                checked: Checked::Nothing,
                root: String::new(),
                config: None,
            });
        }
        let roots = files.roots(mode)?;
        let checked = match (mode, &roots) {
            (TlsMode::VerifyFull, _) => Checked::ChainAndName,
            // Also with a weaker mode, as in libpq: where there is a file of authorities it is used.
            (_, Some(_)) => Checked::Chain,
            (_, None) => Checked::Nothing,
        };
        let provider = Arc::new(ring::default_provider());
        let check: Arc<dyn ServerCertVerifier> = Arc::new(Check::new(
            checked,
            roots.unwrap_or_else(Roots::empty),
            provider.signature_verification_algorithms,
        ));
        let versions: &[_] = if only_1_3 { &[&version::TLS13] } else { &[&version::TLS13, &version::TLS12] };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| Failure::configuration(format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(check);
        let mut config = match files.identity()? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
                Failure::configuration(format!(
                    "sslcert and sslkey cannot be used: {error}; give a certificate with its own private key, both as PEM"
                ))
            })?,
        };
        if negotiation == Negotiation::Direct {
            config.alpn_protocols = vec![ALPN.to_vec()];
        }
        Ok(Self { mode, negotiation, checked, root: files.shown_root(), config: Some(Arc::new(config)) })
    }

    /// How far a server's certificate is looked at.
    #[must_use]
    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// `sslmode`.
    #[must_use]
    pub fn mode(&self) -> TlsMode {
        self.mode
    }
}

/// The authorities of a file or of the system.
#[derive(Debug)]
pub(super) struct Roots {
    /// For chains.
    store: RootCertStore,
    /// As they are: a server's own certificate may stand among them.
    certificates: Vec<CertificateDer<'static>>,
}

impl Roots {
    fn empty() -> Self {
        Self { store: RootCertStore::empty(), certificates: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
