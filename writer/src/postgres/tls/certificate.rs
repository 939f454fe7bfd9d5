//! What rustls does not tell of a certificate: the hash it is bound to a session by, its common name, its dates.

use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::{CertificateError, Error};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::db::rfc5912;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `tls-server-end-point` of RFC 5929: the hash of a certificate by the algorithm of its signature, SHA-256 in place
/// of weaker ones. Nothing where the signature has no single hash (Ed25519, RSA-PSS): then nothing is bound.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    match parsed.signature_algorithm().oid {
        rfc5912::SHA_1_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_256_WITH_RSA_ENCRYPTION
        | rfc5912::ECDSA_WITH_SHA_256 => Some(Sha256::digest(certificate).to_vec()),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_384 => {
            Some(Sha384::digest(certificate).to_vec())
        }
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | rfc5912::ECDSA_WITH_SHA_512 => {
            Some(Sha512::digest(certificate).to_vec())
        }
        _ => None,
    }
}

/// Whether a certificate is valid at a time.
pub(super) fn in_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let invalid = |reason| Err(Error::InvalidCertificate(reason));
    let Ok(parsed) = Certificate::from_der(certificate) else {
        return invalid(CertificateError::BadEncoding);
    };
    let validity = parsed.tbs_certificate().validity();
    if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        return invalid(CertificateError::NotValidYet);
    }
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        return invalid(CertificateError::Expired);
    }
    Ok(())
}

/// The common name of its subject, if it has no alternative name of a host: only then is it one, as in libpq.
pub(super) fn only_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let body = parsed.tbs_certificate();
    let alternatives = body.get_extension::<SubjectAltName>().ok()?;
    let of_host = |name: &GeneralName| matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_));
    if alternatives.is_some_and(|(_, names)| names.0.iter().any(of_host)) {
        return None;
    }
    body.subject().common_name().ok()?.map(|name| name.value().into_owned())
}

/// Whether a name of a certificate is that of a host. A `*` stands for the whole first label, as in libpq.
pub(super) fn name_fits(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        // An address has no labels.
        Some(rest) if host.parse::<std::net::IpAddr>().is_err() => {
            host.split_once('.').is_some_and(|(label, domain)| !label.is_empty() && domain == rest)
        }
        _ => name == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        for (name, host, fits) in [
            ("db.test", "DB.test", true),
            ("*.test", "db.test", true),
            ("*.test", "a.db.test", false),
            ("*.test", ".test", false),
            ("*.test", "test", false),
            ("*.0.0.1", "127.0.0.1", false),
            ("d*.test", "db.test", false),
            ("127.0.0.1", "127.0.0.1", true),
        ] {
            assert_eq!(name_fits(name, host), fits, "{name} {host}");
        }
    }
}
