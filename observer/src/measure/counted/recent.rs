//! The headline of the last half minute, by series: what "now" means on a page, however long a run is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use streamgauge_shared::histogram::{SignedHistogram, SparseHistogram};
use streamgauge_shared::time::{NANOS_PER_SECOND, Nanos};

/// Seconds that are kept, the one that goes on among them.
pub const RECENT_SECONDS: i64 = 30;

/// What arrived in the newest seconds, each with its number since the start of the measured phase. A copy shares them.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    seconds: VecDeque<(i64, Arc<BTreeMap<usize, SparseHistogram>>)>,
}

impl Recent {
    /// A row of a series arrived so long after the start. One that is told too late to be recent is left out.
    pub(super) fn record(&mut self, after_start: Nanos, series: usize, value: Nanos) {
        let second = after_start.0.max(0) / NANOS_PER_SECOND;
        let newest = self.seconds.back().map_or(second, |(newest, _)| (*newest).max(second));
        if second <= newest - RECENT_SECONDS {
            return;
        }
        while self.seconds.front().is_some_and(|(oldest, _)| *oldest <= newest - RECENT_SECONDS) {
            self.seconds.pop_front();
        }
        let place = self.seconds.partition_point(|(known, _)| *known < second);
        if self.seconds.get(place).is_none_or(|(known, _)| *known != second) {
            self.seconds.insert(place, (second, Arc::default()));
        }
        Arc::make_mut(&mut self.seconds[place].1).entry(series).or_default().record(value);
    }

    /// What arrived in the [`RECENT_SECONDS`] before a moment, of the series that are wanted.
    #[must_use]
    pub fn before(&self, after_start: Nanos, wanted: impl Fn(usize) -> bool) -> SignedHistogram {
        let from = after_start.0 / NANOS_PER_SECOND - RECENT_SECONDS;
        let mut merged = SignedHistogram::default();
        for (_, parts) in self.seconds.iter().filter(|(second, _)| *second > from) {
            parts.iter().filter(|(series, _)| wanted(**series)).for_each(|(_, one)| one.add_to(&mut merged));
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minute_is_kept_and_no_more() {
        let mut recent = Recent::default();
        let at = Nanos::from_secs;
        for second in 0..1_000 {
            recent.record(at(second), 0, Nanos::from_millis(second));
            recent.record(at(second), 1, Nanos::from_millis(1));
        }
        recent.record(at(100), 0, Nanos::from_millis(1));
        assert_eq!(recent.seconds.len(), 30);
        let last = recent.before(at(999), |series| series == 0);
        assert_eq!(
            (last.count(), last.min(), last.max()),
            (30, Some(Nanos::from_millis(970)), Some(Nanos::from_millis(999)))
        );
        assert_eq!(recent.before(at(1_010), |_| true).count(), 2 * 19, "time goes on when nothing arrives");
        assert_eq!(recent.before(at(2_000), |_| true).count(), 0);
    }

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut recent = Recent::default();
        recent.record(Nanos::ZERO, 0, Nanos(5));
        let copy = recent.clone();
        recent.record(Nanos::ZERO, 0, Nanos(6));
        let count = |recent: &Recent| recent.before(Nanos::ZERO, |_| true).count();
        assert_eq!((count(&copy), count(&recent)), (1, 2));
    }
}
