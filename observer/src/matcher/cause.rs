//! Why an entry has its outcome, where the outcome alone does not say it.

use std::fmt;

use streamgauge_shared::ledger::NotSentCause;

/// A cause that the account counts beside the outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Lost: the row that it deletes never arrived.
    NoRow,
    /// Rejected: there was no session with PostgreSQL, so it was never sent.
    NotConnected,
    /// Rejected: the load ended while it waited for a session, so it was never sent.
    Cut,
}

impl Cause {
    /// How many there are.
    pub const COUNT: usize = 3;
    /// All of them, in the order reports print them.
    pub const ALL: [Self; Self::COUNT] = [Self::NoRow, Self::NotConnected, Self::Cut];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRow => "no_row",
            Self::NotConnected => "not_connected",
            Self::Cut => "cut",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<NotSentCause> for Cause {
    fn from(cause: NotSentCause) -> Self {
        match cause {
            NotSentCause::NotConnected => Self::NotConnected,
            NotSentCause::Cut => Self::Cut,
        }
    }
}
