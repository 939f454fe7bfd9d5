//! What is known of entries that were forgotten because more of them did not arrive than are kept: how many, by
//! outcome, and how old they were. They stay in every count, and in the percentiles as what has not arrived.

use streamgauge_shared::account::Outcome;
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::Entry;

/// Of one series or slice, in the measured phase.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    by_outcome: [u64; Outcome::COUNT],
    /// Ages when they were forgotten, by latency: they are at least so old now. Only of what counts in percentiles.
    ages: [SignedHistogram; Latency::ALL.len()],
}

impl Forgotten {
    pub(super) fn add(&mut self, entry: &Entry, now: UnixNanos) {
        self.by_outcome[entry.outcome as usize] += 1;
        if !counts_in_percentiles(entry) {
            return;
        }
        for latency in Latency::ALL {
            if let Some(age) = entry.timeline.age(latency, now) {
                self.ages[latency as usize].record(age.max(Nanos::ZERO));
            }
        }
    }

    /// How many had this outcome; none of them has another one any more.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.by_outcome[outcome as usize]
    }

    /// For a latency, the ages at which those that count in its percentiles were forgotten: a lower bound of what they
    /// are now.
    #[must_use]
    pub fn ages(&self, latency: Latency) -> &SignedHistogram {
        &self.ages[latency as usize]
    }
}

/// Whether an entry that has not arrived counts in percentiles: rejected and superseded ones are left out.
pub(super) fn counts_in_percentiles(entry: &Entry) -> bool {
    matches!(entry.outcome, Outcome::Pending | Outcome::Lost | Outcome::Unknown)
}
