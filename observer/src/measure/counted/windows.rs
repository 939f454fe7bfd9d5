//! What thresholds that are judged on windows look at: latencies in cells of time, and readings of counters.
//!
//! A latency is in the cell that holds the time at which its row was first sent, whenever it came to be known; that of
//! an iteration in the one that holds its end. Cells are counted from the first row of the measured phase, like those
//! of the matcher's tallies. Counters are read once a second. Bounded by [`CELLS_MAX`].

use std::collections::{BTreeMap, VecDeque};

use streamgauge_shared::histogram::{SignedHistogram, SparseHistogram, Unmeasured};
use streamgauge_shared::test_file::{CELLS_MAX, Test, cell_of};
use streamgauge_shared::threshold::{Counter, LatencyFigures, Metric, Tags};
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::{Latency, Reading};

use crate::matcher::{Place, cell_index};

/// All windows of a run.
#[derive(Clone, Debug, Default)]
pub(in crate::measure) struct Windows {
    origin: Option<UnixNanos>,
    latencies: Vec<OfLatency>,
    counters: Vec<OfCounter>,
}

/// One latency and its tags, in cells of one width.
#[derive(Clone, Debug)]
struct OfLatency {
    latency: Latency,
    tags: Tags,
    width: Nanos,
    cells: BTreeMap<i64, Cell>,
}

#[derive(Clone, Debug, Default)]
struct Cell {
    measured: SparseHistogram,
    /// Of what came at a time that cannot be believed.
    at_least: SparseHistogram,
    at_most: SparseHistogram,
}

/// One counter and its tags, as long as its longest window.
#[derive(Clone, Debug)]
struct OfCounter {
    counter: Counter,
    tags: Tags,
    length: Nanos,
    readings: VecDeque<(UnixNanos, u64)>,
}

impl Windows {
    /// All that the thresholds of a test need.
    pub(super) fn of(test: &Test) -> Self {
        let mut windows = Self::default();
        for threshold in &test.thresholds {
            let Some(length) = test.window_of(threshold) else { continue };
            match threshold.metric {
                Metric::Latency(latency) => windows.keep_latency(latency, threshold.tags, cell_of(length)),
                Metric::Counter(counter) => windows.keep_counter(counter, threshold.tags, length),
                // Their tallies are the matcher's.
                Metric::Rate(_) => {}
            }
        }
        windows
    }

    fn keep_latency(&mut self, latency: Latency, tags: Tags, width: Nanos) {
        if !self.latencies.iter().any(|kept| (kept.latency, kept.tags, kept.width) == (latency, tags, width))
        {
            self.latencies.push(OfLatency { latency, tags, width, cells: BTreeMap::new() });
        }
    }

    fn keep_counter(&mut self, counter: Counter, tags: Tags, length: Nanos) {
        match self.counters.iter_mut().find(|kept| (kept.counter, kept.tags) == (counter, tags)) {
            Some(kept) => kept.length = kept.length.max(length),
            None => self.counters.push(OfCounter { counter, tags, length, readings: VecDeque::new() }),
        }
    }

    /// A row of the measured phase was sent, or was to be: the first one sets where cells are counted from.
    pub(super) fn row(&mut self, at: UnixNanos) {
        self.origin.get_or_insert(at);
    }

    /// Where cells are counted from; nothing before the first row.
    pub(in crate::measure) fn origin(&self) -> Option<UnixNanos> {
        self.origin
    }

    /// A latency of a row is known.
    pub(super) fn latency(&mut self, place: Place, latency: Latency, reading: Reading) {
        self.record(latency, reading, place.at, |tags| place.matches(tags));
    }

    /// An iteration ended at `at`.
    pub(super) fn iteration(&mut self, scenario: u16, duration: Nanos, at: UnixNanos) {
        let is_of = |tags: Tags| tags.scenario.is_none_or(|named| named == scenario);
        self.record(Latency::IterationDuration, Reading::Measured(duration), at, is_of);
    }

    fn record(&mut self, latency: Latency, reading: Reading, at: UnixNanos, wanted: impl Fn(Tags) -> bool) {
        let Some(origin) = self.origin else { return };
        for kept in self.latencies.iter_mut().filter(|kept| kept.latency == latency && wanted(kept.tags)) {
            let cell = kept.cells.entry(cell_index(at, origin, kept.width)).or_default();
            match reading {
                Reading::Measured(value) => cell.measured.record(value),
                Reading::Between { at_least, at_most } => {
                    cell.at_least.record(at_most.map_or(at_least, |most| at_least.min(most)));
                    at_most.into_iter().for_each(|most| cell.at_most.record(most));
                }
            }
            while i64::try_from(kept.cells.len()).unwrap_or(i64::MAX) > 2 * CELLS_MAX {
                kept.cells.pop_first();
            }
        }
    }

    /// What is known of a latency of the rows in cells of this width, from one index to before another.
    pub(in crate::measure) fn known(
        &self,
        latency: Latency,
        tags: Tags,
        width: Nanos,
        (from, to): (i64, i64),
    ) -> LatencyFigures {
        let kept = self
            .latencies
            .iter()
            .find(|kept| (kept.latency, kept.tags, kept.width) == (latency, tags, width));
        let mut arrived = SignedHistogram::default();
        let (mut at_least, mut at_most) = (SignedHistogram::default(), SignedHistogram::default());
        for (_, cell) in kept.into_iter().flat_map(|kept| kept.cells.range(from..to)) {
            cell.measured.add_to(&mut arrived);
            cell.at_least.add_to(&mut at_least);
            cell.at_most.add_to(&mut at_most);
        }
        let unmeasured = Unmeasured::between(at_least, at_most);
        LatencyFigures { arrived, unarrived: SignedHistogram::default(), unmeasured }
    }

    /// No window will look at the cells of this width before an index any more.
    pub(in crate::measure) fn let_go(&mut self, latency: Latency, tags: Tags, width: Nanos, before: i64) {
        let kept = self
            .latencies
            .iter_mut()
            .find(|kept| (kept.latency, kept.tags, kept.width) == (latency, tags, width));
        if let Some(kept) = kept {
            kept.cells = kept.cells.split_off(&before);
        }
    }

    /// The counters that [`Self::read`] wants, in its order.
    pub(in crate::measure) fn counted(&self) -> impl Iterator<Item = (Counter, Tags)> {
        self.counters.iter().map(|kept| (kept.counter, kept.tags))
    }

    /// Takes the counters once a second, and lets go what no window reaches back to.
    pub(in crate::measure) fn read(&mut self, now: UnixNanos, counts: &[u64]) {
        for (kept, count) in self.counters.iter_mut().zip(counts) {
            // Half a cell: the clock that calls is not exact, and may call once more at the end.
            let due = Nanos(cell_of(kept.length).0 / 2);
            if kept.readings.back().is_some_and(|(last, _)| now - *last < due) {
                continue;
            }
            kept.readings.push_back((now, *count));
            let start = now - kept.length - due;
            while kept.readings.front().is_some_and(|(at, _)| *at < start) {
                kept.readings.pop_front();
            }
        }
    }

    /// By how much a counter, at present `count`, grew in the window of this length that ends at `now`, and over which
    /// time that was read: from the reading next to the window's start. Nothing where none is near it.
    pub(in crate::measure) fn growth(
        &self,
        counter: Counter,
        tags: Tags,
        length: Nanos,
        now: UnixNanos,
        count: u64,
    ) -> Option<(u64, Nanos)> {
        let kept = self.counters.iter().find(|kept| (kept.counter, kept.tags) == (counter, tags))?;
        let off = |at: UnixNanos| (at - (now - length)).0.abs();
        let (at, before) = kept.readings.iter().min_by_key(|(at, _)| off(*at))?;
        (off(*at) <= cell_of(kept.length).0).then(|| (count.saturating_sub(*before), now - *at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_shared::account::Operation;

    use super::*;
    use crate::matcher::SeriesIndex;

    const E2E: Latency = Latency::CdcE2eLatency;
    const SECOND: Nanos = Nanos::from_secs(1);

    fn at(millis: i64) -> UnixNanos {
        UnixNanos::from_millis(millis)
    }

    fn place(group: u16, millis: i64) -> Place {
        let series = SeriesIndex::new(1, 1).at(0, 0, Operation::Create);
        Place { series, group: Some(group), stage: None, at: at(millis) }
    }

    /// Cells of a second for the headline, counted from 0.
    fn windows(tags: Tags) -> Windows {
        let mut windows = Windows::default();
        windows.keep_latency(E2E, tags, SECOND);
        windows.row(at(0));
        windows
    }

    #[test]
    fn a_row_is_in_the_cell_in_which_it_was_sent_whenever_it_came() {
        let narrowed = Tags { group: Some(1), ..Tags::default() };
        let mut windows = windows(narrowed);
        for second in 0..60 {
            for group in [1, 2] {
                let reading = Reading::Measured(Nanos::from_millis(second));
                windows.latency(place(group, second * 1_000 + 500), E2E, reading);
            }
        }
        let late = Reading::Between { at_least: Nanos::ZERO, at_most: Some(Nanos::from_secs(50)) };
        windows.latency(place(1, 7_000), E2E, late);
        let known = |from, to| windows.known(E2E, narrowed, SECOND, (from, to));
        let five = known(55, 60).arrived;
        assert_eq!(
            (five.count(), five.min(), five.max()),
            (5, Some(Nanos::from_millis(55)), Some(Nanos::from_millis(59)))
        );
        assert_eq!((known(7, 8).arrived.count(), known(7, 8).unmeasured.count()), (1, 1));
        assert_eq!(known(60, 70).count(), 0);
        assert_eq!(windows.known(E2E, Tags::default(), SECOND, (0, 60)).count(), 0, "not asked for");
    }

    #[test]
    fn a_counters_growth_is_divided_by_the_time_it_was_read_over() {
        let mut windows = Windows::default();
        let (errors, tags, length) = (Counter::ObserverErrors, Tags::default(), Nanos::from_secs(10));
        windows.keep_counter(errors, tags, length);
        // Five a second, read every 1,020 ms.
        for reading in 0..40_i64 {
            let now = reading * 1_020;
            windows.read(at(now), &[u64::try_from(now / 200).expect("positive")]);
        }
        let (growth, over) =
            windows.growth(errors, tags, length, at(39 * 1_020), 39 * 1_020 / 200).expect("read");
        assert_eq!((growth, over), (51, Nanos::from_millis(10_200)));
        let young = windows.growth(errors, tags, Nanos::from_secs(60), at(39 * 1_020), 198);
        assert_eq!(young, None, "the window begins before the first reading");
    }

    #[test]
    fn two_days_stay_bounded() {
        let mut windows = Windows::default();
        let (errors, length) = (Counter::ObserverErrors, Nanos::from_secs(48 * 3_600));
        let width = cell_of(length);
        windows.keep_latency(E2E, Tags::default(), width);
        windows.keep_counter(errors, Tags::default(), length);
        windows.row(at(0));
        for second in 0..3 * 48 * 3_600_i64 {
            windows.latency(place(0, second * 1_000), E2E, Reading::Measured(Nanos(7)));
            windows.read(at(second * 1_000), &[u64::try_from(second).expect("positive")]);
        }
        assert!(windows.latencies[0].cells.len() <= 7_200, "{}", windows.latencies[0].cells.len());
        assert!(windows.counters[0].readings.len() <= 7_206, "{}", windows.counters[0].readings.len());
        let last = 3 * 48 * 3_600 / (width.0 / SECOND.0);
        let known =
            windows.known(E2E, Tags::default(), width, (last - 48 * 3_600 / (width.0 / SECOND.0), last));
        assert_eq!(known.count(), 48 * 3_600);
    }

    proptest! {
        #[test]
        fn a_window_is_the_rows_that_were_sent_in_it(rows in prop::collection::vec((0..40_000_i64, -5_000_000_i64..5_000_000_000), 0..200), from in 0..40_i64, length in 1..40_i64) {
            let mut windows = windows(Tags::default());
            for (millis, value) in &rows {
                windows.latency(place(0, *millis), E2E, Reading::Measured(Nanos(*value)));
            }
            let known = windows.known(E2E, Tags::default(), SECOND, (from, from + length));
            let inside = rows.iter().filter(|(millis, _)| (from..from + length).contains(&(millis / 1_000)));
            prop_assert_eq!(known.count(), inside.count() as u64);
        }
    }
}
