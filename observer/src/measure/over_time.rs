//! Latencies over time: one histogram for each part in each slot of time, thinned by merging so that 48 hours stay bounded.
//!
//! What is drawn over time, on the page and in the report, is read from here: percentiles of a slot are those of all
//! values in it, never a mean of other percentiles.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use streamgauge_shared::histogram::{CompactHistogram, SignedHistogram, SparseHistogram};
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos};

/// Slots in which values are still counted one by one; those before them are sealed, and a value that comes for one of
/// them is merged into it.
const OPEN_MAX: usize = 2;

/// Histograms by part, in slots of equal width from a start on. A copy shares its slots with the original.
#[derive(Clone, Debug)]
pub struct OverTime<K> {
    slots_max: usize,
    width: Nanos,
    slots: Vec<Arc<Slot<K>>>,
    /// By the index of their slots: what is counted and not sealed yet.
    open: BTreeMap<usize, BTreeMap<K, SparseHistogram>>,
}

/// What fell into one slot of time.
#[derive(Clone, Debug)]
pub struct Slot<K> {
    parts: Vec<(K, CompactHistogram)>,
    /// Found once and kept until something is added.
    percentiles: OnceLock<Percentiles>,
}

/// Percentiles of everything in a slot; absent where nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// The median.
    pub p50: Option<Nanos>,
    /// The 95th.
    pub p95: Option<Nanos>,
    /// The 99th.
    pub p99: Option<Nanos>,
}

impl<K> Default for Slot<K> {
    fn default() -> Self {
        Self { parts: Vec::new(), percentiles: OnceLock::new() }
    }
}

impl<K: Copy + Ord> OverTime<K> {
    /// Nothing yet: slots of one second, and at most so many of them. Past it two neighbours become one of twice the
    /// width.
    ///
    /// # Panics
    /// When `slots_max` is below 2: two slots could not become one.
    #[must_use]
    pub fn new(slots_max: usize) -> Self {
        assert!(slots_max >= 2, "two slots become one");
        Self { slots_max, width: Nanos(NANOS_PER_SECOND), slots: Vec::new(), open: BTreeMap::new() }
    }

    /// Counts a value that became known so long after the start; what came before it belongs to the first slot.
    pub fn record(&mut self, after_start: Nanos, key: K, value: Nanos) {
        let index = self.reach(after_start);
        if let Some(parts) = self.open.get_mut(&index) {
            parts.entry(key).or_default().record(value);
            return;
        }
        let newest = self.open.keys().next_back().copied();
        if newest.is_none_or(|newest| index > newest) {
            let mut parts = BTreeMap::from([(key, SparseHistogram::default())]);
            parts.entry(key).or_default().record(value);
            self.open.insert(index, parts);
            while self.open.len() > OPEN_MAX {
                self.seal_oldest();
            }
            return;
        }
        let mut one = SparseHistogram::default();
        one.record(value);
        self.slot(index).add(key, &CompactHistogram::from(&one));
    }

    /// Adds all values of a histogram to the slot so long after the start: what a kept interval log has.
    pub fn add(&mut self, after_start: Nanos, key: K, histogram: &CompactHistogram) {
        let index = self.reach(after_start);
        self.slot(index).add(key, histogram);
    }

    /// How long each slot is.
    #[must_use]
    pub fn width(&self) -> Nanos {
        self.width
    }

    /// The slots with the time that each begins at, counted from the start: oldest first and without a gap. The last one
    /// may not be over.
    pub fn slots(&self) -> impl Iterator<Item = (Nanos, &Slot<K>)> {
        assert!(self.open.is_empty(), "only a sealed copy is read");
        (0..).zip(&self.slots).map(|(index, slot): (i64, _)| (Nanos(self.width.0 * index), &**slot))
    }

    /// The same slots, shared: one that is the same slot as before, by its pointer, holds the same values.
    pub fn shared_slots(&self) -> impl Iterator<Item = (Nanos, &Arc<Slot<K>>)> {
        assert!(self.open.is_empty(), "only a sealed copy is read");
        (0..).zip(&self.slots).map(|(index, slot): (i64, _)| (Nanos(self.width.0 * index), slot))
    }

    /// A copy to read from: what is counted one by one is sealed in it.
    #[must_use]
    pub fn sealed(&self) -> Self {
        let mut copy = self.clone();
        while !copy.open.is_empty() {
            copy.seal_oldest();
        }
        copy
    }

    /// The memory of its buckets, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.slots.iter().flat_map(|slot| &slot.parts).map(|(_, histogram)| histogram.bytes()).sum()
    }

    /// Slots reach so far after the start, whether or not anything becomes known there.
    pub(crate) fn extend(&mut self, after_start: Nanos) {
        self.reach(after_start);
    }

    /// The index of the slot, which is there afterwards.
    fn reach(&mut self, after_start: Nanos) -> usize {
        let index = loop {
            let index = usize::try_from(after_start.0.max(0) / self.width.0).unwrap_or(usize::MAX);
            if index < self.slots_max {
                break index;
            }
            self.halve();
        };
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Arc::default);
        }
        index
    }

    /// Makes one slot of each two.
    fn halve(&mut self) {
        while !self.open.is_empty() {
            self.seal_oldest();
        }
        let pairs = std::mem::take(&mut self.slots);
        let mut pairs = pairs.into_iter();
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                let joined = Arc::make_mut(&mut first);
                second.parts.iter().for_each(|(key, histogram)| joined.add(*key, histogram));
            }
            self.slots.push(first);
        }
        self.width = Nanos(self.width.0 * 2);
    }

    fn seal_oldest(&mut self) {
        if let Some((index, parts)) = self.open.pop_first() {
            let slot = self.slot(index);
            parts.iter().for_each(|(key, histogram)| slot.add(*key, &CompactHistogram::from(histogram)));
        }
    }

    fn slot(&mut self, index: usize) -> &mut Slot<K> {
        Arc::make_mut(&mut self.slots[index])
    }
}

impl<K: Copy + Ord> Slot<K> {
    fn add(&mut self, key: K, histogram: &CompactHistogram) {
        self.percentiles = OnceLock::new();
        match self.parts.binary_search_by_key(&key, |(key, _)| *key) {
            Ok(known) => self.parts[known].1.merge(histogram),
            Err(place) => self.parts.insert(place, (key, histogram.clone())),
        }
    }

    /// The parts that are wanted as one histogram.
    #[must_use]
    pub fn merged(&self, wanted: impl Fn(K) -> bool) -> SignedHistogram {
        let mut merged = SignedHistogram::default();
        let parts = self.parts.iter().filter(|(key, _)| wanted(*key));
        parts.for_each(|(_, histogram)| histogram.add_to(&mut merged));
        merged
    }

    /// The parts that are wanted as one histogram in few bytes.
    #[must_use]
    pub fn compact(&self, wanted: impl Fn(K) -> bool) -> CompactHistogram {
        let parts = self.parts.iter().filter(|(key, _)| wanted(*key));
        CompactHistogram::of_all(parts.map(|(_, histogram)| histogram))
    }

    /// The percentiles of everything in it.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        *self.percentiles.get_or_init(|| match self.parts.as_slice() {
            [] => Percentiles::default(),
            [(_, one)] => Percentiles::of(|q| one.quantile(q)),
            _ => {
                let merged = self.merged(|_| true);
                Percentiles::of(|q| merged.quantile(q))
            }
        })
    }

    /// How many values the parts that are wanted have.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(K) -> bool) -> u64 {
        self.parts.iter().filter(|(key, _)| wanted(*key)).map(|(_, histogram)| histogram.count()).sum()
    }
}

impl Percentiles {
    fn of(quantile: impl Fn(f64) -> Option<Nanos>) -> Self {
        Self { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_days_of_three_parts_stay_small() {
        let mut over_time = OverTime::new(240);
        let (mut largest, mut bytes) = (0, 0);
        for second in 0..48 * 3_600_i64 {
            for n in 0..3 {
                // A prime walks through 20 to 40 ms.
                let value = Nanos(20_000_000 + second * 10 * 7_919 % 20_000_000 + n * 1_000);
                over_time.record(Nanos::from_secs(second), n % 3, value);
            }
            if second % 3_600 == 0 {
                bytes = over_time.sealed().bytes();
                largest = largest.max(bytes);
            }
        }
        let sealed = over_time.sealed();
        let counts: u64 = sealed.slots().map(|(_, slot)| slot.count(|_| true)).sum();
        assert_eq!(counts, 48 * 3 * 3_600);
        assert!(sealed.slots().count() <= 240, "{}", sealed.slots().count());
        assert_eq!(sealed.width(), Nanos::from_secs(1_024));
        assert!(largest < 8 << 20, "{largest} bytes at most, {bytes} at the end");
    }

    proptest! {
        #[test]
        fn thinning_is_counting_into_the_wider_slot(rows in prop::collection::vec((0..500_i64, 0..3_u16, -5_000_000..900_000_000_i64), 1..200), q in 0.0..=1.0_f64) {
            let mut over_time = OverTime::new(16);
            rows.iter().for_each(|(second, key, value)| over_time.record(Nanos::from_secs(*second), *key, Nanos(*value)));
            let sealed = over_time.sealed();
            prop_assert!(sealed.slots().count() <= 16);
            for (start, slot) in sealed.slots() {
                for key in 0..3 {
                    let end = start + sealed.width();
                    let mut expected = SignedHistogram::default();
                    let own = rows.iter().filter(|(second, of, _)| *of == key && (start..end).contains(&Nanos::from_secs(*second)));
                    own.for_each(|(_, _, value)| expected.record(Nanos(*value)));
                    let found = slot.merged(|of| of == key);
                    prop_assert_eq!(found.count(), slot.count(|of| of == key));
                    let (compact, all) = (slot.compact(|_| true), slot.merged(|_| true));
                    prop_assert_eq!(compact.buckets().collect::<Vec<_>>(), all.buckets().collect::<Vec<_>>());
                    prop_assert_eq!((compact.quantile(q), compact.max()), (all.quantile(q), all.max()));
                    prop_assert_eq!(slot.percentiles().p95, slot.merged(|_| true).quantile(0.95));
                    prop_assert_eq!((found.count(), found.quantile(q), found.max()), (expected.count(), expected.quantile(q), expected.max()));
                }
            }
        }
    }
}
