//! The clock of the other program, as this one sees it: how its times become ours, and how wrong they can be.

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::{Added, ClockDomain, ClockIdentity, Estimator, Exchange};
use crate::time::{Nanos, UnixNanos};

/// Steps listed with their time; all are counted.
pub const STEPS_LISTED: usize = 16;
/// What an exact shift may seem to lie outside an exchange: two reads of one counter, rounded.
const CONTRADICTION_MIN: Nanos = Nanos(1_000);

/// A clock jumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStep {
    /// When it was seen.
    pub at: UnixNanos,
    /// By how much: positive forward.
    pub by: Nanos,
}

/// What is known of another clock. Pure: all times are arguments; "ours" is the line of whoever holds it.
#[derive(Clone, Debug)]
pub struct PeerClock {
    domain: ClockDomain,
    /// What to take from their times on one kernel.
    exact: Nanos,
    estimator: Estimator,
    line: Line,
    state: PeerClockState,
}

/// How another clock stands to ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeerClockState {
    /// How the two relate; absent before anything is known.
    pub domain: Option<ClockDomain>,
    /// How far any time taken over so far can be off; zero on one kernel, absent without an exchange.
    pub bound: Option<Nanos>,
    /// Theirs minus ours, as applied now.
    pub offset: Option<Nanos>,
    /// What their clock gains on ours, parts per million; absent before an exchange.
    pub drift_ppm: Option<f64>,
    /// How far the drift can be off.
    pub drift_error_ppm: Option<f64>,
    /// The least time that an exchange spent on the way.
    pub round_trip: Option<Nanos>,
    /// Exchanges that were used.
    pub exchanges: u64,
    /// Jumps of the offset: a machine was suspended or moved, or a clock is faked.
    pub jumps: Vec<ClockStep>,
    /// How far the exchanges put the offset outside of what one kernel allows, at most; absent if never.
    pub contradiction: Option<Nanos>,
    /// What a test clock of theirs does.
    pub test_clock: Option<String>,
}

impl PeerClock {
    /// The clock of a program that says hello.
    #[must_use]
    pub fn new(ours: &ClockIdentity, theirs: &ClockIdentity) -> Self {
        let domain = ours.domain(theirs);
        let exact = theirs.anchor - ours.anchor;
        let one = domain == ClockDomain::SameKernel;
        let state = PeerClockState {
            domain: Some(domain),
            bound: one.then_some(Nanos::ZERO),
            offset: one.then_some(exact),
            test_clock: theirs.test_clock.clone(),
            ..PeerClockState::default()
        };
        Self { domain, exact, estimator: Estimator::default(), line: Line::default(), state }
    }

    /// Takes an exchange in; `next_in` is how long until the next one: the bound has to hold until then.
    pub fn exchanged(&mut self, exchange: &Exchange, next_in: Nanos) {
        let Some((low, high)) = exchange.interval() else { return };
        let delay = exchange.delay();
        self.state.exchanges += 1;
        self.state.round_trip = Some(self.state.round_trip.map_or(delay, |least| least.min(delay)));
        if self.domain == ClockDomain::SameKernel {
            let outside = (low - self.exact).max(self.exact - high);
            if outside > CONTRADICTION_MIN {
                self.state.contradiction = self.state.contradiction.max(Some(outside));
            }
        }
        let now = exchange.returned;
        // First what was believed until now, at its weakest: right before it is renewed.
        self.widen(now);
        let added = self.estimator.add(exchange, Nanos::ZERO);
        if let Added::Stepped(by) = added {
            if self.state.jumps.len() < STEPS_LISTED {
                self.state.jumps.push(ClockStep { at: now, by });
            }
            // Times since the exchange before may be off by all of it, and against what is known now.
            self.widen(now);
        }
        let Some(estimate) = self.estimator.at(now) else { return };
        (self.state.drift_ppm, self.state.drift_error_ppm) = estimate.drift_ppm().unzip();
        if self.domain == ClockDomain::Network && self.state.bound.is_some() {
            self.line.lead(now, &estimate, matches!(added, Added::Stepped(_)));
            self.state.offset = self.line.offset_of_ours(now);
            self.widen(now);
            self.widen(now + next_in);
        }
    }

    /// From now on times are taken over: what the exchanges before were wrong by does not count.
    pub fn begin(&mut self, now: UnixNanos, next_in: Nanos) {
        if self.domain == ClockDomain::SameKernel || self.state.bound.is_some() {
            return;
        }
        let Some(estimate) = self.estimator.at(now) else { return };
        self.line.lead(now, &estimate, true);
        self.state.offset = self.line.offset_of_ours(now);
        self.state.bound = Some(Nanos::ZERO);
        self.widen(now);
        self.widen(now + next_in);
    }

    /// Raises the bound to how far the applied offset can be off at a moment.
    fn widen(&mut self, now: UnixNanos) {
        if self.domain == ClockDomain::SameKernel {
            return;
        }
        let (Some(estimate), Some(applied)) = (self.estimator.at(now), self.line.offset_of_ours(now)) else {
            return;
        };
        let error = estimate.error_of(applied);
        self.state.bound = self.state.bound.map(|bound| bound.max(error));
    }

    /// A time of theirs on our clock. Without any exchange it stays as it is, and the bound is absent.
    #[must_use]
    pub fn to_ours(&self, theirs: UnixNanos) -> UnixNanos {
        match self.domain {
            ClockDomain::SameKernel => theirs - self.exact,
            ClockDomain::Network => self.line.to_ours(theirs).unwrap_or(theirs),
        }
    }

    /// A time of ours on their clock.
    #[must_use]
    pub fn to_theirs(&self, ours: UnixNanos) -> UnixNanos {
        match self.domain {
            ClockDomain::SameKernel => ours + self.exact,
            ClockDomain::Network => ours + self.line.offset_of_ours(ours).unwrap_or_default(),
        }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> &PeerClockState {
        &self.state
    }
}
