//! Whether a server's certificate is good enough.
//!
//! rustls has no words for libpq's `require` and `verify-ca`, knows no names but `subjectAltName`, and takes no
//! certificate that is its own authority. All three are what PostgreSQL's own documentation tells people to make.

use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::{Roots, certificate};

/// How far a certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Not at all: the wire is encrypted, and nobody knows with whom.
    Nothing,
    /// One of the authorities signed it.
    Chain,
    /// And it is for the host that was asked for.
    ChainAndName,
}

#[derive(Debug)]
pub(super) struct Check {
    checked: Checked,
    roots: Roots,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Check {
    pub(super) fn new(checked: Checked, roots: Roots, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { checked, roots, algorithms }
    }

    fn chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // A certificate that stands among the authorities needs nobody's signature.
        if self.roots.certificates.iter().any(|root| root.as_ref() == end_entity.as_ref()) {
            return certificate::in_time(end_entity, now);
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots.store, intermediates, now, algorithms)
    }
}

/// Its alternative names, or, where it has none, the common name of its subject, as in libpq.
fn name(end_entity: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let by_alternatives =
        ParsedCertificate::try_from(end_entity).and_then(|parsed| verify_server_name(&parsed, name));
    by_alternatives.or_else(|error| {
        let common = certificate::only_name(end_entity);
        let fits = common.is_some_and(|common| certificate::name_fits(&common, &name.to_str()));
        if fits { Ok(()) } else { Err(error) }
    })
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.checked != Checked::Nothing {
            self.chain(end_entity, intermediates, now)?;
        }
        if self.checked == Checked::ChainAndName {
            name(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // Whoever may show any certificate may show one of his own: its signature proves nothing. Not looking at it
        // leaves in the certificates of version 1 that `openssl x509 -req` makes.
        if self.checked == Checked::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.checked == Checked::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
