//! The same counts, sealed: what a second that is over needs, in eight bytes a bucket.

use super::{Exact, SignedHistogram, SparseHistogram, rank, sparse};
use crate::time::Nanos;

/// Counts of signed spans of time in the buckets of [`SignedHistogram`], with its range and resolution, that change only
/// by [`CompactHistogram::merge`]: two sorted lists become one, and nothing is lost.
#[derive(Clone, Debug, Default)]
pub struct CompactHistogram {
    /// Codes of buckets in the order of their values, each with its count; a count beyond 32 bits has its bucket twice.
    buckets: Box<[(i32, u32)]>,
    exact: Exact,
}

impl CompactHistogram {
    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.exact.count
    }

    /// The smallest value, exactly.
    #[must_use]
    pub fn min(&self) -> Option<Nanos> {
        (self.exact.count > 0).then_some(self.exact.min)
    }

    /// The largest value, exactly.
    #[must_use]
    pub fn max(&self) -> Option<Nanos> {
        (self.exact.count > 0).then_some(self.exact.max)
    }

    /// The quantile `q` (0 to 1): that of a [`SignedHistogram`] with the same values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Nanos> {
        let rank = (self.exact.count > 0).then(|| rank(q, self.exact.count))?;
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += u64::from(*count);
            seen >= rank
        });
        found.map(|(code, _)| Nanos(sparse::highest(decoded(*code))).clamp(self.exact.min, self.exact.max))
    }

    /// The buckets that hold anything, smallest first: the highest value of each (of a negative one the one farthest
    /// from zero), and how many are in it. A very large count has its bucket twice.
    pub fn buckets(&self) -> impl Iterator<Item = (Nanos, u64)> {
        self.buckets.iter().map(|(code, count)| (Nanos(sparse::highest(decoded(*code))), u64::from(*count)))
    }

    /// Adds every value of another; nothing is lost.
    pub fn merge(&mut self, other: &Self) {
        if other.exact.count == 0 {
            return;
        }
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut ours, mut theirs) =
            (self.buckets.iter().copied().peekable(), other.buckets.iter().copied().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(one), Some(other)) if other.0 < one.0 => theirs.next(),
                (Some(_), _) => ours.next(),
                (None, _) => theirs.next(),
            };
            let Some((code, count)) = next else { break };
            push(&mut merged, code, count.into());
        }
        self.buckets = merged.into_boxed_slice();
        self.exact.merge(&other.exact);
    }

    /// All of them as one; nothing is lost. Sorted lists one after the other are sorted in little time.
    pub fn of_all<'h>(histograms: impl Iterator<Item = &'h Self>) -> Self {
        let (mut all, mut exact) = (Vec::new(), Exact::default());
        for histogram in histograms {
            all.extend_from_slice(&histogram.buckets);
            exact.merge(&histogram.exact);
        }
        all.sort_by_key(|(code, _)| *code);
        let mut merged = Vec::with_capacity(all.len());
        all.into_iter().for_each(|(code, count)| push(&mut merged, code, count.into()));
        Self { buckets: merged.into_boxed_slice(), exact }
    }

    /// Adds every value to a histogram; nothing is lost.
    pub fn add_to(&self, histogram: &mut SignedHistogram) {
        for (code, count) in &self.buckets {
            histogram.add_bucket(decoded(*code), u64::from(*count));
        }
        histogram.exact.merge(&self.exact);
    }

    /// What it takes in memory, bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.buckets)
    }
}

impl From<&SparseHistogram> for CompactHistogram {
    fn from(sparse: &SparseHistogram) -> Self {
        let mut buckets = Vec::with_capacity(sparse.counts.len());
        for (low, count) in &sparse.counts {
            push(&mut buckets, coded(*low), *count);
        }
        Self { buckets: buckets.into_boxed_slice(), exact: sparse.exact.clone() }
    }
}

impl From<&SignedHistogram> for CompactHistogram {
    fn from(histogram: &SignedHistogram) -> Self {
        let mut buckets = Vec::new();
        for (value, count) in histogram.buckets() {
            push(&mut buckets, coded(sparse::bucket(value)), count);
        }
        Self { buckets: buckets.into_boxed_slice(), exact: histogram.exact.clone() }
    }
}

/// Adds a count to the last bucket or begins the next.
fn push(buckets: &mut Vec<(i32, u32)>, code: i32, count: u64) {
    let mut left = count;
    if let Some((last, known)) = buckets.last_mut()
        && *last == code
    {
        let room = u64::from(u32::MAX - *known).min(left);
        *known += u32::try_from(room).expect("at most the room in 32 bits");
        left -= room;
    }
    while left > 0 {
        let part = u32::try_from(left).unwrap_or(u32::MAX);
        buckets.push((code, part));
        left -= u64::from(part);
    }
}

/// A bucket as one number: how far its magnitude is shifted, then its highest bits; ordered as the values are.
fn coded(low: i64) -> i32 {
    let magnitude = low.unsigned_abs();
    let shift = sparse::shift(magnitude);
    // 48 h are below 2^48, so that shifts are below 38 and the code below 2^17.
    let code = (shift << sparse::BUCKET_BITS) + u32::try_from(magnitude >> shift).expect("eleven bits");
    let code = i32::try_from(code).expect("seventeen bits");
    if low < 0 { -code } else { code }
}

/// The smallest magnitude of a bucket, with its sign.
fn decoded(code: i32) -> i64 {
    let magnitude = code.unsigned_abs();
    let (shift, bits) = (magnitude >> sparse::BUCKET_BITS, magnitude & ((1 << sparse::BUCKET_BITS) - 1));
    let low = i64::from(bits) << shift;
    if code < 0 { -low } else { low }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RANGE;
    use super::*;

    fn values() -> impl Strategy<Value = Vec<i64>> {
        let value =
            prop_oneof![-9_000_i64..9_000, -50_000_000_000_i64..50_000_000_000, Just(RANGE.0 + 7), Just(0)];
        prop::collection::vec(value, 0..200)
    }

    proptest! {
        #[test]
        fn sealing_and_merging_lose_nothing(one in values(), other in values(), q in 0.0..=1.0_f64) {
            let mut whole = SignedHistogram::default();
            let mut sealed = [&one, &other].map(|values| {
                let mut sparse = SparseHistogram::default();
                values.iter().for_each(|value| {
                    sparse.record(Nanos(*value));
                    whole.record(Nanos(*value));
                });
                CompactHistogram::from(&sparse)
            });
            let (first, second) = sealed.split_at_mut(1);
            first[0].merge(&second[0]);
            let mut added = SignedHistogram::default();
            first[0].add_to(&mut added);
            prop_assert_eq!(first[0].quantile(q), whole.quantile(q));
            prop_assert_eq!(added.quantile(q), whole.quantile(q));
            prop_assert_eq!(CompactHistogram::from(&whole).quantile(q), whole.quantile(q));
            prop_assert_eq!((added.count(), added.negatives(), added.min(), added.max(), added.mean()), (whole.count(), whole.negatives(), whole.min(), whole.max(), whole.mean()));
            prop_assert_eq!(first[0].buckets().collect::<Vec<_>>(), added.buckets().collect::<Vec<_>>());
        }

        #[test]
        fn a_count_at_most_is_that_of_the_buckets(values in values(), bound in -50_000_000_000_i64..50_000_000_000) {
            let mut histogram = SignedHistogram::default();
            values.iter().for_each(|value| histogram.record(Nanos(*value)));
            let found = histogram.count_at_most(Nanos(bound));
            let surely = values.iter().filter(|value| **value <= bound).count() as u64;
            let at_most = values.iter().filter(|value| **value <= bound + bound.abs() / 1_000 + 1).count() as u64;
            prop_assert!((surely..=at_most).contains(&found), "{surely} to {at_most}: {found}");
        }
    }

    #[test]
    fn a_bucket_takes_eight_bytes_and_a_large_count_is_kept() {
        assert_eq!(size_of::<(i32, u32)>(), 8);
        let mut buckets = Vec::new();
        push(&mut buckets, 7, 5);
        push(&mut buckets, 7, 2 * u64::from(u32::MAX));
        assert_eq!(buckets, [(7, u32::MAX), (7, u32::MAX), (7, 5)]);
    }
}
