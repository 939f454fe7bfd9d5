//! A signed HdrHistogram with exact minimum, maximum and sum.
//!
//! Range ±48 h at 1 ns with three significant digits: a percentile is at most 0.1 % above the value it
//! stands for. A value beyond the range is clamped to its end and counted in [`SignedHistogram::over_range`].
//! HdrHistogram has no negative values: magnitudes of negatives go into a second histogram, made on first use.
//!
//! Percentiles are HdrHistogram's: the highest value that is equivalent, at the histogram's resolution, to
//! the sample of rank ⌈q·n⌉. No interpolation, so they differ from k6's for small n.

mod compact;
pub mod interval_log;
mod sparse;
mod stored;
mod unmeasured;

pub use compact::CompactHistogram;
pub use sparse::SparseHistogram;
pub use unmeasured::Unmeasured;

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// The largest magnitude that is recorded as it is: 48 hours.
pub const RANGE: Nanos = Nanos(48 * 3_600 * 1_000_000_000);
/// Significant decimal digits kept of each value.
const DIGITS: u8 = 3;

/// Counts of signed spans of time.
#[derive(Clone, Debug)]
pub struct SignedHistogram {
    positive: Histogram<u64>,
    negative: Option<Histogram<u64>>,
    exact: Exact,
}

/// What is kept of the values themselves, whatever buckets they are counted in.
#[derive(Clone, Debug)]
struct Exact {
    count: u64,
    over_range: u64,
    min: Nanos,
    max: Nanos,
    sum: i128,
    /// Magnitudes of the values below zero.
    negative_sum: i128,
    sum_of_squares: f64,
}

/// A quantile of a set of which some members are only known to be at least something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantile {
    /// The set is empty.
    #[default]
    NoData,
    /// Both bounds fall into one bucket: this is the value.
    Value(Nanos),
    /// At least this; how much more is not known yet.
    AtLeast(Nanos),
    /// At least the first and at most the second.
    Between(Nanos, Nanos),
}

impl fmt::Display for Quantile {
    /// With its relation, to stand after a name: `=3.1ms`, `≥3.1ms`, `=3.1ms to 17ms`, `=-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoData => f.write_str("=-"),
            Self::Value(value) => write!(f, "={value}"),
            Self::AtLeast(low) => write!(f, "≥{low}"),
            Self::Between(low, high) => write!(f, "={low} to {high}"),
        }
    }
}

impl Default for SignedHistogram {
    fn default() -> Self {
        Self { positive: empty(), negative: None, exact: Exact::default() }
    }
}

impl Default for Exact {
    fn default() -> Self {
        Self {
            count: 0,
            over_range: 0,
            min: Nanos(i64::MAX),
            max: Nanos(i64::MIN),
            sum: 0,
            negative_sum: 0,
            sum_of_squares: 0.0,
        }
    }
}

impl Exact {
    #[expect(
        clippy::cast_precision_loss,
        reason = "squares feed a standard deviation, which is shown with few digits"
    )]
    fn record(&mut self, value: Nanos) {
        self.count += 1;
        self.over_range += u64::from(value.0.unsigned_abs() > RANGE.0.unsigned_abs());
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += i128::from(value.0);
        self.negative_sum += i128::from(value.0.min(0).unsigned_abs());
        self.sum_of_squares += (value.0 as f64) * (value.0 as f64);
    }

    #[expect(clippy::cast_precision_loss, reason = "as for one value")]
    fn record_n(&mut self, value: Nanos, times: u64) {
        let mut one = Self::default();
        one.record(value);
        one.count *= times;
        one.over_range *= times;
        one.sum *= i128::from(times);
        one.negative_sum *= i128::from(times);
        one.sum_of_squares *= times as f64;
        self.merge(&one);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.over_range += other.over_range;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.negative_sum += other.negative_sum;
        self.sum_of_squares += other.sum_of_squares;
    }
}

fn empty() -> Histogram<u64> {
    let mut histogram =
        Histogram::new_with_bounds(1, 2, DIGITS).expect("the bounds are legal for three digits");
    // Grows with what it sees, up to RANGE: most histograms hold milliseconds and stay small.
    histogram.auto(true);
    histogram
}

impl SignedHistogram {
    /// Counts one value.
    pub fn record(&mut self, value: Nanos) {
        let side = if value.0 < 0 { self.negative.get_or_insert_with(empty) } else { &mut self.positive };
        side.record(clamped(value)).expect("the histogram grows up to the limit");
        self.exact.record(value);
    }

    /// Counts the same value so many times.
    pub fn record_n(&mut self, value: Nanos, times: u64) {
        if times > 0 {
            let side = if value.0 < 0 { self.negative.get_or_insert_with(empty) } else { &mut self.positive };
            side.record_n(clamped(value), times).expect("the histogram grows up to the limit");
            self.exact.record_n(value, times);
        }
    }

    /// Adds every value of another histogram; nothing is lost.
    pub fn merge(&mut self, other: &Self) {
        self.positive.add(&other.positive).expect("the histogram grows up to the limit");
        if let Some(theirs) = &other.negative {
            self.negative.get_or_insert_with(empty).add(theirs).expect("the histogram grows up to the limit");
        }
        self.exact.merge(&other.exact);
    }

    /// The values of one side of a histogram of magnitudes: what an interval log keeps. Each counts as the highest value
    /// of its bucket.
    fn of_buckets(side: &Histogram<u64>, negative: bool) -> Self {
        let mut histogram = Self::default();
        for step in side.iter_recorded() {
            let value = i64::try_from(step.value_iterated_to()).unwrap_or(i64::MAX);
            histogram
                .record_n(Nanos(if negative { -value } else { value }), step.count_since_last_iteration());
        }
        histogram
    }

    /// The buckets that hold anything, smallest first: the highest value of each (of a negative one the one farthest
    /// from zero), and how many are in it.
    pub fn buckets(&self) -> impl Iterator<Item = (Nanos, u64)> {
        let value = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let mut below: Vec<(Nanos, u64)> = Vec::new();
        if let Some(side) = &self.negative {
            let steps = side.iter_recorded();
            below
                .extend(steps.map(|step| {
                    (Nanos(-value(step.value_iterated_to())), step.count_since_last_iteration())
                }));
            below.reverse();
        }
        let from_zero = self.positive.iter_recorded();
        below.into_iter().chain(
            from_zero
                .map(move |step| (Nanos(value(step.value_iterated_to())), step.count_since_last_iteration())),
        )
    }

    /// How many values are at most `bound`, at the histogram's resolution: those of the bucket that holds `bound` count.
    #[must_use]
    pub fn count_at_most(&self, bound: Nanos) -> u64 {
        self.buckets()
            .filter(|(value, _)| *value <= bound || self.same_bucket(*value, bound))
            .map(|(_, count)| count)
            .sum()
    }

    /// Values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.exact.count
    }

    /// Values that were clamped to the end of the range.
    #[must_use]
    pub fn over_range(&self) -> u64 {
        self.exact.over_range
    }

    /// Values below zero.
    #[must_use]
    pub fn negatives(&self) -> u64 {
        self.negative.as_ref().map_or(0, Histogram::len)
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

    /// The arithmetic mean in nanoseconds, from the exact sum.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a mean is shown with few digits")]
    pub fn mean(&self) -> Option<f64> {
        (self.exact.count > 0).then(|| self.exact.sum as f64 / self.exact.count as f64)
    }

    /// The standard deviation of the population in nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a deviation is shown with few digits")]
    pub fn stddev(&self) -> Option<f64> {
        let mean = self.mean()?;
        Some((self.exact.sum_of_squares / self.exact.count as f64 - mean * mean).max(0.0).sqrt())
    }

    /// The sum of the values that are not negative, and of the magnitudes of those that are, in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Prometheus sums are floats")]
    pub fn sums_s(&self) -> (f64, f64) {
        ((self.exact.sum + self.exact.negative_sum) as f64 / 1e9, self.exact.negative_sum as f64 / 1e9)
    }

    /// How many values are at or below `edge`'s bucket, of the non-negative side or of the magnitudes of the
    /// negative one. `edge` is moved to its bucket's upper end, which is returned: there the count is exact.
    #[must_use]
    pub fn cumulative(&self, edge: Nanos, negative_side: bool) -> (Nanos, u64) {
        let side = if negative_side { self.negative.as_ref() } else { Some(&self.positive) };
        let edge = edge.0.unsigned_abs();
        let upper = self.positive.highest_equivalent(edge);
        let count = side.map_or(0, |histogram| {
            histogram
                .iter_recorded()
                .take_while(|step| step.value_iterated_to() <= upper)
                .map(|step| step.count_since_last_iteration())
                .sum()
        });
        (Nanos(i64::try_from(upper).unwrap_or(i64::MAX)), count)
    }

    /// The quantile `q` (0 to 1) of all members: those counted here, and those of `unarrived`, which are
    /// only known to be at least their present age.
    #[must_use]
    pub fn quantile_with(&self, q: f64, unarrived: &Self) -> Quantile {
        self.quantile_between(q, unarrived, &Unmeasured::default())
    }

    /// The quantile `q` (0 to 1) of all members: those counted here, those of `unarrived`, which are only known to
    /// be at least their present age, and those of `unmeasured`, which are known to lie between two bounds.
    ///
    /// L is the quantile with each of them at the least it can be, U with each at the most: infinity for what has
    /// not arrived (design rule: no latency is flattered by what has not come). Where both fall into one bucket,
    /// that is the value; otherwise it lies somewhere between them.
    #[must_use]
    pub fn quantile_between(&self, q: f64, unarrived: &Self, unmeasured: &Unmeasured) -> Quantile {
        let total = self.exact.count + unarrived.exact.count + unmeasured.count();
        if total == 0 {
            return Quantile::NoData;
        }
        let rank = rank(q, total);
        if total == self.exact.count {
            return Quantile::Value(self.value_at_rank(rank));
        }
        let mut least = self.clone();
        least.merge(unarrived);
        unmeasured.at_least().into_iter().for_each(|at_least| least.merge(at_least));
        let low = least.value_at_rank(rank);
        let most = unmeasured.at_most().map(|at_most| {
            let mut most = self.clone();
            most.merge(at_most);
            most
        });
        let most = most.as_ref().unwrap_or(self);
        if rank > most.exact.count {
            return Quantile::AtLeast(low);
        }
        let high = most.value_at_rank(rank);
        // The exact extremes that a value is kept within may put the lower bound's bucket above the upper's.
        if self.same_bucket(low, high) || high <= low {
            Quantile::Value(low)
        } else {
            Quantile::Between(low, high)
        }
    }

    /// Counts into the bucket of a value; the exact figures are the caller's.
    fn add_bucket(&mut self, low: i64, count: u64) {
        let side = if low < 0 { self.negative.get_or_insert_with(empty) } else { &mut self.positive };
        side.record_n(low.unsigned_abs(), count).expect("the histogram grows up to the limit");
    }

    fn same_bucket(&self, a: Nanos, b: Nanos) -> bool {
        (a.0 < 0) == (b.0 < 0) && self.positive.equivalent(a.0.unsigned_abs(), b.0.unsigned_abs())
    }

    /// The quantile `q` (0 to 1) of what is counted here.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Nanos> {
        (self.exact.count > 0).then(|| self.value_at_rank(rank(q, self.exact.count)))
    }

    /// The sample of a rank from 1 to `count`, at the histogram's resolution, never beyond the exact extremes.
    fn value_at_rank(&self, rank: u64) -> Nanos {
        let negatives = self.negatives();
        let value = match &self.negative {
            Some(side) if rank <= negatives => -at_rank(side, negatives - rank + 1),
            _ => at_rank(&self.positive, rank - negatives),
        };
        Nanos(value).clamp(self.exact.min, self.exact.max)
    }
}

/// The magnitude that is counted: at most [`RANGE`].
fn clamped(value: Nanos) -> u64 {
    value.0.unsigned_abs().min(RANGE.0.unsigned_abs())
}

/// ⌈q·n⌉, from 1 to n: the rank of the sample that the quantile names.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 1 and n by the clamp"
)]
fn rank(q: f64, n: u64) -> u64 {
    // 0.95 × 100 is 95.00000000000001 in binary: without the small step back, p(95) of 100 would be rank 96.
    let exact = q * n as f64;
    ((exact - exact * 1e-12).ceil() as u64).clamp(1, n)
}

fn at_rank(side: &Histogram<u64>, rank: u64) -> i64 {
    let mut seen = 0;
    let found = side.iter_recorded().find(|step| {
        seen += step.count_since_last_iteration();
        seen >= rank
    });
    found.map_or(0, |step| i64::try_from(step.value_iterated_to()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[i64]) -> SignedHistogram {
        let mut histogram = SignedHistogram::default();
        values.iter().for_each(|value| histogram.record(Nanos(*value)));
        histogram
    }

    /// The definition, on the values themselves.
    fn reference(values: &[i64], q: f64) -> i64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let rank = rank(q, sorted.len() as u64);
        sorted[usize::try_from(rank - 1).expect("small")]
    }

    fn close(reported: Nanos, truth: i64) -> bool {
        (reported.0 - truth).abs() <= truth.abs() / 1_000 + 1
    }

    proptest! {
        #[test]
        fn quantiles_are_the_ranked_samples(values in prop::collection::vec(-50_000_000_000_i64..50_000_000_000, 1..300), q in 0.0..=1.0_f64) {
            let histogram = of(&values);
            let reported = histogram.quantile(q).expect("not empty");
            prop_assert!(close(reported, reference(&values, q)), "{reported:?} for {}", reference(&values, q));
            prop_assert_eq!(histogram.min(), values.iter().min().map(|v| Nanos(*v)));
            prop_assert_eq!(histogram.max(), values.iter().max().map(|v| Nanos(*v)));
        }

        #[test]
        fn merging_is_counting_both(a in prop::collection::vec(any::<i32>(), 0..100), b in prop::collection::vec(any::<i32>(), 0..100)) {
            let (a, b): (Vec<i64>, Vec<i64>) = (a.into_iter().map(i64::from).collect(), b.into_iter().map(i64::from).collect());
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let both = of(&[a, b].concat());
            prop_assert_eq!(merged.count(), both.count());
            prop_assert_eq!(merged.negatives(), both.negatives());
            for q in [0.0, 0.5, 0.9, 0.99, 1.0] {
                prop_assert_eq!(merged.quantile(q), both.quantile(q));
            }
        }

        #[test]
        fn the_truth_lies_between_the_bounds(arrived in prop::collection::vec(0..10_000_000_i64, 0..100), ages in prop::collection::vec(0..10_000_000_i64, 1..50), more in 0..10_000_000_i64, q in 0.0..=1.0_f64) {
            let eventually: Vec<i64> = arrived.iter().copied().chain(ages.iter().map(|age| age + more)).collect();
            let truth = reference(&eventually, q);
            match of(&arrived).quantile_with(q, &of(&ages)) {
                Quantile::NoData => prop_assert!(false, "there is data"),
                // One bucket holds both bounds, so the truth is in it.
                Quantile::Value(value) => prop_assert!(close(value, truth), "{value:?} for {truth}"),
                Quantile::AtLeast(low) => prop_assert!(low.0 <= truth + truth / 1_000 + 1, "{low:?} for {truth}"),
                Quantile::Between(low, high) => {
                    prop_assert!(low.0 <= truth + truth / 1_000 + 1, "{low:?} for {truth}");
                    prop_assert!(high.0 + high.0 / 1_000 + 1 >= truth, "{high:?} for {truth}");
                }
            }
        }
    }

    #[test]
    fn a_quantile_beyond_what_arrived_is_only_a_lower_bound() {
        let arrived = of(&[10, 20, 30]);
        let waiting = of(&[1_000]);
        assert_eq!(arrived.quantile_with(0.5, &waiting), Quantile::Value(Nanos(20)));
        assert_eq!(arrived.quantile_with(0.99, &waiting), Quantile::AtLeast(Nanos(1_000)));
        // The one that waits is younger than what arrived: the median is 10 if it arrives at once, 20 if it never does.
        assert_eq!(arrived.quantile_with(0.5, &of(&[5])), Quantile::Between(Nanos(10), Nanos(20)));
        assert_eq!(of(&[]).quantile_with(0.5, &of(&[])), Quantile::NoData);
        assert_eq!(of(&[]).quantile_with(0.5, &waiting), Quantile::AtLeast(Nanos(1_000)));
    }

    proptest! {
        #[test]
        fn the_truth_lies_between_the_bounds_of_what_is_unmeasured(arrived in prop::collection::vec(0..10_000_000_i64, 0..60), read in prop::collection::vec((0..10_000_000_i64, 0.0..=1.0_f64), 1..40), waiting in 0..3_usize, q in 0.0..=1.0_f64) {
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
            let came = |(read, share): &(i64, f64)| (*read as f64 * share) as i64;
            let mut eventually: Vec<i64> = arrived.iter().copied().chain(read.iter().map(came)).collect();
            eventually.extend(vec![20_000_000; waiting]);
            let truth = reference(&eventually, q);
            let mut unmeasured = Unmeasured::default();
            read.iter().for_each(|(read, _)| unmeasured.record(Nanos::ZERO, Some(Nanos(*read))));
            let below = |bound: Nanos| bound.0 <= truth + truth / 1_000 + 1;
            let above = |bound: Nanos| bound.0 + bound.0 / 1_000 + 1 >= truth;
            match of(&arrived).quantile_between(q, &of(&vec![15_000_000; waiting]), &unmeasured) {
                Quantile::NoData => prop_assert!(false, "there is data"),
                Quantile::Value(value) => prop_assert!(close(value, truth), "{value:?} for {truth}"),
                Quantile::AtLeast(low) => prop_assert!(below(low), "{low:?} for {truth}"),
                Quantile::Between(low, high) => prop_assert!(below(low) && above(high), "{low:?} {high:?} for {truth}"),
            }
        }
    }

    #[test]
    fn what_is_unmeasured_opens_a_quantile_only_where_it_can_matter() {
        let arrived = of(&[10; 98]);
        let mut unmeasured = Unmeasured::default();
        (0..2).for_each(|_| unmeasured.record(Nanos::ZERO, Some(Nanos(480))));
        let quantile = |q| arrived.quantile_between(q, &of(&[]), &unmeasured);
        assert_eq!(quantile(0.5), Quantile::Value(Nanos(10)));
        assert_eq!(quantile(0.98), Quantile::Value(Nanos(10)));
        assert_eq!(quantile(0.99), Quantile::Between(Nanos(10), Nanos(480)));
        unmeasured.record(Nanos::ZERO, None);
        assert_eq!(arrived.quantile_between(1.0, &of(&[]), &unmeasured), Quantile::AtLeast(Nanos(10)));
        assert_eq!(Quantile::Between(Nanos(17_000_000), Nanos(480_000_000)).to_string(), "=17ms to 480ms");
    }

    #[test]
    fn ranks_do_not_suffer_from_binary_fractions() {
        assert_eq!(
            (rank(0.95, 100), rank(0.99, 100), rank(0.5, 101), rank(0.0, 5), rank(1.0, 5)),
            (95, 99, 51, 1, 5)
        );
    }

    #[test]
    fn a_value_counted_many_times_is_that_many_values() {
        let mut many = of(&[5, -7]);
        many.record_n(Nanos(-3), 4);
        many.record_n(Nanos(9), 0);
        let each = of(&[5, -7, -3, -3, -3, -3]);
        assert_eq!((many.count(), many.min(), many.max()), (each.count(), each.min(), each.max()));
        assert_eq!(
            (many.mean(), many.sums_s(), many.negatives()),
            (each.mean(), each.sums_s(), each.negatives())
        );
        assert_eq!(many.quantile(0.5), each.quantile(0.5));
    }

    #[test]
    fn values_beyond_the_range_are_clamped_and_counted() {
        let histogram = of(&[RANGE.0, RANGE.0 + 1, -RANGE.0 - 1]);
        assert_eq!((histogram.count(), histogram.over_range(), histogram.negatives()), (3, 2, 1));
    }

    #[test]
    fn negatives_are_kept_apart_as_magnitudes() {
        let histogram = of(&[-3_000_000, 1_000_000, 2_000_000]);
        let (positive, negative) = histogram.sums_s();
        assert!((positive - 0.003).abs() < 1e-12 && (negative - 0.003).abs() < 1e-12);
        let (edge, count) = histogram.cumulative(Nanos::from_millis(1), false);
        assert_eq!(count, 1);
        assert!(edge >= Nanos::from_millis(1));
        assert_eq!(histogram.cumulative(Nanos::from_millis(5), true).1, 1);
        assert_eq!(histogram.quantile(0.0), Some(Nanos(-3_000_000)));
    }
}
