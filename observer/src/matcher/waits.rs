//! What is pending, by when it was sent and by when it is due: one pair of queues for each scenario.
//!
//! The queues are heaps. An entry that is settled stays in them until it comes to the top, or until less than half of a
//! heap still waits and it is made anew: a step costs O(log n), amortised.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use streamgauge_shared::account::{Outcome, Phase};
use streamgauge_shared::time::UnixNanos;

use super::Entry;
use super::store::{Store, Ticket};

/// A heap is not made anew below this.
const HEAP_MIN: usize = 64;

/// What is on its way in one scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Entries that have not arrived and are not given up.
    pub pending: u64,
    /// Those whose deadline had passed when time was last advanced.
    pub overdue: u64,
    /// When the oldest of them was sent.
    pub oldest_sent: Option<UnixNanos>,
}

/// Tickets by a time, the earliest first.
#[derive(Default)]
struct Queue(BinaryHeap<Reverse<(UnixNanos, Ticket)>>);

/// One scenario's pending entries of the measured phase, or all that are of none.
#[derive(Default)]
struct Lane {
    by_sent: Queue,
    by_deadline: Queue,
    pending: usize,
    overdue: u64,
}

/// All that is pending.
pub(super) struct Waits {
    /// By scenario; the last one is for the phases that are not measured.
    lanes: Vec<Lane>,
    /// Steps taken in the heaps so far.
    steps: u64,
}

/// Whether an entry still waits since this time.
fn waits_since(store: &Store, ticket: Ticket, sent: UnixNanos) -> bool {
    let waits = |entry: &Entry| entry.outcome == Outcome::Pending && entry.timeline.sent == sent;
    store.at(ticket).is_some_and(|held| waits(&held.entry))
}

/// Whether an entry still waits, is due by this time, and is not counted as overdue.
fn is_due_by(store: &Store, ticket: Ticket, deadline: UnixNanos) -> bool {
    let waits = |entry: &Entry| entry.outcome == Outcome::Pending && entry.deadline == deadline;
    store.at(ticket).is_some_and(|held| !held.overdue && waits(&held.entry))
}

impl Queue {
    fn push(&mut self, time: UnixNanos, ticket: Ticket) {
        self.0.push(Reverse((time, ticket)));
    }

    /// Takes out what is at the top and not valid, and all that is not once that is most of it. Returns its steps.
    fn tidy(&mut self, live: usize, is_valid: impl Fn(Ticket, UnixNanos) -> bool) -> u64 {
        let mut steps = 0;
        while let Some(Reverse((time, ticket))) = self.0.peek()
            && !is_valid(*ticket, *time)
        {
            self.0.pop();
            steps += 1;
        }
        if self.0.len() > HEAP_MIN + 2 * live {
            steps += self.0.len() as u64;
            self.0.retain(|Reverse((time, ticket))| is_valid(*ticket, *time));
            self.0.shrink_to(2 * self.0.len() + HEAP_MIN);
        }
        steps
    }

    /// Takes one out whose time has come.
    fn pop_until(&mut self, limit: UnixNanos) -> Option<(UnixNanos, Ticket)> {
        self.0.peek().filter(|Reverse((time, _))| *time <= limit)?;
        self.0.pop().map(|Reverse(top)| top)
    }
}

impl Waits {
    pub(super) fn new(scenarios: u16) -> Self {
        Self { lanes: (0..=scenarios).map(|_| Lane::default()).collect(), steps: 0 }
    }

    fn lane(&mut self, entry: &Entry) -> &mut Lane {
        let besides = self.lanes.len() - 1;
        let index = if entry.phase == Phase::Run { usize::from(entry.series.scenario) } else { besides };
        &mut self.lanes[index.min(besides)]
    }

    /// Steps taken in the heaps so far: what an event costs beyond its own look-ups.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// An entry waits.
    pub(super) fn opened(&mut self, ticket: Ticket, entry: &Entry) {
        let lane = self.lane(entry);
        lane.pending += 1;
        lane.by_sent.push(entry.timeline.sent, ticket);
        lane.by_deadline.push(entry.deadline, ticket);
        self.steps += 2;
    }

    /// An entry that waits has another deadline, and perhaps was sent again. It is not overdue any more.
    pub(super) fn moved(&mut self, ticket: Ticket, was_overdue: bool, store: &Store) {
        let Some(held) = store.at(ticket) else { return };
        let lane = self.lane(&held.entry);
        lane.overdue -= u64::from(was_overdue);
        lane.by_sent.push(held.entry.timeline.sent, ticket);
        lane.by_deadline.push(held.entry.deadline, ticket);
        let steps = lane.tidy(store);
        self.steps += 2 + steps;
    }

    /// An entry of this kind does not wait any more.
    pub(super) fn settled(&mut self, entry: &Entry, was_overdue: bool, store: &Store) {
        let lane = self.lane(entry);
        lane.pending -= 1;
        lane.overdue -= u64::from(was_overdue);
        let steps = lane.tidy(store);
        self.steps += steps;
    }

    /// Takes out all that were sent by this time and still wait, the oldest first.
    pub(super) fn sent_by(&mut self, limit: UnixNanos, store: &Store) -> Vec<Ticket> {
        let mut found = Vec::new();
        for lane in &mut self.lanes {
            while let Some((sent, ticket)) = lane.by_sent.pop_until(limit) {
                if waits_since(store, ticket, sent) {
                    found.push((sent, ticket));
                }
            }
        }
        found.sort_unstable();
        // One that was sent again within the same nanosecond is there twice.
        found.dedup();
        self.steps += found.len() as u64;
        found.into_iter().map(|(_, ticket)| ticket).collect()
    }

    /// Counts what is past its deadline.
    pub(super) fn advance(&mut self, now: UnixNanos, store: &mut Store) {
        let mut steps = 0;
        for lane in &mut self.lanes {
            // Overdue is what is due before now, not at it.
            while let Some((deadline, ticket)) =
                lane.by_deadline.pop_until(UnixNanos(now.0.saturating_sub(1)))
            {
                steps += 1;
                if is_due_by(store, ticket, deadline)
                    && let Some(held) = store.at_mut(ticket)
                {
                    held.overdue = true;
                    lane.overdue += 1;
                }
            }
        }
        self.steps += steps;
    }

    /// What is on its way in the measured phase of one scenario.
    pub(super) fn waiting(&self, scenario: u16) -> Waiting {
        let measured =
            self.lanes.get(usize::from(scenario)).filter(|_| usize::from(scenario) + 1 < self.lanes.len());
        measured.map_or_else(Waiting::default, |lane| Waiting {
            pending: lane.pending as u64,
            overdue: lane.overdue,
            oldest_sent: lane.by_sent.0.peek().map(|Reverse((sent, _))| *sent),
        })
    }

    /// What the heaps take, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        let places = |queue: &Queue| queue.0.capacity() * size_of::<(UnixNanos, Ticket)>();
        self.lanes.iter().map(|lane| places(&lane.by_sent) + places(&lane.by_deadline)).sum()
    }
}

impl Lane {
    fn tidy(&mut self, store: &Store) -> u64 {
        self.by_sent.tidy(self.pending, |ticket, sent| waits_since(store, ticket, sent))
            + self.by_deadline.tidy(self.pending, |ticket, deadline| is_due_by(store, ticket, deadline))
    }
}
