//! Rows that were sent long after they were due.

use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::threshold::{Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::{Doubt, Run};

/// The schedule lag's 99th percentile above which the generator was not an open loop any more. Ten times
/// what two shared, noisy cores show when nothing else runs.
const P99_MAX: Nanos = Nanos::from_millis(50);

/// The 99th percentile of the schedule lag.
pub(super) struct ScheduleLag {
    p99: Nanos,
}

impl Doubt for ScheduleLag {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let lag = run.moment.latency(Latency::ScheduleLag, Tags::default());
        match lag.arrived.quantile_with(0.99, &lag.unarrived) {
            Quantile::Value(p99) if p99 > P99_MAX => Some(Self { p99 }),
            _ => None,
        }
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!(
            "one row in a hundred was sent {} or more after its intended time (bound {P99_MAX})",
            self.p99
        )
    }

    fn cause(&self) -> &'static str {
        "too few connections for this rate, a slow PostgreSQL, or a starved writer"
    }

    fn next(&self) -> &'static str {
        "compare connection_wait with schedule_lag: if they are alike raise --connections, else give the writer CPU; cdc_e2e_latency_intended holds the whole truth"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::*;
    use crate::measure::fixture::{Fixture, opened};

    fn late(run: &mut Fixture, by: Nanos) {
        let row = opened(9, 1_000);
        run.row(streamgauge_shared::ledger::Opened { intended: row.sent - by, ..row }, Some(1_050));
    }

    #[test]
    fn rows_sent_late_are_told_past_the_bound() {
        assert_eq!(graded(|run| late(run, Nanos::from_millis(50))), []);
        let found = graded(|run| late(run, Nanos::from_millis(51)));
        assert_eq!(found, [("schedule_lag".into(), ValidityState::Degraded)]);
    }
}
