//! Latencies since the interval log was last told, by latency and operation.

use streamgauge_shared::account::Operation;
use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

/// The interval that goes on.
#[derive(Default)]
pub struct Intervals {
    /// By latency and operation; absent until something is counted.
    current: [[Option<SignedHistogram>; Operation::COUNT]; Latency::ALL.len()],
}

/// One interval: everything that became known in it, whenever its row was sent.
#[derive(Clone, Debug)]
pub struct Interval {
    /// When it began, on the observer's time line.
    pub start: UnixNanos,
    /// When it ended.
    pub end: UnixNanos,
    /// Those that have data, in the order of their names in the report.
    pub histograms: Vec<(Latency, Operation, SignedHistogram)>,
}

impl Intervals {
    /// Counts one value.
    pub fn record(&mut self, latency: Latency, operation: Operation, value: Nanos) {
        self.current[latency as usize][operation as usize].get_or_insert_default().record(value);
    }

    /// Ends the interval and begins the next.
    pub fn take(&mut self, start: UnixNanos, end: UnixNanos) -> Interval {
        let current = &mut self.current;
        let histograms = Latency::ALL.into_iter().flat_map(|latency| {
            let operations = &mut current[latency as usize];
            let of =
                |operation: Operation| Some((latency, operation, operations[operation as usize].take()?));
            Operation::ALL.into_iter().filter_map(of).collect::<Vec<_>>()
        });
        Interval { start, end, histograms: histograms.collect() }
    }
}

impl Interval {
    /// Adds what came after it: it lasts until the end of `later`.
    pub fn extend(&mut self, later: Self) {
        self.end = self.end.max(later.end);
        for (latency, operation, histogram) in later.histograms {
            let known = self.histograms.iter_mut().find(|(l, o, _)| (*l, *o) == (latency, operation));
            match known {
                Some((_, _, sum)) => sum.merge(&histogram),
                None => self.histograms.push((latency, operation, histogram)),
            }
        }
    }
}
