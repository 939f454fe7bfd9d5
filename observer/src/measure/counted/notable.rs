//! The few single rows that a page shows while a run goes on: of each series the latest that were lost, and the slowest
//! that arrived. So few, and shared until they change, that every snapshot can hold them.

use std::collections::VecDeque;
use std::sync::Arc;

use streamgauge_shared::account::Outcome;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::rows::RowRecord;

/// Rows of each kind that are kept of one series.
pub(in crate::measure) const NOTABLE_MAX: usize = 8;

/// The notable rows by the index of their series.
#[derive(Clone, Debug, Default)]
pub(in crate::measure) struct Notable {
    by_series: Vec<Arc<NotableRows>>,
}

/// The notable rows of one series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotableRows {
    /// Given up, the latest first.
    pub lost: VecDeque<RowRecord>,
    /// Arrived at a time that can be believed, the slowest first.
    pub slowest: Vec<RowRecord>,
}

impl NotableRows {
    fn is(row: &RowRecord, other: &RowRecord) -> bool {
        (row.writer, row.sequence) == (other.writer, other.sequence)
    }
}

/// The headline of a row that has one to be believed.
fn e2e(row: &RowRecord) -> Option<Nanos> {
    row.timeline.latency(Latency::CdcE2eLatency).filter(|_| row.measured)
}

impl Notable {
    fn of(&mut self, series: usize) -> &mut Arc<NotableRows> {
        if series >= self.by_series.len() {
            self.by_series.resize_with(series + 1, Arc::default);
        }
        &mut self.by_series[series]
    }

    /// A row was given up.
    pub(super) fn lost(&mut self, row: RowRecord) {
        let few = Arc::make_mut(self.of(row.part.index));
        few.lost.retain(|kept| !NotableRows::is(kept, &row));
        few.lost.push_front(row);
        few.lost.truncate(NOTABLE_MAX);
    }

    /// Nothing more is expected of a row. One that was given up and came after all is lost no longer.
    pub(super) fn done(&mut self, row: &RowRecord) {
        let few = self.of(row.part.index);
        if row.outcome != Outcome::Lost && few.lost.iter().any(|kept| NotableRows::is(kept, row)) {
            Arc::make_mut(few).lost.retain(|kept| !NotableRows::is(kept, row));
        }
        let Some(latency) = e2e(row) else { return };
        let is_full = few.slowest.len() >= NOTABLE_MAX;
        if is_full && few.slowest.last().and_then(e2e) >= Some(latency) {
            return;
        }
        let few = Arc::make_mut(few);
        let place = few.slowest.partition_point(|kept| e2e(kept) >= Some(latency));
        few.slowest.insert(place, row.clone());
        few.slowest.truncate(NOTABLE_MAX);
    }

    /// Those of each series that has any, by its index.
    pub(in crate::measure) fn all(&self) -> impl Iterator<Item = (usize, Arc<NotableRows>)> {
        let some = self
            .by_series
            .iter()
            .enumerate()
            .filter(|(_, few)| !few.lost.is_empty() || !few.slowest.is_empty());
        some.map(|(index, few)| (index, Arc::clone(few)))
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::account::{EventKind, Operation};
    use streamgauge_shared::time::UnixNanos;
    use streamgauge_shared::timeline::Timeline;

    use super::*;
    use crate::matcher::SeriesIndex;

    fn row(sequence: u64, outcome: Outcome, millis: i64) -> RowRecord {
        let observed = (outcome != Outcome::Lost).then(|| UnixNanos::from_millis(millis));
        RowRecord {
            writer: 0,
            sequence,
            part: SeriesIndex::new(1, 1).at(0, 0, Operation::Create),
            key: None,
            outcome,
            event: observed.map(|_| EventKind::First),
            cause: None,
            duplicates: 0,
            data_matches: None,
            check_passed: None,
            measured: true,
            timeline: Timeline {
                intended: UnixNanos(0),
                connection_wait: Nanos::ZERO,
                sent: UnixNanos(0),
                committed: None,
                observed,
                wall: None,
            },
            marks: None,
        }
    }

    fn sequences<'r>(rows: impl IntoIterator<Item = &'r RowRecord>) -> Vec<u64> {
        rows.into_iter().map(|row| row.sequence).collect()
    }

    fn of(notable: &Notable, index: usize) -> Arc<NotableRows> {
        notable.all().find(|(of, _)| *of == index).expect("rows").1
    }

    #[test]
    fn the_slowest_stay_in_order_and_few() {
        let mut notable = Notable::default();
        for sequence in 0..1_000_u64 {
            let millis = i64::try_from(sequence * 7_919 % 1_000).expect("small");
            notable.done(&row(sequence, Outcome::Delivered, millis));
        }
        let index = row(0, Outcome::Lost, 0).part.index;
        let few = of(&notable, index);
        let millis: Vec<i64> = few.slowest.iter().filter_map(e2e).map(|e2e| e2e.0 / 1_000_000).collect();
        assert_eq!(millis, [999, 998, 997, 996, 995, 994, 993, 992]);
        let unmeasured = RowRecord { measured: false, ..row(5_000, Outcome::Late, 90_000) };
        notable.done(&unmeasured);
        assert_eq!(of(&notable, index).slowest[0].sequence, few_first(&millis));
    }

    /// The sequence whose latency is the largest: 7919 · n ≡ 999 (mod 1000).
    fn few_first(millis: &[i64]) -> u64 {
        assert_eq!(millis[0], 999);
        (0..1_000).find(|sequence| sequence * 7_919 % 1_000 == 999).expect("a permutation")
    }

    #[test]
    fn a_lost_row_that_comes_after_all_is_lost_no_longer() {
        let mut notable = Notable::default();
        (0..20).for_each(|sequence| notable.lost(row(sequence, Outcome::Lost, 0)));
        let index = row(0, Outcome::Lost, 0).part.index;
        assert_eq!(sequences(&of(&notable, index).lost), [19, 18, 17, 16, 15, 14, 13, 12]);
        notable.done(&row(19, Outcome::Lost, 0));
        notable.done(&row(18, Outcome::Late, 60_000));
        let few = of(&notable, index);
        assert_eq!(sequences(&few.lost), [19, 17, 16, 15, 14, 13, 12]);
        assert_eq!(sequences(&few.slowest), [18]);
    }
}
