//! What was learned of a PostgreSQL that changes how it is written to; shared by all sessions of a run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What was learned; at first nothing.
#[derive(Clone, Debug, Default)]
pub struct Learned(Arc<Lessons>);

#[derive(Debug, Default)]
struct Lessons {
    unnamed: AtomicBool,
    routed: OnceLock<Vec<usize>>,
}

impl Learned {
    /// Whether statements have no names, because a pooler would lose them.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.0.unnamed.load(Ordering::Relaxed)
    }

    /// From now on no statement has a name.
    pub fn give_up_names(&self) {
        self.0.unnamed.store(true, Ordering::Relaxed);
    }

    /// Gives up names if this is what a pooler's loss of a statement looks like, and says so the first time. Returns
    /// whether it is.
    pub(super) fn look_at(&self, error: &Error) -> bool {
        let is_loss = error.code().is_some_and(|state| {
            [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(state)
        });
        if is_loss && !self.0.unnamed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "a pooler before PostgreSQL loses prepared statements: from now on each is parsed anew, which costs time and is in pg_write_duration"
            );
        }
        is_loss
    }

    /// Entities, by index, whose rows a trigger puts into another table: that an insert says 0 rows means that it was
    /// written. Said once, before the run's first row.
    pub fn routes(&self, entities: Vec<usize>) {
        // A second time would be a bug of ours, and the first is right.
        self.0.routed.get_or_init(|| entities);
    }

    /// Whether an insert of this entity that says 0 rows was written.
    pub(super) fn is_routed(&self, entity: usize) -> bool {
        self.0.routed.get().is_some_and(|routed| routed.contains(&entity))
    }
}
