//! Clocks that were set, or that jumped, while the run went on.

use streamgauge_shared::report::ValidityState;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// Steps that the sentence names one by one; `clock.stepped` of the report has more.
const NAMED: usize = 3;

/// Steps of wall clocks and jumps of offsets.
pub(super) struct ClockStepped {
    steps: u64,
    named: Vec<String>,
    /// An offset between the programs jumped: latencies before were wrong.
    moved: bool,
    at: Spans,
}

impl Doubt for ClockStepped {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let clocks = &run.moment.facts.clocks;
        let named = clocks.stepped().take(NAMED).map(|(whose, step, moved)| {
            let what = if moved { "offset" } else { "wall clock" };
            format!("{whose}'s {what} by {} at {}", step.by, step.at.to_rfc3339())
        });
        let mut found = Self {
            steps: clocks.steps(),
            named: named.collect(),
            moved: clocks.writers.iter().any(|writer| !writer.state.jumps.is_empty()),
            at: Spans::default(),
        };
        clocks.stepped().for_each(|(_, step, _)| found.at.add_moment(step.at));
        (found.steps > 0).then_some(found)
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        let more = if self.steps > self.named.len() as u64 { ", …" } else { "" };
        let consequence = if self.moved {
            "rows sent since the exchange before a jump are off by it, and the bound says so"
        } else {
            "latencies do not use the wall clock, mongo_visibility does"
        };
        format!("{} steps: {}{more}; {consequence}", self.steps, self.named.join(", "))
    }

    fn cause(&self) -> &'static str {
        if self.moved {
            "a machine was suspended or moved, or its clock is corrected abruptly"
        } else {
            "a time service set the clock during the run"
        }
    }

    fn next(&self) -> &'static str {
        "let the clock settle, then run again if the figures named matter"
    }

    fn spans(&self) -> Spans {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::clock::{ClockDomain, ClockStep, PeerClockState};
    use streamgauge_shared::time::{Nanos, UnixNanos};

    use super::super::clock_contradiction::tests::of_a_clock;
    use super::super::tests::reasons;
    use super::*;

    #[test]
    fn a_jump_is_told_and_in_the_report() {
        let jump = ClockStep { at: UnixNanos(0), by: Nanos::from_secs(1) };
        let jumped = PeerClockState {
            domain: Some(ClockDomain::Network),
            bound: Some(Nanos::ZERO),
            jumps: vec![jump],
            ..PeerClockState::default()
        };
        let (reasons, report) = of_a_clock(&[Some(20); 5], jumped);
        assert_eq!(reasons, [("clock_stepped".to_owned(), ValidityState::Degraded)]);
        assert!(report.steps == Some(1) && report.stepped[0].moved_latencies);
    }

    #[test]
    fn a_step_has_its_time() {
        let found = reasons(|run| {
            run.facts.clocks.observer.count = 1;
            let step = ClockStep { at: UnixNanos::from_millis(5_000), by: Nanos::from_secs(1) };
            run.facts.clocks.observer.listed.push(step);
        });
        assert_eq!(found[0].code, "clock_stepped");
        assert_eq!((found[0].spans[0].from_s, found[0].spans[0].until_s), (5.0, 5.0));
    }
}
