//! The same counts for a short time: few values, so only the buckets in use are kept.

use std::collections::BTreeMap;

use super::{DIGITS, Exact, SignedHistogram, clamped, rank};
use crate::time::Nanos;

/// Bits of a value that tell buckets apart: HdrHistogram takes the power of two at or above 2·10^digits.
pub(super) const BUCKET_BITS: u32 = {
    assert!(DIGITS == 3);
    11
};

/// Counts of signed spans of time in the buckets of [`SignedHistogram`], with its range and resolution.
/// Memory is proportional to the buckets in use: at most a thousand for each doubling of the value.
#[derive(Clone, Debug, Default)]
pub struct SparseHistogram {
    /// By the smallest magnitude of the bucket, with the value's sign.
    pub(super) counts: BTreeMap<i64, u64>,
    pub(super) exact: Exact,
}

impl SparseHistogram {
    /// Counts one value.
    pub fn record(&mut self, value: Nanos) {
        *self.counts.entry(bucket(value)).or_default() += 1;
        self.exact.record(value);
    }

    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.exact.count
    }

    /// The quantile `q` (0 to 1): that of a [`SignedHistogram`] with the same values.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Nanos> {
        let rank = (self.exact.count > 0).then(|| rank(q, self.exact.count))?;
        let mut seen = 0;
        let found = self.counts.iter().find(|(_, count)| {
            seen += *count;
            seen >= rank
        });
        found.map(|(low, _)| Nanos(highest(*low)).clamp(self.exact.min, self.exact.max))
    }

    /// Adds every value to a histogram; nothing is lost.
    pub fn add_to(&self, histogram: &mut SignedHistogram) {
        self.counts.iter().for_each(|(low, count)| histogram.add_bucket(*low, *count));
        histogram.exact.merge(&self.exact);
    }
}

/// How far a magnitude's bucket is shifted: its values agree in the [`BUCKET_BITS`] highest bits.
pub(super) fn shift(magnitude: u64) -> u32 {
    (u64::BITS - magnitude.leading_zeros()).saturating_sub(BUCKET_BITS)
}

/// The smallest magnitude of a value's bucket, with its sign.
pub(super) fn bucket(value: Nanos) -> i64 {
    let magnitude = clamped(value);
    let shift = shift(magnitude);
    let low = i64::try_from(magnitude >> shift << shift).expect("at most the range");
    if value.0 < 0 { -low } else { low }
}

/// The largest magnitude of a bucket, with its sign.
pub(super) fn highest(low: i64) -> i64 {
    let width = i64::try_from((1_u64 << shift(low.unsigned_abs())) - 1).expect("less than the magnitude");
    if low < 0 { low - width } else { low + width }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RANGE;
    use super::*;

    proptest! {
        #[test]
        fn it_is_the_same_histogram(values in prop::collection::vec(prop_oneof![-9_000_i64..9_000, -50_000_000_000_i64..50_000_000_000, Just(RANGE.0 + 7), Just(0)], 0..300), q in 0.0..=1.0_f64) {
            let (mut full, mut sparse, mut added) = (SignedHistogram::default(), SparseHistogram::default(), SignedHistogram::default());
            for value in values {
                full.record(Nanos(value));
                sparse.record(Nanos(value));
            }
            sparse.add_to(&mut added);
            prop_assert_eq!(sparse.quantile(q), full.quantile(q));
            prop_assert_eq!(added.quantile(q), full.quantile(q));
            prop_assert_eq!((added.count(), added.negatives(), added.over_range()), (full.count(), full.negatives(), full.over_range()));
            prop_assert_eq!((added.min(), added.max(), added.mean(), added.sums_s()), (full.min(), full.max(), full.mean(), full.sums_s()));
        }
    }
}
