//! Where a history of runs changed: ranks, so that a single spike moves nothing.
//!
//! The runs are split if the sums of the ranks before and after differ somewhere by so much (Pettitt 1979, "A non-parametric approach
//! to the change-point problem", Applied Statistics 28(2), with the sum scaled by its length so that a change near an end
//! is found as well), if so large a difference comes up by chance in no more than 1 of 100 shuffles; then each part is
//! split further, and in the end each split is looked for once more between its neighbours, as E-divisive does (Matteson
//! and James 2014). Ranks instead of values are what makes it robust: the highest of twenty runs has rank 20, by however
//! much. A split needs three runs on each side: a spike of one run, or of two, is none.

use super::block_length::as_f64;
use super::effect::Smallest;
use super::random::Random;

/// Runs before and after a change at least.
pub const RUNS_BESIDE_MIN: usize = 3;
/// Fewer runs than this cannot show a change with so few false alarms.
pub const RUNS_MIN: usize = 10;
/// How often shuffled runs may look as changed as they do.
const FALSE_ALARMS: f64 = 0.01;
/// Shuffles of each test.
const SHUFFLES: usize = 999;

/// A change between two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first run after it.
    pub at: usize,
    /// The median since the change before, or the beginning.
    pub before: f64,
    /// The median until the next change, or the end.
    pub after: f64,
}

/// The changes of a figure over runs, in their order; those that do not matter are left out.
#[must_use]
pub fn change_points(values: &[f64], smallest: Smallest, seed: u64) -> Vec<ChangePoint> {
    if values.len() < RUNS_MIN {
        return Vec::new();
    }
    let mut random = Random::new(seed, 0x0048_4953);
    let mut splits = Vec::new();
    divide(values, 0, &mut splits, &mut random);
    splits.sort_unstable();
    // The first splits were made in sight of all that changed later.
    let mut refined: Vec<usize> = Vec::new();
    for index in 0..splits.len() {
        let from = refined.last().copied().unwrap_or(0);
        let until = splits.get(index + 1).copied().unwrap_or(values.len());
        refined.extend(split(&values[from..until], &mut random).map(|at| from + at));
    }
    refined.dedup();
    while let Some(weakest) = weakest(values, &refined, smallest) {
        refined.remove(weakest);
    }
    described(values, &refined)
}

/// The split whose medians differ least, where that does not matter.
fn weakest(values: &[f64], splits: &[usize], smallest: Smallest) -> Option<usize> {
    let points = described(values, splits);
    let excess =
        |point: &ChangePoint| (point.after - point.before).abs() / smallest.beside(point.before).max(1e-9);
    let weakest = points.iter().enumerate().min_by(|a, b| excess(a.1).total_cmp(&excess(b.1)))?;
    (excess(weakest.1) < 1.0).then_some(weakest.0)
}

fn described(values: &[f64], splits: &[usize]) -> Vec<ChangePoint> {
    let end = |index: usize| splits.get(index).copied().unwrap_or(values.len());
    let point = |(index, at): (usize, &usize)| {
        let from = index.checked_sub(1).map_or(0, |before| splits[before]);
        ChangePoint {
            at: *at,
            before: median(&values[from..*at]),
            after: median(&values[*at..end(index + 1)]),
        }
    };
    splits.iter().enumerate().map(point).collect()
}

fn divide(values: &[f64], offset: usize, splits: &mut Vec<usize>, random: &mut Random) {
    if let Some(at) = split(values, random) {
        splits.push(offset + at);
        divide(&values[..at], offset, splits, random);
        divide(&values[at..], offset + at, splits, random);
    }
}

/// Where these values are split best, if that is no chance.
fn split(values: &[f64], random: &mut Random) -> Option<usize> {
    if values.len() < 2 * RUNS_BESIDE_MIN {
        return None;
    }
    let mut ranks = ranks(values);
    let found = most_different(&ranks);
    let mut as_large = 1;
    for _ in 0..SHUFFLES {
        for index in (1..ranks.len()).rev() {
            ranks.swap(index, random.below(index + 1));
        }
        as_large += usize::from(most_different(&ranks) >= found - 1e-9);
    }
    (as_f64(as_large) / as_f64(SHUFFLES + 1) <= FALSE_ALARMS).then(|| place(values))
}

/// Where two medians lie nearest to the values before and after: the sum of the distances is least.
fn place(values: &[f64]) -> usize {
    let distances = |values: &[f64]| {
        let median = median(values);
        values.iter().map(|value| (value - median).abs()).sum::<f64>()
    };
    let both = |at: &usize| distances(&values[..*at]) + distances(&values[*at..]);
    let places = RUNS_BESIDE_MIN..=values.len() - RUNS_BESIDE_MIN;
    places.min_by(|one, other| both(one).total_cmp(&both(other))).unwrap_or(RUNS_BESIDE_MIN)
}

/// By how much the sums of the centred ranks before and after differ, for their lengths, where they differ most.
fn most_different(ranks: &[f64]) -> f64 {
    let n = ranks.len();
    let mut sum = 0.0;
    let mut best = f64::NEG_INFINITY;
    for (index, rank) in ranks.iter().enumerate() {
        sum += rank;
        let at = index + 1;
        if (RUNS_BESIDE_MIN..=n - RUNS_BESIDE_MIN).contains(&at) {
            let scaled = sum.abs() / (as_f64(at) * as_f64(n - at) / as_f64(n)).sqrt();
            best = best.max(scaled);
        }
    }
    best
}

/// Ranks less their mean; equal values share the middle of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let middle = as_f64(values.len() + 1) / 2.0;
    let rank = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        as_f64(below) + as_f64(equal + 1) / 2.0 - middle
    };
    values.iter().map(rank).collect()
}

/// The median; 0 of none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (n, middle) = (sorted.len(), sorted.len() / 2);
    match (n, n % 2) {
        (0, _) => 0.0,
        (_, 1) => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs around these values, each with a little noise.
    fn noisy(levels: &[f64], seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed, 9);
        levels.iter().map(|level| level * (1.0 + 0.06 * (random.unit() - 0.5))).collect()
    }

    fn steps(parts: &[(usize, f64)]) -> Vec<f64> {
        parts.iter().flat_map(|(count, level)| vec![*level; *count]).collect()
    }

    fn found(values: &[f64]) -> Vec<usize> {
        change_points(values, Smallest::DEFAULT, 1).into_iter().map(|point| point.at).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is_with_the_medians_beside_it() {
        let values = noisy(&steps(&[(12, 100.0), (9, 120.0)]), 4);
        let points = change_points(&values, Smallest::DEFAULT, 1);
        let [point] = points[..] else { panic!("{points:?}") };
        assert_eq!(point.at, 12);
        assert!((point.before - 100.0).abs() < 2.0 && (point.after - 120.0).abs() < 2.0, "{point:?}");
        assert_eq!(points, change_points(&values, Smallest::DEFAULT, 1), "the seed decides");
    }

    #[test]
    fn what_went_up_and_came_down_again_is_two_changes() {
        assert_eq!(found(&noisy(&steps(&[(10, 100.0), (8, 150.0), (10, 100.0)]), 2)), [10, 18]);
        assert_eq!(found(&noisy(&steps(&[(20, 100.0), (5, 130.0)]), 2)), [20], "five runs are enough");
    }

    #[test]
    fn single_spikes_are_no_change() {
        for at in [0, 5, 11, 23] {
            let mut values = noisy(&steps(&[(24, 100.0)]), 7);
            values[at] *= 50.0;
            assert_eq!(found(&values), [0; 0], "a spike at {at}");
            let mut values = noisy(&steps(&[(12, 100.0), (12, 120.0)]), 7);
            values[at] *= 50.0;
            // A spike right before a step may as well be its first run.
            let step = if at == 11 { 11 } else { 12 };
            assert_eq!(found(&values), [step], "a spike at {at} beside a step");
        }
    }

    #[test]
    fn steady_runs_seldom_change_and_what_does_not_matter_never_does() {
        let alarms: usize = (0..100).map(|seed| found(&noisy(&[100.0; 30], seed)).len()).sum();
        assert!(alarms <= 4, "{alarms} of 100 histories without a change");
        // 1.5 % is a step, and less than 2 %.
        assert_eq!(found(&steps(&[(10, 100.0), (10, 101.5)])), [0; 0]);
        assert_eq!(found(&steps(&[(3, 100.0), (3, 200.0)])), [0; 0], "too few runs");
    }
}
