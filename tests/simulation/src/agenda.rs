//! Virtual time: what happens when, in the order of time and then of planning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use streamgauge_shared::clock::Exchange;
use streamgauge_shared::ledger::{ToWriter, Written};
use streamgauge_shared::time::UnixNanos;

/// One millisecond of virtual time.
pub(crate) const MS: i64 = 1_000_000;

/// What happens. A writer is named by its index, a connection by its writer and its number.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A writer connects, for the first time or again.
    Connect(usize),
    /// The observer has compared the clocks and is ready for what the writer sends.
    Ready(usize, u64),
    /// A writer's setup is done.
    Prepared(usize),
    /// A writer begins its next operation of this load.
    Begin(usize),
    /// A capacity search offers its next iteration.
    Offer(usize),
    /// An iteration goes on after a pause, on the row of this operation.
    Follow(usize),
    /// A writer looks whether it has anything left to do.
    Rest(usize),
    /// An operation is sent, for the first time or again.
    Attempt(usize),
    /// PostgreSQL commits it.
    Commit(usize),
    /// The writer learns its fate.
    Answer(usize, Written),
    /// A writer's link takes what there is to send.
    Pump(usize, u64),
    /// Bytes of a connection reach the observer.
    Bytes(usize, u64, Vec<u8>),
    /// A message of the observer reaches the writer.
    Told(usize, u64, ToWriter),
    /// A writer's connection breaks.
    Cut(usize),
    /// The observer notices that a connection is gone.
    Noticed(usize, u64),
    /// A writer's process dies.
    Kill(usize),
    /// The user interrupts a writer; for the second time or not.
    Interrupt(usize, bool),
    /// A clock exchange begins on a connection.
    Probe(usize, u64),
    /// And ends.
    Probed(usize, u64, Exchange),
    /// The pipeline writes a change to MongoDB.
    Apply(usize),
    /// A change that a coalescing pipeline held back is written, if nothing followed it.
    Flush(usize),
    /// The pipeline stops, and writes its last changes again when it is back.
    Restart,
    /// A change event becomes visible.
    Visible(Seen),
    /// The observer's stream breaks; with a gap, what happens meanwhile is never seen.
    StreamDown { gap: bool },
    /// It is open again.
    StreamUp,
    /// The run is told the time.
    Tick,
}

/// A change event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen {
    /// Of an operation of ours, with the stamp of an attempt unless it is a delete, and the number of the row's document.
    Ours(usize, UnixNanos, u32),
    /// Of another run, or without a stamp, or a delete of an unknown key.
    Foreign(u8),
    /// Garbage.
    Undecodable,
}

struct Entry {
    at: i64,
    number: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// Everything that is going to happen.
#[derive(Default)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<Entry>>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn at(&mut self, at: i64, happening: Happening) {
        self.planned += 1;
        self.heap.push(Reverse(Entry { at, number: self.planned, happening }));
    }

    /// The next thing that happens.
    pub(crate) fn next(&mut self) -> Option<(i64, Happening)> {
        self.heap.pop().map(|entry| (entry.0.at, entry.0.happening))
    }
}
