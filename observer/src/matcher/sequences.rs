//! Which sequences of one writer have come, and of which phase they were: runs of equal ones, since they are dense.

use std::collections::BTreeMap;

use streamgauge_shared::account::Phase;

/// Runs kept at most. A run of rows that all came and were all written has as many as it has phases; each record that
/// never came and each row that PostgreSQL refused adds two. Past it the oldest one is joined to its neighbour: one
/// more event of what it held counts as a duplicate.
pub(super) const RUNS_MAX: usize = 100_000;

/// What is known of a sequence besides its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// No record of it has come.
    Missing,
    /// Its record has come.
    Came(Phase),
    /// Its record has come, and PostgreSQL does not hold it: no event of it can be.
    Refused(Phase),
}

/// The sequences of a writer.
#[derive(Debug)]
pub(super) struct Sequences {
    /// By the first sequence of each run; a run ends where the next begins, the last one at `end`.
    runs: BTreeMap<u64, Known>,
    /// Of the last run.
    last: Known,
    end: u64,
    came: u64,
}

impl Default for Sequences {
    fn default() -> Self {
        Self { runs: BTreeMap::new(), last: Known::Missing, end: 0, came: 0 }
    }
}

impl Sequences {
    /// One more than the highest sequence that came.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// How many of so many operations never came.
    pub(super) fn missing(&self, operations: u64) -> u64 {
        operations.saturating_sub(self.came)
    }

    pub(super) fn known(&self, sequence: u64) -> Known {
        if sequence >= self.end {
            return Known::Missing;
        }
        self.run_of(sequence).map_or(Known::Missing, |(_, known)| known)
    }

    /// The record of a sequence that was missing is here.
    pub(super) fn came(&mut self, sequence: u64, known: Known) {
        self.came += 1;
        self.set(sequence, known);
    }

    /// What is known of a sequence changes.
    pub(super) fn set(&mut self, sequence: u64, known: Known) {
        if sequence < self.end {
            self.split(sequence, known);
        } else {
            if sequence > self.end {
                self.append(self.end, Known::Missing);
            }
            self.append(sequence, known);
            self.end = sequence + 1;
        }
        if self.runs.len() > RUNS_MAX {
            self.join_oldest();
        }
    }

    fn append(&mut self, start: u64, known: Known) {
        if self.runs.is_empty() || self.last != known {
            self.runs.insert(start, known);
            self.last = known;
        }
    }

    /// A sequence inside of a run becomes one of its own, or part of a neighbour.
    fn split(&mut self, sequence: u64, known: Known) {
        let Some((_, was)) = self.run_of(sequence) else { return };
        if was == known {
            return;
        }
        let next = sequence + 1;
        let is_last_of_run = next == self.end || self.runs.contains_key(&next);
        if !is_last_of_run {
            self.runs.insert(next, was);
        }
        self.runs.insert(sequence, known);
        let before = self.runs.range(..sequence).next_back().map(|(_, before)| *before);
        if before == Some(known) {
            self.runs.remove(&sequence);
        }
        if self.runs.get(&next) == Some(&known) {
            self.runs.remove(&next);
        }
        self.last = self.runs.last_key_value().map_or(Known::Missing, |(_, last)| *last);
    }

    fn join_oldest(&mut self) {
        let mut oldest = self.runs.iter().map(|(start, known)| (*start, *known));
        if let (Some((start, first)), Some((second, known))) = (oldest.next(), oldest.next()) {
            // What came stays known as having come; what was missing is given up.
            let joined = if first == Known::Missing { known } else { first };
            let third = oldest.next().filter(|(_, known)| *known == joined).map(|(start, _)| start);
            self.runs.remove(&second);
            self.runs.insert(start, joined);
            third.and_then(|third| self.runs.remove(&third));
        }
    }

    fn run_of(&self, sequence: u64) -> Option<(u64, Known)> {
        // Nearly all questions are about the last run.
        let (start, known) = self.runs.last_key_value()?;
        if sequence >= *start {
            return Some((*start, *known));
        }
        self.runs.range(..=sequence).next_back().map(|(start, known)| (*start, *known))
    }

    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_dense_run_is_one_whatever_its_length() {
        let mut sequences = Sequences::default();
        (0..100_000).for_each(|sequence| sequences.came(sequence, Known::Came(Phase::Run)));
        assert_eq!((sequences.runs(), sequences.missing(100_000)), (1, 0));
        sequences.came(100_010, Known::Came(Phase::Teardown));
        assert_eq!((sequences.runs(), sequences.missing(100_011)), (3, 10));
        assert_eq!(sequences.known(100_005), Known::Missing);
    }

    #[test]
    fn past_the_bound_the_oldest_runs_are_joined() {
        let mut sequences = Sequences::default();
        let ends = 3 * RUNS_MAX as u64;
        (0..ends).step_by(2).for_each(|sequence| sequences.came(sequence, Known::Came(Phase::Run)));
        assert!(sequences.runs() <= RUNS_MAX, "{}", sequences.runs());
        assert_eq!(sequences.known(1), Known::Came(Phase::Run), "given up");
        assert_eq!(sequences.known(ends - 3), Known::Missing);
        assert_eq!(sequences.missing(ends), ends / 2, "what never came is counted all the same");
    }

    proptest! {
        #[test]
        fn runs_say_what_a_map_says(steps in prop::collection::vec((0..60_u64, 0..3_usize), 0..200)) {
            let (mut sequences, mut map) = (Sequences::default(), HashMap::new());
            for (sequence, which) in steps {
                let known = [Known::Came(Phase::WarmUp), Known::Came(Phase::Run), Known::Refused(Phase::Run)][which];
                if map.insert(sequence, known).is_none() {
                    sequences.came(sequence, known);
                } else {
                    sequences.set(sequence, known);
                }
                for asked in 0..70 {
                    let expected = map.get(&asked).copied().unwrap_or(Known::Missing);
                    prop_assert_eq!(sequences.known(asked), expected, "sequence {}", asked);
                }
                prop_assert_eq!(sequences.missing(60), 60 - map.len() as u64);
                let changes = (1..sequences.end()).filter(|at| sequences.known(*at) != sequences.known(at - 1));
                prop_assert_eq!(sequences.runs(), changes.count() + 1, "no two neighbours are alike");
            }
        }
    }
}
