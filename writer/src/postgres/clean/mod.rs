//! Deletes the rows that runs left behind, and nothing else; counts what remains, and says what keeps it.
//!
//! A row is known by its stamp, which names the run, the writer and the time. Children stand after their parents in a
//! model, so tables are cleaned from the last to the first. In batches, with pauses: no long lock, no huge transaction,
//! and at most half of what the server can do. Every statement is a transaction of its own.

mod left;
mod selection;
mod way;

pub use left::Left;
pub use selection::Selection;

use std::time::Duration;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::test_file::{Entity, quoted};
use tokio::time::sleep;
use tokio_postgres::Error;

use self::way::Way;
use super::{ConnectError, Connection, Session, describe};

/// The longest pause after a batch; otherwise it is as long as the batch took.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// Why nothing is known of the rows of a table.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// No session.
    #[error("no session with PostgreSQL")]
    Connect(#[from] ConnectError),
    /// A statement failed.
    #[error("rows of table '{table}' cannot be deleted: {reason}")]
    Delete {
        /// The table.
        table: String,
        /// In PostgreSQL's words.
        reason: String,
    },
}

/// What became of the rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// The table.
    pub table: String,
    /// How many rows are gone.
    pub deleted: u64,
    /// What stays, or may; absent where nothing does.
    pub left: Option<Left>,
}

/// Deletes these rows from every table, and counts what remains. `tell` hears of a scan that takes long, before it
/// begins. Returns what became of each table, in the model's order.
///
/// # Errors
/// [`CleanError`]: what was deleted before it stays deleted, and the same call may be made again.
pub async fn clean(
    session: &Session,
    entities: &[Entity],
    selection: Selection,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Cleaned>, CleanError> {
    let connection = session.connect().await?;
    let mut all = Vec::new();
    for entity in entities.iter().rev() {
        let condition = selection.condition(&quoted(&entity.stamp));
        let cleaned = clean_table(&connection, entity, &condition, tell).await;
        all.push(cleaned.map_err(|error| CleanError::Delete {
            table: entity.table.to_string(),
            reason: describe(&error),
        })?);
    }
    connection.close().await;
    all.reverse();
    Ok(all)
}

async fn clean_table(
    connection: &Connection,
    entity: &Entity,
    condition: &str,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Cleaned, Error> {
    let (client, clock) = (connection.client(), Clock::start());
    let (way, scan) = way::choose(connection, entity, condition).await?;
    if let Some(sentence) = scan {
        tell(&sentence);
    }
    let (mut deleted, mut refusal) = (0, None);
    for batch in 0.. {
        let Some(statement) = way.batch(&entity.table.quoted(), condition, batch) else { break };
        let began = clock.now();
        match client.execute_typed(&statement, &[]).await {
            Ok(0) if way == Way::Found => break,
            Ok(0) => {}
            Ok(rows) => {
                deleted += rows;
                sleep((clock.now() - began).to_std().min(PAUSE_MAX)).await;
            }
            Err(error) if error.as_db_error().is_some() => {
                refusal.get_or_insert(error);
                // The same rows would be found again.
                if way == Way::Found {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    let left = left::look(connection, entity, condition, refusal.as_ref()).await?;
    Ok(Cleaned { table: entity.table.to_string(), deleted, left })
}
