//! The offset that is applied to another clock's times: a line that never jumps while the clocks do not.
//!
//! Estimates get better, and would move a time back and forth by what they were wrong. Applied as they are
//! they would stretch or shrink whatever lies between two times of one clock. So the applied offset is led
//! to each new estimate at a bounded speed, as NTP slews a clock: order is kept, and a duration is off by no
//! more than that share. What it lags behind the estimate belongs into the bound.

use std::collections::VecDeque;

use super::Estimate;
use super::estimator::drifted;
use crate::time::{Nanos, UnixNanos};

/// How fast the applied offset is led to the estimate: as NTP slews.
const SLEW: f64 = 500e-6;
/// Pieces kept for times that come late, after a reconnect: two for each exchange.
const PIECES_MAX: usize = 256;

/// From times of another clock to times of ours and back.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pieces: VecDeque<Piece>,
}

/// Applies from one moment until the next piece.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// On their clock.
    from: UnixNanos,
    /// Theirs minus ours, then.
    offset: Nanos,
    /// What it grows by, as a share.
    rate: f64,
}

impl Piece {
    fn offset_at(&self, theirs: UnixNanos) -> Nanos {
        self.offset + drifted(self.rate, theirs - self.from)
    }
}

impl Line {
    /// Leads the applied offset to an estimate, from the moment `ours` on. The first time, and after a step,
    /// it is there at once.
    pub(super) fn lead(&mut self, ours: UnixNanos, estimate: &Estimate, at_once: bool) {
        let wanted = estimate.offset();
        let applied = if at_once { None } else { self.offset_of_ours(ours) };
        let applied = applied.unwrap_or(wanted);
        let from = ours + applied;
        // What was planned for later is planned anew.
        while self.pieces.back().is_some_and(|piece| piece.from >= from) {
            self.pieces.pop_back();
        }
        let lag = wanted - applied;
        let slew = if lag.0 < 0 { -SLEW } else { SLEW };
        let takes = drifted(1.0 / SLEW, Nanos(lag.0.abs()));
        if lag != Nanos::ZERO {
            self.push(Piece { from, offset: applied, rate: estimate.drift + slew });
        }
        let offset = wanted + drifted(estimate.drift, takes);
        self.push(Piece { from: from + takes, offset, rate: estimate.drift });
    }

    fn push(&mut self, piece: Piece) {
        self.pieces.push_back(piece);
        if self.pieces.len() > PIECES_MAX {
            self.pieces.pop_front();
        }
    }

    /// The piece that applies to a time of theirs; the first one also to what was before it.
    fn piece(&self, theirs: UnixNanos) -> Option<&Piece> {
        self.pieces.iter().rev().find(|piece| piece.from <= theirs).or(self.pieces.front())
    }

    /// A time of theirs on our clock; absent before the first estimate.
    pub(super) fn to_ours(&self, theirs: UnixNanos) -> Option<UnixNanos> {
        Some(theirs - self.piece(theirs)?.offset_at(theirs))
    }

    /// The offset that applies at a moment of ours.
    pub(super) fn offset_of_ours(&self, ours: UnixNanos) -> Option<Nanos> {
        let piece = self
            .pieces
            .iter()
            .rev()
            .find(|piece| piece.from - piece.offset <= ours)
            .or(self.pieces.front())?;
        // The moment on their clock depends on the offset; one repetition leaves the square of the rate.
        let first = piece.offset_at(ours + piece.offset);
        Some(piece.offset_at(ours + first))
    }
}
