//! The thread that owns a run's core for the length of the run. It receives, reads the clock, and what the process
//! has used where a snapshot is due; it applies what follows: sends to outboxes, publishes snapshots, hands
//! intervals to the interval log.

use std::sync::Arc;

use streamgauge_shared::clock::Clock;
use streamgauge_shared::ledger::{Process, ToWriter};
use streamgauge_shared::process;
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::time::UnixNanos;
use tokio::sync::{mpsc, watch};

use super::Input;
use super::core::{Brief, Core, Effect, Reading};
use crate::measure::{Interval, Rows, Snapshot};

/// Batches that may wait for the thread. Each is a server reply or the frames of one read: past it the
/// senders wait, which for the change stream shows as unmeasured events.
pub(super) const INPUTS_MAX: usize = 1_024;
/// Intervals that may wait to be written to the interval log. Past it nothing is lost: the interval goes on,
/// and its line stands for more than a second.
pub(super) const INTERVALS_MAX: usize = 16;

/// The end of a run: the final snapshot, and the connections that want to hear of it.
pub(super) struct Closed {
    /// With the account closed.
    pub(super) snapshot: Arc<Snapshot>,
    /// The single rows that were kept.
    pub(super) rows: Rows,
    /// The last one of the interval log.
    pub(super) interval: Interval,
    /// Of the writers that are there.
    pub(super) outboxes: Vec<mpsc::Sender<ToWriter>>,
}

/// What the thread tells of the run as it goes on.
pub(super) struct Outlets {
    /// A snapshot a second.
    pub(super) snapshots: watch::Sender<Option<Arc<Snapshot>>>,
    /// Takes the intervals of the interval log.
    pub(super) intervals: mpsc::Sender<Interval>,
    /// Takes what is to be looked for: the run, and how far back, seconds.
    pub(super) searches: mpsc::Sender<(RunId, u32)>,
}

/// Runs until the account is closed.
#[must_use]
pub(super) fn run(brief: Brief, clock: Clock, mut inputs: mpsc::Receiver<Input>, outlets: Outlets) -> Closed {
    let now = clock.now();
    let outboxes = vec![None; usize::from(brief.writers)];
    let mut hands = Hands { outboxes, outlets, logged_until: now };
    let mut core = Core::new(brief, now);
    let mut usage = Process::default();
    let mut waiting = None;
    while let Some(input) = inputs.blocking_recv() {
        let now = clock.now();
        if core.is_snapshot_due(now) {
            usage = process::usage();
        }
        for effect in core.take(input, &Reading { now, wall: clock.wall(), usage }) {
            hands.apply(effect, &mut core, now);
        }
        if !core.is_over(now) {
            waiting = None;
            continue;
        }
        // What waits behind the input that ended the run was here before it: a row that was observed in time counts.
        let left = waiting.get_or_insert(inputs.len());
        if *left == 0 {
            break;
        }
        *left -= 1;
    }
    let now = clock.now();
    let (snapshot, effects) = core.close(&Reading { now, wall: clock.wall(), usage: process::usage() });
    effects.into_iter().for_each(|effect| hands.apply(effect, &mut core, now));
    hands.outlets.snapshots.send_replace(Some(Arc::clone(&snapshot)));
    let interval = core.take_interval(hands.logged_until, now);
    Closed {
        snapshot,
        interval,
        rows: core.into_rows(),
        outboxes: hands.outboxes.into_iter().flatten().collect(),
    }
}

/// What the thread carries effects out with.
struct Hands {
    /// By writer: of those whose connection is up.
    outboxes: Vec<Option<mpsc::Sender<ToWriter>>>,
    outlets: Outlets,
    /// Up to here the interval log has been told.
    logged_until: UnixNanos,
}

impl Hands {
    fn apply(&mut self, effect: Effect, core: &mut Core, now: UnixNanos) {
        match effect {
            Effect::Attach { writer, outbox } => self.outboxes[usize::from(writer)] = Some(outbox),
            Effect::Detach { writer } => self.outboxes[usize::from(writer)] = None,
            Effect::Tell { writer, message } => send(&mut self.outboxes[usize::from(writer)], message),
            // Who asked may have gone.
            Effect::Answer { answer, row } => drop(answer.send(row)),
            // One that goes on is enough.
            Effect::LookFor { run, back_s } => drop(self.outlets.searches.try_send((run, back_s))),
            Effect::Publish(snapshot) => {
                self.outlets.snapshots.send_replace(Some(snapshot));
                // Into the interval log, if it has room.
                if let Ok(place) = self.outlets.intervals.try_reserve() {
                    place.send(core.take_interval(self.logged_until, now));
                    self.logged_until = now;
                }
            }
        }
    }
}

/// Hands a message to a connection. One that does not keep up is given up: without its outbox the session
/// ends, and the writer, reconnecting, asks again for what it still waits for.
fn send(outbox: &mut Option<mpsc::Sender<ToWriter>>, message: ToWriter) {
    if outbox.as_ref().is_some_and(|outbox| outbox.try_send(message).is_err()) {
        *outbox = None;
    }
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
