//! Counts what the matcher tells: one histogram for each part and latency, and the course of time.

use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::ledger::Iteration;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::rows::{Row, Rows};
use super::seconds::Seconds;
use crate::matcher::{Entry, Part, Parts, Sink};

/// One latency of one part.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// The values that can be believed.
    pub histogram: SignedHistogram,
    /// Arrivals whose time cannot.
    pub unmeasured: u64,
}

/// The figures of the measured phase as they grow.
pub struct Recorder {
    by_latency: Vec<Vec<Measured>>,
    iterations: Vec<SignedHistogram>,
    seconds: Seconds,
    rows: Rows,
    settled: Vec<(u16, u64, bool)>,
    first_sent: Option<UnixNanos>,
    last_arrival: Option<UnixNanos>,
}

impl Recorder {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(parts: Parts, scenarios: usize) -> Self {
        Self {
            by_latency: Latency::ALL.iter().map(|_| vec![Measured::default(); parts.count()]).collect(),
            iterations: vec![SignedHistogram::default(); scenarios],
            seconds: Seconds::default(),
            rows: Rows::default(),
            settled: Vec::new(),
            first_sent: None,
            last_arrival: None,
        }
    }

    /// An iteration of the measured phase ended; an interrupted one has no duration to speak of.
    pub fn iteration(&mut self, iteration: Iteration) {
        if let Some(durations) = self.iterations.get_mut(usize::from(iteration.scenario))
            && !iteration.interrupted
        {
            durations.record(iteration.duration);
        }
    }

    /// One latency by the index of its part.
    #[must_use]
    pub fn latency(&self, latency: Latency) -> &[Measured] {
        &self.by_latency[latency as usize]
    }

    /// Durations of iterations by scenario.
    #[must_use]
    pub fn iterations(&self) -> &[SignedHistogram] {
        &self.iterations
    }

    /// The course of time.
    #[must_use]
    pub fn seconds(&self) -> &Seconds {
        &self.seconds
    }

    /// When the measured phase sent its first row.
    #[must_use]
    pub fn first_sent(&self) -> Option<UnixNanos> {
        self.first_sent
    }

    /// When its last row arrived.
    #[must_use]
    pub fn last_arrival(&self) -> Option<UnixNanos> {
        self.last_arrival
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

impl Sink for Recorder {
    fn latency(&mut self, part: Part, latency: Latency, value: Option<Nanos>) {
        let measured = &mut self.by_latency[latency as usize][part.index];
        match value {
            Some(value) => measured.histogram.record(value),
            None => measured.unmeasured += 1,
        }
    }

    fn sent(&mut self, at: UnixNanos) {
        let start = *self.first_sent.get_or_insert(at);
        self.seconds.sent(at - start);
    }

    fn arrived(&mut self, at: UnixNanos, e2e: Nanos) {
        // What arrives was sent before; an early start only matters to a row whose record is late.
        let start = *self.first_sent.get_or_insert(at);
        self.seconds.arrived(at - start, e2e);
        self.last_arrival = Some(self.last_arrival.map_or(at, |last| last.max(at)));
    }

    fn settled(&mut self, writer: u16, sequence: u64, arrived: bool) {
        self.settled.push((writer, sequence, arrived));
    }

    fn done(&mut self, writer: u16, sequence: u64, entry: &Entry) {
        self.rows.keep(Row::of(writer, sequence, entry));
    }
}
