//! Whether the tables are as the model says, and making what is missing.
//!
//! `check` changes nothing. `prepare` creates missing tables and stamp columns, and nothing else: a column
//! that a user's own table lacks, or has with another type, or another primary key, is told, not changed.

mod catalogue;
mod column_types;
mod compare;
mod described;
mod holders;
mod prepare;
mod problem;

pub(crate) use catalogue::UniqueIndex;
pub use catalogue::{Server, server};
pub(crate) use column_types::FoundType;
#[cfg(test)]
pub(crate) use described::CheckConstraint;
pub(crate) use described::{Described, DescribedColumn, ForeignKey, Partitioning, describe};
pub use prepare::prepare;

use streamgauge_shared::exit_code::{ExitCode, Failure};

use self::problem::{Problem, problems};
use super::{Connection, Writes};

/// Whether every table is as the model says.
///
/// # Errors
/// Every problem at once, one sentence a line, with the way out; exit code 104, or 107 for missing privileges.
pub async fn check(
    connection: &Connection,
    entities: &[Writes],
    server: &Server,
    test: &str,
) -> Result<(), Failure> {
    let mut all = Vec::new();
    for writes in entities {
        let found = catalogue::find(connection, &writes.entity.table).await?;
        all.extend(problems(writes, &found, &server.role));
    }
    if all.is_empty() {
        return Ok(());
    }
    let only_privileges = all.iter().all(|problem| matches!(problem, Problem::NoPrivilege { .. }));
    let exit_code = if only_privileges { ExitCode::RunFailed } else { ExitCode::InvalidConfiguration };
    let sentence = |problem: &Problem| {
        let way_out = format!(": run again with --prepare, or first 'streamgauge-writer prepare {test}'");
        format!("{problem}{}", if problem.is_prepared() { way_out.as_str() } else { "" })
    };
    Err(Failure { exit_code, sentence: all.iter().map(sentence).collect::<Vec<_>>().join("\n") })
}
