//! Why PostgreSQL refused operations: how often for each cause, with what it said the first time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Causes that are kept apart at most; what is past them is counted under [`OTHERS`].
const CAUSES_MAX: usize = 32;
/// The cause of what is past [`CAUSES_MAX`].
const OTHERS: &str = "others";
/// The cause of a statement that was taken and touched no row.
pub const NO_ROW: &str = "no_row";

/// Operations of the measured phase that were refused, by cause: a SQLSTATE, or [`NO_ROW`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rejections(BTreeMap<String, Rejection>);

/// Operations that were refused for one cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// How many; at least 1.
    pub count: u64,
    /// What PostgreSQL said the first time.
    pub said: String,
}

impl Rejections {
    /// Counts one more.
    pub fn add(&mut self, cause: &str, said: &str) {
        self.count(cause, &Rejection { count: 1, said: said.to_owned() });
    }

    /// Counts those of another writer.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(cause, rejection)| self.count(cause, rejection));
    }

    fn count(&mut self, cause: &str, more: &Rejection) {
        let is_known = self.0.contains_key(cause) || self.0.len() < CAUSES_MAX;
        let cause = if is_known { cause } else { OTHERS };
        let rejection =
            self.0.entry(cause.to_owned()).or_insert_with(|| Rejection { count: 0, said: more.said.clone() });
        rejection.count += more.count;
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were for a cause.
    #[must_use]
    pub fn of(&self, cause: &str) -> u64 {
        self.0.get(cause).map_or(0, |rejection| rejection.count)
    }

    /// A sentence for each cause.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let note = |(cause, Rejection { count, said }): (&String, &Rejection)| {
            let at_first = if cause == OTHERS { ", the first of them" } else { "" };
            format!("{count} of the rejected ({cause}){at_first}: {said}")
        };
        self.0.iter().map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_over_writers_with_what_was_said_first() {
        let (mut all, mut one) = (Rejections::default(), Rejections::default());
        assert!(all.is_empty() && all.notes().is_empty());
        one.add("42501", "permission denied for table customers");
        one.add("42501", "permission denied for table orders");
        all.add(NO_ROW, "the statement touched no row");
        all.merge(&one);
        assert_eq!((all.of("42501"), all.of(NO_ROW), all.of("23505")), (2, 1, 0));
        assert_eq!(
            all.notes(),
            [
                "2 of the rejected (42501): permission denied for table customers",
                "1 of the rejected (no_row): the statement touched no row",
            ]
        );
    }

    #[test]
    fn there_are_never_more_causes_than_the_limit_and_none_is_lost() {
        let mut all = Rejections::default();
        (0..100).for_each(|number| all.add(&format!("P{number:04}"), "raised"));
        assert_eq!(all.0.len(), CAUSES_MAX + 1);
        assert_eq!(all.0.values().map(|rejection| rejection.count).sum::<u64>(), 100);
        assert!(all.notes().contains(&"68 of the rejected (others), the first of them: raised".to_owned()));
    }
}
