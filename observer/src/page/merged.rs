//! The headline in each slot of time, of the series that a view shows: merged once, and kept for as long as the slot does
//! not change. So a page that is kept up to date costs the work of its newest slots, however long the run is.

use std::collections::BTreeMap;
use std::sync::Arc;

use streamgauge_shared::time::Nanos;

use crate::measure::{OverTime, Slot};

/// What arrived in one slot.
#[derive(Debug)]
pub(super) struct Merged {
    /// The lines of the chart: p50, p95, p99 and the largest; absent where nothing arrived.
    pub(super) lines: [Option<Nanos>; 4],
    /// Its buckets as charts need them, smallest first: the largest value of each and how many are in it.
    pub(super) buckets: Vec<(Nanos, u64)>,
}

/// Bits of a value that tell the buckets of a chart apart: they are 1.6 % wide, below a dot of any chart.
const CHART_BITS: u32 = 7;

impl Merged {
    fn of(slot: &Slot<usize>, wanted: impl Fn(usize) -> bool) -> Self {
        let merged = slot.compact(wanted);
        let lines = [merged.quantile(0.5), merged.quantile(0.95), merged.quantile(0.99), merged.max()];
        let mut buckets: Vec<(Nanos, u64)> = Vec::new();
        let mut last = None;
        for (value, count) in merged.buckets() {
            let bucket = coarse(value);
            match buckets.last_mut().filter(|_| last == Some(bucket)) {
                Some(known) => *known = (value, known.1 + count),
                None => buckets.push((value, count)),
            }
            last = Some(bucket);
        }
        buckets.shrink_to_fit();
        Self { lines, buckets }
    }
}

/// The bucket of a chart that a value is in.
fn coarse(value: Nanos) -> i64 {
    let bits = u64::BITS - value.0.unsigned_abs().leading_zeros();
    value.0 >> bits.saturating_sub(CHART_BITS) << bits.saturating_sub(CHART_BITS)
}

/// The slots that were merged last, by their starts.
#[derive(Default)]
pub(super) struct MergedSlots {
    kept: BTreeMap<Nanos, (Arc<Slot<usize>>, Arc<Merged>)>,
}

impl MergedSlots {
    /// Every slot with its start. One that is the slot of before is not merged again.
    pub(super) fn of(
        &mut self,
        over_time: &OverTime<usize>,
        wanted: impl Fn(usize) -> bool,
    ) -> Vec<(Nanos, Arc<Merged>)> {
        let mut before = std::mem::take(&mut self.kept);
        let mut all = Vec::new();
        for (start, slot) in over_time.shared_slots() {
            let known = before.remove(&start).filter(|(known, _)| Arc::ptr_eq(known, slot));
            let (_, merged) =
                known.unwrap_or_else(|| (Arc::clone(slot), Arc::new(Merged::of(slot, &wanted))));
            all.push((start, Arc::clone(&merged)));
            self.kept.insert(start, (Arc::clone(slot), merged));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_of_charts_are_few_and_lose_no_row() {
        let mut over_time: OverTime<usize> = OverTime::new(2);
        (1..100_000).for_each(|n| over_time.record(Nanos::ZERO, 0, Nanos(n * 10_007)));
        over_time.record(Nanos::ZERO, 0, Nanos(-5_000));
        let slots = MergedSlots::default().of(&over_time.sealed(), |_| true);
        let buckets = &slots[0].1.buckets;
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
        assert!(buckets.len() < 64 * 18, "{}", buckets.len());
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(slots[0].1.lines[3], Some(Nanos(99_999 * 10_007)));
    }

    #[test]
    fn only_what_has_changed_is_merged_again() {
        let mut over_time: OverTime<usize> = OverTime::new(16);
        let second = Nanos::from_secs;
        for n in 0..10 {
            over_time.record(second(n), usize::try_from(n % 2).expect("0 or 1"), Nanos::from_millis(n + 1));
        }
        let mut slots = MergedSlots::default();
        let first = slots.of(&over_time.sealed(), |_| true);
        over_time.record(second(3), 0, Nanos::from_millis(500));
        over_time.record(second(10), 0, Nanos::from_millis(7));
        let then = slots.of(&over_time.sealed(), |_| true);
        assert_eq!((first.len(), then.len()), (10, 11));
        let same = |n: usize| Arc::ptr_eq(&first[n].1, &then[n].1);
        assert!(same(0) && same(2) && same(7) && !same(3), "the one that got a row is another one");
        assert_eq!(then[3].1.lines[3], Some(Nanos::from_millis(500)));
        assert_eq!(then[3].1.buckets.iter().map(|(_, count)| count).sum::<u64>(), 2);
        // Twice as wide: all are other slots.
        (10..40).for_each(|n| over_time.record(second(n), 0, Nanos(5)));
        let wide = slots.of(&over_time.sealed(), |series| series == 1);
        assert_eq!(wide[0].1.buckets.iter().map(|(_, count)| count).sum::<u64>(), 2, "seconds 0 to 3");
    }
}
