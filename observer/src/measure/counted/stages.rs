//! Where the time went: one histogram for each part and stage between the marks that the pipeline leaves.
//!
//! Only rows that have every mark of their model are in it, so that the means of the stages add up to the mean of
//! the same rows' latency; the others are counted with what they lack. A stage is known by both of its ends: two
//! entities with different marks never share a histogram. Bounded: fifteen pairs of ends for each part.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use streamgauge_shared::account::Operation;
use streamgauge_shared::histogram::{SignedHistogram, Unmeasured};
use streamgauge_shared::marks::{MarkName, Marks, Point};
use streamgauge_shared::report::{MarksReport, StageClock, StageReport, Stats};
use streamgauge_shared::test_file::Test;
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Timeline;

use crate::matcher::SeriesIndex;

/// Both ends of a stage.
type Ends = (Point, Point);

/// All stages of a run.
#[derive(Clone, Debug, Default)]
pub(in crate::measure) struct Stages {
    /// By the index of the part and the ends.
    by: BTreeMap<(usize, Ends), Cell>,
    rows: u64,
    incomplete: u64,
    unmeasured: u64,
    /// In the order of [`MarkName::ALL`].
    absent: [u64; MarkName::COUNT],
}

#[derive(Clone, Debug, Default)]
struct Cell {
    histogram: SignedHistogram,
    resolution: Nanos,
}

/// One stage of one part.
#[derive(Clone, Debug)]
pub struct StageSeries {
    /// The scenario's name.
    pub scenario: String,
    /// The entity's name.
    pub entity: String,
    /// What was done.
    pub operation: Operation,
    /// The name of its end.
    pub stage: &'static str,
    /// Where it begins.
    pub from: &'static str,
    /// What was measured.
    pub histogram: SignedHistogram,
}

impl Stages {
    /// A row of a part arrived.
    pub(super) fn count(&mut self, part: usize, timeline: &Timeline, marks: &Marks, measured: bool) {
        if !measured {
            self.unmeasured += 1;
            return;
        }
        let mut lacks = false;
        for mark in marks.absent() {
            self.absent[mark as usize] += 1;
            lacks = true;
        }
        if lacks {
            self.incomplete += 1;
            return;
        }
        self.rows += 1;
        for stage in marks.stages(timeline) {
            let cell = self.by.entry((part, (stage.from, stage.to))).or_default();
            cell.histogram.record(stage.value);
            cell.resolution = cell.resolution.max(stage.resolution);
        }
    }

    /// Each stage over all parts, in the order of the way.
    pub(in crate::measure) fn report(&self, mongod_compared: bool) -> Vec<StageReport> {
        let ends: BTreeSet<Ends> = self.by.keys().map(|(_, ends)| *ends).collect();
        let report = |(from, to): Ends| {
            let mut sum = Cell::default();
            for (_, cell) in self.by.iter().filter(|((_, ends), _)| *ends == (from, to)) {
                sum.histogram.merge(&cell.histogram);
                sum.resolution = sum.resolution.max(cell.resolution);
            }
            let by_mongod = (from, to) == (Point::Mongodb, Point::Observed);
            StageReport {
                stage: to.name().to_owned(),
                from: from.name().to_owned(),
                to: to.name().to_owned(),
                resolution_ms: sum.resolution.as_millis_f64(),
                clock: if by_mongod && mongod_compared {
                    StageClock::Compared
                } else {
                    StageClock::NotCompared
                },
                stats: Stats::of(&sum.histogram, &SignedHistogram::default(), &Unmeasured::default()),
            }
        };
        ends.into_iter().map(report).collect()
    }

    /// One series for each part and stage that had a row.
    pub(in crate::measure) fn series(&self, test: &Test, parts: SeriesIndex) -> Vec<StageSeries> {
        if self.by.is_empty() {
            return Vec::new();
        }
        let of_part = |(index, (from, to)): &(usize, Ends), cell: &Cell| {
            let part = parts.all().find(|part| part.index == *index)?;
            Some(StageSeries {
                scenario: test.scenarios[usize::from(part.scenario)].name.clone(),
                entity: test.model.entities[usize::from(part.entity)].name.clone(),
                operation: part.operation,
                stage: to.name(),
                from: from.name(),
                histogram: cell.histogram.clone(),
            })
        };
        self.by.iter().filter_map(|(key, cell)| of_part(key, cell)).collect()
    }
}

/// How many rows are in the stages; absent where no model names a mark.
pub(in crate::measure) fn marks_report(test: &Test, stages: &Stages) -> Option<MarksReport> {
    test.model.entities.iter().any(|entity| !entity.landing.marks.is_empty()).then(|| {
        let absent = MarkName::ALL.into_iter().zip(stages.absent).filter(|(_, count)| *count > 0);
        MarksReport {
            rows: stages.rows,
            incomplete: stages.incomplete,
            unmeasured: stages.unmeasured,
            absent: absent.map(|(mark, count)| (mark.name().to_owned(), count)).collect(),
        }
    })
}

/// The marks of a row that are there, for its line: nanoseconds since 1970 on the clock of whoever left them.
pub(super) fn marks_json(marks: &Marks) -> Value {
    let mark = |(name, time): (MarkName, streamgauge_shared::marks::MarkTime)| {
        (format!("{}_ns", name.name()), time.at.0.into())
    };
    Value::Object(marks.times().map(mark).collect())
}

/// The stages of a row between all of its points that are known, for its line: milliseconds, which add up to its
/// `cdc_e2e_latency_ms`.
pub(super) fn stages_json(marks: &Marks, timeline: &Timeline) -> Value {
    let stage = |stage: &streamgauge_shared::marks::Stage| {
        json!({
            "stage": stage.to.name(), "from": stage.from.name(), "ms": stage.value.as_millis_f64(),
            "resolution_ms": stage.resolution.as_millis_f64(),
        })
    };
    marks.stages(timeline).iter().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::marks::{Found, Mark, MarkTime, Unit};
    use streamgauge_shared::time::UnixNanos;

    use super::*;
    use crate::measure::Snapshot;
    use crate::measure::fixture::{Fixture, opened};

    fn at(millis: i64) -> Found {
        Found::At(MarkTime { at: UnixNanos::from_millis(millis), resolution: Nanos(1_000) })
    }

    fn timeline(sent: i64, observed: i64, wall: Option<UnixNanos>) -> Timeline {
        Timeline {
            intended: UnixNanos(0),
            connection_wait: Nanos::ZERO,
            sent: UnixNanos(sent),
            committed: None,
            observed: Some(UnixNanos(observed)),
            wall,
        }
    }

    fn run() -> Fixture {
        Fixture::of(|test| {
            let mark = |name| Mark { name, path: format!("{name:?}"), unit: Unit::Micros };
            test.model.entities[0].landing.marks = vec![mark(MarkName::Committed), mark(MarkName::Kafka)];
        })
    }

    fn means(closed: &Snapshot) -> Vec<(String, String, f64, u64)> {
        let stages = closed.report.stages.iter();
        stages.map(|s| (s.from.clone(), s.to.clone(), s.stats.mean.expect("a mean"), s.stats.count)).collect()
    }

    #[test]
    fn means_of_the_stages_add_up_and_what_lacks_a_mark_is_counted_and_left_out() {
        let mut run = run();
        for (sequence, (commit, kafka, observed)) in (0..).zip([(4, 9, 50), (8, 5, 30)]) {
            run.row(opened(sequence, 0), None);
            run.arrive_marked(sequence, observed, Marks([at(commit), Found::NotAsked, at(kafka)]));
        }
        run.row(opened(2, 0), None);
        run.arrive_marked(2, 900, Marks([at(4), Found::NotAsked, Found::Absent]));
        let closed = run.close();
        let expected = [
            ("sent", "commit", 6.0, 2),
            // 5 ms and -3 ms: signed.
            ("commit", "kafka", 1.0, 2),
            // The fixture's wallTime is 0.
            ("kafka", "mongodb", -7.0, 2),
            ("mongodb", "observed", 40.0, 2),
        ];
        let expected = expected.map(|(from, to, mean, count)| (from.to_owned(), to.to_owned(), mean, count));
        assert_eq!(means(&closed), expected);
        let marks = closed.report.marks.clone().expect("the model names marks");
        assert_eq!((marks.rows, marks.incomplete, marks.unmeasured), (2, 1, 0));
        assert_eq!(marks.absent, [("kafka".to_owned(), 1)].into());
        let resolutions: Vec<f64> = closed.report.stages.iter().map(|stage| stage.resolution_ms).collect();
        assert_eq!(resolutions, [0.001, 0.001, 1.0, 1.0]);
        let text = streamgauge_shared::report::render(&closed.report, false);
        assert!(text.contains("WHERE THE TIME WENT") && text.contains("sent → commit"), "{text}");
        assert!(text.contains("1 rows arrived without every mark (kafka 1)"), "{text}");
        let json = serde_json::to_string(&closed.report).expect("json");
        let back: streamgauge_shared::report::Report = serde_json::from_str(&json).expect("read back");
        assert_eq!(back.stages.len(), 4);
    }

    #[test]
    fn an_arrival_at_a_time_that_cannot_be_believed_is_in_no_stage() {
        let mut stages = Stages::default();
        let timeline = timeline(0, 5, None);
        stages.count(0, &timeline, &Marks([at(1), Found::NotAsked, Found::NotAsked]), false);
        assert!(stages.report(true).is_empty());
        assert_eq!((stages.rows, stages.unmeasured), (0, 1));
    }

    #[test]
    fn without_marks_nothing_appears() {
        let closed = Fixture::new(&[Some(5), Some(30)]).close();
        assert!(closed.stages.is_empty());
        let json = serde_json::to_value(&closed.report).expect("json");
        assert!(json.get("stages").is_none() && json.get("marks").is_none(), "{json}");
        assert!(!streamgauge_shared::report::render(&closed.report, false).contains("WHERE THE TIME WENT"));
    }

    #[test]
    fn a_rows_line_has_its_marks_and_stages_that_add_up() {
        let timeline = timeline(1_234_567, 9_876_543, Some(UnixNanos::from_millis(9)));
        let marks = Marks([at(2), Found::Absent, at(5)]);
        assert_eq!(marks_json(&marks), json!({ "committed_ns": 2_000_000, "kafka_ns": 5_000_000 }));
        let Value::Array(stages) = stages_json(&marks, &timeline) else { panic!("a list") };
        let names: Vec<_> = stages.iter().map(|stage| stage["stage"].as_str().expect("a name")).collect();
        assert_eq!(names, ["commit", "kafka", "mongodb", "observed"]);
        let sum: f64 = stages.iter().map(|stage| stage["ms"].as_f64().expect("a number")).sum();
        assert!((sum - 8.641_976).abs() < 1e-9, "{sum}");
    }
}
