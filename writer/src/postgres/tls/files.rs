//! The files of TLS: authorities, the client's own certificate and its key, all PEM.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use streamgauge_shared::exit_code::Failure;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Roots, TlsMode};

/// `sslrootcert` that means the authorities of the operating system.
const SYSTEM: &str = "system";

/// Where the files are, if they are given, and where libpq looks else.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// `sslrootcert`.
    pub root: Option<PathBuf>,
    /// `sslcert`.
    pub certificate: Option<PathBuf>,
    /// `sslkey`.
    pub key: Option<PathBuf>,
    /// `~/.postgresql/root.crt`.
    pub default_root: Option<PathBuf>,
    /// `~/.postgresql/postgresql.crt`.
    pub default_certificate: Option<PathBuf>,
    /// `~/.postgresql/postgresql.key`.
    pub default_key: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn is_system(&self) -> bool {
        self.root.as_deref() == Some(Path::new(SYSTEM))
    }

    /// The authorities as the user named them.
    pub(super) fn shown_root(&self) -> String {
        let root = self.root.as_ref().or(self.default_root.as_ref());
        root.map_or_else(String::new, |root| format!("sslrootcert={}", root.display()))
    }

    /// The authorities. A file that is not there is an error only where certificates must be checked, as in libpq.
    pub(super) fn roots(&self, mode: TlsMode) -> Result<Option<Roots>, Failure> {
        if self.is_system() {
            return of_system().map(Some);
        }
        let root = self.root.as_ref().or(self.default_root.as_ref());
        let there = root.filter(|root| root.exists());
        match there {
            Some(root) => of_file(root).map(Some),
            None if mode < TlsMode::VerifyCa => Ok(None),
            None => Err(Failure::configuration(format!(
                "sslmode={} needs the authorities that sign PostgreSQL's certificate, and {}: give sslrootcert=FILE, or sslrootcert=system for those of the operating system, or sslmode=require, which checks nothing",
                mode.name(),
                root.map_or("no home folder is known".to_owned(), |root| format!(
                    "'{}' does not exist",
                    root.display()
                )),
            ))),
        }
    }

    /// The client's own certificate, with what leads to its authority, and its key; nothing if there is none.
    pub(super) fn identity(
        &self,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Failure> {
        let default = self.default_certificate.as_ref().filter(|path| path.exists());
        let Some(path) = self.certificate.as_ref().or(default) else { return Ok(None) };
        let chain = certificates(path, "sslcert")?;
        let key = self.key.as_ref().or(self.default_key.as_ref()).filter(|key| key.exists());
        let key = key.ok_or_else(|| {
            Failure::configuration(format!(
                "there is a certificate '{}' and no private key for it: give sslkey=FILE",
                path.display()
            ))
        })?;
        only_ours(key)?;
        let read = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("sslkey", key, &error))?;
        Ok(Some((chain, read)))
    }
}

/// libpq's rule: nobody else may read a private key, apart from a group where it belongs to root.
fn only_ours(key: &Path) -> Result<(), Failure> {
    let found = fs::metadata(key).map_err(|error| unusable("sslkey", key, &error))?;
    let mode = found.permissions().mode() & 0o777;
    let allowed = if found.uid() == 0 { 0o640 } else { 0o600 };
    if found.is_file() && mode & !allowed & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "sslkey '{}' has the permissions {mode:04o}, and others could use it: run chmod 0600 on it",
        key.display()
    )))
}

fn certificates(path: &Path, option: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| unusable(option, path, &error))?;
    if found.is_empty() { Err(unusable(option, path, &"it holds no certificate")) } else { Ok(found) }
}

fn unusable(option: &str, path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::configuration(format!(
        "{option} '{}' cannot be used: {reason}; give a PEM file that this user may read and that has no password",
        path.display()
    ))
}

fn of_file(path: &Path) -> Result<Roots, Failure> {
    let certificates = certificates(path, "sslrootcert")?;
    let mut roots = Roots::empty();
    // A certificate that cannot be an authority's may still be the server's own.
    roots.store.add_parsable_certificates(certificates.iter().cloned());
    roots.certificates = certificates;
    Ok(roots)
}

fn of_system() -> Result<Roots, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = Roots::empty();
    let (taken, _) = roots.store.add_parsable_certificates(found.certs);
    if taken > 0 {
        return Ok(roots);
    }
    let reason = found.errors.first().map_or_else(|| "it has none".to_owned(), ToString::to_string);
    Err(Failure::configuration(format!(
        "sslrootcert=system finds no authorities of the operating system ({reason}): install the package ca-certificates, or name their file with SSL_CERT_FILE, or give sslrootcert=FILE"
    )))
}
