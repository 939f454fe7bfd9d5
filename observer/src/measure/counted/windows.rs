//! What happened lately: for every threshold that is judged on a window, what its metric did in it.
//!
//! Latencies are kept in cells of a second, by when each value came to be known; shares and counters as
//! readings of their sums, one a second. A window begins at a cell's edge, so it covers up to one cell more
//! than its length. Bounded by [`CELLS_MAX`]: a window of more than an hour has wider cells, for it would
//! otherwise be the largest thing in memory, and a window's start need not be known to the second then.

use std::collections::{BTreeMap, VecDeque};

use streamgauge_shared::histogram::{SignedHistogram, SparseHistogram};
use streamgauge_shared::test_file::{Question, Test};
use streamgauge_shared::threshold::{Metric, Tags, Threshold};
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use crate::matcher::Place;

/// Cells kept at most of one metric and its tags; of readings, which may come twice as often, twice as many.
const CELLS_MAX: i64 = 3_600;

/// The window in which a threshold without one of its own is looked at for the breaking point: long enough
/// for a percentile of a few rows a second, short enough to place a crossing in time.
const DEFAULT_WINDOW: Nanos = Nanos::from_secs(10);

/// All windows of a run: one series for each metric and its tags, as long as its longest window.
#[derive(Clone, Debug, Default)]
pub(in crate::measure) struct Windows {
    latencies: Vec<Series<BTreeMap<i64, SparseHistogram>>>,
    counts: Vec<Series<VecDeque<Reading>>>,
}

#[derive(Clone, Debug)]
struct Series<T> {
    metric: Metric,
    tags: Tags,
    length: Nanos,
    kept: T,
}

/// The sums of a share (successes and total) or of a counter (the count twice) at one moment.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: UnixNanos,
    sums: (u64, u64),
}

/// The window that a threshold is judged on each second; none for one that is judged on the whole run only. Where a
/// scenario asks for its breaking point, latencies and shares without a window of their own are given one.
pub(in crate::measure) fn window_of(test: &Test, threshold: &Threshold) -> Option<Nanos> {
    threshold.over.or(is_followed(test, threshold).then_some(DEFAULT_WINDOW))
}

/// Whether the crossings of a threshold are kept, for the breaking point.
pub(in crate::measure) fn is_followed(test: &Test, threshold: &Threshold) -> bool {
    let asked = test.scenarios.iter().any(|scenario| scenario.findings.contains(&Question::BreakingPoint));
    asked && !matches!(threshold.metric, Metric::Counter(_))
}

impl Windows {
    /// All that the thresholds of a test need.
    pub(in crate::measure) fn of(test: &Test) -> Self {
        let mut windows = Self::default();
        for threshold in &test.thresholds {
            if let Some(window) = window_of(test, threshold) {
                windows.declare(threshold.metric, threshold.tags, window);
            }
        }
        windows
    }

    /// Keeps what windows of this length over this metric need.
    pub(in crate::measure) fn declare(&mut self, metric: Metric, tags: Tags, length: Nanos) {
        match metric {
            Metric::Latency(_) => declare(&mut self.latencies, metric, tags, length),
            Metric::Rate(_) | Metric::Counter(_) => declare(&mut self.counts, metric, tags, length),
        }
    }

    /// A latency is known since `at`.
    pub(in crate::measure) fn latency(
        &mut self,
        place: Place,
        latency: Latency,
        value: Nanos,
        at: UnixNanos,
    ) {
        self.record(latency, value, at, |tags| place.matches(tags));
    }

    /// An iteration ended at `at`.
    pub(in crate::measure) fn iteration(&mut self, scenario: u16, duration: Nanos, at: UnixNanos) {
        let is_of = |tags: Tags| tags.scenario.is_none_or(|named| named == scenario);
        self.record(Latency::IterationDuration, duration, at, is_of);
    }

    fn record(&mut self, latency: Latency, value: Nanos, at: UnixNanos, wanted: impl Fn(Tags) -> bool) {
        let metric = Metric::Latency(latency);
        for series in
            self.latencies.iter_mut().filter(|series| series.metric == metric && wanted(series.tags))
        {
            let cell = at.0 / series.cell().0;
            series.kept.entry(cell).or_default().record(value);
            // Beyond what the longest window needs, or from a clock that ran ahead: the oldest goes.
            while i64::try_from(series.kept.len()).unwrap_or(i64::MAX) > CELLS_MAX + 2 {
                series.kept.pop_first();
            }
        }
    }

    /// The shares and counters whose sums [`Self::read`] wants, in its order.
    pub(in crate::measure) fn counted(&self) -> impl Iterator<Item = (Metric, Tags)> {
        self.counts.iter().map(|series| (series.metric, series.tags))
    }

    /// Takes the sums of all that is counted, once a second, and lets go what no window reaches back to.
    pub(in crate::measure) fn read(&mut self, now: UnixNanos, sums: &[(u64, u64)]) {
        for series in &mut self.latencies {
            let first = (now - series.length).0 / series.cell().0;
            series.kept = series.kept.split_off(&first);
        }
        for (series, sums) in self.counts.iter_mut().zip(sums) {
            // Half a cell: the clock that calls is not exact, and may call once more at the end.
            let due = Nanos(series.cell().0 / 2);
            if series.kept.back().is_some_and(|last| now - last.at < due) {
                continue;
            }
            series.kept.push_back(Reading { at: now, sums: *sums });
            let start = now - series.length;
            // The newest reading at or before the start is what the window is counted from.
            while series.kept.get(1).is_some_and(|second| second.at <= start) {
                series.kept.pop_front();
            }
        }
    }

    /// What arrived of a latency in the window of this length that ends at `now`.
    pub(in crate::measure) fn arrived(
        &self,
        latency: Latency,
        tags: Tags,
        length: Nanos,
        now: UnixNanos,
    ) -> SignedHistogram {
        let mut arrived = SignedHistogram::default();
        if let Some(series) = find(&self.latencies, Metric::Latency(latency), tags) {
            let first = (now - length).0 / series.cell().0;
            series.kept.range(first..).for_each(|(_, cell)| cell.add_to(&mut arrived));
        }
        arrived
    }

    /// By how much a share's or counter's sums, at present `sums`, grew in the window of this length that
    /// ends at `now`. A sum that shrank (a row given up that arrived after all) did not grow.
    pub(in crate::measure) fn growth(
        &self,
        metric: Metric,
        tags: Tags,
        length: Nanos,
        now: UnixNanos,
        sums: (u64, u64),
    ) -> (u64, u64) {
        let start = now - length;
        let series = find(&self.counts, metric, tags);
        let base = series.and_then(|series| series.kept.iter().rev().find(|reading| reading.at <= start));
        let base = base.map_or((0, 0), |reading| reading.sums);
        (sums.0.saturating_sub(base.0), sums.1.saturating_sub(base.1))
    }
}

impl<T> Series<T> {
    /// The distance of what is kept: a second, or more for a window of more than [`CELLS_MAX`] of them.
    fn cell(&self) -> Nanos {
        let seconds = self.length.0 / NANOS_PER_SECOND;
        Nanos(NANOS_PER_SECOND * (1 + (seconds - 1).max(0) / CELLS_MAX))
    }
}

fn declare<T: Default>(all: &mut Vec<Series<T>>, metric: Metric, tags: Tags, length: Nanos) {
    match all.iter_mut().find(|series| series.metric == metric && series.tags == tags) {
        Some(series) => series.length = series.length.max(length),
        None => all.push(Series { metric, tags, length, kept: T::default() }),
    }
}

fn find<T>(all: &[Series<T>], metric: Metric, tags: Tags) -> Option<&Series<T>> {
    all.iter().find(|series| series.metric == metric && series.tags == tags)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_shared::account::Operation;
    use streamgauge_shared::threshold::{Counter, Rate};

    use super::*;
    use crate::matcher::SeriesIndex;

    const E2E: Metric = Metric::Latency(Latency::CdcE2eLatency);
    const SUCCESS: Metric = Metric::Rate(Rate::CdcSuccessRate);

    fn at(millis: i64) -> UnixNanos {
        UnixNanos::from_millis(millis)
    }

    fn place(group: u16) -> Place {
        Place { series: SeriesIndex::new(1, 1).at(0, 0, Operation::Create), group: Some(group), stage: None }
    }

    #[test]
    fn a_window_holds_what_came_in_it_of_what_its_tags_name() {
        let mut windows = Windows::default();
        let narrowed = Tags { group: Some(1), ..Tags::default() };
        windows.declare(E2E, narrowed, Nanos::from_secs(5));
        windows.declare(E2E, narrowed, Nanos::from_secs(20));
        for second in 0..60 {
            for group in [1, 2] {
                let value = Nanos::from_millis(second);
                windows.latency(place(group), Latency::CdcE2eLatency, value, at(second * 1_000 + 500));
            }
            windows.read(at(second * 1_000 + 999), &[]);
        }
        let arrived = |length, now| {
            windows.arrived(Latency::CdcE2eLatency, narrowed, Nanos::from_secs(length), at(now))
        };
        let five = arrived(5, 60_000);
        assert_eq!(
            (five.count(), five.min(), five.max()),
            (5, Some(Nanos::from_millis(55)), Some(Nanos::from_millis(59)))
        );
        assert_eq!(arrived(20, 60_000).count(), 20);
        assert_eq!(arrived(5, 70_000).count(), 0, "nothing came lately");
        let whole = windows.arrived(Latency::CdcE2eLatency, Tags::default(), Nanos::from_secs(5), at(60_000));
        assert_eq!(whole.count(), 0, "not declared");
    }

    #[test]
    fn a_share_is_of_what_was_settled_in_the_window() {
        let mut windows = Windows::default();
        windows.declare(SUCCESS, Tags::default(), Nanos::from_secs(10));
        // All fails in seconds 20 to 29, otherwise all succeeds.
        let sums = |second: u64| (second - (second.clamp(20, 30) - 20), second);
        for second in 0..=60 {
            let now = at(i64::try_from(second).expect("small") * 1_000);
            windows.read(now, &[sums(second)]);
            let growth = windows.growth(SUCCESS, Tags::default(), Nanos::from_secs(10), now, sums(second));
            let expected = match second {
                ..10 => (second, second),
                10..20 => (10, 10),
                20..30 => (30 - second, 10),
                30..40 => (second - 30, 10),
                _ => (10, 10),
            };
            assert_eq!(growth, expected, "at {second} s");
        }
    }

    #[test]
    fn two_days_stay_bounded() {
        let mut windows = Windows::default();
        let (errors, length) = (Metric::Counter(Counter::ObserverErrors), Nanos::from_secs(48 * 3_600));
        windows.declare(E2E, Tags::default(), length);
        windows.declare(errors, Tags::default(), length);
        for second in 0..3 * 48 * 3_600_i64 {
            let now = at(second * 1_000);
            windows.latency(place(0), Latency::CdcE2eLatency, Nanos(7), now);
            windows.read(now, &[(u64::try_from(second).expect("positive"), 0)]);
        }
        assert!(windows.latencies[0].kept.len() <= 3_603, "{}", windows.latencies[0].kept.len());
        assert!(windows.counts[0].kept.len() <= 7_206, "{}", windows.counts[0].kept.len());
        let now = at(3 * 48 * 3_600 * 1_000);
        let arrived = windows.arrived(Latency::CdcE2eLatency, Tags::default(), length, now).count();
        assert!((48 * 3_600 - 100..=48 * 3_600 + 100).contains(&arrived), "{arrived}");
    }

    proptest! {
        #[test]
        fn a_window_is_the_values_of_its_seconds(values in prop::collection::vec((0..40_000_i64, -5_000_000_i64..5_000_000_000), 0..200), length in 1..40_i64, end in 0..40_i64) {
            let mut windows = Windows::default();
            windows.declare(E2E, Tags::default(), Nanos::from_secs(40));
            for (millis, value) in &values {
                windows.latency(place(0), Latency::CdcE2eLatency, Nanos(*value), at(*millis));
            }
            let arrived = windows.arrived(Latency::CdcE2eLatency, Tags::default(), Nanos::from_secs(length), at(end * 1_000));
            // What came later is there too: the recorder is never asked about the past.
            let inside = values.iter().filter(|(millis, _)| millis / 1_000 >= end - length);
            prop_assert_eq!(arrived.count(), inside.count() as u64);
        }
    }
}
