//! Hands ticks to free users, on the pacer's thread: k6's rule for arrival rates.
//!
//! A tick that finds no free user is dropped and counted. If more users are allowed, one more is asked for,
//! at most one at a time; the tick stays dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use streamgauge_shared::account::Phase;
use tokio::sync::mpsc;

use super::{Context, FreeUser};
use crate::pacer::Target;
use crate::schedule::Event;

/// Scenarios that may ask for a user at the same time; each asks for one at most.
pub const GROW_MAX: usize = 65_536;

/// The pacer's target.
pub struct Dispatcher {
    context: Arc<Context>,
    /// One for each scenario.
    free: Vec<crossbeam_channel::Receiver<FreeUser>>,
    /// Takes the index of a scenario that needs one more user.
    grow: mpsc::Sender<usize>,
}

impl Dispatcher {
    /// Takes free users from these queues, one for each scenario.
    #[must_use]
    pub fn new(
        context: Arc<Context>,
        free: Vec<crossbeam_channel::Receiver<FreeUser>>,
        grow: mpsc::Sender<usize>,
    ) -> Self {
        Self { context, free, grow }
    }
}

impl Target for Dispatcher {
    fn release(&mut self, event: Event) {
        let Some(tick) = event.tick() else { return };
        if let Ok(user) = self.free[tick.scenario].try_recv()
            && user.0.try_send(tick).is_ok()
        {
            return;
        }
        let count = &self.context.counts[tick.scenario];
        count.drop_tick(tick.phase == Phase::Run);
        let most = self.context.test.scenarios[tick.scenario].executor.peak_users();
        if count.users.load(Ordering::Relaxed) >= most {
            // Told by the load: the pacer does not wait for a log.
            count.insufficient.store(true, Ordering::Relaxed);
        } else if !count.growing.swap(true, Ordering::Relaxed) && self.grow.try_send(tick.scenario).is_err() {
            count.growing.store(false, Ordering::Relaxed);
        }
    }
}
