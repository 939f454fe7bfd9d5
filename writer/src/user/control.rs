//! What the users of one scenario are told: whether to go on, to finish, or to stop at once.
//!
//! The pacer's thread tells single users of a closed loop as its plan changes; the load tells all of them the
//! end. The end is for ever: what the pacer says after it is not heard.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use streamgauge_shared::test_file::Executor;
use streamgauge_shared::time::UnixNanos;
use tokio::sync::watch;

use crate::schedule::Shard;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoadState {
    /// Iterations start.
    Running,
    /// No new iteration starts; who is in one finishes it.
    Stopping,
    /// Who is in an iteration ends at its next wait.
    Cut,
}

/// How many iterations the users of a closed loop have in the run.
#[derive(Debug)]
enum Turns {
    /// As many as there is time for.
    Endless,
    /// So many are left for all of them.
    Shared(AtomicU64),
    /// So many are left for each.
    Own(Vec<AtomicU64>),
}

/// What the users of one scenario are told.
#[derive(Debug)]
pub struct Control {
    /// One for each user of a closed loop, by its number less one; one for all users of an open loop.
    states: Vec<watch::Sender<LoadState>>,
    /// When each user of a closed loop was last told to go on: its next iteration has been due since.
    runnable: Vec<AtomicI64>,
    turns: Turns,
    over: AtomicBool,
}

impl Control {
    /// Of a writer's part of a scenario's users; those of a closed loop wait until they are planned.
    #[must_use]
    pub fn new(executor: &Executor, shard: Shard) -> Self {
        let vus = shard.users(executor.peak_users()) as usize;
        let turns = match executor {
            Executor::SharedIterations(load) => Turns::Shared(AtomicU64::new(shard.part(load.iterations))),
            Executor::PerVuIterations(load) => {
                Turns::Own((0..vus).map(|_| AtomicU64::new(load.iterations)).collect())
            }
            _ => Turns::Endless,
        };
        let (count, state) =
            if is_closed(executor) { (vus, LoadState::Stopping) } else { (1, LoadState::Running) };
        Self {
            states: (0..count).map(|_| watch::Sender::new(state)).collect(),
            runnable: (0..count).map(|_| AtomicI64::new(0)).collect(),
            turns,
            over: AtomicBool::new(false),
        }
    }

    /// What one user is told; it is heard by whoever subscribed.
    #[must_use]
    pub fn subscribe(&self, number: u32) -> watch::Receiver<LoadState> {
        self.of(number).subscribe()
    }

    /// No iteration starts any more, for ever.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Tells a user of a closed loop to iterate, as of a moment.
    pub fn go_on(&self, number: u32, at: UnixNanos) {
        if let Some(runnable) = self.runnable.get(index(number)) {
            runnable.store(at.0, Ordering::Relaxed);
        }
        self.tell(number, LoadState::Running);
    }

    /// Tells a user of a closed loop to finish its iteration, or to end it at once; it may be told to go on later.
    pub fn tell(&self, number: u32, state: LoadState) {
        self.of(number).send_if_modified(|current| {
            // Asked under the channel's lock, so that nothing comes after the end.
            let changes = !self.is_over() && *current != state;
            if changes {
                *current = state;
            }
            changes
        });
    }

    /// Tells all users, who may be told otherwise later.
    pub fn tell_all(&self, state: LoadState) {
        (1..).zip(&self.states).for_each(|(number, _)| self.tell(number, state));
    }

    /// Ends the load for all: no iteration starts, or none goes on either. Never takes back what was said.
    pub fn end(&self, state: LoadState) {
        let first = !self.over.swap(true, Ordering::SeqCst);
        for told in &self.states {
            told.send_if_modified(|current| {
                let later = *current < state;
                *current = (*current).max(state);
                // Who waits to be planned must hear of the end as well.
                later || first
            });
        }
    }

    /// Takes an iteration of the run for a user, if one is left.
    pub(super) fn take_turn(&self, number: u32) -> bool {
        let left = match &self.turns {
            Turns::Endless => return true,
            Turns::Shared(left) => left,
            Turns::Own(each) => &each[index(number)],
        };
        left.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Iterations of a fixed count that nobody has started.
    #[must_use]
    pub fn turns_left(&self) -> u64 {
        match &self.turns {
            Turns::Endless => 0,
            Turns::Shared(left) => left.load(Ordering::Relaxed),
            Turns::Own(each) => each.iter().map(|left| left.load(Ordering::Relaxed)).sum(),
        }
    }

    /// Takes all iterations that are left, which nobody starts then; returns how many they were.
    pub fn take_rest(&self) -> u64 {
        match &self.turns {
            Turns::Endless => 0,
            Turns::Shared(left) => left.swap(0, Ordering::Relaxed),
            Turns::Own(each) => each.iter().map(|left| left.swap(0, Ordering::Relaxed)).sum(),
        }
    }

    /// Since when the next iteration of a user that waited to be planned has been due.
    pub(super) fn runnable_since(&self, number: u32) -> UnixNanos {
        UnixNanos(self.runnable[index(number)].load(Ordering::Relaxed))
    }

    fn of(&self, number: u32) -> &watch::Sender<LoadState> {
        &self.states[index(number).min(self.states.len() - 1)]
    }
}

/// Whether users iterate by themselves, instead of waiting for ticks.
#[must_use]
pub fn is_closed(executor: &Executor) -> bool {
    match executor {
        Executor::SharedIterations(_)
        | Executor::PerVuIterations(_)
        | Executor::ConstantVus(_)
        | Executor::RampingVus(_) => true,
        Executor::ConstantArrivalRate(_) | Executor::RampingArrivalRate(_) | Executor::CapacitySearch(_) => {
            false
        }
    }
}

/// Users count from 1.
fn index(number: u32) -> usize {
    number as usize - 1
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::test_file::{ConstantVus, Iterations};
    use streamgauge_shared::time::Nanos;

    use super::*;

    #[test]
    fn the_end_is_for_ever_and_only_becomes_harder() {
        let control = Control::new(
            &Executor::ConstantVus(ConstantVus { vus: 2, duration: Nanos::from_secs(1) }),
            Shard::WHOLE,
        );
        let states = [control.subscribe(1), control.subscribe(2)];
        let told = || [*states[0].borrow(), *states[1].borrow()];
        assert_eq!(told(), [LoadState::Stopping; 2]);
        control.go_on(2, UnixNanos(7));
        assert_eq!(
            (told(), control.runnable_since(2)),
            ([LoadState::Stopping, LoadState::Running], UnixNanos(7))
        );
        control.tell(2, LoadState::Cut);
        control.go_on(2, UnixNanos(9));
        assert_eq!(told()[1], LoadState::Running);
        control.end(LoadState::Cut);
        assert!(states[0].has_changed().expect("not closed"));
        control.end(LoadState::Stopping);
        control.go_on(1, UnixNanos(10));
        assert_eq!((told(), control.is_over()), ([LoadState::Cut; 2], true));
    }

    #[test]
    fn turns_are_taken_once_each() {
        let load = Iterations { vus: 2, iterations: 3, max_duration: Nanos::from_secs(1) };
        let shared = Control::new(&Executor::SharedIterations(load), Shard::WHOLE);
        assert!(shared.take_turn(1) && shared.take_turn(2));
        assert_eq!((shared.take_rest(), shared.take_turn(1)), (1, false));
        let own = Control::new(&Executor::PerVuIterations(load), Shard::WHOLE);
        assert!(
            own.take_turn(1) && own.take_turn(1) && own.take_turn(1) && !own.take_turn(1) && own.take_turn(2)
        );
        assert_eq!((own.take_rest(), own.take_turn(2)), (2, false));
    }
}
