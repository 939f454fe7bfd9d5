//! Where PostgreSQL is: a connection string that can be shown without its password.
//!
//! No text of the string itself ever enters a message: a malformed one may have the password anywhere.

use std::fmt;
use std::str::FromStr;

use streamgauge_shared::exit_code::Failure;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const EXPECTED: &str = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE";

/// A parsed `--postgres`. Displays as `user@host:port/database`, never with the password.
#[derive(Clone)]
pub struct Address {
    config: Config,
    shown: String,
}

impl Address {
    /// The parsed parameters.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The role that sessions run as.
    #[must_use]
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or("the operating system's user")
    }
}

impl FromStr for Address {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let malformed = || {
            Failure::configuration(format!(
                "--postgres is not a connection string PostgreSQL takes (it is not shown, because it may hold a password): write {EXPECTED}, and percent-encode @ : / ? # % in user and password, as in %40 for @"
            ))
        };
        let no_tls = |found: &str| {
            Failure::configuration(format!(
                "--postgres asks for sslmode={found}, and TLS is not supported yet: write sslmode=disable, or reach PostgreSQL through a tunnel"
            ))
        };
        for mode in ["verify-full", "verify-ca"] {
            if text.contains(&format!("sslmode={mode}")) {
                return Err(no_tls(mode));
            }
        }
        if !text.contains("://") && !text.contains('=') {
            return Err(malformed());
        }
        // A second @ means that one belongs to a password that is not encoded: what is parsed as host or
        // database would then show a part of it.
        let before_options = text.split('?').next().unwrap_or(text);
        if text.contains("://") && before_options.matches('@').count() > 1 {
            return Err(malformed());
        }
        let config: Config = text.parse().map_err(|_| malformed())?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(no_tls("require"));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(malformed());
        }
        let shown = shown(&config);
        Ok(Self { config, shown })
    }
}

fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{user}{host}:{port}/{database}")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        let cases = [
            ("postgresql://shop:s3cret@db.test:5433/orders", "shop@db.test:5433/orders"),
            ("postgres://shop:s3cret@db.test", "shop@db.test:5432/shop"),
            ("postgres://shop:s3%40cret@[::1]/orders?sslmode=disable", "shop@::1:5432/orders"),
            ("host=db.test user=shop password=s3cret dbname=orders", "shop@db.test:5432/orders"),
            ("postgres://db.test/orders?user=shop&password=s3cret", "shop@db.test:5432/orders"),
            ("postgresql:///orders?host=%2Ftmp%2Fsockets&user=shop", "shop@/tmp/sockets:5432/orders"),
        ];
        for (text, expected) in cases {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), expected, "{text}");
            assert!(!format!("{address:?}").contains("cret"), "{text}");
        }
    }

    #[test]
    fn a_malformed_string_is_refused_without_being_quoted() {
        let cases = [
            "",
            "s3cret",
            "postgres://shop:s3@cret@db.test/orders",
            "postgres://shop:s3@cret/x@db.test/orders",
            "postgres://shop:s3cret",
            "postgres://shop:s3cret/orders",
            "postgres://shop:s3cret@db.test:port-s3cret/orders",
            "postgres://shop:s3cret@db.test/orders?s3cret=1",
            "postgres://shop:s3cret@db.test/orders?s3cret",
            "host=db.test user=shop password='s3cret",
            "user=shop password=s3cret",
        ];
        for text in cases {
            let failure = text.parse::<Address>().expect_err(text);
            assert!(!failure.sentence.contains("cret"), "{text}: {failure}");
            assert!(failure.sentence.contains(EXPECTED), "{text}: {failure}");
        }
    }

    #[test]
    fn tls_is_refused_by_name() {
        for mode in ["require", "verify-full", "verify-ca"] {
            let text = format!("postgres://shop:s3cret@db.test/orders?sslmode={mode}");
            let failure = text.parse::<Address>().expect_err("not supported");
            assert!(failure.sentence.contains(&format!("sslmode={mode}")), "{failure}");
            assert!(!failure.sentence.contains("cret"));
        }
        assert!("postgres://shop@db.test/orders?sslmode=prefer".parse::<Address>().is_ok());
    }
}
