//! Tallies in cells of time, for thresholds that are judged on windows.
//!
//! A row is in the cell that holds the time at which it was first sent, or was to be if it never was, whenever its
//! record came and whatever becomes of it later. Cells are counted from the first row of the measured phase.

use std::collections::BTreeMap;

use streamgauge_shared::test_file::{CELLS_MAX, Test, cell_of};
use streamgauge_shared::threshold::{Metric, Tags};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::{Place, Tally};

/// The cells of each metric's tags that are judged on windows. Bounded by [`CELLS_MAX`] and what one window spans: past
/// it the oldest cell goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Cells {
    origin: Option<UnixNanos>,
    kept: Vec<Kept>,
}

#[derive(Clone, Debug)]
struct Kept {
    tags: Tags,
    width: Nanos,
    cells: BTreeMap<i64, Tally>,
}

impl Cells {
    /// Those that a test's thresholds need.
    pub(super) fn of(test: &Test) -> Self {
        let mut kept: Vec<Kept> = Vec::new();
        for threshold in test.thresholds.iter().filter(|one| !matches!(one.metric, Metric::Counter(_))) {
            let Some(width) = test.window_of(threshold).map(cell_of) else { continue };
            let tags = threshold.tags;
            if !kept.iter().any(|kept| kept.tags == tags && kept.width == width) {
                kept.push(Kept { tags, width, cells: BTreeMap::new() });
            }
        }
        Self { origin: None, kept }
    }

    /// A new entry: its cell is there. The first one sets where cells are counted from.
    pub(super) fn open(&mut self, place: Place) {
        let origin = *self.origin.get_or_insert(place.at);
        for kept in self.kept.iter_mut().filter(|kept| place.matches(kept.tags)) {
            kept.cells.entry(index(place.at, origin, kept.width)).or_default();
            while i64::try_from(kept.cells.len()).unwrap_or(i64::MAX) > 2 * CELLS_MAX {
                kept.cells.pop_first();
            }
        }
    }

    /// An entry changes. Nothing is left to change in a cell that has been let go.
    pub(super) fn apply(&mut self, place: Place, change: impl Fn(&mut Tally)) {
        let Some(origin) = self.origin else { return };
        for kept in self.kept.iter_mut().filter(|kept| place.matches(kept.tags)) {
            if let Some(tally) = kept.cells.get_mut(&index(place.at, origin, kept.width)) {
                change(tally);
            }
        }
    }

    /// The cells of some tags from one index to before another, each with its index.
    pub(super) fn range(
        &self,
        tags: Tags,
        width: Nanos,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (i64, &Tally)> {
        let kept = self.kept.iter().find(move |kept| kept.tags == tags && kept.width == width);
        kept.into_iter()
            .flat_map(move |kept| kept.cells.range(from..to))
            .map(|(index, tally)| (*index, tally))
    }
}

/// The cell that a time is in; negative before the origin.
pub fn index(at: UnixNanos, origin: UnixNanos, width: Nanos) -> i64 {
    (at - origin).0.div_euclid(width.0)
}
