//! A set of rows from which any one, or the oldest, is found at once.

use std::collections::{BTreeSet, HashMap};

use super::RowId;

/// Rows; each operation takes constant or logarithmic time.
#[derive(Debug, Default)]
pub(super) struct Index {
    list: Vec<RowId>,
    /// Where each row stands in the list.
    places: HashMap<RowId, usize>,
    /// Ids grow with time.
    by_age: BTreeSet<RowId>,
}

impl Index {
    /// Puts a row in, or takes it out; either may have been done before.
    pub(super) fn set(&mut self, row: RowId, is_in: bool) {
        match (is_in, self.places.get(&row).copied()) {
            (true, None) => {
                self.places.insert(row, self.list.len());
                self.list.push(row);
                self.by_age.insert(row);
            }
            (false, Some(place)) => {
                self.places.remove(&row);
                self.list.swap_remove(place);
                if let Some(moved) = self.list.get(place) {
                    self.places.insert(*moved, place);
                }
                self.by_age.remove(&row);
            }
            _ => {}
        }
    }

    /// The row that a number drawn evenly from all of `u64` falls on.
    pub(super) fn drawn(&self, draw: u64) -> Option<RowId> {
        let place = (u128::from(draw) * self.list.len() as u128) >> u64::BITS;
        self.list.get(usize::try_from(place).ok()?).copied()
    }

    pub(super) fn oldest(&self) -> Option<RowId> {
        self.by_age.first().copied()
    }

    #[cfg(test)]
    pub(super) fn contains(&self, row: RowId) -> bool {
        self.places.contains_key(&row)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }
}
