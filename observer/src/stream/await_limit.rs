//! How long the change stream may say nothing. Pure: the reader tells it when it looked and when a reply came.
//!
//! The server answers within [`AWAIT_MAX`](super::reader::AWAIT_MAX), with an empty reply if it must. One that does not for several of these is not a
//! pipeline without rows but a stream that is broken without a word: a firewall that forgot the connection, a machine
//! that is gone, a mongod that hangs. The stream is then opened anew.
//!
//! A server may be silent and alive, while it reads a long stretch of the oplog in which nothing is ours. So each silence
//! in a row is given twice the time, and the stream gets on however long that stretch is.

use streamgauge_shared::time::{Nanos, UnixNanos};

/// Ten times what the server takes at most when all is well.
const FIRST: Nanos = Nanos::from_secs(5);
/// From here on it is not doubled any more.
const LONGEST: Nanos = Nanos::from_secs(320);
/// What a look may add at most: time for which the reader itself did not run is not the server's silence.
const LOOK_COUNTS_MAX: Nanos = Nanos::from_millis(20);

/// How long the stream has been silent, and for how long it may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct AwaitLimit {
    limit: Nanos,
    silent: Nanos,
    looked: UnixNanos,
}

impl AwaitLimit {
    pub(super) fn new(now: UnixNanos) -> Self {
        Self { limit: FIRST, silent: Nanos::ZERO, looked: now }
    }

    /// A reply is asked for.
    pub(super) fn asks(&mut self, now: UnixNanos) {
        (self.silent, self.looked) = (Nanos::ZERO, now);
    }

    /// A reply is here.
    pub(super) fn replied(&mut self) {
        self.limit = FIRST;
    }

    /// No reply is here. Whether that has been so for too long; the next time is given more.
    pub(super) fn looks(&mut self, now: UnixNanos) -> bool {
        self.silent = self.silent + (now - self.looked).min(LOOK_COUNTS_MAX);
        self.looked = now;
        let is_over = self.silent >= self.limit;
        if is_over {
            self.limit = Nanos(self.limit.0 * 2).min(LONGEST);
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(at: i64) -> UnixNanos {
        UnixNanos(at * 1_000_000)
    }

    /// When it is over, looking every two milliseconds from a time on.
    fn over(limit: &mut AwaitLimit, from: i64) -> i64 {
        limit.asks(ms(from));
        (1..).map(|look| from + look * 2).find(|at| limit.looks(ms(*at))).expect("at some time")
    }

    #[test]
    fn ten_awaits_without_a_word_are_too_long_and_each_silence_in_a_row_gets_twice_that() {
        let mut limit = AwaitLimit::new(ms(0));
        let spans: Vec<i64> = (0..8).map(|_| over(&mut limit, 1_000) - 1_000).collect();
        assert_eq!(spans, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 320_000]);
        limit.replied();
        assert_eq!(over(&mut limit, 0), 5_000, "a reply shows that it gets on");
    }

    #[test]
    fn empty_replies_are_no_silence() {
        let mut limit = AwaitLimit::new(ms(0));
        for reply in 0..100 {
            limit.asks(ms(reply * 500));
            assert!((1..250).all(|look| !limit.looks(ms(reply * 500 + look * 2))));
            limit.replied();
        }
    }

    #[test]
    fn a_reader_that_did_not_run_does_not_take_that_for_silence() {
        let mut limit = AwaitLimit::new(ms(0));
        assert!(!limit.looks(ms(60_000)), "the reply may be here and not yet taken");
        assert!(!limit.looks(ms(60_002)));
    }
}
