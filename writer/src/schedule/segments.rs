//! A rate that is decided while the load runs: pieces of even load, appended by whoever decides.
//!
//! What has not been appended yet is not known to be over: the pacer asks again. Dropping the sender ends it.

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use streamgauge_shared::account::Phase;
use streamgauge_shared::test_file::Rate;
use streamgauge_shared::time::Nanos;

use super::Due;
use super::arrival::nth;

/// Pieces that wait for their turn; whoever decides is at most so far ahead.
pub const SEGMENTS_MAX: usize = 8;

/// A piece of load at one rate: its first tick at its beginning, the others evenly after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset from the start of the load; a piece that begins before the end of the one before it begins there.
    pub begins: Nanos,
    /// Its rate.
    pub rate: Rate,
    /// Its length.
    pub length: Nanos,
    /// Whether it is judged ([`Phase::Run`]) or only brings the system to its level ([`Phase::WarmUp`]).
    pub phase: Phase,
}

/// The ticks of pieces that are appended meanwhile.
#[derive(Debug)]
pub struct Segments {
    appended: Receiver<Segment>,
    current: Option<(Segment, u64)>,
    /// When the last piece ended.
    until: Nanos,
}

impl Segments {
    /// Nothing yet, and where to append.
    #[must_use]
    pub fn new() -> (Sender<Segment>, Self) {
        let (append, appended) = bounded(SEGMENTS_MAX);
        (append, Self { appended, current: None, until: Nanos::ZERO })
    }

    /// The next tick, as an offset from the start of the load.
    pub fn peek(&mut self) -> Due<(Nanos, Phase)> {
        loop {
            if let Some((segment, n)) = self.current {
                if n < segment.rate.iterations_within(segment.length) {
                    return Due::At((segment.begins + nth(segment.rate, n), segment.phase));
                }
                self.until = segment.begins + segment.length;
                self.current = None;
            }
            match self.appended.try_recv() {
                Ok(segment) => {
                    self.current = Some((Segment { begins: segment.begins.max(self.until), ..segment }, 0));
                }
                Err(TryRecvError::Empty) => return Due::Unknown,
                Err(TryRecvError::Disconnected) => return Due::Never,
            }
        }
    }

    /// Goes on to the tick after the next.
    pub fn advance(&mut self) {
        if let Some((_, n)) = &mut self.current {
            *n += 1;
        }
    }

    /// When the last of the pieces that are over ended.
    #[must_use]
    pub fn until(&self) -> Nanos {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_and_the_end_is_known_only_once_nobody_can_append() {
        let (append, mut segments) = Segments::new();
        assert_eq!(segments.peek(), Due::Unknown);
        let piece = |begins, iterations, phase| Segment {
            begins: Nanos::from_secs(begins),
            rate: Rate { iterations, per: Nanos::from_secs(1) },
            length: Nanos::from_secs(1),
            phase,
        };
        append.send(piece(3, 2, Phase::WarmUp)).expect("a place");
        // It would begin within the first: it follows it.
        append.send(piece(3, 1, Phase::Run)).expect("a place");
        let mut next = || {
            let due = segments.peek();
            segments.advance();
            due
        };
        assert_eq!(next(), Due::At((Nanos::from_secs(3), Phase::WarmUp)));
        assert_eq!(next(), Due::At((Nanos::from_millis(3_500), Phase::WarmUp)));
        assert_eq!(next(), Due::At((Nanos::from_secs(4), Phase::Run)));
        assert_eq!(next(), Due::Unknown);
        drop(append);
        assert_eq!(next(), Due::Never);
        assert_eq!(segments.until(), Nanos::from_secs(5));
    }
}
