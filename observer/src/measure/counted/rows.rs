//! Single rows with their four points, for `rows.jsonl`: every one that is not plain, and the
//! slowest plain ones. A plain row arrived in time, once, in order, at a measured time and as it was written.
//! Bounded; what did not fit is counted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use streamgauge_shared::account::{EventKind, Outcome};
use streamgauge_shared::ledger::NotSent;
use streamgauge_shared::marks::Marks;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::{Latency, Timeline};

use super::rows_kept::KeptRows;
use super::stages;
use crate::matcher::{Cause, Comparison, Entry, Place, Series};

/// Delivered rows kept at most, the slowest: about 2 MB.
const DELIVERED_MAX: usize = 10_000;
/// Rows of every other kind kept at most, the first that came.
const OTHERS_MAX: usize = 100_000;

/// Rows whose duplicates are counted one by one, the first that came.
const DUPLICATED_MAX: usize = 100_000;

/// Rows kept so far.
#[derive(Default)]
pub struct Rows {
    delivered: BinaryHeap<Reverse<Kept>>,
    others: Vec<RowRecord>,
    /// Events beyond the first, by writer and sequence.
    duplicates: HashMap<(u16, u64), u32>,
    left_out: u64,
}

/// One row. Points are on the observer's time line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRecord {
    /// The writer's index.
    pub writer: u16,
    /// The operation's number within the writer.
    pub sequence: u64,
    /// Where it belongs.
    pub part: Series,
    /// The row's key; absent where only the database knew it.
    pub key: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// What its event was, if one came.
    pub event: Option<EventKind>,
    /// Why it has its outcome, where the outcome does not say it.
    pub cause: Option<Cause>,
    /// Events of it beyond the first.
    pub duplicates: u32,
    /// Whether its verified columns arrived as written; absent where it cannot be told.
    pub data_matches: Option<bool>,
    /// What its `check` step says; absent where it has none, or none yet.
    pub check_passed: Option<bool>,
    /// Whether the time of its arrival is to be believed.
    pub measured: bool,
    /// Its times.
    pub timeline: Timeline,
    /// What the pipeline left of its times; absent where the model names no marks.
    pub marks: Option<Box<Marks>>,
}

/// Ordered by its latency.
struct Kept {
    e2e: Nanos,
    row: RowRecord,
}

impl RowRecord {
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
        if let Some(key) = &self.key {
            put("key", key.as_str().into());
        }
        put("outcome", self.outcome.name().into());
        if let Some(cause) = self.cause {
            put("cause", cause.name().into());
        }
        if let Some(event) = self.event {
            put("event", event.name().into());
            put("measured", self.measured.into());
        }
        if self.duplicates > 0 {
            put("duplicates", self.duplicates.into());
        }
        for (name, passed) in [("data_matches", self.data_matches), ("check_passed", self.check_passed)] {
            if let Some(passed) = passed {
                put(name, passed.into());
            }
        }
        let Timeline { intended, sent, committed, observed, wall, .. } = self.timeline;
        let points = [
            ("intended_ns", Some(intended)),
            ("sent_ns", self.was_sent().then_some(sent)),
            ("committed_ns", committed),
            ("observed_ns", observed),
            ("wall_ns", wall),
        ];
        for (name, point) in points {
            if let Some(point) = point {
                put(name, point.0.into());
            }
        }
        for latency in Latency::ALL.into_iter().filter(|_| self.was_sent()) {
            if let Some(value) = self.timeline.latency(latency) {
                put(&format!("{latency}_ms"), value.as_millis_f64().into());
            }
        }
        if let Some(marks) = &self.marks {
            line.insert("marks".to_owned(), stages::marks_json(marks));
            line.insert("stages".to_owned(), stages::stages_json(marks, &self.timeline));
        }
        line.into()
    }

    /// The row of an entry.
    #[must_use]
    pub fn of(writer: u16, sequence: u64, entry: &Entry) -> Self {
        Self {
            writer,
            sequence,
            part: entry.series,
            key: entry.key.as_deref().map(str::to_owned),
            outcome: entry.outcome,
            event: entry.event,
            cause: entry.no_row.then_some(Cause::NoRow),
            duplicates: 0,
            data_matches: entry.compared.and_then(Comparison::agrees),
            check_passed: entry.step(),
            measured: entry.measured,
            timeline: entry.timeline,
            marks: entry.marks.clone(),
        }
    }

    /// The row of an operation that was never sent: it has its intended time and no other.
    #[must_use]
    pub fn never_sent(writer: u16, place: Place, operation: &NotSent) -> Self {
        let timeline = Timeline {
            intended: operation.intended,
            connection_wait: Nanos::ZERO,
            sent: operation.intended,
            committed: None,
            observed: None,
            wall: None,
        };
        Self {
            writer,
            sequence: operation.sequence,
            part: place.series,
            key: operation.key.clone(),
            outcome: Outcome::Rejected,
            event: None,
            cause: Some(operation.cause.into()),
            duplicates: 0,
            data_matches: None,
            check_passed: None,
            measured: false,
            timeline,
            marks: None,
        }
    }

    /// Whether its statement was handed to PostgreSQL.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        !matches!(self.cause, Some(Cause::NotConnected | Cause::Cut))
    }

    /// Whether nothing about it is worth a second look but how long it took; duplicates are counted elsewhere.
    fn is_plain(&self) -> bool {
        let passed = |check: Option<bool>| check != Some(false);
        self.outcome == Outcome::Delivered
            && self.event == Some(EventKind::First)
            && self.measured
            && passed(self.data_matches)
            && passed(self.check_passed)
    }
}

impl Rows {
    /// A row of the measured phase has its outcome.
    pub fn keep(&mut self, row: RowRecord) {
        let plain = row.is_plain() && self.duplicates(row.writer, row.sequence) == 0;
        let e2e = row.timeline.latency(Latency::CdcE2eLatency);
        match e2e.filter(|_| plain) {
            Some(e2e) => {
                self.delivered.push(Reverse(Kept { e2e, row }));
                if self.delivered.len() > DELIVERED_MAX
                    && let Some(Reverse(Kept { row, .. })) = self.delivered.pop()
                {
                    // One that came twice since is none of the plain ones any more.
                    match self.duplicates(row.writer, row.sequence) {
                        0 => self.left_out += 1,
                        _ => self.keep_other(row),
                    }
                }
            }
            None => self.keep_other(row),
        }
    }

    fn keep_other(&mut self, row: RowRecord) {
        if self.others.len() < OTHERS_MAX {
            self.others.push(row);
        } else {
            self.left_out += 1;
        }
    }

    /// One more event of a row that had arrived.
    pub fn duplicate(&mut self, writer: u16, sequence: u64) {
        let room = self.duplicates.len() < DUPLICATED_MAX;
        match self.duplicates.get_mut(&(writer, sequence)) {
            Some(count) => *count += 1,
            None if room => drop(self.duplicates.insert((writer, sequence), 1)),
            None => self.left_out += 1,
        }
    }

    /// Events of a row beyond the first.
    #[must_use]
    pub fn duplicates(&self, writer: u16, sequence: u64) -> u32 {
        self.duplicates.get(&(writer, sequence)).copied().unwrap_or(0)
    }

    /// One row, if it is among those kept.
    #[must_use]
    pub fn find(&self, writer: u16, sequence: u64) -> Option<RowRecord> {
        let delivered = self.delivered.iter().map(|Reverse(kept)| &kept.row);
        let row = self
            .others
            .iter()
            .chain(delivered)
            .find(|row| (row.writer, row.sequence) == (writer, sequence))?;
        Some(RowRecord { duplicates: self.duplicates(writer, sequence), ..row.clone() })
    }

    /// Why a row of the run is not here.
    #[must_use]
    pub fn why_not_kept() -> &'static str {
        "the row is not kept: of rows that arrived in time, once, in order and as written the slowest 10000 are, of all others the first 100000"
    }

    /// The end of the run: all rows kept, first those that are not plain, then the others, slowest first.
    #[must_use]
    pub fn close(mut self, test: Arc<Test>) -> KeptRows {
        let mut rows = std::mem::take(&mut self.others);
        let delivered = std::mem::take(&mut self.delivered).into_sorted_vec();
        rows.extend(delivered.into_iter().map(|Reverse(kept)| kept.row));
        let mut duplicates = self.duplicates;
        for row in &mut rows {
            row.duplicates = duplicates.remove(&(row.writer, row.sequence)).unwrap_or(0);
        }
        // Those that came twice before the plain ones; the order within stays.
        rows.sort_by_key(|row| row.is_plain() && row.duplicates == 0);
        // What came again after its row had been let go.
        let mut duplicated: Vec<((u16, u64), u32)> = duplicates.into_iter().collect();
        duplicated.sort_unstable();
        KeptRows { test, rows, duplicated }
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
    use streamgauge_shared::account::{Operation, Phase};
    use streamgauge_shared::ledger::NotSentCause;
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::matcher::SeriesIndex;
    use crate::measure::fixture::Fixture;

    fn test() -> Arc<Test> {
        Arc::new(Fixture::of(|_| {}).test)
    }

    fn row(sequence: u64, e2e: i64, outcome: Outcome) -> RowRecord {
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
        let part = SeriesIndex::new(1, 1).at(0, 0, Operation::Create);
        RowRecord {
            writer: 0,
            sequence,
            part,
            key: None,
            outcome,
            event,
            cause: None,
            duplicates: 0,
            data_matches: None,
            check_passed: None,
            measured: true,
            timeline,
            marks: None,
        }
    }

    #[test]
    fn a_row_that_was_never_sent_says_why_and_has_no_time_but_its_intended_one() {
        let operation = NotSent {
            sequence: 7,
            phase: Phase::Run,
            scenario: 0,
            entity: 0,
            operation: Operation::Create,
            key: Some("k".into()),
            group: None,
            stage: None,
            intended: UnixNanos(90),
            cause: NotSentCause::NotConnected,
        };
        let series = SeriesIndex::new(1, 1).at(0, 0, Operation::Create);
        let line = RowRecord::never_sent(
            0,
            Place { series, group: None, stage: None, at: operation.intended },
            &operation,
        )
        .to_json(&test());
        assert_eq!((&line["outcome"], &line["cause"]), (&"rejected".into(), &"not_connected".into()));
        assert_eq!(line["intended_ns"], 90);
        let times = line
            .as_object()
            .expect("a line")
            .keys()
            .filter(|name| name.ends_with("_ms") || name.ends_with("_ns"));
        assert_eq!(times.collect::<Vec<_>>(), ["intended_ns"], "{line}");
    }

    #[test]
    fn the_slowest_are_kept_behind_every_row_that_is_not_plain() {
        let mut rows = Rows::default();
        let count = DELIVERED_MAX as u64 + 5;
        // Neither rising nor falling: a prime walks through all latencies.
        (0..count).for_each(|n| {
            rows.keep(row(n, i64::try_from(n * 7_919 % count).expect("small"), Outcome::Delivered))
        });
        rows.keep(row(count, 0, Outcome::Lost));
        assert_eq!(rows.left_out(), 5);
        let kept = rows.close(test()).rows;
        assert_eq!((kept.len(), kept[0].outcome), (DELIVERED_MAX + 1, Outcome::Lost));
        let latencies: Vec<i64> =
            kept[1..].iter().map(|row| row.timeline.observed.expect("delivered").0).collect();
        assert!(latencies.is_sorted_by(|a, b| a > b));
        assert_eq!(latencies.last(), Some(&5));
    }

    #[test]
    fn a_row_that_came_twice_is_listed_with_its_count_whether_it_is_kept_or_not() {
        let mut rows = Rows::default();
        rows.keep(row(0, 1, Outcome::Delivered));
        rows.duplicate(0, 0);
        rows.duplicate(0, 0);
        let count = DELIVERED_MAX as u64 + 2;
        (1..count).for_each(|n| rows.keep(row(n, i64::try_from(n).expect("small") + 1, Outcome::Delivered)));
        // The fastest was let go for slower ones before it came again.
        rows.duplicate(0, 1);
        let found = rows.find(0, 0).expect("moved to those that are not plain");
        assert_eq!(found.duplicates, 2);
        let kept = rows.close(test());
        let lines: Vec<_> = kept.lines().collect();
        assert_eq!(lines.len(), DELIVERED_MAX + 2);
        assert_eq!((&lines[0]["sequence"], &lines[0]["duplicates"]), (&0.into(), &2.into()));
        assert_eq!(lines[lines.len() - 1], serde_json::json!({"writer": 0, "sequence": 1, "duplicates": 1}));
        assert_eq!(kept.find(0, 1), None, "nothing but its count is left");
    }

    #[test]
    fn content_that_differs_is_listed_and_shown() {
        let mut rows = Rows::default();
        rows.keep(row(0, 9, Outcome::Delivered));
        rows.keep(RowRecord { data_matches: Some(false), ..row(1, 1, Outcome::Delivered) });
        let kept = rows.close(test());
        let first = kept.lines().next().expect("two rows");
        assert_eq!((&first["sequence"], &first["data_matches"]), (&1.into(), &false.into()));
        assert_eq!(kept.find(0, 1), Some(first));
        assert!(kept.find(0, 2).is_none() && kept.why_not().contains("not kept"));
    }
}
