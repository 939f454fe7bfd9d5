//! Answers thresholds from the matcher's and the recorder's state as of one moment.

use streamgauge_shared::account::{Outcome, Phase};
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::threshold::{Counter, Figures, LatencyFigures, Rate, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::facts::Facts;
use super::recorder::Recorder;
use crate::matcher::{Matcher, Part};

/// Everything a threshold can ask for.
pub(super) struct Moment<'a> {
    pub(super) matcher: &'a Matcher,
    pub(super) recorder: &'a Recorder,
    pub(super) facts: &'a Facts,
    /// Ages of what has not arrived, by latency and part.
    pub(super) ages: Vec<Vec<SignedHistogram>>,
    pub(super) elapsed: Nanos,
}

impl<'a> Moment<'a> {
    pub(super) fn at(matcher: &'a Matcher, recorder: &'a Recorder, facts: &'a Facts) -> Self {
        let ages = Latency::ALL.into_iter().map(|latency| {
            let mut ages = vec![SignedHistogram::default(); matcher.parts().count()];
            if latency.ends_at_arrival() {
                matcher.ages(latency, facts.now, &mut ages);
            }
            ages
        });
        let elapsed = recorder.first_sent().map_or(Nanos::ZERO, |start| facts.now - start);
        Self { matcher, recorder, facts, ages: ages.collect(), elapsed }
    }

    fn parts(&self, tags: Tags) -> impl Iterator<Item = Part> {
        self.matcher.parts().all().filter(move |part| part.matches(tags))
    }

    /// Arrivals of a latency whose times cannot be believed.
    pub(super) fn unmeasured(&self, latency: Latency, tags: Tags) -> u64 {
        self.parts(tags).map(|part| self.recorder.latency(latency)[part.index].unmeasured).sum()
    }
}

impl Figures for Moment<'_> {
    fn latency(&self, latency: Latency, tags: Tags) -> LatencyFigures {
        let mut figures = LatencyFigures::default();
        if latency == Latency::IterationDuration {
            let wanted = |index: usize| tags.scenario.is_none_or(|scenario| usize::from(scenario) == index);
            let durations = self.recorder.iterations().iter().enumerate().filter(|(index, _)| wanted(*index));
            durations.for_each(|(_, durations)| figures.arrived.merge(durations));
            return figures;
        }
        for part in self.parts(tags) {
            figures.arrived.merge(&self.recorder.latency(latency)[part.index].histogram);
            figures.unarrived.merge(&self.ages[latency as usize][part.index]);
        }
        figures
    }

    fn rate(&self, rate: Rate, tags: Tags) -> (u64, u64) {
        let (mut passed, mut total) = (0, 0);
        for part in self.parts(tags) {
            let account = self.matcher.account(part, Phase::Run);
            let count = |outcome| account.count(outcome);
            let settled = account.entries() - count(Outcome::Pending);
            let succeeded = count(Outcome::Delivered) + count(Outcome::Superseded);
            match rate {
                Rate::CdcSuccessRate => {
                    passed += succeeded;
                    total += settled;
                }
                Rate::PgWriteFailed => {
                    passed += count(Outcome::Rejected) + count(Outcome::Unknown);
                    total += account.entries();
                }
                // Written, arrived, as written: each where it applies.
                Rate::Checks => {
                    let checks = self.matcher.checks(part);
                    passed += checks.committed + succeeded + checks.matching;
                    total += checks.closed + (settled - count(Outcome::Rejected)) + checks.compared;
                }
            }
        }
        (passed, total)
    }

    fn counter(&self, counter: Counter, tags: Tags) -> u64 {
        let loads = || {
            let scenarios = self.facts.loads.iter().enumerate();
            scenarios.filter(move |(index, _)| {
                tags.scenario.is_none_or(|scenario| usize::from(scenario) == *index)
            })
        };
        match counter {
            Counter::Iterations => loads().map(|(_, load)| load.iterations).sum(),
            Counter::DroppedIterations => loads().map(|(_, load)| load.dropped).sum(),
            Counter::PgWriteErrors => self.facts.writers.iter().map(|writer| writer.pg_write_errors).sum(),
            Counter::ObserverErrors => self.facts.observer_errors,
        }
    }

    fn elapsed(&self) -> Nanos {
        self.elapsed
    }
}
