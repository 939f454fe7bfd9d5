//! The sliding window over one writer's entries: sequences are dense, so a deque replaces a hash map.

use std::collections::VecDeque;

use streamgauge_shared::account::Phase;
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::Entry;

/// Entries of one writer from the oldest that is not settled to the newest.
pub(super) struct Window {
    /// The sequence of the first slot.
    base: u64,
    /// Records of several users may come a little out of order: a slot can be vacant.
    slots: VecDeque<Option<Entry>>,
    watermark: UnixNanos,
    /// How far its writer's times may be off.
    clock_bound: Nanos,
    /// The phases whose entries have all left: sequences below the bound had the phase.
    phases: Vec<(u64, Phase)>,
    /// Vacant slots that left: their entries never came.
    vacated: u64,
}

/// What a window knows of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knows {
    /// Its entry is in the window.
    Open,
    /// Its entry was here and has left; it was of this phase.
    Retired(Phase),
    /// Its entry has not come.
    Nothing,
    /// It cannot come: no writer is that far ahead of what it has not settled.
    TooFarAhead,
}

/// How far ahead of the window a sequence may lie: a broken peer must not make us allocate the universe.
const AHEAD_MAX: u64 = 10_000_000;

impl Default for Window {
    fn default() -> Self {
        Self {
            base: 0,
            slots: VecDeque::new(),
            watermark: UnixNanos(i64::MIN),
            clock_bound: Nanos::ZERO,
            phases: Vec::new(),
            vacated: 0,
        }
    }
}

impl Window {
    fn slot(&self, sequence: u64) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.base)?).ok().filter(|slot| *slot < self.slots.len())
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Entry> {
        self.slots[self.slot(sequence)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, sequence: u64) -> Option<&mut Entry> {
        let slot = self.slot(sequence)?;
        self.slots[slot].as_mut()
    }

    pub(super) fn insert(&mut self, sequence: u64, entry: Entry) {
        let Some(ahead) = sequence.checked_sub(self.base) else { return };
        let slot = usize::try_from(ahead).expect("below the limit");
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.slots[slot] = Some(entry);
    }

    pub(super) fn knows(&self, sequence: u64) -> Knows {
        if sequence >= self.base {
            if sequence - self.base >= AHEAD_MAX {
                return Knows::TooFarAhead;
            }
            return if self.get(sequence).is_some() { Knows::Open } else { Knows::Nothing };
        }
        let phase =
            self.phases.iter().find(|(below, _)| sequence < *below).map_or(Phase::Run, |(_, phase)| *phase);
        Knows::Retired(phase)
    }

    /// Takes the oldest entry out once it is settled.
    pub(super) fn retire_front(&mut self) -> Option<(u64, Entry)> {
        let settled = self.slots.front().is_some_and(|slot| slot.as_ref().is_some_and(Entry::is_settled));
        let entry = settled.then(|| self.slots.pop_front()).flatten().flatten()?;
        let sequence = self.base;
        self.base += 1;
        match self.phases.last_mut() {
            Some((below, phase)) if *phase == entry.phase => *below = self.base,
            _ => self.phases.push((self.base, entry.phase)),
        }
        Some((sequence, entry))
    }

    /// Every record queued before this time is here.
    pub(super) fn passed(&mut self, queued_at: UnixNanos) {
        self.watermark = self.watermark.max(queued_at - self.clock_bound);
    }

    /// The writer's times may be off by so much: what is older than that has certainly passed.
    pub(super) fn set_clock_bound(&mut self, bound: Nanos) {
        self.clock_bound = bound;
    }

    pub(super) fn watermark(&self) -> UnixNanos {
        self.watermark
    }

    /// Entries sent before a time that have not left.
    pub(super) fn sent_before(&self, time: UnixNanos) -> impl Iterator<Item = u64> {
        let old = move |(_, entry): &(u64, &Entry)| entry.timeline.sent <= time;
        self.numbered().filter(old).map(|(sequence, _)| sequence)
    }

    /// Lets entries sent before a time leave although they have not arrived.
    pub(super) fn expire(&mut self, time: UnixNanos) {
        let old = |entry: &&mut Entry| entry.timeline.sent <= time;
        self.slots.iter_mut().flatten().filter(old).for_each(|entry| entry.expired = true);
        // A record that has not come while its successors grew old never will.
        while self.slots.front().is_some_and(Option::is_none)
            && self.slots.iter().flatten().next().is_some_and(|entry| entry.expired)
        {
            self.slots.pop_front();
            self.base += 1;
            self.vacated += 1;
        }
    }

    pub(super) fn sequences(&self) -> impl Iterator<Item = u64> {
        self.base..self.base + self.slots.len() as u64
    }

    /// Entries with their sequences.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u64, &Entry)> {
        (self.base..).zip(&self.slots).filter_map(|(sequence, slot)| Some((sequence, slot.as_ref()?)))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    pub(super) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.slots.iter_mut().flatten()
    }

    /// Sequences below `operations` whose entries never came.
    pub(super) fn missing(&self, operations: u64) -> u64 {
        let vacant = self.slots.iter().filter(|slot| slot.is_none()).count() as u64;
        let end = self.base + self.slots.len() as u64;
        self.vacated + vacant + operations.saturating_sub(end)
    }
}
