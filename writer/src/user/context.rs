//! What the users of a run share, and the counts they leave.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use streamgauge_shared::clock::{Clock, WallWatch};
use streamgauge_shared::ledger::{Ending, ScenarioLoad, Status};
use streamgauge_shared::process;
use streamgauge_shared::test_file::Test;

use crate::entity::Seeds;
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
    /// One for each scenario.
    pub counts: Vec<ScenarioCount>,
    /// Where an error is told that nothing can succeed after.
    pub halt: Halt,
}

/// The counts of one scenario; those of iterations and ticks are of the measured phase.
#[derive(Debug, Default)]
pub struct ScenarioCount {
    /// Users of an open loop that exist; users of a closed loop that are planned to iterate.
    pub users: AtomicU32,
    /// One more user is being made.
    pub growing: AtomicBool,
    /// A tick was dropped and no more users may be made.
    pub insufficient: AtomicBool,
    iterations: AtomicU64,
    failed: AtomicU64,
    interrupted: AtomicU64,
    dropped: AtomicU64,
    dropped_in_warm_up: AtomicU64,
    active: AtomicU32,
    peak: AtomicU32,
    skipped: AtomicU64,
    not_expected: AtomicU64,
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
            scenarios: self.counts.iter().map(ScenarioCount::load).collect(),
            pg_write_errors: self.write_errors.load(Ordering::Relaxed),
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

impl ScenarioCount {
    /// The counts as they are told.
    #[must_use]
    pub fn load(&self) -> ScenarioLoad {
        ScenarioLoad {
            iterations: self.iterations.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            interrupted: self.interrupted.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            active_users: self.active.load(Ordering::Relaxed),
            users: self.users.load(Ordering::Relaxed),
            peak_users: self.peak.load(Ordering::Relaxed),
            skipped_steps: self.skipped.load(Ordering::Relaxed),
            not_expected: self.not_expected.load(Ordering::Relaxed),
            ..ScenarioLoad::default()
        }
    }

    /// Ticks of the warm-up that found no free user.
    #[must_use]
    pub fn dropped_in_warm_up(&self) -> u64 {
        self.dropped_in_warm_up.load(Ordering::Relaxed)
    }

    pub(super) fn drop_iterations(&self, iterations: u64, measured: bool) {
        let count = if measured { &self.dropped } else { &self.dropped_in_warm_up };
        count.fetch_add(iterations, Ordering::Relaxed);
    }

    pub(super) fn skip_step(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn delete_unexpected(&self) {
        self.not_expected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn enter(&self, measured: bool) {
        let active = self.active.fetch_add(1, Ordering::Relaxed) + 1;
        if measured {
            self.peak.fetch_max(active, Ordering::Relaxed);
        }
    }

    pub(super) fn leave(&self, measured: bool, ending: Ending) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        if measured {
            let count = match ending {
                Ending::Completed => &self.iterations,
                Ending::Failed => &self.failed,
                Ending::Interrupted => &self.interrupted,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
