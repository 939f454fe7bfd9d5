//! The account of one objective by minutes: how many rows were within, and what became of the others.
//!
//! A row belongs to the minute in which its latency began (for the headline: in which it was sent), whenever it came to be
//! known. Minutes are whole minutes of UTC, so every local hour, day and month is made of them.

use std::collections::BTreeMap;
use std::ops::Range;

use streamgauge_shared::histogram::{SignedHistogram, Unmeasured};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::extent::Extent;
use super::objective::{Objective, edge};
use super::time_set::{Span, TimeSet, minute_of, minute_start};

/// Bounds under which the share of rows is shown whatever the objective is.
pub(super) const SHOWN_BOUNDS: [Nanos; 3] = [Nanos::from_secs(1), Nanos::from_secs(5), Nanos::from_secs(30)];

/// What became of a row whose latency is no known value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Never arrived. Bad.
    Lost,
    /// Whether it committed cannot be known, and it did not arrive: refused or lost. Bad either way.
    Unknown,
    /// PostgreSQL refused it, or it could not be sent. Bad.
    Rejected,
    /// An iteration that was due and did not start, or what users without a session would have written. Bad.
    NeverSent,
    /// On its way for longer than the bound. Bad.
    Overdue,
    /// Arrived at a time that cannot be believed, and certainly later than the bound. Bad.
    Beyond,
    /// It cannot be told whether it is within the bound. Counted as bad, and known apart.
    Doubtful,
    /// Arrived at a time that cannot be believed, and certainly within the bound. Good.
    Within,
    /// Known, and after its deadline: counted by its latency, and shown.
    Late,
    /// A later change of the same row arrived in its place. Neither.
    Superseded,
    /// On its way, not for longer than the bound. Neither yet.
    Waiting,
}

impl Class {
    const COUNT: usize = 11;

    /// Whether it is one of all rows that the share is of.
    const fn counts(self) -> bool {
        !matches!(self, Self::Late | Self::Superseded | Self::Waiting)
    }
}

/// Rows of one class that began at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// When their latency began, or was to.
    pub(super) at: UnixNanos,
    /// What became of them.
    pub(super) class: Class,
    /// How many.
    pub(super) count: u64,
    /// The least that the latency of each is.
    pub(super) at_least: Nanos,
    /// The most, where that is known.
    pub(super) at_most: Option<Nanos>,
}

/// Counts of a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// Rows whose latency is known.
    pub(super) known: u64,
    /// Of them, those beyond the bound.
    pub(super) slow: u64,
    /// Rows certainly within each of [`SHOWN_BOUNDS`].
    pub(super) within: [u64; 3],
    of: [u64; Class::COUNT],
}

impl Cell {
    /// Rows of a class.
    pub(super) fn of(&self, class: Class) -> u64 {
        self.of[class as usize]
    }

    /// All rows that the share is of.
    pub(super) fn all(&self) -> u64 {
        self.good() + self.bad()
    }

    /// Rows certainly within the bound.
    pub(super) fn good(&self) -> u64 {
        self.known - self.slow + self.of(Class::Within)
    }

    /// Rows that count as bad, with those of which it cannot be told.
    pub(super) fn bad(&self) -> u64 {
        let certain =
            [Class::Lost, Class::Unknown, Class::Rejected, Class::NeverSent, Class::Overdue, Class::Beyond];
        let certain: u64 = certain.into_iter().map(|class| self.of(class)).sum();
        self.slow + certain + self.of(Class::Doubtful)
    }

    fn add(&mut self, other: &Self) {
        self.known += other.known;
        self.slow += other.slow;
        self.within.iter_mut().zip(other.within).for_each(|(mine, theirs)| *mine += theirs);
        self.of.iter_mut().zip(other.of).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// The latencies of a span of time, for percentiles.
#[derive(Clone, Debug, Default)]
pub(super) struct Distribution {
    pub(super) known: SignedHistogram,
    pub(super) unarrived: SignedHistogram,
    pub(super) unmeasured: Unmeasured,
}

impl Distribution {
    fn merge(&mut self, other: &Self) {
        self.known.merge(&other.known);
        self.unarrived.merge(&other.unarrived);
        self.unmeasured.merge(&other.unmeasured);
    }
}

/// Rows that are in no figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// They began in time that was not measured.
    pub(super) not_measured: u64,
    /// They began in a maintenance window.
    pub(super) maintenance: u64,
}

/// The account of one objective.
#[derive(Debug)]
pub(super) struct Tally {
    edge: Nanos,
    shown: [Nanos; 3],
    maintenance: TimeSet,
    minutes: BTreeMap<i64, Cell>,
    /// Spans that follow each other, each with its distribution.
    days: Vec<(Span, Distribution)>,
    left_out: LeftOut,
}

impl Tally {
    /// Nothing counted; percentiles are kept for each of `days`, which follow each other.
    pub(super) fn new(
        objective: &Objective,
        maintenance: TimeSet,
        days: impl IntoIterator<Item = Span>,
    ) -> Self {
        Self {
            edge: objective.edge(),
            shown: SHOWN_BOUNDS.map(edge),
            maintenance,
            minutes: BTreeMap::new(),
            days: days.into_iter().map(|span| (span, Distribution::default())).collect(),
            left_out: LeftOut::default(),
        }
    }

    /// Rows of a run that began at a time and whose latency is known.
    pub(super) fn known(&mut self, run: &Extent, at: UnixNanos, value: Nanos, count: u64) {
        let at = run.clamp(at);
        if !self.has_place(run, at, count) {
            return;
        }
        let (edge, shown) = (self.edge, self.shown);
        let cell = self.minutes.entry(minute_of(at)).or_default();
        cell.known += count;
        cell.slow += if value > edge { count } else { 0 };
        for (within, bound) in cell.within.iter_mut().zip(shown) {
            *within += if value <= bound { count } else { 0 };
        }
        if let Some(day) = self.day(at) {
            day.known.record_n(value, count);
        }
    }

    /// Rows of a run without a known latency.
    pub(super) fn add(&mut self, run: &Extent, item: Item) {
        let at = run.clamp(item.at);
        if !self.has_place(run, at, if item.class.counts() { item.count } else { 0 }) {
            return;
        }
        let shown = self.shown;
        let cell = self.minutes.entry(minute_of(at)).or_default();
        cell.of[item.class as usize] += item.count;
        if let Some(most) = item.at_most.filter(|_| item.class.counts()) {
            for (within, bound) in cell.within.iter_mut().zip(shown) {
                *within += if most <= bound { item.count } else { 0 };
            }
        }
        let Some(day) = self.day(at) else { return };
        match item.class {
            Class::Lost | Class::Unknown | Class::Overdue | Class::Waiting => {
                day.unarrived.record_n(item.at_least.max(Nanos::ZERO), item.count);
            }
            Class::Beyond | Class::Doubtful | Class::Within => {
                let times = |value: Option<Nanos>| {
                    let mut histogram = SignedHistogram::default();
                    value.into_iter().for_each(|value| histogram.record_n(value, item.count));
                    histogram
                };
                let least = item.at_most.map_or(item.at_least, |most| item.at_least.min(most));
                day.unmeasured.merge(&Unmeasured::between(times(Some(least)), times(item.at_most)));
            }
            Class::Rejected | Class::NeverSent | Class::Late | Class::Superseded => {}
        }
    }

    /// Whether rows that began at a time are in the account; those that are not are counted apart.
    fn has_place(&mut self, run: &Extent, at: UnixNanos, count: u64) -> bool {
        let minute = minute_of(at);
        let (from, until) = (minute_start(minute), minute_start(minute + 1));
        if self.maintenance.touches(from, until) {
            self.left_out.maintenance += count;
        } else if !run.measured.touches(from, until) {
            self.left_out.not_measured += count;
        } else {
            return true;
        }
        false
    }

    fn day(&mut self, at: UnixNanos) -> Option<&mut Distribution> {
        let index = self.days.partition_point(|((_, until), _)| *until <= at);
        let ((from, _), day) = self.days.get_mut(index)?;
        (*from <= at).then_some(day)
    }

    /// What began from one whole minute to before another.
    pub(super) fn sum(&self, (from, until): Span) -> Cell {
        let mut sum = Cell::default();
        if from < until {
            self.minutes.range(minute_of(from)..minute_of(until)).for_each(|(_, cell)| sum.add(cell));
        }
        sum
    }

    /// The latencies of the days that lie in a span.
    pub(super) fn distribution(&self, span: Span) -> Distribution {
        let mut sum = Distribution::default();
        self.days[self.days_in(span)].iter().for_each(|(_, day)| sum.merge(day));
        sum
    }

    fn days_in(&self, (from, until): Span) -> Range<usize> {
        let first = self.days.partition_point(|(day, _)| day.0 < from);
        let end = self.days.partition_point(|(day, _)| day.1 <= until);
        first..end.max(first)
    }

    /// The minutes in a span that have bad rows, with their counts.
    pub(super) fn bad_minutes(&self, (from, until): Span) -> impl Iterator<Item = (UnixNanos, &Cell)> {
        let range = minute_of(from)..minute_of(until).max(minute_of(from));
        let minutes = self.minutes.range(range).filter(|(_, cell)| cell.bad() > 0);
        minutes.map(|(minute, cell)| (minute_start(*minute), cell))
    }

    /// Rows that are in no figure, in whatever period.
    pub(super) fn left_out(&self) -> LeftOut {
        self.left_out
    }
}
