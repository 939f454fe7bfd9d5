//! Values beyond what a histogram holds.

use streamgauge_shared::report::ValidityState;
use streamgauge_shared::timeline::Latency;

use super::{Doubt, Run};

/// They count as the end of the range.
pub(super) struct OverRange {
    values: u64,
}

impl Doubt for OverRange {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let all = Latency::ALL.iter().flat_map(|latency| run.moment.recorder.latency(*latency));
        let values = all.map(|measured| measured.histogram.over_range()).sum();
        (values > 0).then_some(Self { values })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        format!("{} values were beyond 48 hours and count as 48 hours", self.values)
    }

    fn cause(&self) -> &'static str {
        "rows of a run that is far older, or a broken clock"
    }

    fn next(&self) -> &'static str {
        "look at rows with such latencies before trusting a maximum"
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::graded;
    use super::ValidityState::Degraded;
    use crate::measure::fixture::opened;

    #[test]
    fn a_row_of_days_is_told() {
        let days = 49 * 3_600 * 1_000;
        let found = graded(|run| run.row(opened(9, 0), Some(days)));
        assert!(found.contains(&("over_range".into(), Degraded)), "{found:?}");
    }
}
