//! Single rows with their four points, for `rows.jsonl`: every one that did not simply arrive, and the
//! slowest of those that did. Bounded; what did not fit is counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use streamgauge_shared::account::{EventKind, Outcome};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::{Latency, Timeline};

use crate::matcher::{Entry, Part};

/// Delivered rows kept at most, the slowest: about 2 MB.
const DELIVERED_MAX: usize = 10_000;
/// Rows of every other kind kept at most, the first that came.
const OTHERS_MAX: usize = 100_000;

/// Rows kept so far.
#[derive(Default)]
pub struct Rows {
    delivered: BinaryHeap<Reverse<Kept>>,
    others: Vec<Row>,
    left_out: u64,
}

/// One row. Points are on the observer's time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The writer's index.
    pub writer: u16,
    /// The operation's number within the writer.
    pub sequence: u64,
    /// Where it belongs.
    pub part: Part,
    /// The row's key.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What its event was, if one came.
    pub event: Option<EventKind>,
    /// Lost, because the row it deletes never arrived.
    pub no_row: bool,
    /// Whether the time of its arrival is to be believed.
    pub measured: bool,
    /// Its times.
    pub timeline: Timeline,
}

/// Ordered by its latency.
struct Kept {
    e2e: Nanos,
    row: Row,
}

impl Row {
    /// One line of `rows.jsonl`: the points in nanoseconds since 1970, the latencies in milliseconds.
    /// What is not known is left out.
    #[must_use]
    pub fn to_json(&self, test: &Test) -> serde_json::Value {
        let mut line = serde_json::Map::new();
        let mut put = |name: &str, value: serde_json::Value| drop(line.insert(name.to_owned(), value));
        put("writer", self.writer.into());
        put("sequence", self.sequence.into());
        put("scenario", test.scenarios[usize::from(self.part.scenario)].name.as_str().into());
        put("entity", test.model.entities[usize::from(self.part.entity)].name.as_str().into());
        put("operation", self.part.operation.name().into());
        put("key", self.key.as_str().into());
        put("outcome", self.outcome.name().into());
        if self.no_row {
            put("cause", "no_row".into());
        }
        if let Some(event) = self.event {
            put("event", event.name().into());
            put("measured", self.measured.into());
        }
        let Timeline { intended, sent, committed, observed, wall, .. } = self.timeline;
        let points = [
            ("intended_ns", Some(intended)),
            ("sent_ns", Some(sent)),
            ("committed_ns", committed),
            ("observed_ns", observed),
            ("wall_ns", wall),
        ];
        for (name, point) in points {
            if let Some(point) = point {
                put(name, point.0.into());
            }
        }
        for latency in Latency::ALL {
            if let Some(value) = self.timeline.latency(latency) {
                put(&format!("{latency}_ms"), value.as_millis_f64().into());
            }
        }
        line.into()
    }

    /// The row of an entry.
    #[must_use]
    pub fn of(writer: u16, sequence: u64, entry: &Entry) -> Self {
        Self {
            writer,
            sequence,
            part: entry.part,
            key: entry.key.to_string(),
            outcome: entry.outcome,
            event: entry.event,
            no_row: entry.no_row,
            measured: entry.measured,
            timeline: entry.timeline,
        }
    }
}

impl Rows {
    /// A row of the measured phase has its outcome.
    pub fn keep(&mut self, row: Row) {
        let plain = row.outcome == Outcome::Delivered && row.event == Some(EventKind::First) && row.measured;
        let e2e = row.timeline.latency(Latency::CdcE2eLatency);
        match e2e.filter(|_| plain) {
            Some(e2e) => {
                self.delivered.push(Reverse(Kept { e2e, row }));
                if self.delivered.len() > DELIVERED_MAX {
                    self.delivered.pop();
                    self.left_out += 1;
                }
            }
            None if self.others.len() < OTHERS_MAX => self.others.push(row),
            None => self.left_out += 1,
        }
    }

    /// All rows kept: first those that did not simply arrive, then the others, slowest first.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Row> {
        let mut rows = std::mem::take(&mut self.others);
        let delivered = self.delivered.into_sorted_vec();
        rows.extend(delivered.into_iter().map(|Reverse(kept)| kept.row));
        rows
    }

    /// Rows that did not fit.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.e2e == other.e2e
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.e2e.cmp(&other.e2e)
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::account::Operation;
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::matcher::Parts;

    fn row(sequence: u64, e2e: i64, outcome: Outcome) -> Row {
        let observed = (outcome == Outcome::Delivered).then_some(UnixNanos(e2e));
        let timeline = Timeline {
            intended: UnixNanos(0),
            connection_wait: Nanos::ZERO,
            sent: UnixNanos(0),
            committed: None,
            observed,
            wall: None,
        };
        let event = observed.map(|_| EventKind::First);
        let part = Parts::new(1, 1).part(0, 0, Operation::Create);
        Row {
            writer: 0,
            sequence,
            part,
            key: String::new(),
            outcome,
            event,
            no_row: false,
            measured: true,
            timeline,
        }
    }

    #[test]
    fn the_slowest_are_kept_behind_every_row_that_did_not_simply_arrive() {
        let mut rows = Rows::default();
        let count = DELIVERED_MAX as u64 + 5;
        // Neither rising nor falling: a prime walks through all latencies.
        (0..count).for_each(|n| {
            rows.keep(row(n, i64::try_from(n * 7_919 % count).expect("small"), Outcome::Delivered))
        });
        rows.keep(row(count, 0, Outcome::Lost));
        assert_eq!(rows.left_out(), 5);
        let kept = rows.into_vec();
        assert_eq!((kept.len(), kept[0].outcome), (DELIVERED_MAX + 1, Outcome::Lost));
        let latencies: Vec<i64> =
            kept[1..].iter().map(|row| row.timeline.observed.expect("delivered").0).collect();
        assert!(latencies.is_sorted_by(|a, b| a > b));
        assert_eq!(latencies.last(), Some(&5));
    }
}
