//! The records of one operation: that it is about to be sent, what became of it, or that it never was sent.

use serde::{Deserialize, Serialize};

use crate::account::{Operation, Phase};
use crate::content::ColumnDigest;
use crate::time::{Nanos, UnixNanos};

/// An operation, queued before its statement is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Dense from 0 within the writer.
    pub sequence: u64,
    /// The part of the run.
    pub phase: Phase,
    /// Index into the test's scenarios.
    pub scenario: u16,
    /// Index into the model's entities.
    pub entity: u16,
    /// What it does.
    pub operation: Operation,
    /// The row's key in canonical form; absent for a create whose key the database makes: `closed` brings it.
    pub key: Option<String>,
    /// Index into the test's groups.
    pub group: Option<u16>,
    /// Index into the test's stages: that in which the iteration started.
    pub stage: Option<u16>,
    /// What its verified columns say; empty for a delete and where nothing is verified.
    pub content: Vec<ColumnDigest>,
    /// What its `check` step expects of some columns; empty without one.
    pub check: Vec<ColumnDigest>,
    /// Its tick, or when its step became runnable.
    pub intended: UnixNanos,
    /// How long it waited for a connection.
    pub connection_wait: Nanos,
    /// With a connection in hand, immediately before the statement is sent.
    pub sent: UnixNanos,
    /// The same, as the row's stamp has it: on the writer's time line, wherever the other times are moved. Tells
    /// which of several attempts an event comes from.
    pub stamped: UnixNanos,
    /// When it counts as late, unless an await says otherwise.
    pub deadline: UnixNanos,
}

/// What became of an operation in PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Of an opened operation.
    pub sequence: u64,
    /// Its fate.
    pub written: Written,
    /// What `opened` could not say; of a create that committed and whose key the database made.
    pub made: Option<Box<Made>>,
}

/// What PostgreSQL said of a row whose key it made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The row's key in canonical form.
    pub key: String,
    /// What those of its columns say that are verified and that the database filled.
    pub content: Vec<ColumnDigest>,
    /// What the operation's `check` step expects of them.
    pub check: Vec<ColumnDigest>,
}

impl Closed {
    /// The fate of an operation whose key was known before.
    #[must_use]
    pub const fn new(sequence: u64, written: Written) -> Self {
        Self { sequence, written, made: None }
    }
}

/// The fate of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Written {
    /// The acknowledgement arrived at this time.
    Committed(UnixNanos),
    /// PostgreSQL refused it, or it touched no row.
    Rejected,
    /// The connection broke before the acknowledgement.
    Unknown,
}

/// An operation that could not be sent. It has an intended time and no other: it is in no latency and in every
/// rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSent {
    /// Dense from 0 within the writer, like that of an operation that was sent.
    pub sequence: u64,
    /// The part of the run.
    pub phase: Phase,
    /// Index into the test's scenarios.
    pub scenario: u16,
    /// Index into the model's entities.
    pub entity: u16,
    /// What it was to do.
    pub operation: Operation,
    /// The key of the row, in canonical form; absent for a create whose key the database would have made.
    pub key: Option<String>,
    /// Index into the test's groups.
    pub group: Option<u16>,
    /// Index into the test's stages: that in which the iteration started.
    pub stage: Option<u16>,
    /// Its tick, or when its step became runnable.
    pub intended: UnixNanos,
    /// Why it was not sent.
    pub cause: NotSentCause,
}

/// Why an operation was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotSentCause {
    /// There was no session with PostgreSQL: refused, timed out, or not to be had.
    NotConnected,
    /// The load ended while it waited for a connection.
    Cut,
}
