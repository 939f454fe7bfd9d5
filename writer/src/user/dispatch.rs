//! Tells users what is due, on the pacer's thread.
//!
//! Arrival rates by k6's rule: a tick that finds no free user is dropped and counted. If more users are allowed,
//! one more is asked for, at most one at a time; the tick stays dropped. Of a closed loop the users with
//! the numbers up to the plan iterate, those above it finish.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use streamgauge_shared::account::Phase;
use streamgauge_shared::time::UnixNanos;
use tokio::sync::mpsc;

use super::{Context, Control, FreeUser, FreeUsers, LoadState};
use crate::pacer::Target;
use crate::schedule::{Event, Occurrence, Tick};

/// Scenarios that may ask for a user at the same time; each asks for one at most.
pub const GROW_MAX: usize = 65_536;

/// The pacer's target.
pub struct Dispatcher {
    context: Arc<Context>,
    /// One for each scenario.
    crews: Vec<Crew>,
    /// Takes the index of a scenario that needs one more user.
    grow: mpsc::Sender<usize>,
}

/// The users of a scenario, as the pacer reaches them.
pub struct Crew {
    control: Arc<Control>,
    /// Users of an open loop that wait for a tick.
    free: crossbeam_channel::Receiver<FreeUser>,
    /// Users of a closed loop that iterate.
    planned: u32,
}

impl Dispatcher {
    /// Reaches these users, one crew for each scenario.
    #[must_use]
    pub fn new(context: Arc<Context>, crews: Vec<Crew>, grow: mpsc::Sender<usize>) -> Self {
        Self { context, crews, grow }
    }

    fn start(&mut self, tick: Tick) {
        let count = &self.context.counts[tick.scenario];
        let measured = tick.phase == Phase::Run;
        if measured {
            count.tick_due();
        }
        if let Ok(user) = self.crews[tick.scenario].free.try_recv()
            && user.0.try_send(tick).is_ok()
        {
            return;
        }
        count.drop_tick(measured);
        let most = self.context.most_users(tick.scenario);
        if count.users.load(Ordering::Relaxed) >= most {
            // Told by the load: the pacer does not wait for a log.
            count.insufficient.store(true, Ordering::Relaxed);
        } else if !count.growing.swap(true, Ordering::Relaxed) && self.grow.try_send(tick.scenario).is_err() {
            count.growing.store(false, Ordering::Relaxed);
        }
    }
}

impl Target for Dispatcher {
    fn release(&mut self, event: Event) {
        let Event { scenario, at, occurrence } = event;
        let count = &self.context.counts[scenario];
        let crew = &mut self.crews[scenario];
        match occurrence {
            Occurrence::Start(phase, stage) => self.start(Tick { scenario, phase, stage, intended: at }),
            Occurrence::Planned(users) => {
                count.users.store(users, Ordering::Relaxed);
                count.plan_changed(users, at);
                crew.plan(users, at);
            }
            Occurrence::Cut { above, up_to } => {
                (above + 1..=up_to).rev().for_each(|number| crew.control.tell(number, LoadState::Cut));
            }
            Occurrence::End => {
                crew.control.end(LoadState::Stopping);
                count.ends_at(at);
                count.drop_rest(crew.control.take_rest());
            }
            Occurrence::CutAll => crew.control.end(LoadState::Cut),
        }
    }
}

impl Crew {
    /// Users that are told through `control`, those of an open loop when they come out of `free`.
    #[must_use]
    pub fn new(control: Arc<Control>, free: crossbeam_channel::Receiver<FreeUser>) -> Self {
        Self { control, free, planned: 0 }
    }

    /// How its users are told and found free.
    #[must_use]
    pub fn reach(&self) -> (Arc<Control>, FreeUsers) {
        (Arc::clone(&self.control), FreeUsers::new(self.free.clone()))
    }

    fn plan(&mut self, users: u32, at: UnixNanos) {
        (self.planned + 1..=users).for_each(|number| self.control.go_on(number, at));
        (users + 1..=self.planned).rev().for_each(|number| self.control.tell(number, LoadState::Stopping));
        self.planned = users;
    }
}
