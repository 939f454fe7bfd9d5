//! What an answer of PostgreSQL means for an operation. Pure.
//!
//! | fate | SQLSTATE | what follows |
//! | --- | --- | --- |
//! | retryable | 40001, 40P01, 55P03 | sent again: it did not commit |
//! | elsewhere | 25006, 26000, class 53 | sent again in a new session: it did not commit, and this session, or its server, is not the right one |
//! | unknown | class 08, 40003, 57P01, 57P02, 57P03, no SQLSTATE at all | never sent again: it may have committed |
//! | fatal | 3D000, classes 28 and 42 | nothing that follows can succeed: the load ends |
//! | rejected | every other | this operation is refused, the load goes on |

use tokio_postgres::Error;

/// The fate of one attempt that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It did not commit, and the same statement may succeed.
    Retryable,
    /// It did not commit, and the same statement may succeed in a new session: the server only reads since a
    /// switchover, a pooler has lost the prepared statement, or the server has no room.
    Elsewhere,
    /// It did not commit, and the same statement would fail again.
    Rejected,
    /// As rejected, and so would every other statement of the test.
    Fatal,
    /// Whether it committed cannot be known.
    Unknown,
}

impl Fate {
    /// The fate that an error means.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        error.code().map_or(Self::Unknown, |state| Self::of_sqlstate(state.code()))
    }

    /// The fate that a SQLSTATE means.
    #[must_use]
    pub fn of_sqlstate(state: &str) -> Self {
        match (state, state.get(..2).unwrap_or_default()) {
            ("40001" | "40P01" | "55P03", _) => Self::Retryable,
            ("25006" | "26000", _) | (_, "53") => Self::Elsewhere,
            ("40003" | "57P01" | "57P02" | "57P03", _) | (_, "08") => Self::Unknown,
            ("3D000", _) | (_, "28" | "42") => Self::Fatal,
            _ => Self::Rejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fate::{self, *};

    #[test]
    fn each_sqlstate_has_its_fate() {
        let cases = [
            ("40001", Retryable), // serialization failure
            ("40P01", Retryable), // deadlock
            ("55P03", Retryable), // lock not available
            ("25006", Elsewhere), // read only: a standby
            ("26000", Elsewhere), // the prepared statement is gone
            ("53100", Elsewhere), // disk full
            ("53300", Elsewhere), // too many connections
            ("40003", Unknown),   // statement completion unknown
            ("08006", Unknown),   // connection failure
            ("57P01", Unknown),   // terminated by an administrator
            ("57P02", Unknown),   // crash shutdown
            ("57P03", Unknown),   // cannot connect now
            ("23505", Rejected),  // unique violation
            ("23503", Rejected),  // foreign key violation
            ("22001", Rejected),  // too long
            ("57014", Rejected),  // statement timeout
            ("P0001", Rejected),  // raised by a trigger
            ("42P01", Fatal),     // no such table
            ("42501", Fatal),     // no permission
            ("28P01", Fatal),     // wrong password
            ("3D000", Fatal),     // no such database
            ("", Rejected),
        ];
        for (state, expected) in cases {
            assert_eq!(Fate::of_sqlstate(state), expected, "{state}");
        }
    }
}
