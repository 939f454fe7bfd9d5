//! The windows of one threshold as they end: which are judged, and when.
//!
//! A window lies wholly inside the load, to within half a cell of time. It is judged once the records of every row that was
//! sent in it are here and none of them is pending, or at once when the threshold fails whatever is still to come. One
//! of which more than a tenth of the rows arrived unmeasured is not judged, and counted.

use std::collections::VecDeque;

use streamgauge_shared::test_file::CELLS_MAX;
use streamgauge_shared::threshold::{Judgement, Watch};
use streamgauge_shared::time::{Nanos, UnixNanos};

/// A window that waits is looked at again after an eighth of its age: what it costs does not grow with how many wait.
const LOOK_AGAIN: i64 = 8;

/// What is known of a window by now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    /// Rows of it are pending.
    Waits(Judgement),
    /// None is.
    Settled(Judgement),
    /// Too many of its rows arrived unmeasured.
    Unmeasured,
}

/// The windows of one threshold that have ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Windowed {
    /// How many cells one spans.
    pub(super) cells: i64,
    /// The length of one cell.
    pub(super) width: Nanos,
    /// The last cell of the next window, plus one.
    next: i64,
    /// Those that are not all settled, oldest first.
    open: VecDeque<Open>,
    not_judged: u64,
}

/// A window that has ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    end: i64,
    /// When it is looked at again.
    due: UnixNanos,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waits,
    Judged(Judgement),
    NotJudged,
}

/// The part of time that windows may lie in, as of one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Where cells are counted from.
    pub(super) origin: UnixNanos,
    /// The start of the load.
    pub(super) from: UnixNanos,
    /// Its end, or up to where the records of every row are here if that is earlier.
    pub(super) until: UnixNanos,
    /// Now.
    pub(super) now: UnixNanos,
    /// Whether nothing more will come: every window is settled.
    pub(super) closed: bool,
}

impl Windowed {
    pub(super) fn new(length: Nanos, width: Nanos) -> Self {
        let cells = (length.0 + width.0 - 1) / width.0;
        Self { cells, width, next: cells, open: VecDeque::new(), not_judged: 0 }
    }

    /// The time at which cell `index` begins.
    fn start_of(&self, index: i64, origin: UnixNanos) -> UnixNanos {
        origin + Nanos(self.width.0 * index)
    }

    /// Looks at the windows that have ended; `look` says what is known of the one from a cell to before another.
    /// Returns each judgement that is new, in the order of the windows, with the last cell of its window plus one.
    pub(super) fn see(
        &mut self,
        reach: Reach,
        mut look: impl FnMut(i64, i64) -> Known,
    ) -> Vec<(i64, Judgement)> {
        self.take_ended(reach);
        let (cells, width) = (self.cells, self.width);
        let due =
            |open: &&mut Open| matches!(open.state, State::Waits) && (reach.closed || open.due <= reach.now);
        for open in self.open.iter_mut().filter(due) {
            open.state = match look(open.end - cells, open.end) {
                Known::Settled(judgement) => State::Judged(judgement),
                Known::Waits(judgement) if judgement.fails || reach.closed => State::Judged(judgement),
                Known::Waits(_) => State::Waits,
                Known::Unmeasured => State::NotJudged,
            };
            let age = reach.now - (reach.origin + Nanos(width.0 * open.end));
            open.due = reach.now + Nanos(age.0.max(0) / LOOK_AGAIN);
        }
        let mut judged = Vec::new();
        while let Some(first) = self.open.front() {
            match first.state {
                State::Waits => break,
                State::Judged(judgement) => judged.push((first.end, judgement)),
                State::NotJudged => self.not_judged += 1,
            }
            self.open.pop_front();
        }
        judged
    }

    fn take_ended(&mut self, reach: Reach) {
        // Cells are counted from the first row, which comes a little after the load's start: by as much a window may
        // reach beyond the load, at most by half a cell.
        let off = (reach.origin - reach.from).0.rem_euclid(self.width.0);
        let slack = Nanos(off.min(self.width.0 - off));
        while self.start_of(self.next, reach.origin) <= reach.until + slack {
            if self.start_of(self.next - self.cells, reach.origin) >= reach.from - slack {
                self.open.push_back(Open { end: self.next, due: reach.now, state: State::Waits });
            }
            self.next += 1;
            if i64::try_from(self.open.len()).unwrap_or(i64::MAX) > CELLS_MAX {
                self.open.pop_front();
                self.not_judged += 1;
            }
        }
    }

    /// The same watch with what is known of the windows behind the first that waits: a crossing that is long enough
    /// there fails it for good. One that waits may turn out well, and then a crossing ends at it.
    pub(super) fn ahead(&self, watch: &Watch, origin: UnixNanos) -> Watch {
        let mut ahead = watch.clone();
        for open in &self.open {
            match open.state {
                State::Judged(judgement) => drop(ahead.see(self.start_of(open.end, origin), judgement)),
                State::Waits => ahead.interrupt(),
                State::NotJudged => {}
            }
        }
        ahead
    }

    /// No window will look at cells before this one any more.
    pub(super) fn needed_from(&self) -> i64 {
        self.open.front().map_or(self.next, |open| open.end) - self.cells
    }

    /// Windows that ended and were not judged.
    pub(super) fn not_judged(&self) -> u64 {
        self.not_judged
            + self.open.iter().filter(|open| matches!(open.state, State::NotJudged)).count() as u64
    }

    /// When the window that ends with a cell ends.
    pub(super) fn end_at(&self, end: i64, origin: UnixNanos) -> UnixNanos {
        self.start_of(end, origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judgement(fails: bool) -> Judgement {
        Judgement { holds: !fails, fails, low: Some(1.0), high: Some(1.0), samples: 9 }
    }

    fn reach(until_s: i64) -> Reach {
        let at = |seconds: i64| UnixNanos::from_millis(seconds * 1_000);
        Reach { origin: at(0), from: at(0), until: at(until_s), now: at(until_s), closed: false }
    }

    fn windowed() -> Windowed {
        Windowed::new(Nanos::from_secs(10), Nanos::from_secs(1))
    }

    #[test]
    fn windows_lie_wholly_inside_the_load() {
        let mut windows = windowed();
        let mut looked = Vec::new();
        let mut look = |from, to| {
            looked.push((from, to));
            Known::Settled(judgement(false))
        };
        assert!(windows.see(reach(9), &mut look).is_empty(), "the first has not ended");
        // The load is over at 12 s, whatever the time is.
        let over = Reach { now: UnixNanos::from_millis(60_000), ..reach(12) };
        assert_eq!(windows.see(over, &mut look).len(), 3);
        assert_eq!(looked, [(0, 10), (1, 11), (2, 12)]);
        // A scenario that begins at 5 s: no window reaches before it.
        let mut late = windowed();
        let from = Reach { from: UnixNanos::from_millis(5_000), origin: UnixNanos(0), ..reach(15) };
        let ends: Vec<i64> =
            late.see(from, |_, _| Known::Settled(judgement(false))).iter().map(|(end, _)| *end).collect();
        assert_eq!(ends, [15]);
        // The first row came 3 ms after the start: the window of the whole load is inside all the same.
        let at = UnixNanos::from_millis;
        let whole = Reach { origin: at(3), from: at(0), until: at(10_000), now: at(11_000), closed: false };
        assert_eq!(windowed().see(whole, |_, _| Known::Settled(judgement(false))).len(), 1);
    }

    #[test]
    fn a_window_waits_for_its_rows_unless_it_fails_whatever_comes() {
        let mut windows = windowed();
        let first = windows.see(reach(10), |_, _| Known::Waits(judgement(false)));
        assert!(first.is_empty());
        // The second fails for certain; it is told once the first is settled, and known ahead of it.
        assert!(windows.see(reach(11), |from, _| Known::Waits(judgement(from == 1))).is_empty());
        let settled = Reach { now: UnixNanos::from_millis(20_000), ..reach(11) };
        let told = windows.see(settled, |_, _| Known::Settled(judgement(false)));
        assert_eq!(
            told.iter().map(|(end, judgement)| (*end, judgement.fails)).collect::<Vec<_>>(),
            [(10, false), (11, true)]
        );
        assert_eq!(windows.needed_from(), 2);
    }

    #[test]
    fn one_with_too_much_unmeasured_is_counted_and_not_judged() {
        let mut windows = windowed();
        let told = windows.see(reach(12), |from, _| {
            if from == 1 { Known::Unmeasured } else { Known::Settled(judgement(false)) }
        });
        assert_eq!((told.len(), windows.not_judged()), (2, 1));
    }

    #[test]
    fn what_waits_is_bounded_and_looked_at_ever_less_often() {
        let mut windows = windowed();
        let mut looks = 0_u64;
        for second in 0..10_000 {
            windows.see(reach(second), |_, _| {
                looks += 1;
                Known::Waits(judgement(false))
            });
        }
        assert!(windows.open.len() <= 3_600, "{}", windows.open.len());
        assert_eq!(windows.not_judged(), 10_000 - 10 - 3_600);
        assert!(looks < 10_000 * 80, "{looks} looks, of 18 million at each window each second");
        let closed = Reach { closed: true, ..reach(9_999) };
        assert_eq!(
            windows.see(closed, |_, _| Known::Waits(judgement(false))).len(),
            3_600,
            "all of them at the close"
        );
    }
}
