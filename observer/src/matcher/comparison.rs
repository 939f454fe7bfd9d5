//! Whether a row says what it should: the one place where content is compared. Verified columns and the columns of a
//! `check` step go the same way.

use streamgauge_shared::content::{ColumnDigest, NotCompared};

use crate::stream::Content;

/// What comparing some columns of a row came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Every column says what it should.
    Matches,
    /// A column says something else.
    Differs,
    /// No column says anything else, and not all could be compared.
    InPart,
    /// Not one column could be compared.
    NotCompared,
}

impl Comparison {
    /// Whether the row says what it should as far as it was compared; absent where nothing of it was.
    #[must_use]
    pub fn agrees(self) -> Option<bool> {
        match self {
            Self::Matches | Self::InPart => Some(true),
            Self::Differs => Some(false),
            Self::NotCompared => None,
        }
    }

    /// Whether every column says what it should; absent where that cannot be told.
    #[must_use]
    pub fn holds(self) -> Option<bool> {
        match self {
            Self::Matches => Some(true),
            Self::Differs => Some(false),
            Self::InPart | Self::NotCompared => None,
        }
    }
}

/// Compares what arrived with what was expected, and says of each column whether it matches or why that cannot be told.
/// Nothing where nothing is expected.
pub(super) fn compare(
    expected: &[ColumnDigest],
    content: &Content,
    mut column: impl FnMut(u16, Result<bool, NotCompared>),
) -> Option<Comparison> {
    let (mut matching, mut differing) = (0, 0);
    for ColumnDigest { column: index, digest } in expected {
        let result = content.value(*index).is(*digest);
        column(*index, result);
        matching += usize::from(result == Ok(true));
        differing += usize::from(result == Ok(false));
    }
    match (matching, differing) {
        _ if expected.is_empty() => None,
        (_, 1..) => Some(Comparison::Differs),
        (all, 0) if all == expected.len() => Some(Comparison::Matches),
        (0, 0) => Some(Comparison::NotCompared),
        _ => Some(Comparison::InPart),
    }
}

/// How often one column was compared, and why not, in the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnTally {
    /// Rows in which it was.
    pub compared: u64,
    /// Those in which it was as written.
    pub matched: u64,
    not_compared: [u64; NotCompared::COUNT],
}

impl ColumnTally {
    /// Rows in which it was not, for this reason.
    #[must_use]
    pub fn not_compared(&self, reason: NotCompared) -> u64 {
        self.not_compared[reason as usize]
    }

    fn count(&mut self, result: Result<bool, NotCompared>) {
        match result {
            Ok(matches) => {
                self.compared += 1;
                self.matched += u64::from(matches);
            }
            Err(reason) => self.not_compared[reason as usize] += 1,
        }
    }
}

/// The same of every column of every entity, as far as any has been seen.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnTallies(Vec<Vec<ColumnTally>>);

impl ColumnTallies {
    pub(super) fn count(&mut self, entity: u16, column: u16, result: Result<bool, NotCompared>) {
        let (entity, column) = (usize::from(entity), usize::from(column));
        if self.0.len() <= entity {
            self.0.resize_with(entity + 1, Vec::new);
        }
        let columns = &mut self.0[entity];
        if columns.len() <= column {
            columns.resize_with(column + 1, ColumnTally::default);
        }
        columns[column].count(result);
    }

    pub(super) fn of(&self, entity: u16, column: u16) -> ColumnTally {
        let columns = self.0.get(usize::from(entity));
        columns.and_then(|columns| columns.get(usize::from(column))).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{ColumnSeen, ColumnValue};

    const UNREADABLE: ColumnValue = ColumnValue::Not(NotCompared::Unreadable);

    fn compared(
        expected: &[u32],
        found: &[ColumnValue],
    ) -> (Option<Comparison>, Vec<Result<bool, NotCompared>>) {
        let columns: Vec<ColumnDigest> =
            (0..).zip(expected).map(|(column, digest)| ColumnDigest { column, digest: *digest }).collect();
        let seen = (0..).zip(found).map(|(column, found)| ColumnSeen { column, value: *found }).collect();
        let mut results = Vec::new();
        let comparison = compare(&columns, &Content::new(seen), |_, result| results.push(result));
        (comparison, results)
    }

    #[test]
    fn one_column_that_cannot_be_read_leaves_the_others_compared() {
        use Comparison::{Differs, InPart, Matches};
        let cases = [
            ([ColumnValue::Value(1), ColumnValue::Value(2)], Matches),
            ([ColumnValue::Value(1), UNREADABLE], InPart),
            ([ColumnValue::Value(9), UNREADABLE], Differs),
            ([UNREADABLE, ColumnValue::Value(9)], Differs),
            ([UNREADABLE, UNREADABLE], Comparison::NotCompared),
        ];
        for (found, expected) in cases {
            assert_eq!(compared(&[1, 2], &found).0, Some(expected), "{found:?}");
        }
        let (_, results) = compared(&[1, 2], &[UNREADABLE, ColumnValue::Value(2)]);
        assert_eq!(results, [Err(NotCompared::Unreadable), Ok(true)]);
        assert_eq!(compared(&[], &[ColumnValue::Value(1)]).0, None);
    }

    #[test]
    fn columns_are_counted_apart() {
        let mut tallies = ColumnTallies::default();
        for result in [Ok(true), Ok(false), Err(NotCompared::LeftOut)] {
            tallies.count(1, 3, result);
        }
        let tally = tallies.of(1, 3);
        assert_eq!((tally.compared, tally.matched, tally.not_compared(NotCompared::LeftOut)), (2, 1, 1));
        assert_eq!((tallies.of(1, 2), tallies.of(0, 3)), Default::default());
    }
}
