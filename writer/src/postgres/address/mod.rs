//! Where PostgreSQL is, and how sessions with it are to be: libpq's connection string, its services, variables and
//! password file.
//!
//! No text of the string itself ever enters a message: a malformed one may have the password anywhere. A name is shown
//! only where it is one that libpq, or a program beside it, has.

mod hosts;
mod keywords;
mod passfile;
mod service;
mod settings;
mod surroundings;
mod text;

use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use streamgauge_shared::exit_code::Failure;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};

pub use hosts::{Host, Place};
use settings::Settings;
pub use surroundings::Surroundings;

use super::tls::{Negotiation, Tls, TlsFiles, TlsMode};

const EXPECTED: &str = "postgresql://USER@HOST:PORT/DATABASE";
/// The name under which sessions stand in `pg_stat_activity` if none is given.
const APPLICATION_NAME: &str = "streamgauge-writer";
/// The least that libpq waits for a connection, seconds.
const CONNECT_TIMEOUT_MIN_S: i64 = 2;
/// After how much silence TCP asks whether the other side is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// A parsed `--postgres`. Displays as `user@host:port/database`, never with the password.
#[derive(Clone)]
pub struct Address {
    places: Vec<Place>,
    config: Config,
    tls: Tls,
    connect_timeout: Option<Duration>,
    /// What the server must be.
    pub(super) wanted: Wanted,
    /// Whether the places are tried in a random order.
    pub(super) shuffled: bool,
    pub(super) keepalive: Keepalive,
    user: String,
    shown: String,
    notes: Vec<String>,
}

/// Which server of several is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The first that takes a session.
    Any,
    /// One whose sessions may write.
    ReadWrite,
    /// One that is not in recovery.
    Primary,
}

/// How TCP finds out that the other side is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keepalive {
    pub(super) on: bool,
    pub(super) idle: Duration,
    pub(super) interval: Option<Duration>,
    pub(super) count: Option<u32>,
    /// How long sent bytes may stay unacknowledged, milliseconds.
    pub(super) user_timeout_ms: Option<u32>,
}

impl Address {
    /// Reads `--postgres` or the file of `--postgres-file`; without both, libpq's variables have to name a place.
    ///
    /// # Errors
    /// Neither, both, or one that cannot be understood; 104.
    pub fn read(url: Option<&str>, file: Option<&Path>) -> Result<Self, Failure> {
        let around = Surroundings::of_process();
        // Where files are filled in by another program, an option that is not wanted is often left empty.
        match (url.filter(|url| !url.is_empty()), file) {
            (Some(url), None) => Self::parse(url, "--postgres", &around),
            (None, Some(file)) => Self::parse(&of_file(file)?, "the file of --postgres-file", &around),
            (None, None) if around.names_a_place() => {
                Self::parse("postgresql://", "the environment", &around)
            }
            (None, None) => Err(Failure::configuration(format!(
                "no PostgreSQL is given: give --postgres {EXPECTED}, or --postgres-file FILE with such a line, or set PGHOST or PGSERVICE"
            ))),
            (Some(_), Some(_)) => Err(Failure::configuration(
                "both --postgres and --postgres-file are given (or STREAMGAUGE_POSTGRES and STREAMGAUGE_POSTGRES_FILE): leave one of them out",
            )),
        }
    }

    /// Reads a connection string; `source` is where it stands.
    ///
    /// # Errors
    /// What is wrong in it, in its service, or in the files that it names; 104.
    pub(super) fn parse(text: &str, source: &str, around: &Surroundings) -> Result<Self, Failure> {
        let malformed = |_| {
            Failure::configuration(format!(
                "{source} is not a connection string PostgreSQL takes (it is not shown, because it may hold a password): write {EXPECTED}, and percent-encode @ : / ? # % in user and password, as in %40 for @"
            ))
        };
        let mut settings = Settings::gather(text::pairs(text).map_err(malformed)?, source, around)?;
        let user = settings.text("user").or(around.user.as_deref()).map(str::to_owned);
        let user = user.ok_or_else(|| {
            Failure::configuration(format!(
                "{source} names no user, and the system has no name for this one: write {EXPECTED}"
            ))
        })?;
        let database = settings.text("dbname").unwrap_or(&user).to_owned();
        let tls = tls(&settings, around)?;
        let (places, note) = hosts::places(&settings, &database, &user, around)?;
        settings.notes.extend(note);
        let mut config = Config::new();
        config.user(&user).dbname(&database).channel_binding(channel_binding(&settings)?);
        let name = settings.text("application_name").or(settings.text("fallback_application_name"));
        config.application_name(name.unwrap_or(APPLICATION_NAME));
        if let Some(options) = settings.text("options") {
            config.options(options);
        }
        // The wire is encrypted, or not, before the crate sees it.
        config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
        let shown = format!(
            "{user}@{}/{database}",
            places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        );
        Ok(Self {
            places,
            config,
            tls,
            connect_timeout: connect_timeout(&settings)?,
            wanted: wanted(&settings)?,
            shuffled: settings
                .choice("load_balance_hosts", &[("disable", false), ("random", true)])?
                .unwrap_or(false),
            keepalive: keepalive(&settings)?,
            user,
            shown,
            notes: settings.notes,
        })
    }

    /// The places to try, in order.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// What a session is asked for at one of the places.
    pub(super) fn config(&self, place: &Place) -> Config {
        let mut config = self.config.clone();
        if let Some(password) = &place.password {
            config.password(password);
        }
        config
    }

    /// Whether and how sessions are encrypted.
    #[must_use]
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// How long one place may take until it has given a session, if the string says so.
    pub(super) fn connect_timeout(&self) -> Option<Duration> {
        self.connect_timeout
    }

    /// The role that sessions run as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The address with the one place that was reached.
    #[must_use]
    pub(super) fn at(&self, place: &Place) -> String {
        format!("{}@{place}/{}", self.user, self.config.get_dbname().unwrap_or_default())
    }

    /// What the user should know of it and that is no mistake: one sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

/// The connection string of a file: all of it but the white space around.
fn of_file(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::configuration(format!(
            "--postgres-file '{shown}' cannot be read: {error}; correct its name or its permissions"
        ))
    })?;
    match text.trim() {
        "" => Err(Failure::configuration(format!(
            "--postgres-file '{shown}' is empty: write {EXPECTED} into it"
        ))),
        text => Ok(text.to_owned()),
    }
}

fn tls(settings: &Settings, around: &Surroundings) -> Result<Tls, Failure> {
    let path = |keyword: &str| settings.text(keyword).map(std::path::PathBuf::from);
    let files = TlsFiles {
        root: path("sslrootcert"),
        certificate: path("sslcert"),
        key: path("sslkey"),
        default_root: around.of_home("root.crt"),
        default_certificate: around.of_home("postgresql.crt"),
        default_key: around.of_home("postgresql.key"),
    };
    let mode = settings.choice("sslmode", &TlsMode::NAMES)?;
    let negotiations = [("postgres", Negotiation::Postgres), ("direct", Negotiation::Direct)];
    let negotiation = settings.choice("sslnegotiation", &negotiations)?.unwrap_or(Negotiation::Postgres);
    let versions = [("TLSv1", false), ("TLSv1.1", false), ("TLSv1.2", false), ("TLSv1.3", true)];
    let only_1_3 = settings.choice("ssl_min_protocol_version", &versions)?.unwrap_or(false);
    Tls::new(mode, negotiation, only_1_3, &files)
}

fn channel_binding(settings: &Settings) -> Result<ChannelBinding, Failure> {
    let choices = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    Ok(settings.choice("channel_binding", &choices)?.unwrap_or(ChannelBinding::Prefer))
}

/// As in libpq: nothing for 0 and below, at least two seconds else.
fn connect_timeout(settings: &Settings) -> Result<Option<Duration>, Failure> {
    let seconds =
        settings.number::<i64>("connect_timeout", "a number of seconds")?.filter(|seconds| *seconds > 0);
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.max(CONNECT_TIMEOUT_MIN_S).unsigned_abs())))
}

fn wanted(settings: &Settings) -> Result<Wanted, Failure> {
    let choices = [
        ("any", Some(Wanted::Any)),
        ("read-write", Some(Wanted::ReadWrite)),
        ("primary", Some(Wanted::Primary)),
        ("read-only", None),
        ("standby", None),
        ("prefer-standby", None),
    ];
    match settings.choice("target_session_attrs", &choices)? {
        None => Ok(Wanted::Any),
        Some(Some(wanted)) => Ok(wanted),
        Some(None) => Err(settings.mistake(
            "target_session_attrs",
            "asks for a server that takes no writes, and the writer writes: write any, read-write or primary",
        )),
    }
}

fn keepalive(settings: &Settings) -> Result<Keepalive, Failure> {
    let seconds = |keyword: &str| {
        let found = settings.number::<i64>(keyword, "a number of seconds")?.filter(|seconds| *seconds > 0);
        Ok::<_, Failure>(found.map(|seconds| Duration::from_secs(seconds.unsigned_abs())))
    };
    Ok(Keepalive {
        on: settings.number::<u32>("keepalives", "0 or 1")?.is_none_or(|on| on != 0),
        idle: seconds("keepalives_idle")?.unwrap_or(KEEPALIVE_IDLE),
        interval: seconds("keepalives_interval")?,
        count: settings.number("keepalives_count", "a number")?.filter(|count| *count > 0),
        user_timeout_ms: settings
            .number("tcp_user_timeout", "a number of milliseconds")?
            .filter(|ms| *ms > 0),
    })
}

impl FromStr for Address {
    type Err = Failure;

    /// With this process's environment.
    fn from_str(text: &str) -> Result<Self, Failure> {
        Self::parse(text, "--postgres", &Surroundings::of_process())
    }
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
mod tests;
