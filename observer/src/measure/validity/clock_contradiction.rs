//! Something that the clocks, as they are known, cannot have done.

use streamgauge_shared::report::ValidityState;
use streamgauge_shared::threshold::{Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::{Doubt, Run};

/// What a negative latency may be beyond the bound: two reads of one clock, rounded.
const NEGATIVE_SLACK: Nanos = Nanos(1_000);

/// What contradicts the clocks.
pub(super) enum ClockContradiction {
    /// An exchange lies this far outside of what one kernel allows.
    Exchange(Nanos),
    /// A row arrived this long before it was sent, though the clocks are known better.
    RowRecord { before: Nanos, bound: Nanos },
}

impl Doubt for ClockContradiction {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        let outside = facts.clocks.writers.iter().filter_map(|writer| writer.state.contradiction).max();
        let headline = run.moment.latency(Latency::CdcE2eLatency, Tags::default()).arrived;
        let row = headline.min().zip(facts.clocks.bound(facts.clock_domain));
        let row = row.filter(|(least, bound)| *least + *bound + NEGATIVE_SLACK < Nanos::ZERO);
        let row = row.map(|(least, bound)| Self::RowRecord { before: Nanos(-least.0), bound });
        outside.map(Self::Exchange).into_iter().chain(row)
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Invalid
    }

    fn seen(&self) -> String {
        match self {
            Self::Exchange(outside) => format!(
                "boot id and time namespace say that writer and observer share one clock, and an exchange puts their offset {outside} outside of what that allows"
            ),
            Self::RowRecord { before, bound } => {
                format!("a row arrived {before} before it was sent, and the clocks are known to ± {bound}")
            }
        }
    }

    fn cause(&self) -> &'static str {
        match self {
            Self::Exchange(_) => "one of them runs in a cloned virtual machine, or its time is faked",
            Self::RowRecord { .. } => {
                "a clock jumped between two exchanges, or one of the programs' time is faked"
            }
        }
    }

    fn next(&self) -> &'static str {
        match self {
            Self::Exchange(_) => "run both with --clock network, which trusts the exchange alone",
            Self::RowRecord { .. } => {
                "look at report.json's clock for steps, and run again when the clocks have settled"
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use streamgauge_shared::clock::{ClockDomain, PeerClockState, WallSteps};
    use streamgauge_shared::report::ClockReport;

    use super::*;
    use crate::measure::WriterClock;
    use crate::measure::fixture::Fixture;

    /// Reasons and clocks of a run of such rows whose one writer's clock stands like this.
    pub(in crate::measure::validity) fn of_a_clock(
        rows: &[Option<i64>],
        state: PeerClockState,
    ) -> (Vec<(String, ValidityState)>, ClockReport) {
        let mut run = Fixture::new(rows);
        run.facts.clock_domain = state.domain.unwrap_or(ClockDomain::Network);
        run.facts.clocks.writers = vec![WriterClock { state, wall: WallSteps::default() }];
        let report = run.close().report;
        let reasons = report.validity.reasons.into_iter().map(|reason| (reason.code, reason.grade));
        (reasons.collect(), report.clock)
    }

    fn contradiction() -> (String, ValidityState) {
        ("clock_contradiction".to_owned(), ValidityState::Invalid)
    }

    #[test]
    fn a_row_that_arrives_before_it_was_sent_is_believed_only_within_the_bound() {
        let rows = [Some(20), Some(20), Some(20), Some(20), Some(-1)];
        let bound = |bound| PeerClockState {
            domain: Some(ClockDomain::Network),
            bound: Some(bound),
            ..PeerClockState::default()
        };
        assert_eq!(of_a_clock(&rows, bound(Nanos::from_millis(1))).0, []);
        assert_eq!(of_a_clock(&rows, bound(Nanos(900_000))).0, [contradiction()]);
    }

    #[test]
    fn an_exchange_that_contradicts_the_kernel_is_told() {
        let same = PeerClockState {
            domain: Some(ClockDomain::SameKernel),
            bound: Some(Nanos::ZERO),
            contradiction: Some(Nanos::from_millis(400)),
            ..PeerClockState::default()
        };
        assert_eq!(of_a_clock(&[Some(20); 5], same).0, [contradiction()]);
    }
}
