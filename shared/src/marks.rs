//! Marks: times that the pipeline itself leaves in the document, and the stages that they cut a row's way into.
//!
//! The stages of one row run from `sent` over every point that is known of it to `observed`, each named by its end,
//! so that they always add up to its end-to-end latency. They are signed: clocks differ, and times are cut.

use crate::time::{Nanos, UnixNanos};
use crate::timeline::Timeline;

/// A mark further from `observed` than a histogram reaches is no time of this row: its unit is not what the model says.
const AWAY_MAX: Nanos = crate::histogram::RANGE;
/// The resolution of a BSON date, which `wallTime` is.
pub const DATE_RESOLUTION: Nanos = Nanos::from_millis(1);

/// Which mark it is, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkName {
    /// PostgreSQL's commit, as the connector says (`source.ts_us`).
    Committed,
    /// When the connector handled it (`ts_us`).
    Connector,
    /// The record's time in Kafka.
    Kafka,
}

/// A unit of whole numbers since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// A mark as the model names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Which.
    pub name: MarkName,
    /// Path in the document.
    pub path: String,
    /// What a number there counts.
    pub unit: Unit,
}

/// One mark of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkTime {
    /// When, on the clock of whoever left it.
    pub at: UnixNanos,
    /// What it is cut to.
    pub resolution: Nanos,
}

/// What was found of one mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// The model does not name it.
    #[default]
    NotAsked,
    /// The model names it, and it is not there or cannot be read.
    Absent,
    /// It is there.
    At(MarkTime),
}

/// The marks of one row, in the order of [`MarkName::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub [Found; MarkName::COUNT]);

/// A point of a row's way, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// `sent`, the writer's.
    Sent,
    /// A mark.
    Mark(MarkName),
    /// `wallTime` of the event: mongod took the write.
    Mongodb,
    /// `observed`, the observer's.
    Observed,
}

/// A part of a row's way between two neighbouring points that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Where it begins.
    pub from: Point,
    /// Where it ends; its name.
    pub to: Point,
    /// How long it took; negative where the later point shows an earlier time.
    pub value: Nanos,
    /// The coarser resolution of its two ends.
    pub resolution: Nanos,
}

impl MarkName {
    /// How many there are.
    pub const COUNT: usize = 3;
    /// All, in the order of the way.
    pub const ALL: [Self; Self::COUNT] = [Self::Committed, Self::Connector, Self::Kafka];

    /// The key in the model file and the name in `rows.jsonl`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Connector => "connector",
            Self::Kafka => "kafka",
        }
    }
}

impl Unit {
    /// All with the word in the model file.
    pub const ALL: [(&'static str, Self); 4] =
        [("s", Self::Seconds), ("ms", Self::Millis), ("us", Self::Micros), ("ns", Self::Nanos)];

    /// How long one is.
    #[must_use]
    pub const fn length(self) -> Nanos {
        match self {
            Self::Seconds => Nanos::from_secs(1),
            Self::Millis => Nanos::from_millis(1),
            Self::Micros => Nanos(1_000),
            Self::Nanos => Nanos(1),
        }
    }

    /// The time that a number of them since 1970 stands for. Nothing for 0 and below, which is how programs write
    /// "not known", and for what lies beyond the year 2262.
    #[must_use]
    pub fn time(self, number: i64) -> Option<MarkTime> {
        let resolution = self.length();
        let at = number.checked_mul(resolution.0).filter(|at| *at > 0)?;
        Some(MarkTime { at: UnixNanos(at), resolution })
    }
}

impl Point {
    /// The name of the stage that ends here.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Mark(MarkName::Committed) => "commit",
            Self::Mark(MarkName::Connector) => "connector",
            Self::Mark(MarkName::Kafka) => "kafka",
            Self::Mongodb => "mongodb",
            Self::Observed => "observed",
        }
    }
}

impl Marks {
    /// Marks as read, but for those that are too far from `observed` to be of this row.
    #[must_use]
    pub fn near(self, observed: UnixNanos) -> Self {
        let near = |time: MarkTime| {
            let away = (observed - time.at).0;
            (-AWAY_MAX.0..=AWAY_MAX.0).contains(&away)
        };
        Self(self.0.map(|found| match found {
            Found::At(time) if !near(time) => Found::Absent,
            found => found,
        }))
    }

    /// The marks that are there.
    pub fn times(&self) -> impl Iterator<Item = (MarkName, MarkTime)> {
        MarkName::ALL.into_iter().zip(self.0).filter_map(|(name, found)| match found {
            Found::At(time) => Some((name, time)),
            Found::NotAsked | Found::Absent => None,
        })
    }

    /// The marks that the model names and the row does not have.
    pub fn absent(&self) -> impl Iterator<Item = MarkName> {
        MarkName::ALL
            .into_iter()
            .zip(self.0)
            .filter(|(_, found)| *found == Found::Absent)
            .map(|(name, _)| name)
    }

    /// The stages of a row that arrived, in the order of the way; none before it did. Their sum is
    /// observed − sent, exactly.
    #[must_use]
    pub fn stages(&self, timeline: &Timeline) -> Vec<Stage> {
        let Some(observed) = timeline.observed else { return Vec::new() };
        let wall = timeline.wall.map(|at| (Point::Mongodb, MarkTime { at, resolution: DATE_RESOLUTION }));
        let exact = |at| MarkTime { at, resolution: Nanos(1) };
        let marks = self.times().map(|(name, time)| (Point::Mark(name), time));
        let points: Vec<(Point, MarkTime)> = [(Point::Sent, exact(timeline.sent))]
            .into_iter()
            .chain(marks)
            .chain(wall)
            .chain([(Point::Observed, exact(observed))])
            .collect();
        let stage = |pair: &[(Point, MarkTime)]| {
            let ((from, start), (to, end)) = (pair[0], pair[1]);
            let resolution = start.resolution.max(end.resolution);
            Stage { from, to, value: end.at - start.at, resolution }
        };
        points.windows(2).map(stage).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timeline(sent: i64, wall: Option<i64>, observed: Option<i64>) -> Timeline {
        Timeline {
            intended: UnixNanos(sent),
            connection_wait: Nanos::ZERO,
            sent: UnixNanos(sent),
            committed: None,
            observed: observed.map(UnixNanos),
            wall: wall.map(UnixNanos),
        }
    }

    fn micros(at: i64) -> Found {
        Found::At(MarkTime { at: UnixNanos(at), resolution: Nanos(1_000) })
    }

    fn shown(marks: Marks, timeline: &Timeline) -> Vec<(&'static str, &'static str, i64, i64)> {
        let stages = marks.stages(timeline);
        stages.iter().map(|s| (s.from.name(), s.to.name(), s.value.0, s.resolution.0)).collect()
    }

    #[test]
    fn a_stage_runs_from_the_last_point_known_and_is_named_by_its_end() {
        let way = timeline(100, Some(1_000_000), Some(1_500_000));
        let all = Marks([micros(5_000), micros(4_000), micros(9_000)]);
        let expected = [
            ("sent", "commit", 4_900, 1_000),
            ("commit", "connector", -1_000, 1_000),
            ("connector", "kafka", 5_000, 1_000),
            ("kafka", "mongodb", 991_000, 1_000_000),
            ("mongodb", "observed", 500_000, 1_000_000),
        ];
        assert_eq!(shown(all, &way), expected);
        let some = Marks([Found::NotAsked, micros(4_000), Found::Absent]);
        let expected = [("sent", "connector", 3_900, 1_000), ("connector", "observed", 1_496_000, 1_000)];
        assert_eq!(shown(some, &timeline(100, None, Some(1_500_000))), expected);
        assert_eq!(some.absent().collect::<Vec<_>>(), [MarkName::Kafka]);
        assert_eq!(shown(all, &timeline(100, None, None)), []);
    }

    #[test]
    fn a_number_is_read_in_its_unit_and_an_unknown_time_is_no_time() {
        let at = |unit: Unit, number| unit.time(number).map(|time| (time.at.0, time.resolution.0));
        assert_eq!(at(Unit::Seconds, 7), Some((7_000_000_000, 1_000_000_000)));
        assert_eq!(at(Unit::Millis, 7), Some((7_000_000, 1_000_000)));
        assert_eq!(at(Unit::Micros, 7), Some((7_000, 1_000)));
        assert_eq!(at(Unit::Nanos, 7), Some((7, 1)));
        for number in [0, -7, i64::MAX] {
            assert_eq!(at(Unit::Micros, number), None, "{number}");
        }
    }

    #[test]
    fn a_mark_in_another_unit_than_the_model_says_is_not_there() {
        let (day, observed) = (86_400_000_000_000, 1_795_000_000_000_000_000);
        let marks = Marks([micros(observed / 1_000), micros(observed - day), micros(observed + 3 * day)]);
        let near = marks.near(UnixNanos(observed));
        assert_eq!(near.0, [Found::Absent, micros(observed - day), Found::Absent]);
    }

    proptest! {
        #[test]
        fn the_stages_add_up_to_the_latency(sent in 0..1_000_000_i64, observed in 0..1_000_000_i64, wall in prop::option::of(0..1_000_000_i64), marks in prop::array::uniform3(prop::option::of(0..1_000_000_i64))) {
            let marks = Marks(marks.map(|at| at.map_or(Found::Absent, micros)));
            let stages = marks.stages(&timeline(sent, wall, Some(observed)));
            prop_assert_eq!(stages.iter().map(|stage| stage.value.0).sum::<i64>(), observed - sent);
            prop_assert!(stages.iter().all(|stage| stage.from < stage.to));
        }
    }
}
