//! Spans that ended at a time which cannot be believed: each is known to lie between two bounds.

use serde::{Deserialize, Serialize};

use super::SignedHistogram;
use crate::time::Nanos;

/// The bounds of each of them. Small while there are none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Unmeasured(Option<Box<Bounds>>);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Bounds {
    at_least: SignedHistogram,
    /// Of those whose end was read at all; the others have no upper bound.
    at_most: SignedHistogram,
}

impl Unmeasured {
    /// Counts one that is at least so long and, where that is known, at most so long.
    pub fn record(&mut self, at_least: Nanos, at_most: Option<Nanos>) {
        let bounds = self.0.get_or_insert_default();
        bounds.at_least.record(at_most.map_or(at_least, |most| at_least.min(most)));
        at_most.into_iter().for_each(|most| bounds.at_most.record(most));
    }

    /// Those with these bounds: of each the least, and of those whose end was read at all the most.
    #[must_use]
    pub fn between(at_least: SignedHistogram, at_most: SignedHistogram) -> Self {
        Self((at_least.count() > 0).then(|| Box::new(Bounds { at_least, at_most })))
    }

    /// Adds every one of another set.
    pub fn merge(&mut self, other: &Self) {
        if let Some(theirs) = &other.0 {
            let ours = self.0.get_or_insert_default();
            ours.at_least.merge(&theirs.at_least);
            ours.at_most.merge(&theirs.at_most);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |bounds| bounds.at_least.count())
    }

    /// The least that each can be.
    #[must_use]
    pub fn at_least(&self) -> Option<&SignedHistogram> {
        self.0.as_ref().map(|bounds| &bounds.at_least)
    }

    /// The most that each can be, without those of which nothing is known.
    #[must_use]
    pub fn at_most(&self) -> Option<&SignedHistogram> {
        self.0.as_ref().map(|bounds| &bounds.at_most)
    }
}
