//! When rows were written and when they arrived, for what the waits say of the pipeline: the last ones of a run.

use std::collections::VecDeque;

use streamgauge_shared::time::UnixNanos;
use streamgauge_shared::timeline::Timeline;

use crate::measure::findings::Row;

/// Rows kept at most: half a megabyte. Of a longer run its last part is looked at.
const PAIRS_MAX: usize = 20_000;

/// Rows that arrived at a time that can be believed, by when they had their outcome.
#[derive(Clone, Debug, Default)]
pub(in crate::measure) struct Pairs {
    /// Sent, committed, observed.
    rows: VecDeque<[UnixNanos; 3]>,
}

impl Pairs {
    /// A row has its outcome; one that did not arrive says nothing.
    pub(super) fn keep(&mut self, timeline: &Timeline) {
        let Some(observed) = timeline.observed else { return };
        if self.rows.len() == PAIRS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back([timeline.sent, timeline.committed.unwrap_or(timeline.sent), observed]);
    }

    /// In seconds since the first of them was sent.
    pub(in crate::measure) fn rows(&self) -> Vec<Row> {
        let Some(start) = self.rows.iter().map(|[sent, ..]| *sent).min() else { return Vec::new() };
        let since = |at: UnixNanos| (at - start).as_secs_f64();
        let row = |[sent, written, observed]: &[UnixNanos; 3]| Row {
            sent_s: since(*sent),
            written_s: since(*written),
            observed_s: since(*observed),
        };
        self.rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rows_are_kept_and_those_that_did_not_arrive_are_not() {
        let mut pairs = Pairs::default();
        let timeline = |millis: i64, arrives: bool| Timeline {
            intended: UnixNanos::from_millis(millis),
            connection_wait: streamgauge_shared::time::Nanos::ZERO,
            sent: UnixNanos::from_millis(millis),
            committed: None,
            observed: arrives.then(|| UnixNanos::from_millis(millis + 250)),
            wall: None,
        };
        assert_eq!(pairs.rows(), []);
        pairs.keep(&timeline(0, false));
        assert_eq!(pairs.rows(), []);
        (0..25_000).for_each(|millis| pairs.keep(&timeline(millis, true)));
        let rows = pairs.rows();
        assert_eq!(rows.len(), PAIRS_MAX);
        assert_eq!(rows[0], Row { sent_s: 0.0, written_s: 0.0, observed_s: 0.25 });
        assert_eq!(rows[PAIRS_MAX - 1], Row { sent_s: 19.999, written_s: 19.999, observed_s: 20.249 });
    }
}
