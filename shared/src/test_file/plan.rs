//! What a test will do, worked out without touching a database.

use super::{Action, Executor, Test};
use crate::time::Nanos;

/// The figures of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Iterations that the schedules of all scenarios start after the warm-up.
    pub iterations: u64,
    /// Rows written and deleted by them, when none fails.
    pub operations: u64,
    /// Users at the same time, at most.
    pub peak_users: u32,
    /// Iterations per second, at most.
    pub peak_rate_per_s: f64,
    /// From the first tick of the warm-up to the last tick.
    pub load: Nanos,
    /// The longest it can take: with graceful stop and drain.
    pub longest: Nanos,
}

impl Plan {
    /// The plan of a test.
    #[must_use]
    pub fn of(test: &Test) -> Self {
        let mut plan = Self {
            iterations: 0,
            operations: 0,
            peak_users: test.peak_users(),
            peak_rate_per_s: 0.0,
            load: test.warm_up,
            longest: Nanos::ZERO,
        };
        for scenario in &test.scenarios {
            let mut per_iteration = 0;
            for step in &scenario.flow {
                step.visit(&mut |step| {
                    let writes = matches!(
                        step.action,
                        Action::Create { .. } | Action::Update { .. } | Action::Delete { .. }
                    );
                    per_iteration += u64::from(writes);
                });
            }
            if let Executor::ConstantArrivalRate(arrivals) = &scenario.executor {
                let iterations = arrivals.rate.iterations_within(arrivals.duration);
                plan.iterations += iterations;
                plan.operations += iterations * per_iteration;
                plan.peak_rate_per_s += arrivals.rate.per_second();
            }
            let end = test.warm_up + scenario.start_time + scenario.executor.duration();
            plan.load = plan.load.max(end);
            plan.longest = plan.longest.max(end + scenario.graceful_stop);
        }
        plan.longest = plan.longest + test.drain;
        plan
    }
}

impl super::Rate {
    /// How many ticks fall into `[0, span)`: the n-th is at `n · per / iterations`, the first at 0.
    #[must_use]
    pub fn iterations_within(self, span: Nanos) -> u64 {
        let (span, per) = (i128::from(span.0.max(0)), i128::from(self.per.0));
        let ticks = (span * i128::from(self.iterations) + per - 1) / per;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rate;
    use crate::time::Nanos;

    #[test]
    fn ticks_within_a_span_are_counted_exactly() {
        let per_second = |iterations| Rate { iterations, per: Nanos::from_secs(1) };
        assert_eq!(per_second(10).iterations_within(Nanos::from_secs(300)), 3_000);
        assert_eq!(per_second(3).iterations_within(Nanos::from_secs(1)), 3);
        assert_eq!(per_second(3).iterations_within(Nanos(1_000_000_001)), 4);
        assert_eq!(per_second(10).iterations_within(Nanos::ZERO), 0);
        assert_eq!(per_second(10).iterations_within(Nanos(1)), 1);
    }
}
