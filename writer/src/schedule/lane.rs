//! The events of one scenario: its load, the load's end, and the end of the graceful stop.

use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::{Executor, Scenario};
use streamgauge_shared::time::Nanos;

use super::{Due, Frame, Occurrence, Segments, Shard, Timetable, UnitSums, UserPlan};

/// One scenario's events, in order, as offsets from the start of the load.
#[derive(Debug)]
pub(super) struct Lane {
    ticks: Ticks,
    /// For the stages of ticks; nothing where there are none.
    executor: Option<Executor>,
    /// Which of its ticks and users are this writer's.
    shard: Shard,
    run_at: Nanos,
    closing: Closing,
}

#[derive(Debug)]
enum Ticks {
    Table(Timetable),
    /// The plan of all writers' users.
    Users(UserPlan),
    Segments(Segments),
}

/// How far the end has come.
#[derive(Clone, Copy, Debug)]
enum Closing {
    /// It has none of its own.
    None,
    /// The load ends at a moment; unknown for what is still being decided.
    Open { end: Option<Nanos>, graceful_stop: Nanos },
    /// The load is over, running iterations have until then.
    Ended { cut_at: Nanos },
    /// Nothing follows.
    Over,
}

impl Lane {
    /// `segments` is what a capacity search appends to; other executors leave it alone.
    pub(super) fn new(
        scenario: &Scenario,
        shard: Shard,
        frame: Frame,
        sums: impl Fn(Phase) -> UnitSums,
        segments: &mut Option<Segments>,
    ) -> Self {
        let ticks = |table: Timetable| Ticks::Table(table.part(shard));
        let ticks = match &scenario.executor {
            Executor::ConstantArrivalRate(load) => ticks(Timetable::constant(load, frame, sums)),
            Executor::RampingArrivalRate(load) => ticks(Timetable::ramping(load, frame, sums)),
            Executor::RampingVus(load) => Ticks::Users(UserPlan::ramping(load, frame)),
            Executor::ConstantVus(load) => Ticks::Users(UserPlan::constant(load.vus, frame)),
            Executor::SharedIterations(load) | Executor::PerVuIterations(load) => {
                Ticks::Users(UserPlan::constant(load.vus, frame))
            }
            // Without a search that appends to it there is nothing to do.
            Executor::CapacitySearch(_) => {
                Ticks::Segments(segments.take().unwrap_or_else(|| Segments::new().1))
            }
        };
        let end = match ticks {
            Ticks::Segments(_) => None,
            _ => Some(frame.run_at + scenario.executor.duration()),
        };
        let closing = Closing::Open { end, graceful_stop: scenario.graceful_stop };
        Self { ticks, executor: Some(scenario.executor.clone()), shard, run_at: frame.run_at, closing }
    }

    pub(super) fn of_ticks(timetable: Timetable) -> Self {
        let ticks = Ticks::Table(timetable);
        Self { ticks, executor: None, shard: Shard::WHOLE, run_at: Nanos::ZERO, closing: Closing::None }
    }

    pub(super) fn peek(&mut self) -> Due<Nanos> {
        match (self.ticks.peek(), self.closing) {
            (_, Closing::Over) => Due::Never,
            (due, Closing::None) => due,
            // What stands at the very end still belongs to the load.
            (Due::At(offset), Closing::Open { end, .. }) => {
                Due::At(end.map_or(offset, |end| offset.min(end)))
            }
            (Due::Unknown, Closing::Open { .. }) => Due::Unknown,
            (Due::Never, Closing::Open { end, .. }) => Due::At(end.unwrap_or_else(|| self.ticks.until())),
            (Due::At(offset), Closing::Ended { cut_at }) => Due::At(offset.min(cut_at)),
            (_, Closing::Ended { cut_at }) => Due::At(cut_at),
        }
    }

    /// Takes the event that [`Self::peek`] told.
    pub(super) fn take(&mut self) -> Option<Occurrence> {
        let Due::At(due) = self.peek() else { return None };
        if self.ticks.peek() == Due::At(due) {
            // What stands at the very end belongs to the last stage, which ends before it.
            let last = self.executor.as_ref().map_or(Nanos::ZERO, Executor::duration) - Nanos(1);
            let occurrence = self.ticks.take(|phase| {
                let executor = self.executor.as_ref().filter(|_| phase == Phase::Run)?;
                executor.stage_at((due - self.run_at).min(last))
            });
            return occurrence.map(|occurrence| self.own(occurrence));
        }
        match self.closing {
            Closing::Open { graceful_stop, .. } => {
                self.closing = Closing::Ended { cut_at: due + graceful_stop };
                Some(Occurrence::End)
            }
            Closing::Ended { .. } => {
                self.closing = Closing::Over;
                Some(Occurrence::CutAll)
            }
            Closing::None | Closing::Over => None,
        }
    }

    /// Something that happens in all writers' users as one of this writer's. It may change nothing for them.
    fn own(&self, occurrence: Occurrence) -> Occurrence {
        let own = |users| self.shard.users(users);
        match occurrence {
            Occurrence::Planned(users) => Occurrence::Planned(own(users)),
            Occurrence::Cut { above, up_to } => Occurrence::Cut { above: own(above), up_to: own(up_to) },
            Occurrence::Start(..) | Occurrence::End | Occurrence::CutAll => occurrence,
        }
    }
}

impl Ticks {
    fn peek(&mut self) -> Due<Nanos> {
        let known = |offset: Option<Nanos>| offset.map_or(Due::Never, Due::At);
        match self {
            Self::Table(table) => known(table.peek().map(|(offset, _)| offset)),
            Self::Users(plan) => known(plan.peek()),
            Self::Segments(segments) => match segments.peek() {
                Due::At((offset, _)) => Due::At(offset),
                Due::Unknown => Due::Unknown,
                Due::Never => Due::Never,
            },
        }
    }

    fn take(&mut self, stage: impl FnOnce(Phase) -> Option<u16>) -> Option<Occurrence> {
        let phase = match self {
            Self::Users(plan) => return plan.take(),
            Self::Table(table) => {
                let (_, phase) = table.peek()?;
                table.advance();
                phase
            }
            Self::Segments(segments) => {
                let Due::At((_, phase)) = segments.peek() else { return None };
                segments.advance();
                phase
            }
        };
        Some(Occurrence::Start(phase, stage(phase)))
    }

    /// When what was appended ended.
    fn until(&self) -> Nanos {
        match self {
            Self::Segments(segments) => segments.until(),
            Self::Table(_) | Self::Users(_) => Nanos::ZERO,
        }
    }
}
