//! The window over one writer's entries: where each open one is kept, and what is known of those that have left.
//!
//! Sequences are dense, so the place of a recent entry is in a queue that is indexed by sequence, four bytes each.
//! Entries leave from its middle. Where only few of those that it spans are still open, the oldest move into a map:
//! a row that never arrives does not hold what was sent after it.

use std::collections::{HashMap, VecDeque};

use streamgauge_shared::account::Phase;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::sequences::{Known, Sequences};

/// Marks a sequence that has no open entry.
const NO_PLACE: u32 = u32::MAX;
/// The queue spans at most so many sequences for each open one...
const SPAN_PER_OPEN: usize = 8;
/// ...once it spans more than this.
const SPAN_MIN: usize = 1_024;
/// A sequence further ahead of the queue's end goes into the map: a broken peer must not make the queue grow.
const AHEAD_MAX: u64 = 65_536;

/// One writer's entries.
#[derive(Debug)]
pub(super) struct Window {
    sequences: Sequences,
    /// The sequence of the first place.
    base: u64,
    places: VecDeque<u32>,
    open_places: usize,
    /// Places of open entries that are not in the queue.
    apart: HashMap<u64, u32>,
    watermark: UnixNanos,
    /// How far its writer's times may be off.
    clock_bound: Nanos,
    /// Entries whose fate in PostgreSQL is not known, those that were forgotten included.
    unclosed: u64,
    /// Those of them that were forgotten.
    forgotten_unclosed: u64,
}

/// What a window knows of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knows {
    /// Its entry is in the window.
    Open,
    /// Its entry was here and has left; it was of this phase.
    Left(Phase),
    /// Its entry was here and has left, because PostgreSQL does not hold it.
    Refused(Phase),
    /// Its entry has not come.
    Nothing,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            sequences: Sequences::default(),
            base: 0,
            places: VecDeque::new(),
            open_places: 0,
            apart: HashMap::new(),
            watermark: UnixNanos(i64::MIN),
            clock_bound: Nanos::ZERO,
            unclosed: 0,
            forgotten_unclosed: 0,
        }
    }
}

impl Window {
    fn index(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.base)?).ok().filter(|index| *index < self.places.len())
    }

    /// Where the open entry of a sequence is kept.
    pub(super) fn place(&self, sequence: u64) -> Option<u32> {
        if sequence >= self.sequences.end() {
            return None;
        }
        let queued = self.index(sequence).map(|index| self.places[index]).filter(|place| *place != NO_PLACE);
        queued.or_else(|| if self.apart.is_empty() { None } else { self.apart.get(&sequence).copied() })
    }

    pub(super) fn knows(&self, sequence: u64) -> Knows {
        if self.place(sequence).is_some() {
            return Knows::Open;
        }
        match self.sequences.known(sequence) {
            Known::Missing => Knows::Nothing,
            Known::Came(phase) => Knows::Left(phase),
            Known::Refused(phase) => Knows::Refused(phase),
        }
    }

    /// The record of a sequence that was missing came; its entry is kept at this place.
    pub(super) fn open(&mut self, sequence: u64, phase: Phase, place: u32) {
        self.sequences.came(sequence, Known::Came(phase));
        self.unclosed += 1;
        if self.places.is_empty() {
            self.base = sequence;
        }
        let end = self.base + self.places.len() as u64;
        match sequence.checked_sub(self.base).and_then(|index| usize::try_from(index).ok()) {
            Some(index) if sequence < end.saturating_add(AHEAD_MAX) => {
                if index >= self.places.len() {
                    self.places.resize(index + 1, NO_PLACE);
                }
                self.places[index] = place;
                self.open_places += 1;
            }
            _ => drop(self.apart.insert(sequence, place)),
        }
        self.tidy();
    }

    /// The record of a sequence came, and it is refused from the start.
    pub(super) fn never_open(&mut self, sequence: u64, phase: Phase) {
        self.sequences.came(sequence, Known::Refused(phase));
    }

    /// The fate of an open entry is known.
    pub(super) fn closed(&mut self) {
        self.unclosed -= 1;
    }

    /// The fate of an entry that has left is known: of one that was forgotten before.
    pub(super) fn closed_after_leaving(&mut self) {
        if self.forgotten_unclosed > 0 {
            self.forgotten_unclosed -= 1;
            self.unclosed -= 1;
        }
    }

    /// An open entry leaves before its fate is known.
    pub(super) fn forget_unclosed(&mut self) {
        self.forgotten_unclosed += 1;
    }

    /// Entries whose fate in PostgreSQL is not known.
    pub(super) fn unclosed(&self) -> u64 {
        self.unclosed
    }

    /// The entry of a sequence leaves; `refused` if PostgreSQL does not hold it.
    pub(super) fn leave(&mut self, sequence: u64, refused: Option<Phase>) {
        match self.index(sequence) {
            Some(index) if self.places[index] != NO_PLACE => {
                self.places[index] = NO_PLACE;
                self.open_places -= 1;
            }
            _ => drop(self.apart.remove(&sequence)),
        }
        if let Some(phase) = refused {
            self.sequences.set(sequence, Known::Refused(phase));
        }
        self.tidy();
    }

    /// Shortens the queue: every sequence leaves it once, so this costs no more than what was put in.
    fn tidy(&mut self) {
        while let Some(place) = self.places.front().copied() {
            let is_sparse = self.places.len() > SPAN_MIN.max(SPAN_PER_OPEN * self.open_places);
            if place != NO_PLACE {
                if !is_sparse {
                    return;
                }
                self.apart.insert(self.base, place);
                self.open_places -= 1;
            }
            self.places.pop_front();
            self.base += 1;
        }
    }

    /// Every record queued before this time is here.
    pub(super) fn passed(&mut self, queued_at: UnixNanos) {
        self.watermark = self.watermark.max(queued_at - self.clock_bound);
    }

    /// The writer's times may be off by so much: what is older than that has certainly passed.
    pub(super) fn set_clock_bound(&mut self, bound: Nanos) {
        self.clock_bound = bound;
    }

    /// Since when an event may be of an operation that was sent then, as far as the clocks agree.
    pub(super) fn events_since(&self, sent: UnixNanos) -> UnixNanos {
        sent - self.clock_bound
    }

    pub(super) fn watermark(&self) -> UnixNanos {
        self.watermark
    }

    /// Places of all open entries, in no order.
    pub(super) fn open_entries(&self) -> impl Iterator<Item = u32> {
        self.places.iter().filter(|place| **place != NO_PLACE).chain(self.apart.values()).copied()
    }

    /// Sequences below `operations` whose entries never came.
    pub(super) fn missing(&self, operations: u64) -> u64 {
        self.sequences.missing(operations)
    }

    /// What the window itself takes, in bytes: about.
    pub(super) fn bytes(&self) -> usize {
        // A hash map keeps a byte of control beside each of its places.
        self.places.capacity() * size_of::<u32>() + self.apart.capacity() * (size_of::<(u64, u32)>() + 1)
    }
}
