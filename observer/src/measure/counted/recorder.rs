//! Counts what the matcher tells: one histogram for each part and latency and for each declared slice, what
//! windows need, and the course of time.

use streamgauge_shared::histogram::{SignedHistogram, Unmeasured};
use streamgauge_shared::ledger::{Ending, Iteration, NotSent};
use streamgauge_shared::marks::Marks;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{Metric, Tags};
use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::{Latency, Reading, Timeline};

use super::errors::Errors;
use super::intervals::{Interval, Intervals};
use super::notable::Notable;
use super::pairs::Pairs;
use super::recent::Recent;
use super::rows::{RowRecord, Rows};
use super::seconds::Seconds;
use super::stages::Stages;
use super::windows::Windows;
use crate::matcher::{Entry, Place, SeriesIndex, Sink};
use crate::measure::over_time::OverTime;
use crate::measure::spans::Spans;

/// Slots of latencies over time at most: as many as a chart can show. 48 hours are slots of 17 minutes.
const SLOTS_MAX: usize = 240;

/// One latency of one part.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The values that can be believed.
    pub histogram: SignedHistogram,
    /// Arrivals whose time cannot.
    pub unmeasured: Unmeasured,
}

/// One latency narrowed to a group or a stage, as a threshold declares it.
#[derive(Clone, Debug)]
struct Slice {
    latency: Latency,
    tags: Tags,
    measured: Measured,
}

/// The figures of the measured phase as they grow.
pub struct Recorder {
    by_latency: Vec<Vec<Measured>>,
    iterations: Vec<SignedHistogram>,
    slices: Vec<Slice>,
    windows: Windows,
    seconds: Seconds,
    /// The headline by the index of its series, where it arrived.
    over_time: OverTime<usize>,
    intervals: Intervals,
    stages: Stages,
    recent: Recent,
    rows: Rows,
    notable: Notable,
    pairs: Pairs,
    settled: Vec<(u16, u64, bool)>,
    /// By scenario.
    not_expected: Vec<u64>,
    errors: Errors,
    first_sent: Option<UnixNanos>,
    last_sent: Option<UnixNanos>,
    last_arrival: Option<UnixNanos>,
    /// When rows arrived at a time that cannot be believed.
    unmeasured_when: Spans,
}

impl Recorder {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(test: &Test) -> Self {
        let parts = SeriesIndex::of(test).count();
        let mut slices: Vec<Slice> = Vec::new();
        for threshold in test.thresholds.iter().filter(|threshold| threshold.tags.is_slice()) {
            let tags = threshold.tags;
            if let Metric::Latency(latency) = threshold.metric
                && !slices.iter().any(|slice| slice.latency == latency && slice.tags == tags)
            {
                slices.push(Slice { latency, tags, measured: Measured::default() });
            }
        }
        Self {
            by_latency: Latency::ALL.iter().map(|_| vec![Measured::default(); parts]).collect(),
            iterations: vec![SignedHistogram::default(); test.scenarios.len()],
            slices,
            windows: Windows::of(test),
            seconds: Seconds::default(),
            over_time: OverTime::new(SLOTS_MAX),
            intervals: Intervals::default(),
            stages: Stages::default(),
            recent: Recent::default(),
            rows: Rows::default(),
            notable: Notable::default(),
            pairs: Pairs::default(),
            settled: Vec::new(),
            not_expected: vec![0; test.scenarios.len()],
            errors: Errors::default(),
            first_sent: None,
            last_sent: None,
            last_arrival: None,
            unmeasured_when: Spans::default(),
        }
    }

    /// An iteration of the measured phase ended, and its record came at `now`. Only one that ran to its end has a
    /// duration to speak of: a failed one is shorter than it would have been, an interrupted one likewise.
    pub fn iteration(&mut self, iteration: Iteration, now: UnixNanos) {
        if let Some(durations) = self.iterations.get_mut(usize::from(iteration.scenario))
            && iteration.ending == Ending::Completed
        {
            durations.record(iteration.duration);
            let ended = iteration.began + iteration.duration;
            self.windows.iteration(iteration.scenario, iteration.duration, ended);
            if let Some(start) = self.first_sent {
                self.seconds.iteration(now - start, iteration.duration);
            }
        }
    }

    /// One latency by the index of its part.
    #[must_use]
    pub fn latency(&self, latency: Latency) -> &[Measured] {
        &self.by_latency[latency as usize]
    }

    /// One latency of a slice that a threshold declares, by its exact tags.
    #[must_use]
    pub fn slice(&self, latency: Latency, tags: Tags) -> Option<&Measured> {
        let found = self.slices.iter().find(|slice| slice.latency == latency && slice.tags == tags);
        found.map(|slice| &slice.measured)
    }

    /// A capacity search begins its next probe: slices count anew.
    pub fn begin_probe(&mut self) {
        self.slices.iter_mut().for_each(|slice| slice.measured = Measured::default());
    }

    /// The latencies of slices with their tags.
    pub(in crate::measure) fn slices(&self) -> impl Iterator<Item = (Latency, Tags, &Measured)> {
        self.slices.iter().map(|slice| (slice.latency, slice.tags, &slice.measured))
    }

    pub(in crate::measure) fn windows(&self) -> &Windows {
        &self.windows
    }

    pub(in crate::measure) fn windows_mut(&mut self) -> &mut Windows {
        &mut self.windows
    }

    pub(in crate::measure) fn seconds_mut(&mut self) -> &mut Seconds {
        &mut self.seconds
    }

    /// Durations of iterations by scenario.
    #[must_use]
    pub fn iterations(&self) -> &[SignedHistogram] {
        &self.iterations
    }

    /// By scenario, deletes that turned out to be none whose events could be known.
    #[must_use]
    pub fn not_expected(&self) -> &[u64] {
        &self.not_expected
    }

    /// The course of time.
    #[must_use]
    pub fn seconds(&self) -> &Seconds {
        &self.seconds
    }

    /// The headline over time by the index of its series; in a slot is what arrived in it.
    #[must_use]
    pub fn over_time(&self) -> &OverTime<usize> {
        &self.over_time
    }

    /// The latencies counted since the last call, for the interval log; `now` ends their interval.
    pub fn take_interval(&mut self, start: UnixNanos, now: UnixNanos) -> Interval {
        self.intervals.take(start, now)
    }

    /// The stages between marks; empty where no row had any.
    pub(in crate::measure) fn stages(&self) -> &Stages {
        &self.stages
    }

    /// When the measured phase sent its first row, or was to send it.
    #[must_use]
    pub fn first_sent(&self) -> Option<UnixNanos> {
        self.first_sent
    }

    /// And its last one.
    #[must_use]
    pub fn last_sent(&self) -> Option<UnixNanos> {
        self.last_sent
    }

    /// Errors by when they came.
    #[must_use]
    pub fn errors(&self) -> &Errors {
        &self.errors
    }

    pub(in crate::measure) fn errors_mut(&mut self) -> &mut Errors {
        &mut self.errors
    }

    /// When its last row arrived.
    #[must_use]
    pub fn last_arrival(&self) -> Option<UnixNanos> {
        self.last_arrival
    }

    /// When rows were read of which it is not known when they arrived.
    pub(in crate::measure) fn unmeasured_when(&self) -> Spans {
        self.unmeasured_when
    }

    /// The single rows that were kept so far.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What arrived lately.
    pub(in crate::measure) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// The few single rows that a page shows.
    pub(in crate::measure) fn notable(&self) -> &Notable {
        &self.notable
    }

    /// When the last rows were written and when they arrived.
    pub(in crate::measure) fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// The single rows that were kept; the recorder is of no use afterwards.
    #[must_use]
    pub fn into_rows(self) -> Rows {
        self.rows
    }

    /// Awaited operations settled since the last call: writer, sequence, arrived.
    pub fn take_settled(&mut self) -> Vec<(u16, u64, bool)> {
        std::mem::take(&mut self.settled)
    }
}

impl Measured {
    fn record(&mut self, reading: Reading) {
        match reading {
            Reading::Measured(value) => self.histogram.record(value),
            Reading::Between { at_least, at_most } => self.unmeasured.record(at_least, at_most),
        }
    }

    /// How many there are of both kinds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.count() + self.unmeasured.count()
    }
}

impl Sink for Recorder {
    fn latency(&mut self, place: Place, latency: Latency, reading: Reading, at: UnixNanos) {
        self.by_latency[latency as usize][place.series.index].record(reading);
        let slices =
            self.slices.iter_mut().filter(|slice| slice.latency == latency && place.matches(slice.tags));
        slices.for_each(|slice| slice.measured.record(reading));
        if reading.measured().is_none() && latency == Latency::CdcE2eLatency {
            self.unmeasured_when.add_moment(at);
        }
        self.windows.latency(place, latency, reading);
        if let Some(value) = reading.measured() {
            self.intervals.record(latency, place.series.operation, value);
            if latency == Latency::CdcE2eLatency {
                let start = *self.first_sent.get_or_insert(at - value);
                self.over_time.record(at - start, place.series.index, value);
                self.recent.record(at - start, place.series.index, value);
            }
        }
    }

    fn intended(&mut self, at: UnixNanos) {
        let start = *self.first_sent.get_or_insert(at);
        self.seconds.intended(at - start);
    }

    fn sent(&mut self, at: UnixNanos) {
        self.last_sent = self.last_sent.max(Some(at));
        self.windows.row(at);
        let start = *self.first_sent.get_or_insert(at);
        self.seconds.sent(at - start);
    }

    fn not_expected(&mut self, place: Place, sent: UnixNanos) {
        if let Some(count) = self.not_expected.get_mut(usize::from(place.series.scenario)) {
            *count += 1;
        }
        let start = *self.first_sent.get_or_insert(sent);
        self.seconds.not_expected(sent - start);
    }

    fn sent_again(&mut self, before: UnixNanos, at: UnixNanos) {
        let start = *self.first_sent.get_or_insert(before);
        self.seconds.sent_again(before - start, at - start);
    }

    fn arrived(&mut self, sent: UnixNanos, observed: Option<UnixNanos>) {
        let start = *self.first_sent.get_or_insert(sent);
        self.seconds.arrived(sent - start, observed.map(|at| at - start));
        self.last_arrival = self.last_arrival.max(observed);
    }

    fn marked(&mut self, place: Place, timeline: &Timeline, marks: &Marks, measured: bool) {
        self.stages.count(place.series.index, timeline, marks, measured);
    }

    fn settled(&mut self, writer: u16, sequence: u64, arrived: bool) {
        self.settled.push((writer, sequence, arrived));
    }

    fn duplicate(&mut self, writer: u16, sequence: u64) {
        self.rows.duplicate(writer, sequence);
    }

    fn not_sent(&mut self, writer: u16, place: Place, operation: &NotSent) {
        // The measured phase has begun, whether or not PostgreSQL takes anything.
        self.intended(operation.intended);
        self.windows.row(operation.intended);
        self.rows.keep(RowRecord::never_sent(writer, place, operation));
    }

    fn lost(&mut self, writer: u16, sequence: u64, entry: &Entry) {
        self.notable.lost(RowRecord::of(writer, sequence, entry));
    }

    fn done(&mut self, writer: u16, sequence: u64, entry: &Entry) {
        let row = RowRecord::of(writer, sequence, entry);
        self.notable.done(&row);
        self.rows.keep(row);
        if entry.measured {
            self.pairs.keep(&entry.timeline);
        }
    }
}
