//! How many iterations a schedule starts.

use super::super::{Arrivals, CapacitySearch, Executor, RampingArrivalRate, RampingVus, Rate};
use super::Count;
use crate::time::Nanos;

/// The iterations of a load whose flow pauses for so many nanoseconds on average.
pub(super) fn of(executor: &Executor, pauses: f64) -> Count {
    let spaced = |arrivals, count| match arrivals {
        Arrivals::Even => Count::Exactly(count),
        Arrivals::Poisson => Count::About(count),
    };
    match executor {
        Executor::SharedIterations(_) | Executor::PerVuIterations(_) => {
            executor.counted_iterations().map_or(Count::Unknown, Count::Exactly)
        }
        Executor::ConstantVus(load) => closed(f64::from(load.vus) * nanos(load.duration), load.vus, pauses),
        Executor::RampingVus(load) => closed(user_time(load), executor.peak_users(), pauses),
        Executor::ConstantArrivalRate(load) => {
            spaced(load.arrivals, load.rate.iterations_within(load.duration))
        }
        Executor::RampingArrivalRate(load) => spaced(load.arrivals, ramp(load)),
        Executor::CapacitySearch(load) => Count::AtMost(search(load)),
    }
}

impl Rate {
    /// How many ticks fall into `[0, span)`: the n-th is at `n · per / iterations`, the first at 0.
    #[must_use]
    pub fn iterations_within(self, span: Nanos) -> u64 {
        let (span, per) = (i128::from(span.0.max(0)), i128::from(self.per.0));
        let ticks = (span * i128::from(self.iterations) + per - 1) / per;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

/// The whole part of the area under the rate's line, as the k-th iteration starts when the area reaches k.
///
/// Exact: `2 · area · per` is a sum of whole numbers, each stage's length times the sum of its two rates.
fn ramp(load: &RampingArrivalRate) -> u64 {
    let (mut twice, mut from) = (0_i128, load.start);
    for stage in &load.stages {
        twice = twice.saturating_add(
            i128::from(stage.duration.0).saturating_mul(i128::from(from) + i128::from(stage.target)),
        );
        from = stage.target;
    }
    u64::try_from(twice / (2 * i128::from(load.per.0))).unwrap_or(u64::MAX)
}

/// All probes at the highest rate, which is more than any search does.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn search(load: &CapacitySearch) -> u64 {
    (load.max.per_second() * load.longest().as_secs_f64()).ceil() as u64
}

/// Users times nanoseconds under the straight lines of a ramp.
fn user_time(load: &RampingVus) -> f64 {
    let (mut sum, mut from) = (0.0, load.start_vus);
    for stage in &load.stages {
        sum += nanos(stage.duration) * (f64::from(from) + f64::from(stage.target)) / 2.0;
        from = stage.target;
    }
    sum
}

/// Iterations of users that do nothing but pause; each may be at the beginning of one at the end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn closed(user_time: f64, users: u32, pauses: f64) -> Count {
    if pauses <= 0.0 {
        return Count::Unknown;
    }
    Count::AtMost((user_time / pauses).ceil() as u64 + u64::from(users))
}

#[expect(clippy::cast_precision_loss, reason = "for a bound")]
fn nanos(span: Nanos) -> f64 {
    span.0 as f64
}

#[cfg(test)]
mod tests {
    use super::super::super::Stage;
    use super::*;

    #[test]
    fn ticks_within_a_span_are_counted_exactly() {
        let per_second = |iterations| Rate { iterations, per: Nanos::from_secs(1) };
        assert_eq!(per_second(10).iterations_within(Nanos::from_secs(300)), 3_000);
        assert_eq!(per_second(3).iterations_within(Nanos::from_secs(1)), 3);
        assert_eq!(per_second(3).iterations_within(Nanos(1_000_000_001)), 4);
        assert_eq!(per_second(10).iterations_within(Nanos::ZERO), 0);
        assert_eq!(per_second(10).iterations_within(Nanos(1)), 1);
    }

    #[test]
    fn a_ramp_starts_as_many_as_the_whole_part_of_its_area() {
        let ramp = |start, stages: &[(i64, u64)]| {
            let stages = stages
                .iter()
                .map(|(ms, target)| Stage { name: 0, duration: Nanos::from_millis(*ms), target: *target })
                .collect();
            let (pre_allocated_vus, max_vus, arrivals) = (1, 1, Arrivals::Even);
            let per = Nanos::from_secs(1);
            super::ramp(&RampingArrivalRate { per, start, stages, pre_allocated_vus, max_vus, arrivals })
        };
        assert_eq!(ramp(0, &[(2_000, 4)]), 4, "a triangle");
        assert_eq!(ramp(0, &[(1_999, 4)]), 3, "a bit less than four");
        assert_eq!(ramp(10, &[(1_000, 20), (0, 5), (500, 5)]), 17, "15 and two and a half");
        assert_eq!(ramp(3, &[(333, 3)]), 0, "the first is due when the area reaches one");
        assert_eq!(ramp(0, &[(86_400_000, 1_000_000), (86_400_000, 0)]), 86_400_000_000);
    }
}
