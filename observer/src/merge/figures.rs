//! Latencies, shares and counters of several runs as those of one, for reports and for thresholds.

use std::collections::BTreeMap;

use streamgauge_shared::account::Operation;
use streamgauge_shared::histogram::{SignedHistogram, Unmeasured};
use streamgauge_shared::report::{LatencyBy, LatencyReport, Report, Stats};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{Counter, Figures, LatencyFigures, Rate, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::{Side, Sides};

/// What is known of several runs together.
pub(super) struct Together<'a> {
    sides: &'a Sides,
    /// By latency.
    parts: Vec<(Latency, Part)>,
}

/// One latency of one part in one of the runs.
struct Part {
    scenario: Option<u16>,
    entity: Option<u16>,
    operation: Option<Operation>,
    figures: LatencyFigures,
}

impl<'a> Together<'a> {
    pub(super) fn of(sides: &'a Sides) -> Self {
        let parts = sides.sides.iter().flat_map(|side| match &side.totals {
            Some(_) => parts_of(side, &sides.test),
            None => parts_of_older(side),
        });
        Self { sides, parts: parts.collect() }
    }

    fn reports(&self) -> impl Iterator<Item = &'a Report> {
        self.sides.sides.iter().map(|side| &side.report)
    }

    /// Whether a latency of a part can be told: an older folder knows operations only.
    pub(super) fn knows(&self, tags: Tags) -> bool {
        let older = self.sides.sides.iter().any(|side| side.totals.is_none());
        !tags.is_slice() && !(older && (tags.scenario.is_some() || tags.entity.is_some()))
    }

    /// Each latency as reports show it.
    pub(super) fn latencies(&self) -> BTreeMap<String, LatencyReport> {
        Latency::ALL
            .into_iter()
            .map(|latency| (latency.name().to_owned(), self.latency_report(latency)))
            .collect()
    }

    fn latency_report(&self, latency: Latency) -> LatencyReport {
        let stats = |tags: Tags| {
            let LatencyFigures { arrived, unarrived, unmeasured } = self.latency(latency, tags);
            Stats::of(&arrived, &unarrived, &unmeasured)
        };
        let mut by = Vec::new();
        for (index, entity) in (0_u16..).zip(&self.sides.test.model.entities) {
            for operation in Operation::ALL {
                let tags = Tags { entity: Some(index), operation: Some(operation), ..Tags::default() };
                if !self.knows(tags) || latency == Latency::IterationDuration {
                    continue;
                }
                let stats = stats(tags);
                if stats.count + stats.censored + stats.unmeasured > 0 {
                    let (entity, operation) = (entity.name.clone(), operation.name().to_owned());
                    by.push(LatencyBy { entity, operation, stats });
                }
            }
        }
        LatencyReport { all: stats(Tags::default()), by }
    }
}

impl Figures for Together<'_> {
    fn latency(&self, latency: Latency, tags: Tags) -> LatencyFigures {
        let mut sum = LatencyFigures::default();
        for (of, part) in &self.parts {
            let is_wanted = *of == latency
                && tags.scenario.is_none_or(|scenario| part.scenario == Some(scenario))
                && tags.entity.is_none_or(|entity| part.entity == Some(entity))
                && tags.operation.is_none_or(|operation| part.operation == Some(operation));
            if is_wanted {
                sum.merge(&part.figures);
            }
        }
        sum
    }

    fn rate(&self, rate: Rate, _: Tags) -> (u64, u64) {
        let rates = self.reports().filter_map(|report| report.rates.get(rate.name()));
        rates.fold((0, 0), |sum, rate| (sum.0 + rate.passed, sum.1 + rate.total))
    }

    fn counter(&self, counter: Counter, _: Tags) -> u64 {
        self.reports().filter_map(|report| report.counters.get(counter.name())).sum()
    }

    fn counter_rate(&self, _: Counter, _: Tags) -> Option<f64> {
        None
    }

    fn is_final(&self) -> bool {
        true
    }
}

fn parts_of(side: &Side, test: &Test) -> Vec<(Latency, Part)> {
    let scenario =
        |name: &str| (0..).zip(&test.scenarios).find(|(_, known)| known.name == name).map(|(index, _)| index);
    let entity = |name: &str| {
        (0..).zip(&test.model.entities).find(|(_, known)| known.name == name).map(|(index, _)| index)
    };
    let operation = |name: &str| Operation::ALL.into_iter().find(|known| known.name() == name);
    let totals = side.totals.iter().flatten().filter_map(|total| {
        let part = Part {
            scenario: scenario(&total.scenario),
            entity: total.entity.as_deref().and_then(entity),
            operation: total.operation.as_deref().and_then(operation),
            figures: total.figures.clone(),
        };
        Some((total.latency.parse().ok()?, part))
    });
    totals.collect()
}

/// Of an older folder: what its interval log holds by operation. Of its rows that had not arrived or arrived unmeasured only
/// their number is known: they may have taken any time.
fn parts_of_older(side: &Side) -> Vec<(Latency, Part)> {
    let mut sums: BTreeMap<(usize, usize), (Latency, Operation, SignedHistogram)> = BTreeMap::new();
    for interval in &side.intervals {
        let key = (interval.latency as usize, interval.operation as usize);
        let sum = sums
            .entry(key)
            .or_insert_with(|| (interval.latency, interval.operation, SignedHistogram::default()));
        interval.histogram.add_to(&mut sum.2);
    }
    let measured = sums.into_values().map(|(latency, operation, arrived)| {
        let figures = LatencyFigures { arrived, ..LatencyFigures::default() };
        (latency, Part { scenario: None, entity: None, operation: Some(operation), figures })
    });
    let open = side.report.latency.iter().filter_map(|(name, report)| {
        let any = |count: u64| {
            let mut histogram = SignedHistogram::default();
            histogram.record_n(Nanos::ZERO, count);
            histogram
        };
        let figures = LatencyFigures {
            arrived: SignedHistogram::default(),
            unarrived: any(report.all.censored),
            unmeasured: Unmeasured::between(any(report.all.unmeasured), SignedHistogram::default()),
        };
        let part = Part { scenario: None, entity: None, operation: None, figures };
        (part.figures.count() > 0).then_some((name.parse().ok()?, part))
    });
    measured.chain(open).collect()
}
