//! How many users a closed loop plans at each moment, and whom it cuts after a ramp-down.
//!
//! k6's algorithm, exact: on a ramp from `a` to `b` users in a stage of length `l` that ends at `e`, the plan
//! becomes n at `e − ⌊l · |b − n| / |b − a|⌋`, one user at a time: at the first nanosecond at which the straight
//! line has reached n. A stage without a length jumps.
//!
//! A user above the plan finishes its iteration within the graceful ramp-down and is cut after it, unless the
//! plan has come back to it by then. That is kept for each user by itself; k6 looks at all at once and, where
//! a jump down is followed by a smaller rise, cuts users that the rise had brought back.

use std::collections::VecDeque;

use streamgauge_shared::test_file::{RampingVus, Stage};
use streamgauge_shared::time::Nanos;

use super::{Frame, Occurrence};

/// The plan of one scenario: [`Occurrence::Planned`] and [`Occurrence::Cut`], in order.
#[derive(Clone, Debug)]
pub struct UserPlan {
    /// Steps that come before the ramp.
    ahead: VecDeque<(Nanos, u32)>,
    ramp: Option<Ramp>,
    graceful_ramp_down: Nanos,
    planned: u32,
    /// The next change of the plan.
    change: Option<(Nanos, u32)>,
    /// Users that were asked to stop and when they are cut; the numbers fall from front to back.
    leaving: VecDeque<Leaving>,
}

/// The users above one number and up to another.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    cut_at: Nanos,
    above: u32,
    up_to: u32,
}

impl UserPlan {
    /// The same number of users all the time.
    #[must_use]
    pub fn constant(users: u32, frame: Frame) -> Self {
        let mut ahead = warm_up(users, frame);
        ahead.push_back((frame.run_at, users));
        Self::new(ahead, None, Nanos::ZERO)
    }

    /// A number that follows stages; the warm-up is with those that are there at the start.
    #[must_use]
    pub fn ramping(load: &RampingVus, frame: Frame) -> Self {
        Self::new(
            warm_up(load.start_vus, frame),
            Some(Ramp::new(load, frame.run_at)),
            load.graceful_ramp_down,
        )
    }

    fn new(ahead: VecDeque<(Nanos, u32)>, ramp: Option<Ramp>, graceful_ramp_down: Nanos) -> Self {
        let leaving = VecDeque::new();
        let mut plan = Self { ahead, ramp, graceful_ramp_down, planned: 0, change: None, leaving };
        plan.look_ahead();
        plan
    }

    /// When the next occurrence is due, as an offset from the start of the load; nothing after the last.
    #[must_use]
    pub fn peek(&self) -> Option<Nanos> {
        let change = self.change.map(|(offset, _)| offset);
        let cut = self.leaving.front().map(|leaving| leaving.cut_at);
        change.into_iter().chain(cut).min()
    }

    /// Takes the occurrence that is due next. At the same moment the plan changes before anybody is cut.
    pub fn take(&mut self) -> Option<Occurrence> {
        let due = self.peek()?;
        match self.change {
            Some((offset, planned)) if offset == due => {
                self.replan(offset, planned);
                self.look_ahead();
                Some(Occurrence::Planned(planned))
            }
            _ => {
                let Leaving { above, up_to, .. } = self.leaving.pop_front()?;
                Some(Occurrence::Cut { above, up_to })
            }
        }
    }

    fn replan(&mut self, offset: Nanos, planned: u32) {
        if planned < self.planned && self.ramp.is_some() {
            let cut_at = offset + self.graceful_ramp_down;
            self.leaving.push_back(Leaving { cut_at, above: planned, up_to: self.planned });
        }
        // Those that the plan has come back to stay.
        while let Some(last) = self.leaving.back_mut() {
            last.above = last.above.max(planned);
            if last.above < last.up_to {
                break;
            }
            self.leaving.pop_back();
        }
        self.planned = planned;
    }

    /// The next occurrence that changes anything.
    fn look_ahead(&mut self) {
        let mut next = || self.ahead.pop_front().or_else(|| self.ramp.as_mut()?.next());
        let planned = self.planned;
        self.change = std::iter::from_fn(&mut next).find(|(_, users)| *users != planned);
    }
}

/// Users from the start of the warm-up to its end; without a pause they stay until the run.
fn warm_up(users: u32, frame: Frame) -> VecDeque<(Nanos, u32)> {
    let mut steps = VecDeque::new();
    if frame.warm_up > Nanos::ZERO {
        steps.push_back((Nanos::ZERO, users));
        if frame.run_at > frame.warm_up {
            steps.push_back((frame.warm_up, 0));
        }
    }
    steps
}

/// The steps of the stages: when the plan becomes which number. The first is that of the start.
#[derive(Clone, Debug)]
struct Ramp {
    stages: VecDeque<Stage<u32>>,
    /// Where the stage in front began: when, and at how many users.
    begins: Nanos,
    from: u32,
    /// The plan as of the last step; nothing before the first.
    current: Option<u32>,
}

impl Ramp {
    fn new(load: &RampingVus, begins: Nanos) -> Self {
        let stages = load.stages.iter().cloned().collect();
        Self { stages, begins, from: load.start_vus, current: None }
    }
}

impl Iterator for Ramp {
    type Item = (Nanos, u32);

    fn next(&mut self) -> Option<(Nanos, u32)> {
        let Some(current) = self.current else {
            self.current = Some(self.from);
            return Some((self.begins, self.from));
        };
        loop {
            let Stage { duration, target, .. } = *self.stages.front()?;
            let end = self.begins + duration;
            if current == target {
                (self.begins, self.from) = (end, target);
                self.stages.pop_front();
                continue;
            }
            let next = match duration {
                Nanos::ZERO => target,
                _ if target > current => current + 1,
                _ => current - 1,
            };
            self.current = Some(next);
            let (left, all) = (i128::from(target.abs_diff(next)), i128::from(target.abs_diff(self.from)));
            let before_end = i64::try_from(i128::from(duration.0) * left / all).expect("a part of the stage");
            return Some((end - Nanos(before_end), next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(start_vus: u32, stages: &[(i64, u32)], graceful: i64, frame: Frame) -> Vec<(i64, Occurrence)> {
        let stage =
            |(ms, target): &(i64, u32)| Stage { name: 0, duration: Nanos::from_millis(*ms), target: *target };
        let stages = stages.iter().map(stage).collect();
        let graceful_ramp_down = Nanos::from_millis(graceful);
        steps(UserPlan::ramping(&RampingVus { start_vus, stages, graceful_ramp_down }, frame))
    }

    fn steps(mut plan: UserPlan) -> Vec<(i64, Occurrence)> {
        std::iter::from_fn(|| Some((plan.peek()?.0 / 1_000_000, plan.take()?))).collect()
    }

    fn at_once() -> Frame {
        Frame { warm_up: Nanos::ZERO, run_at: Nanos::ZERO }
    }

    #[test]
    fn users_come_one_at_a_time_and_those_who_go_are_cut_unless_they_are_needed_again() {
        use Occurrence::{Cut, Planned};
        assert_eq!(
            plan(0, &[(2_000, 2), (1_000, 2), (2_000, 0)], 500, at_once()),
            [
                (1_000, Planned(1)),
                (2_000, Planned(2)),
                (4_000, Planned(1)),
                (4_500, Cut { above: 1, up_to: 2 }),
                (5_000, Planned(0)),
                (5_500, Cut { above: 0, up_to: 1 }),
            ]
        );
        // Down to 1 and back to 3 within the time to finish: only 4 and 5 are cut.
        assert_eq!(
            plan(5, &[(0, 1), (1_000, 1), (0, 3), (4_000, 3)], 2_000, at_once()),
            [(0, Planned(5)), (0, Planned(1)), (1_000, Planned(3)), (2_000, Cut { above: 3, up_to: 5 }),]
        );
        // At the very moment at which they would be cut, they are back.
        assert_eq!(
            plan(2, &[(0, 1), (1_000, 1), (0, 2), (1_000, 2)], 1_000, at_once()),
            [(0, Planned(2)), (0, Planned(1)), (1_000, Planned(2)),]
        );
    }

    #[test]
    fn the_warm_up_is_at_the_first_number_and_pauses_before_a_later_start() {
        use Occurrence::Planned;
        let frame = |warm_up, run_at| Frame {
            warm_up: Nanos::from_millis(warm_up),
            run_at: Nanos::from_millis(run_at),
        };
        assert_eq!(plan(2, &[(1_000, 3)], 0, frame(500, 500)), [(0, Planned(2)), (1_500, Planned(3))]);
        assert_eq!(plan(0, &[(1_000, 1)], 0, frame(500, 500)), [(1_500, Planned(1))]);
        let constant = steps(UserPlan::constant(4, frame(500, 900)));
        assert_eq!(constant, [(0, Planned(4)), (500, Planned(0)), (900, Planned(4))]);
        assert_eq!(steps(UserPlan::constant(4, frame(500, 500))), [(0, Planned(4))]);
        assert_eq!(steps(UserPlan::constant(4, frame(0, 0))), [(0, Planned(4))]);
    }
}
