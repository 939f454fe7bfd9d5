//! Answers thresholds from the matcher's and the recorder's state as of one moment.

use std::cell::OnceCell;

use streamgauge_shared::account::as_f64;
use streamgauge_shared::histogram::{Quantile, SignedHistogram};
use streamgauge_shared::threshold::{Counter, Figures, LatencyFigures, Rate, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::counted::{ErrorCounts, Measured, Recorder};
use super::facts::Facts;
use super::load::LoadSpan;
use crate::matcher::{Matcher, Series};

/// Everything a threshold can ask for.
pub(super) struct Moment<'a> {
    pub(super) matcher: &'a Matcher,
    pub(super) recorder: &'a Recorder,
    pub(super) facts: &'a Facts,
    /// Ages of what has not arrived, by latency and part; made when they are asked for.
    ages: OnceCell<Vec<Vec<SignedHistogram>>>,
    pub(super) elapsed: Nanos,
}

impl<'a> Moment<'a> {
    pub(super) fn at(matcher: &'a Matcher, recorder: &'a Recorder, facts: &'a Facts) -> Self {
        let elapsed = recorder.first_sent().map_or(Nanos::ZERO, |start| facts.now - start);
        Self { matcher, recorder, facts, ages: OnceCell::new(), elapsed }
    }

    /// How far the measured phase is; absent before its first row and once the account is closed.
    pub(super) fn elapsed_of_load(&self) -> Option<Nanos> {
        self.recorder.first_sent().filter(|_| !self.facts.closed).map(|_| self.elapsed)
    }

    fn ages(&self, latency: Latency) -> &[SignedHistogram] {
        let of = |latency: Latency| {
            let mut ages = vec![SignedHistogram::default(); self.matcher.series().count()];
            if latency.ends_at_arrival() {
                self.matcher.ages(latency, self.facts.now, &mut ages);
            }
            ages
        };
        &self.ages.get_or_init(|| Latency::ALL.into_iter().map(of).collect())[latency as usize]
    }

    /// Ages of what has not arrived of one part; nothing where there is none.
    pub(super) fn unarrived(&self, latency: Latency, part: Series) -> Option<&SignedHistogram> {
        Some(&self.ages(latency)[part.index]).filter(|ages| ages.count() > 0)
    }

    fn parts(&self, tags: Tags) -> impl Iterator<Item = Series> {
        self.matcher.series().all().filter(move |part| part.matches(tags))
    }

    /// Errors since the start of the run.
    pub(super) fn errors(&self) -> ErrorCounts {
        let writers = self.facts.writers.iter();
        [writers.map(|writer| writer.pg_write_errors).sum(), self.facts.observer_errors]
    }

    /// Arrivals of a latency whose times cannot be believed.
    pub(super) fn unmeasured(&self, latency: Latency, tags: Tags) -> u64 {
        if tags.is_slice() {
            return self.recorder.slice(latency, tags).map_or(0, |slice| slice.unmeasured.count());
        }
        self.parts(tags).map(|series| self.recorder.latency(latency)[series.index].unmeasured.count()).sum()
    }

    /// Whether a quantile of a latency is open because of unmeasured arrivals: their bounds leave more than one value,
    /// and without them it would be known. One that rows which have not arrived leave open in any case is not.
    pub(super) fn is_opened_by_unmeasured(&self, latency: Latency, tags: Tags, q: f64) -> bool {
        if self.unmeasured(latency, tags) == 0 {
            return false;
        }
        let figures = self.latency(latency, tags);
        is_open(figures.quantile(q)) && !is_open(figures.arrived.quantile_with(q, &figures.unarrived))
    }
}

fn is_open(quantile: Quantile) -> bool {
    matches!(quantile, Quantile::AtLeast(_) | Quantile::Between(..))
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
        if tags.is_slice() {
            let Measured { histogram, unmeasured } =
                self.recorder.slice(latency, tags).cloned().unwrap_or_default();
            let unarrived = self.matcher.ages_of(latency, tags, false, self.facts.now);
            return LatencyFigures { arrived: histogram, unarrived, unmeasured };
        }
        let ages = self.ages(latency);
        for part in self.parts(tags) {
            let measured = &self.recorder.latency(latency)[part.index];
            figures.arrived.merge(&measured.histogram);
            figures.unmeasured.merge(&measured.unmeasured);
            figures.unarrived.merge(&ages[part.index]);
        }
        figures
    }

    fn rate(&self, rate: Rate, tags: Tags) -> (u64, u64) {
        if tags.is_slice() {
            return self.matcher.slice(tags).map_or((0, 0), |tally| tally.rate(rate));
        }
        let rates = self.parts(tags).map(|part| self.matcher.tally(part).rate(rate));
        rates.fold((0, 0), |sum, (passed, total)| (sum.0 + passed, sum.1 + total))
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
            Counter::FailedIterations => loads().map(|(_, load)| load.failed).sum(),
            Counter::DroppedIterations => loads().map(|(_, load)| load.dropped).sum(),
            Counter::PgWriteErrors => self.errors()[0],
            Counter::ObserverErrors => self.errors()[1],
            Counter::SkippedSteps => loads().map(|(_, load)| load.skipped_steps).sum(),
            Counter::NotExpected => {
                let withdrawn = self.recorder.not_expected();
                loads()
                    .map(|(index, load)| load.not_expected + withdrawn.get(index).copied().unwrap_or(0))
                    .sum()
            }
        }
    }

    fn counter_rate(&self, counter: Counter, tags: Tags) -> Option<f64> {
        let span = LoadSpan::of(tags.scenario, self.recorder, self.facts)?;
        // An iteration that began in the load counts though it ended after it: it ran to its end.
        let within = self.recorder.errors().within(self.errors());
        let count = match counter {
            Counter::PgWriteErrors => within[0],
            Counter::ObserverErrors => within[1],
            _ => self.counter(counter, tags),
        };
        Some(as_f64(count) / span.seconds()?)
    }

    fn is_final(&self) -> bool {
        self.facts.closed
    }
}
