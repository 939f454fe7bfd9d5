//! What the canary found: its open writes and the times of those that arrived. Pure; time is an argument.

use std::collections::VecDeque;

use streamgauge_shared::histogram::{SignedHistogram, Unmeasured};
use streamgauge_shared::stamp::RunId;
use streamgauge_shared::time::{Nanos, UnixNanos};

use crate::stream::Sighting;

/// Writes that may wait for their event: ten minutes of a silent stream. Past it the oldest is given up and
/// counts from then on with the age it had.
const OPEN_MAX: usize = 600;

/// What the canary's task tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A document is about to be written.
    Sent {
        /// Its number, from 1.
        sequence: u64,
        /// When.
        at: UnixNanos,
    },
    /// That write failed: there is nothing to wait for.
    Withdrawn {
        /// Its number.
        sequence: u64,
    },
    /// There is no canary from now on, and why.
    Stopped(String),
}

/// The canary of one run.
#[derive(Clone, Debug)]
pub struct Floor {
    run: RunId,
    open: VecDeque<(u64, UnixNanos)>,
    /// The highest sequence that arrived; events come in the order of the writes.
    arrived_to: u64,
    arrived: SignedHistogram,
    given_up: SignedHistogram,
    unmeasured: Unmeasured,
    stopped: Option<String>,
}

/// The floor as of one moment.
#[derive(Clone, Debug, Default)]
pub struct FloorFigures {
    /// `observed − sent` of what arrived.
    pub arrived: SignedHistogram,
    /// Ages of what had not.
    pub unarrived: SignedHistogram,
    /// Arrivals at a time that cannot be believed.
    pub unmeasured: Unmeasured,
    /// Why there is no canary, or none any more.
    pub stopped: Option<String>,
}

impl FloorFigures {
    /// Whether there is anything to report.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.arrived.count() + self.unarrived.count() + self.unmeasured.count() > 0
    }
}

impl Floor {
    /// Nothing written yet; `stopped` says why nothing will be, if so.
    #[must_use]
    pub fn new(run: RunId, stopped: Option<String>) -> Self {
        Self {
            run,
            open: VecDeque::new(),
            arrived_to: 0,
            arrived: SignedHistogram::default(),
            given_up: SignedHistogram::default(),
            unmeasured: Unmeasured::default(),
            stopped,
        }
    }

    /// The canary's task speaks.
    pub fn hear(&mut self, news: News) {
        match news {
            News::Sent { sequence, at } => {
                if self.open.len() == OPEN_MAX
                    && let Some((_, sent)) = self.open.pop_front()
                {
                    self.given_up.record(at - sent);
                }
                self.open.push_back((sequence, at));
            }
            News::Withdrawn { sequence } => self.open.retain(|(open, _)| *open != sequence),
            News::Stopped(reason) => self.stopped = Some(reason),
        }
    }

    /// A canary's document came through the stream. One of another run, and one seen again, say nothing.
    pub fn see(&mut self, sighting: &Sighting) {
        let Sighting { stamp, observed, measured } = sighting;
        if stamp.run != self.run || stamp.sequence <= self.arrived_to {
            return;
        }
        self.arrived_to = stamp.sequence;
        self.open.retain(|(open, _)| *open != stamp.sequence);
        if *measured {
            self.arrived.record(*observed - stamp.sent);
        } else {
            self.unmeasured.record(Nanos::ZERO, Some(*observed - stamp.sent));
        }
    }

    /// The figures as of `now`.
    #[must_use]
    pub fn figures(&self, now: UnixNanos) -> FloorFigures {
        let mut unarrived = self.given_up.clone();
        self.open.iter().for_each(|(_, sent)| unarrived.record(now - *sent));
        FloorFigures {
            arrived: self.arrived.clone(),
            unarrived,
            unmeasured: self.unmeasured.clone(),
            stopped: self.stopped.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::histogram::Quantile;
    use streamgauge_shared::stamp::Stamp;
    use streamgauge_shared::time::Nanos;

    use super::*;

    const RUN: RunId = RunId::from_bits(7);

    fn at(millis: i64) -> UnixNanos {
        UnixNanos::from_millis(millis)
    }

    fn sent(sequence: u64, millis: i64) -> News {
        News::Sent { sequence, at: at(millis) }
    }

    fn seen(run: RunId, sequence: u64, sent_ms: i64, observed_ms: i64) -> Sighting {
        let stamp = Stamp { run, writer: 0, sequence, sent: at(sent_ms) };
        Sighting { stamp, observed: at(observed_ms), measured: true }
    }

    #[test]
    fn a_write_is_pending_with_its_age_until_its_event_comes() {
        let mut floor = Floor::new(RUN, None);
        assert!(!floor.figures(at(0)).has_data());
        floor.hear(sent(1, 1_000));
        let figures = floor.figures(at(1_250));
        assert_eq!((figures.arrived.count(), figures.unarrived.max()), (0, Some(Nanos::from_millis(250))));
        floor.see(&seen(RUN, 1, 1_000, 1_003));
        let figures = floor.figures(at(9_000));
        assert_eq!((figures.arrived.max(), figures.unarrived.count()), (Some(Nanos::from_millis(3)), 0));
    }

    #[test]
    fn another_runs_canary_a_replay_and_the_document_before_the_stream_say_nothing() {
        let mut floor = Floor::new(RUN, None);
        floor.hear(sent(1, 1_000));
        floor.see(&seen(RunId::from_bits(8), 1, 1_000, 1_003));
        floor.see(&seen(RUN, 0, 900, 1_003));
        assert_eq!(floor.figures(at(1_010)).arrived.count(), 0);
        floor.see(&seen(RUN, 1, 1_000, 1_004));
        floor.see(&seen(RUN, 1, 1_000, 5_000));
        let figures = floor.figures(at(6_000));
        assert_eq!((figures.arrived.count(), figures.arrived.max()), (1, Some(Nanos::from_millis(4))));
    }

    #[test]
    fn a_time_that_cannot_be_believed_is_counted_and_in_no_figure() {
        let mut floor = Floor::new(RUN, None);
        floor.hear(sent(1, 0));
        floor.see(&Sighting { measured: false, ..seen(RUN, 1, 0, 8_000) });
        let figures = floor.figures(at(8_000));
        assert_eq!(
            (figures.arrived.count(), figures.unarrived.count(), figures.unmeasured.count()),
            (0, 0, 1),
            "it arrived, at a time that is not known"
        );
    }

    #[test]
    fn a_failed_write_is_no_sample_and_the_reason_for_an_end_is_kept() {
        let mut floor = Floor::new(RUN, None);
        floor.hear(sent(1, 0));
        floor.hear(News::Withdrawn { sequence: 1 });
        floor.hear(News::Stopped("no permission".into()));
        let figures = floor.figures(at(8_000));
        assert!(!figures.has_data());
        assert_eq!(figures.stopped.as_deref(), Some("no permission"));
    }

    #[test]
    fn a_silent_stream_keeps_a_bounded_table_and_forgets_no_write() {
        let mut floor = Floor::new(RUN, None);
        let writes = 2 * OPEN_MAX as u64;
        (1..)
            .zip(0..)
            .take(2 * OPEN_MAX)
            .for_each(|(sequence, second)| floor.hear(sent(sequence, second * 1_000)));
        assert_eq!(floor.open.len(), OPEN_MAX);
        let figures = floor.figures(at(1_200_000));
        assert_eq!(figures.unarrived.count(), writes);
        // Everything is at least this late, and nobody knows how late.
        assert!(matches!(figures.arrived.quantile_with(0.5, &figures.unarrived), Quantile::AtLeast(_)));
    }
}
