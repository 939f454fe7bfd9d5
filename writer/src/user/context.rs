//! What the users of a run share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use streamgauge_shared::clock::{Clock, WallWatch};
use streamgauge_shared::ledger::{Rejections, Status};
use streamgauge_shared::process;
use streamgauge_shared::test_file::Test;

use super::ScenarioCount;
use crate::entity::{Numbers, Seeds};
use crate::halt::Halt;
use crate::ledger_client::Queue;
use crate::postgres::Pool;
use crate::rows::Rows;
use crate::schedule::Shard;

/// What the users of a run share.
pub struct Context {
    /// What they do.
    pub test: Test,
    /// Which part of it they do.
    pub shard: Shard,
    /// Where their rows come from.
    pub seeds: Seeds,
    /// The numbers of keys that are made of a sequence.
    pub numbers: Numbers,
    /// Their clock.
    pub clock: Clock,
    /// Sees steps of the wall clock, each time the observer is told how the writer stands.
    pub wall: Mutex<WallWatch>,
    /// Their sessions.
    pub pool: Pool,
    /// The rows they work on.
    pub rows: Rows,
    /// Whom they tell.
    pub ledger: Queue,
    /// The next operation's sequence. Whoever takes one opens it in the ledger.
    pub sequence: AtomicU64,
    /// Attempts to write that failed, in every phase.
    pub write_errors: AtomicU64,
    /// What PostgreSQL said the first time.
    pub first_error: OnceLock<String>,
    /// Operations of the measured phase that it refused.
    pub rejections: Mutex<Rejections>,
    /// One for each scenario.
    pub counts: Vec<ScenarioCount>,
    /// Where an error is told that nothing can succeed after.
    pub halt: Halt,
}

impl Context {
    /// The message that says how the writer stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        // First of all: what is queued while the counts are read comes before the message, which is allowed,
        // but nothing queued before this reading may come after it.
        let queued_at = self.clock.now();
        let wall_steps = {
            let mut wall = self.wall.lock();
            wall.look(queued_at, self.clock.wall());
            wall.steps().clone()
        };
        Status {
            queued_at,
            wall_steps,
            scenarios: self.counts.iter().map(|count| count.load(queued_at)).collect(),
            pg_write_errors: self.write_errors.load(Ordering::Relaxed),
            rejections: self.rejections.lock().clone(),
            records_lost: self.ledger.lost(),
            process: process::usage(),
        }
    }

    /// How many users a scenario may have here at most.
    #[must_use]
    pub fn most_users(&self, scenario: usize) -> u32 {
        self.shard.users(self.test.scenarios[scenario].executor.peak_users())
    }

    /// Counts an attempt that failed.
    pub fn write_failed(&self, reason: impl FnOnce() -> String) {
        self.write_errors.fetch_add(1, Ordering::Relaxed);
        self.first_error.get_or_init(reason);
    }
}
