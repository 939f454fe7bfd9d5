//! From many exchanges to the offset at any moment, with a bound that holds.
//!
//! Every exchange gives an interval in which the offset was at that moment. Of each window of time the
//! narrowest is kept: the exchange with the least delay. If the two clocks run at constant speeds the
//! offset is a straight line, and it passes through every kept interval. The drift is bounded by the
//! steepest and the flattest line between any two intervals, and the offset at any moment by the kept
//! intervals, each widened by the drift over its age. So the bound is half the least round trip, plus what
//! is not known of the drift since then, and less where several exchanges cut it down.

use std::collections::VecDeque;

use super::Exchange;
use crate::time::{Nanos, UnixNanos};

/// The least delay within this span is kept.
const WINDOW: Nanos = Nanos::from_secs(2);
/// Windows kept: the line is fitted over about a minute, in which the speed of a clock hardly changes.
const WINDOWS: usize = 32;
/// The fastest that two clocks may drift apart, as a share: what NTP's kernel discipline slews at most.
const DRIFT_MAX: f64 = 500e-6;
/// What the drift may change within the windows kept: over a minute far less on hardware.
const DRIFT_WANDER: f64 = 5e-6;

/// What is known of the offset between two clocks. Pure: all times are arguments.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    kept: VecDeque<Kept>,
    /// When the window of the last kept interval began.
    window: UnixNanos,
    /// The least and the greatest drift that the kept intervals allow.
    drift: (f64, f64),
}

/// The narrowest interval of one window.
#[derive(Clone, Copy, Debug)]
struct Kept {
    at: UnixNanos,
    low: Nanos,
    high: Nanos,
}

/// The offset at one moment: theirs minus ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The smallest it can be.
    pub low: Nanos,
    /// The largest it can be.
    pub high: Nanos,
    /// What their clock gains on ours, as a share: 50 ppm is 0.00005.
    pub drift: f64,
    /// How far the drift can be off: half of what the exchanges leave open.
    pub drift_error: f64,
}

/// What an exchange did to the estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It agrees with what was known.
    Fits,
    /// Its times contradict themselves; it was not used.
    Unusable,
    /// The offset jumped by about so much since the exchange before: all that was known is void.
    Stepped(Nanos),
}

impl Kept {
    fn width(&self) -> Nanos {
        self.high - self.low
    }

    fn middle(&self) -> Nanos {
        Nanos(self.low.0 + (self.high.0 - self.low.0) / 2)
    }
}

impl Estimate {
    /// The middle: the best guess.
    #[must_use]
    pub fn offset(&self) -> Nanos {
        Nanos(self.low.0 + (self.high.0 - self.low.0) / 2)
    }

    /// The drift in parts per million and how far it can be off; absent while the exchanges say nothing of it.
    #[must_use]
    pub fn drift_ppm(&self) -> Option<(f64, f64)> {
        (self.drift_error < DRIFT_MAX).then_some((self.drift * 1e6, self.drift_error * 1e6))
    }

    /// How far a given offset can be from the truth.
    #[must_use]
    pub fn error_of(&self, offset: Nanos) -> Nanos {
        (self.high - offset).max(offset - self.low).max(Nanos::ZERO)
    }
}

impl Estimator {
    /// Takes an exchange in, whose times of theirs are known to `± unsure`. They come in the order of their time.
    pub fn add(&mut self, exchange: &Exchange, unsure: Nanos) -> Added {
        let Some((low, high)) = exchange.interval() else { return Added::Unusable };
        // The offset was in the interval at some moment of the exchange; it may have drifted since.
        let during = drifted(DRIFT_MAX, exchange.returned - exchange.asked);
        let at = exchange.returned;
        let kept = Kept { at, low: low - during - unsure, high: high + during + unsure };
        let before = self.at(at);
        let contradicts = before.is_some_and(|before| kept.high < before.low || kept.low > before.high);
        match self.kept.back_mut() {
            Some(last) if !contradicts && at - self.window < WINDOW => {
                // An old interval is as wide as what may have drifted since.
                if kept.width() <= last.width() + drifted(DRIFT_MAX, at - last.at) {
                    *last = kept;
                }
            }
            _ => {
                self.window = at;
                self.kept.push_back(kept);
                if self.kept.len() > WINDOWS {
                    self.kept.pop_front();
                }
            }
        }
        // A drift that changed leaves only the newest intervals to agree on a line; a step only the last.
        while !self.fit() {
            self.kept.pop_front();
        }
        match before {
            Some(before) if contradicts && self.kept.len() == 1 => {
                Added::Stepped(kept.middle() - before.offset())
            }
            _ => Added::Fits,
        }
    }

    /// The offset at a moment; absent before the first exchange.
    #[must_use]
    pub fn at(&self, now: UnixNanos) -> Option<Estimate> {
        let (slowest, fastest) = self.drift;
        let reach = |kept: &Kept| {
            let age = now - kept.at;
            let (less, more) = if age.0 >= 0 { (slowest, fastest) } else { (fastest, slowest) };
            (kept.low + drifted(less, age), kept.high + drifted(more, age))
        };
        let low = self.kept.iter().map(|kept| reach(kept).0).max()?;
        let high = self.kept.iter().map(|kept| reach(kept).1).min()?;
        // Rounding may let the two cross by a nanosecond.
        let (low, high) = (low.min(high), high.max(low));
        Some(Estimate {
            low,
            high,
            drift: f64::midpoint(slowest, fastest),
            drift_error: (fastest - slowest) / 2.0,
        })
    }

    /// Bounds the drift; false where no line passes through every kept interval.
    fn fit(&mut self) -> bool {
        let (mut slowest, mut fastest) = (-DRIFT_MAX, DRIFT_MAX);
        for (index, older) in self.kept.iter().enumerate() {
            for newer in self.kept.iter().skip(index + 1) {
                let apart = (newer.at - older.at).as_secs_f64();
                if apart > 0.0 {
                    fastest = fastest.min((newer.high - older.low).as_secs_f64() / apart + DRIFT_WANDER);
                    slowest = slowest.max((newer.low - older.high).as_secs_f64() / apart - DRIFT_WANDER);
                } else if newer.low > older.high || newer.high < older.low {
                    return false;
                }
            }
        }
        self.drift = (slowest, fastest);
        slowest <= fastest
    }
}

/// What a drift amounts to over a span, rounded away from zero.
#[expect(clippy::cast_possible_truncation, reason = "a share of a span is far inside i64")]
pub(super) fn drifted(drift: f64, span: Nanos) -> Nanos {
    let exact = drift * span.as_secs_f64() * 1e9;
    Nanos(if exact < 0.0 { exact.floor() } else { exact.ceil() } as i64)
}
