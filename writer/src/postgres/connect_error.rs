//! Why there is no session, and what to do about it.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use streamgauge_shared::exit_code::Failure;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::Address;
use super::tls::TlsFailure;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The network says no.
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    /// TLS was not to be had.
    #[error("{0}")]
    Tls(TlsFailure),
    /// PostgreSQL, or the network behind the connection, says no.
    #[error("{}", describe(.0))]
    Refused(Error),
    /// Not the server that was asked for with `target_session_attrs`.
    #[error("{0}, and target_session_attrs asks for another")]
    NotWanted(&'static str),
    /// None at any of several places, each with its reason.
    #[error("{}", .0.iter().map(|(place, error)| format!("{place}: {error}")).collect::<Vec<_>>().join(", "))]
    Several(Vec<(String, ConnectError)>),
}

impl ConnectError {
    /// An error of a session, which may be TLS's.
    pub(crate) fn of_session(error: Error) -> Self {
        match TlsFailure::behind(&error) {
            Some(failure) => Self::Tls(failure),
            None => Self::Refused(error),
        }
    }

    /// The one reason, or all of them with their places.
    pub(super) fn of(mut failures: Vec<(String, Self)>) -> Self {
        match failures.len() {
            1 => failures.remove(0).1,
            _ => Self::Several(failures),
        }
    }

    /// Whether PostgreSQL itself refused the session.
    pub(super) fn is_refusal(&self) -> bool {
        self.state().is_some()
    }

    /// Whether the other places of an address need not be tried, as in libpq: this one's server said no.
    pub(super) fn is_final(&self) -> bool {
        self.state().is_some_and(|state| *state != SqlState::CANNOT_CONNECT_NOW)
    }

    /// Whether `pg_hba.conf` has no line for such a session.
    pub(super) fn has_no_entry(&self) -> bool {
        self.state().is_some_and(|state| *state == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    }

    fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Refused(error) => error.code(),
            Self::Several(failures) => failures.iter().find_map(|(_, error)| error.state()),
            _ => None,
        }
    }

    /// The sentence for a run that cannot start, or go on, without a session; exit code 107.
    #[must_use]
    pub fn failure(&self, address: &Address) -> Failure {
        Failure::run(format!("PostgreSQL at {address} takes no session: {self}; {}", self.next()))
    }

    fn next(&self) -> &str {
        if let Self::Tls(failure) = self {
            return &failure.next;
        }
        if let Self::Refused(error) = self
            && lacks_password(error)
        {
            return "give one with PGPASSWORD, a password file (~/.pgpass, PGPASSFILE) or --postgres-file";
        }
        if matches!(self, Self::NotWanted(_)) {
            return "give the primary, or several hosts of which one is the primary";
        }
        let state = self.state().map_or("", SqlState::code);
        match (state, state.get(..2).unwrap_or_default()) {
            ("53300", _) => "give fewer --connections, or raise max_connections",
            ("3D000", _) => "create the database, or correct its name in --postgres",
            (_, "28") => "check user and password in --postgres, and pg_hba.conf",
            ("57P03", _) => "wait until it has started",
            _ => "start it, or correct --postgres",
        }
    }
}

/// The crate has no other sign of it.
fn lacks_password(error: &Error) -> bool {
    error.source().is_some_and(|source| source.to_string() == "password missing")
}

/// What PostgreSQL said, or the whole chain of what went wrong on the way to it.
#[must_use]
pub fn describe(error: &Error) -> String {
    if let Some(database) = error.as_db_error() {
        return format!("{} ({})", database.message(), database.code().code());
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
