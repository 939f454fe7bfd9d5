//! Deletes the rows that a run left behind, and nothing else.
//!
//! A row is known by its stamp, which names the run and the writer. Children stand after their parents in a model, so
//! tables are cleaned from the last to the first. In batches: no long lock, no huge transaction.

use streamgauge_shared::stamp::RunId;
use streamgauge_shared::test_file::Entity;
use tokio_postgres::types::Type;

use super::describe;
use super::{ConnectError, Session, sql};

/// Rows deleted by one statement.
const BATCH: u32 = 1_000;

/// Why rows are left.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// No session.
    #[error("no session with PostgreSQL")]
    Connect(#[from] ConnectError),
    /// A delete failed.
    #[error("rows of table '{table}' cannot be deleted: {reason}")]
    Delete {
        /// The table.
        table: String,
        /// In PostgreSQL's words.
        reason: String,
    },
}

/// Deletes a run's rows from every table, or only those of one of its writers: while several clean up at the
/// same time, none waits for another's locks. Returns how many there were in each, in the model's order.
///
/// # Errors
/// [`CleanError`]: what was deleted before it stays deleted, and the same call may be made again.
pub async fn clean(
    session: &Session,
    entities: &[Entity],
    run: RunId,
    writer: Option<u16>,
) -> Result<Vec<(String, u64)>, CleanError> {
    let connection = session.connect().await?;
    let mut counts = Vec::new();
    for entity in entities.iter().rev() {
        let failed = |error| CleanError::Delete { table: entity.table.to_string(), reason: describe(&error) };
        let client = connection.client();
        let statement =
            client.prepare_typed(&sql::delete_stamped(entity, BATCH), &[Type::TEXT]).await.map_err(failed)?;
        let pattern = stamps_of(run, writer);
        let mut deleted = 0;
        loop {
            let batch = client.execute(&statement, &[&pattern]).await.map_err(failed)?;
            deleted += batch;
            if batch == 0 {
                break;
            }
        }
        counts.push((entity.table.to_string(), deleted));
    }
    connection.close().await;
    counts.reverse();
    Ok(counts)
}

/// The LIKE pattern of all stamps of a run or of one of its writers. No part of it means something to LIKE.
fn stamps_of(run: RunId, writer: Option<u16>) -> String {
    writer.map_or_else(|| format!("1.{run}.%"), |writer| format!("1.{run}.{writer}.%"))
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::stamp::Stamp;
    use streamgauge_shared::time::UnixNanos;

    use super::*;

    #[test]
    fn the_pattern_is_the_beginning_of_the_runs_stamps() {
        let run = RunId::from_bits(0xc0_ffee_0042);
        let stamp = Stamp { run, writer: 1, sequence: 2, sent: UnixNanos(3) }.to_string();
        for (writer, expected) in [(None, "1.00c0ffee0042.%"), (Some(1), "1.00c0ffee0042.1.%")] {
            let pattern = stamps_of(run, writer);
            assert_eq!(pattern, expected);
            assert!(stamp.starts_with(pattern.trim_end_matches('%')));
        }
        assert!(!stamp.starts_with(stamps_of(run, Some(11)).trim_end_matches('%')));
    }
}
