//! For how long users are planned: the load that an executor of users asks for.

use streamgauge_shared::test_file::{Executor, Scenario};
use streamgauge_shared::time::Nanos;

use super::{Frame, Occurrence, Shard, UserPlan};

/// The time for which one writer's users of a scenario are planned, summed over the users, from the beginning of
/// the scenario's run.
///
/// It follows the plan and keeps the sum so far, so that a plan of a thousand ramps takes no memory: it is asked
/// in the order of time.
#[derive(Clone, Debug)]
pub struct UserTime {
    plan: UserPlan,
    shard: Shard,
    /// The run lies between these.
    run_at: Nanos,
    end: Nanos,
    users: u32,
    at: Nanos,
    sum: Nanos,
}

impl UserTime {
    /// Of a scenario whose test has this warm-up; nothing where the executor plans iterations.
    #[must_use]
    pub fn of(scenario: &Scenario, shard: Shard, warm_up: Nanos) -> Option<Self> {
        let frame = Frame { warm_up, run_at: warm_up + scenario.start_time };
        let plan = match &scenario.executor {
            Executor::ConstantVus(load) => UserPlan::constant(load.vus, frame),
            Executor::RampingVus(load) => UserPlan::ramping(load, frame),
            _ => return None,
        };
        let run_at = frame.run_at;
        let end = run_at + scenario.executor.duration();
        Some(Self { plan, shard, run_at, end, users: 0, at: Nanos::ZERO, sum: Nanos::ZERO })
    }

    /// What was planned until a moment, as an offset from the start of the load; an earlier moment than one that
    /// was asked for before gives the sum of that one.
    pub fn until(&mut self, offset: Nanos) -> Nanos {
        while let Some(at) = self.plan.peek().filter(|at| *at <= offset) {
            self.pass(at);
            if let Some(Occurrence::Planned(users)) = self.plan.take() {
                self.users = self.shard.users(users);
            }
        }
        self.pass(offset);
        self.sum
    }

    fn pass(&mut self, to: Nanos) {
        let span = to.min(self.end) - self.at.max(self.run_at);
        if span > Nanos::ZERO {
            self.sum = Nanos(self.sum.0.saturating_add(span.0.saturating_mul(self.users.into())));
        }
        self.at = self.at.max(to);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_shared::test_file::{ConstantVus, Iterations, RampingVus, Stage};

    use super::*;
    use crate::test_source::tests::shop;

    fn scenario(executor: Executor, start_time: Nanos) -> Scenario {
        Scenario { executor, start_time, ..shop().scenarios[0].clone() }
    }

    fn ms(millis: i64) -> Nanos {
        Nanos::from_millis(millis)
    }

    #[test]
    fn a_constant_number_of_users_is_planned_from_the_run_to_its_end() {
        let constant = Executor::ConstantVus(ConstantVus { vus: 5, duration: ms(2_000) });
        let scenario = scenario(constant, ms(300));
        let mut time = UserTime::of(&scenario, Shard::WHOLE, ms(1_000)).expect("users are planned");
        // The warm-up and the pause before the start are not part of it.
        let sums = [0, 999, 1_299, 1_300, 1_400, 3_300, 9_000].map(|at| time.until(ms(at)).0 / 1_000_000);
        assert_eq!(sums, [0, 0, 0, 0, 500, 10_000, 10_000]);
        assert_eq!(time.until(ms(1_400)), ms(10_000), "time does not go back");
        let second = Shard::new(1, 2).expect("below");
        let mut part = UserTime::of(&scenario, second, ms(1_000)).expect("users are planned");
        assert_eq!(part.until(ms(9_000)), ms(4_000), "two of the five users");
    }

    #[test]
    fn a_ramp_gives_the_area_under_its_steps() {
        let stage = |duration, target| Stage { name: 0, duration: ms(duration), target };
        let stages = vec![stage(2_000, 2), stage(1_000, 2), stage(2_000, 0)];
        let ramp = RampingVus { start_vus: 0, stages, graceful_ramp_down: ms(500) };
        let mut time = UserTime::of(&scenario(Executor::RampingVus(ramp), ms(0)), Shard::WHOLE, ms(0))
            .expect("users are planned");
        // One user from 1 s, two from 2 s, one again from 4 s, none from 5 s.
        let sums = [1_000, 1_500, 2_000, 4_000, 4_500, 5_000, 6_000].map(|at| time.until(ms(at)));
        assert_eq!(sums, [0, 500, 1_000, 5_000, 5_500, 6_000, 6_000].map(ms));
    }

    #[test]
    fn a_count_of_iterations_plans_no_time_of_users() {
        let load = Iterations { vus: 2, iterations: 5, max_duration: ms(1_000) };
        let scenario = scenario(Executor::SharedIterations(load), ms(0));
        assert!(UserTime::of(&scenario, Shard::WHOLE, ms(0)).is_none());
    }

    proptest! {
        #[test]
        fn the_parts_of_several_writers_add_up(
            stages in prop::collection::vec((0..3_000_i64, 0..40_u32), 1..5),
            start_vus in 0..40_u32, count in 1..6_u16, until in 0..12_000_i64,
        ) {
            let stages = stages.into_iter().map(|(length, target)| Stage { name: 0, duration: ms(length), target });
            let ramp = RampingVus { start_vus, stages: stages.collect(), graceful_ramp_down: ms(0) };
            let scenario = scenario(Executor::RampingVus(ramp), ms(100));
            let planned = |shard| UserTime::of(&scenario, shard, ms(200)).expect("users are planned").until(ms(until)).0;
            let parts = (0..count).map(|index| planned(Shard::new(index, count).expect("below")));
            prop_assert_eq!(parts.sum::<i64>(), planned(Shard::WHOLE));
        }
    }
}
