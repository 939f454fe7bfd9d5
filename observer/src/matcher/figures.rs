//! What the matcher's state adds up to, for snapshots.

use streamgauge_shared::account::{Account, EventCount, EventKind, Outcome, Phase};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::{Checks, Entry, Limits, Matcher, Part, Parts, Window};

/// What is on its way in one scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Entries that have not arrived and are not given up.
    pub pending: u64,
    /// Those past their deadline.
    pub overdue: u64,
    /// When the oldest of them was sent.
    pub oldest_sent: Option<UnixNanos>,
}

impl Matcher {
    /// The parts it counts by.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.parts
    }

    /// One part's account in one phase.
    #[must_use]
    pub fn account(&self, part: Part, phase: Phase) -> &Account {
        &self.states[part.index].accounts[phase as usize]
    }

    /// Of a part's lost entries, the deletes of rows that never arrived.
    #[must_use]
    pub fn lost_no_row(&self, part: Part, phase: Phase) -> u64 {
        self.states[part.index].lost_no_row[phase as usize]
    }

    /// One part's checks in the measured phase.
    #[must_use]
    pub fn checks(&self, part: Part) -> Checks {
        self.states[part.index].checks
    }

    /// All accounts of a phase together.
    #[must_use]
    pub fn total(&self, phase: Phase) -> Account {
        let mut total = Account::default();
        self.states.iter().for_each(|state| total.add(&state.accounts[phase as usize]));
        total
    }

    /// Events of a phase. Those that belong to none are in the measured one's.
    #[must_use]
    pub fn events(&self, phase: Phase) -> &EventCount {
        &self.events[phase as usize]
    }

    /// Entries that the ledger did not hold and an event revealed.
    #[must_use]
    pub fn recovered(&self) -> u64 {
        self.recovered
    }

    /// What passed a bound.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether nothing is on its way: no entry pending or of unknown fate, no event without its entry.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let waiting = |phase| {
            let total = self.total(phase);
            total.count(Outcome::Pending) + total.count(Outcome::Unknown)
        };
        self.early_count == 0 && Phase::ALL.into_iter().all(|phase| waiting(phase) == 0)
    }

    /// Sequences of a writer, of so many opened, whose entries never came.
    #[must_use]
    pub fn missing(&self, writer: u16, operations: u64) -> u64 {
        self.windows.get(usize::from(writer)).map_or(operations, |window| window.missing(operations))
    }

    /// What is on its way in the measured phase of one scenario.
    #[must_use]
    pub fn waiting(&self, scenario: u16, now: UnixNanos) -> Waiting {
        let mut waiting = Waiting::default();
        let pending = |entry: &&Entry| entry.outcome == Outcome::Pending && entry.phase == Phase::Run;
        for entry in self.windows.iter().flat_map(Window::entries).filter(pending) {
            if entry.part.scenario == scenario {
                waiting.pending += 1;
                waiting.overdue += u64::from(entry.deadline < now);
                let sent = entry.timeline.sent;
                waiting.oldest_sent = Some(waiting.oldest_sent.map_or(sent, |oldest| oldest.min(sent)));
            }
        }
        waiting
    }

    /// The age at `now` of each operation of the measured phase that has not arrived, by part: pending, lost
    /// and of unknown fate. Rejected and superseded ones are left out (design: percentiles over all operations).
    pub fn ages(&self, latency: Latency, now: UnixNanos, ages: &mut [SignedHistogram]) {
        let counts = |entry: &&Entry| {
            entry.phase == Phase::Run
                && matches!(entry.outcome, Outcome::Pending | Outcome::Lost | Outcome::Unknown)
        };
        for entry in self.windows.iter().flat_map(Window::entries).chain(self.lost.values()).filter(counts) {
            if let Some(age) = entry.timeline.age(latency, now) {
                ages[entry.part.index].record(age.max(Nanos::ZERO));
            }
        }
    }

    /// Both sums, for each phase, at any time; at the close also that every arrival changed one entry.
    ///
    /// # Panics
    /// When a sum does not close: our own bug, and no figure could be trusted.
    pub fn assert_sums(&self, closed: bool) {
        for phase in Phase::ALL {
            for state in &self.states {
                assert!(
                    state.accounts[phase as usize].closes(),
                    "entries are the sum of their outcomes: {:?}",
                    state.accounts[phase as usize]
                );
            }
            let (account, events) = (self.total(phase), self.events(phase));
            assert!(events.closes(), "events are the sum of their kinds: {events:?}");
            assert_eq!(events.arrivals(), account.arrived(), "each arrival changed one entry of {phase}");
            assert!(
                !closed || events.count(EventKind::Early) == 0,
                "no event is early at the close of {phase}"
            );
            assert!(
                !closed || account.count(Outcome::Pending) == 0,
                "no entry is pending at the close of {phase}"
            );
        }
    }
}
