//! A writer's connection that was away and came back with all its records.

use streamgauge_shared::report::ValidityState;
use streamgauge_shared::time::Nanos;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// How long a writer's connection may be away: users that await are told a little late, no more.
const AWAY_MAX: Nanos = Nanos::from_secs(1);

/// Its users heard late of what they waited for.
pub(super) struct LedgerInterrupted {
    times: u64,
    longest: Nanos,
    away: Spans,
}

impl Doubt for LedgerInterrupted {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let writers = &run.moment.facts.writers;
        let times = writers.iter().map(|writer| writer.interruptions).sum();
        let longest = writers.iter().map(|writer| writer.away_max).max().unwrap_or_default();
        let mut away = Spans::default();
        writers.iter().for_each(|writer| away.add_all(&writer.away));
        (longest > AWAY_MAX).then_some(Self { times, longest, away })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        let Self { times, longest, .. } = self;
        format!(
            "a writer's connection was away {times} times, at most for {longest} (bound {AWAY_MAX}); its records came afterwards and none is missing"
        )
    }

    fn cause(&self) -> &'static str {
        "the network between writer and observer, or an observer that was restarted or stopped"
    }

    fn next(&self) -> &'static str {
        "look at iterations that await: they were told late, so a closed loop sent less than it would have; latencies are right"
    }

    fn spans(&self) -> Spans {
        self.away
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::time::UnixNanos;

    use super::super::tests::reasons;
    use super::*;

    #[test]
    fn a_second_away_is_nobodys_concern_and_a_longer_one_is_told_with_its_time() {
        assert!(reasons(|run| run.facts.writers[0].away_max = Nanos::from_secs(1)).is_empty());
        let found = reasons(|run| {
            let writer = &mut run.facts.writers[0];
            (writer.interruptions, writer.away_max) = (1, Nanos::from_secs(4));
            writer.away.add(UnixNanos::from_millis(3_000), UnixNanos::from_millis(7_000));
        });
        assert_eq!((found[0].code.as_str(), found[0].grade), ("ledger_interrupted", ValidityState::Degraded));
        assert_eq!((found[0].spans[0].from_s, found[0].spans[0].until_s), (3.0, 7.0));
    }
}
