//! What is kept of entries on which no pipeline has anything more to do, in case something comes after all: bounded for
//! each kind of them, so that none takes the places of another.

use std::collections::VecDeque;

use streamgauge_shared::account::Outcome;

use super::Entry;
use super::store::{Id, Store, Ticket};

/// Kinds of entries that are kept though nothing more is awaited from the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Given up; may arrive after all.
    Lost,
    /// PostgreSQL's answer is not known; may arrive.
    Unknown,
    /// A later operation on its row arrived; may arrive after all.
    Superseded,
    /// Arrived, and PostgreSQL's answer has not come.
    Unanswered,
}

const KINDS: usize = 4;
/// A queue is not made anew below this.
const QUEUE_MIN: usize = 64;

#[derive(Default)]
struct Queue {
    tickets: VecDeque<Ticket>,
    kept: usize,
}

/// The kept entries, oldest first; those that have left are passed over.
pub(super) struct Kept {
    queues: [Queue; KINDS],
    /// Entries of each kind at most.
    max: usize,
    steps: u64,
}

impl Kind {
    /// What an entry is kept as, if it is.
    pub(super) fn of(entry: &Entry) -> Option<Self> {
        match entry.outcome {
            Outcome::Lost => Some(Self::Lost),
            Outcome::Unknown => Some(Self::Unknown),
            Outcome::Superseded => Some(Self::Superseded),
            Outcome::Delivered | Outcome::Late if entry.written.is_none() => Some(Self::Unanswered),
            _ => None,
        }
    }
}

fn is_kept_as(store: &Store, ticket: Ticket, kind: Kind) -> bool {
    store.at(ticket).is_some_and(|held| Kind::of(&held.entry) == Some(kind))
}

impl Kept {
    pub(super) fn new(max: usize) -> Self {
        Self { queues: Default::default(), max, steps: 0 }
    }

    /// An entry is kept as something else than before. Call it once the entry has changed, or has left.
    pub(super) fn change(&mut self, ticket: Ticket, from: Option<Kind>, to: Option<Kind>, store: &Store) {
        if from == to {
            return;
        }
        if let Some(kind) = from {
            let queue = &mut self.queues[kind as usize];
            queue.kept -= 1;
            if queue.tickets.len() > QUEUE_MIN + 2 * queue.kept {
                self.steps += queue.tickets.len() as u64;
                queue.tickets.retain(|ticket| is_kept_as(store, *ticket, kind));
            }
        }
        if let Some(kind) = to {
            let queue = &mut self.queues[kind as usize];
            queue.kept += 1;
            queue.tickets.push_back(ticket);
        }
    }

    /// The oldest entry of a kind of which there are too many.
    pub(super) fn too_many(&mut self, store: &Store) -> Option<(Id, Kind)> {
        for kind in [Kind::Lost, Kind::Unknown, Kind::Superseded, Kind::Unanswered] {
            let queue = &mut self.queues[kind as usize];
            while queue.kept > self.max {
                let ticket = queue.tickets.pop_front()?;
                self.steps += 1;
                if is_kept_as(store, ticket, kind) {
                    return store.at(ticket).map(|held| (held.id, kind));
                }
            }
        }
        None
    }

    /// How many are kept of a kind.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.queues[kind as usize].kept
    }

    /// Steps taken in the queues so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// What the queues take, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        self.queues.iter().map(|queue| queue.tickets.capacity() * size_of::<Ticket>()).sum()
    }
}
