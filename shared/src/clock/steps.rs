//! Steps of the wall clock: realtime against monotonic, looked at again and again.

use serde::{Deserialize, Serialize};

use super::{ClockStep, STEPS_LISTED};
use crate::time::{Nanos, UnixNanos};

/// A change between two looks that is a step and not a slew: time services slew at 0.5 ms a second.
const STEP_MIN: Nanos = Nanos::from_millis(5);

/// How far the wall clock stands from the anchored time, and how exactly that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallReading {
    /// Wall clock minus anchored time.
    pub deviation: Nanos,
    /// How long the reading took: the deviation is known to half of it.
    pub width: Nanos,
}

/// Steps seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallSteps {
    /// All of them.
    pub count: u64,
    /// The first ones, at most [`STEPS_LISTED`].
    pub listed: Vec<ClockStep>,
}

/// Watches one wall clock.
#[derive(Clone, Debug, Default)]
pub struct WallWatch {
    last: Option<WallReading>,
    steps: WallSteps,
}

impl WallWatch {
    /// Looks at the clock.
    pub fn look(&mut self, now: UnixNanos, reading: WallReading) {
        if let Some(last) = self.last {
            let by = reading.deviation - last.deviation;
            // A reading that was interrupted half way proves nothing smaller than what it took.
            if Nanos(by.0.abs()) - last.width - reading.width > STEP_MIN {
                self.steps.count += 1;
                if self.steps.listed.len() < STEPS_LISTED {
                    self.steps.listed.push(ClockStep { at: now, by });
                }
            }
        }
        self.last = Some(reading);
    }

    /// What it saw.
    #[must_use]
    pub fn steps(&self) -> &WallSteps {
        &self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(deviation_ms: i64, width_ms: i64) -> WallReading {
        WallReading { deviation: Nanos::from_millis(deviation_ms), width: Nanos::from_millis(width_ms) }
    }

    #[test]
    fn a_step_is_marked_with_its_time_and_a_slew_is_not() {
        let mut watch = WallWatch::default();
        for (second, deviation_ms) in [0, 1, 2, 502, 503, -100].into_iter().enumerate() {
            let now = UnixNanos::from_millis(i64::try_from(second).expect("few") * 1_000);
            watch.look(now, reading(deviation_ms, 0));
        }
        let step = |ms, by| ClockStep { at: UnixNanos::from_millis(ms), by: Nanos::from_millis(by) };
        assert_eq!(watch.steps().listed, [step(3_000, 500), step(5_000, -603)]);
        assert_eq!(watch.steps().count, 2);
    }

    #[test]
    fn a_reading_that_was_interrupted_is_no_step() {
        let mut watch = WallWatch::default();
        for look in [reading(0, 0), reading(30, 60), reading(0, 0)] {
            watch.look(UnixNanos(0), look);
        }
        assert_eq!(watch.steps().count, 0);
    }

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let mut watch = WallWatch::default();
        (0..101).for_each(|index| watch.look(UnixNanos(0), reading(index % 2 * 100, 0)));
        assert_eq!((watch.steps().count, watch.steps().listed.len()), (100, STEPS_LISTED));
    }
}
