//! A rate that follows straight lines: when the area under it reaches a given number of iterations.
//!
//! k6 starts iteration k (k = 1, 2, …) of a `ramping-arrival-rate` when the area under the rate's line reaches
//! k. In a stage of length `l` from rate `a` to rate `b` (both per `per`) the area after `x` is
//! `(a·x + (b − a)·x² / 2l) / per`. To stay in whole numbers everything is multiplied by `2·per`: an *area* here
//! is `2·per` times a number of iterations, and the area of a whole stage is `l·(a + b)`.
//!
//! The moment is found by comparing whole numbers, in 128 bits, and rounded down to a nanosecond as the
//! ticks of a constant rate are. Nothing is accumulated but the areas of whole stages, which are exact.

use streamgauge_shared::test_file::{RampingArrivalRate, Rate};
use streamgauge_shared::time::Nanos;

/// A piecewise linear rate over a span of time.
///
/// Exact for rates below 2^60 and lengths that add up to less than 2^63 ns, which the file's limits keep.
#[derive(Clone, Debug)]
pub struct RateLine {
    /// The span that rates are counted in, in lowest terms with the rates.
    per: i128,
    legs: Vec<Leg>,
}

/// A straight part of it.
#[derive(Clone, Copy, Debug)]
struct Leg {
    begins: Nanos,
    length: i128,
    from: i128,
    to: i128,
    /// The areas before it and up to its end.
    before: i128,
    until: i128,
}

impl RateLine {
    /// The line of a ramping arrival rate.
    #[must_use]
    pub fn ramping(load: &RampingArrivalRate) -> Self {
        let corners = load.stages.iter().map(|stage| (stage.duration, stage.target));
        Self::new(load.per, load.start, corners)
    }

    /// A rate that stays the same for a time.
    #[must_use]
    pub fn constant(rate: Rate, length: Nanos) -> Self {
        Self::new(rate.per, rate.iterations, [(length, rate.iterations)])
    }

    fn new(per: Nanos, start: u64, corners: impl IntoIterator<Item = (Nanos, u64)> + Clone) -> Self {
        let common =
            corners.clone().into_iter().fold(gcd(per.0.unsigned_abs(), start), |d, (_, to)| gcd(d, to));
        let reduced = |number: u64| i128::from(number / common.max(1));
        let (mut begins, mut from, mut before) = (Nanos::ZERO, reduced(start), 0);
        let legs = corners.into_iter().map(|(length, to)| {
            let to = reduced(to);
            let until = before + i128::from(length.0) * (from + to);
            let leg = Leg { begins, length: length.0.into(), from, to, before, until };
            (begins, from, before) = (begins + length, to, until);
            leg
        });
        let legs = legs.collect();
        Self { per: reduced(per.0.unsigned_abs()), legs }
    }

    /// The area that stands for a number of whole iterations and 2^-32ths of one.
    pub(super) fn area_of(&self, whole: u64, fraction: u32) -> i128 {
        let one = 2 * self.per;
        // Below 2^64 · 2^63 and 2^64 · 2^32.
        one * i128::from(whole) + ((one * i128::from(fraction)) >> 32)
    }

    /// The first moment at which an area above 0 is reached, rounded down to a nanosecond; nothing if it never is.
    pub(super) fn reaches(&self, area: i128) -> Option<Nanos> {
        let leg = self.legs.get(self.legs.partition_point(|leg| leg.until < area))?;
        let inside = i64::try_from(leg.reaches(area - leg.before)).expect("within the leg's length");
        Some(leg.begins + Nanos(inside))
    }
}

impl Leg {
    /// The last nanosecond of the leg at which its area is at most `area`, which the leg does reach.
    fn reaches(&self, area: i128) -> i128 {
        let (slow, fast) = (self.from.min(self.to), self.from.max(self.to));
        if slow == fast {
            return area / (2 * fast);
        }
        // Between the moments at which the fastest and the slowest rate alone would have reached it.
        let mut low = area / (2 * fast);
        let mut high = if slow == 0 { self.length } else { self.length.min(area / (2 * slow)) };
        while low < high {
            let middle = high - (high - low) / 2;
            if self.is_at_most(middle, area) { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// Whether the area after `x` is at most `area`: `2·a·x + (b − a)·x²/l ≤ area`, without a fraction.
    fn is_at_most(&self, x: i128, area: i128) -> bool {
        let slope = self.to - self.from;
        // x² is split by the length because slope · x² need not fit.
        let (square, rest) = (x * x / self.length, x * x % self.length);
        let rounded_up = -(-(slope * rest)).div_euclid(self.length);
        rounded_up <= area - 2 * self.from * x - slope * square
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Nanos = Nanos::from_secs(1);

    fn starts(start: u64, corners: &[(i64, u64)]) -> Vec<i64> {
        let corners: Vec<_> = corners.iter().map(|(ms, to)| (Nanos::from_millis(*ms), *to)).collect();
        let line = RateLine::new(SECOND, start, corners);
        (1..).map_while(|k| line.reaches(line.area_of(k, 0))).map(|offset| offset.0).collect()
    }

    #[test]
    fn a_ramp_from_zero_starts_its_iterations_at_square_roots() {
        // 2·t² / 2 iterations after t seconds: the k-th at √k.
        assert_eq!(starts(0, &[(2_000, 4)]), [1_000_000_000, 1_414_213_562, 1_732_050_807, 2_000_000_000]);
        // The same, mirrored: the k-th at 2 − √(4 − k).
        assert_eq!(starts(4, &[(2_000, 0)]), [267_949_192, 585_786_437, 1_000_000_000, 2_000_000_000]);
    }

    #[test]
    fn a_jump_takes_no_time_and_no_rate_starts_nothing() {
        assert_eq!(
            starts(1, &[(2_000, 1), (0, 4), (500, 4), (0, 0), (5_000, 0), (0, 1), (1_000, 1)]),
            [1_000_000_000, 2_000_000_000, 2_250_000_000, 2_500_000_000, 8_500_000_000]
        );
        assert_eq!(starts(0, &[(5_000, 0)]), [0_i64; 0]);
    }

    #[test]
    fn the_largest_rates_and_lengths_fit() {
        let (length, most) = (Nanos(i64::MAX / 2), 1 << 59);
        let line = RateLine::new(Nanos(3_600_000_000_000_000_001), 1, [(length, most), (length, 0)]);
        // As many as the whole area holds.
        let area = line.legs.last().expect("two legs").until;
        let k = u64::try_from(area / (2 * line.per)).expect("it fits");
        let last = line.reaches(line.area_of(k, 0)).expect("it is reached");
        assert!(last > length && last <= length + length, "{last}");
        assert_eq!(line.reaches(line.area_of(k + 1, 0)), None);
    }

    proptest! {
        /// The definition itself, in numbers small enough to be multiplied out.
        #[test]
        fn a_moment_is_the_last_nanosecond_before_the_area_is_reached(
            start in 0..2_000_u64,
            corners in prop::collection::vec((0..5_000_000_000_i64, 0..2_000_u64), 1..5),
            per in 1..5_000_000_000_i64,
            whole in 0..5_000_u64, fraction in any::<u32>(),
        ) {
            let corners: Vec<_> = corners.into_iter().map(|(length, to)| (Nanos(length), to)).collect();
            let line = RateLine::new(Nanos(per), start, corners.clone());
            let area = line.area_of(whole, fraction);
            prop_assume!(area > 0);
            // The exact area at a moment, as a fraction: (numerator, denominator).
            let area_at = |moment: i64| {
                let (mut sum, mut begins, mut from) = (0_i128, 0_i64, i128::from(start));
                for (length, to) in &corners {
                    let (to, length) = (i128::from(*to), length.0);
                    let x = i128::from((moment - begins).clamp(0, length));
                    let whole = i128::from(length);
                    if moment < begins + length {
                        return (sum * whole + 2 * from * x * whole + (to - from) * x * x, whole);
                    }
                    sum += whole * (from + to);
                    (begins, from) = (begins + length, to);
                }
                (sum, 1)
            };
            // `area` is in lowest terms; theirs is not.
            let scale = i128::from(per) / line.per;
            let end = corners.iter().map(|(length, _)| length.0).sum::<i64>();
            match line.reaches(area) {
                None => { let (have, of) = area_at(end); prop_assert!(have < area * scale * of); }
                Some(at) => {
                    let (have, of) = area_at(at.0);
                    prop_assert!(have <= area * scale * of, "not late");
                    let (have, of) = area_at((at.0 + 1).min(end));
                    prop_assert!(have > area * scale * of || (at.0 == end || have == area * scale * of && at.0 + 1 == end), "less than 1 ns early");
                }
            }
        }
    }
}
