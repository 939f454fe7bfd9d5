//! How long events may have waited for the reader itself, before their reply was stamped. Pure: the reader tells it
//! when it asked, when it looked, and when a reply was in its hands.
//!
//! An event can wait for us in two places. On the server, if it comes between a reply and the next question: it is
//! then in the next reply. And in the socket, if its reply is here and the thread does not run: starved, stopped
//! with a signal, or its machine suspended. The second cannot be read from the replies alone, so the thread wakes
//! up every [`LOOK_EVERY`] while it waits: a reply is younger than the last look that did not find it.
//!
//! What is known is a bound on the wait, not the wait. A reply whose events may have waited longer than
//! [`WAIT_MAX`] has no honest time.

use streamgauge_shared::time::{Nanos, UnixNanos};

/// How often the reader looks while it waits for a reply. Costs half a percent of a core; more often would cost more
/// and know little better, because one look in doubt is always allowed for.
pub(super) const LOOK_EVERY: Nanos = Nanos::from_millis(2);
/// How long events may have waited for the reader before their time is not honest: five looks. An idle machine
/// shows 2 to 4 ms, of which all but some microseconds are the distance of two looks. What is below is in the
/// latencies, which are then too large by less than this and never too small.
pub(crate) const WAIT_MAX: Nanos = Nanos::from_millis(10);

/// What the reader knows about its own absences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attention {
    /// When it last asked for a reply.
    asked: UnixNanos,
    /// The look before the last. After a late look what came meanwhile may still be on its way through the runtime,
    /// so only a look that another one followed proves that nothing was here.
    looked: UnixNanos,
    /// The last look, or when it asked.
    woke: UnixNanos,
    /// How long the events of the next reply may have waited before it was asked for.
    owed: Nanos,
}

impl Attention {
    /// The stream has just been opened: its first reply is asked for, and nothing has waited.
    pub(super) fn new(now: UnixNanos) -> Self {
        Self { asked: now, looked: now, woke: now, owed: Nanos::ZERO }
    }

    /// The next reply is asked for.
    pub(super) fn asks(&mut self, now: UnixNanos) {
        (self.asked, self.looked, self.woke) = (now, now, now);
    }

    /// The reader woke up while it waits, and no reply is here.
    pub(super) fn looks(&mut self, now: UnixNanos) {
        (self.looked, self.woke) = (self.woke, now);
    }

    /// A reply is in hand. Returns how long its events may have waited for the reader. `full` says that the server
    /// had more than fits into one reply: what follows has then waited for as long as this.
    pub(super) fn takes(&mut self, now: UnixNanos, full: bool) -> Nanos {
        let unseen = now - self.looked;
        let waited = self.owed + unseen;
        // Until the next question, events wait on the server: since this reply was sent, at most `unseen` ago.
        // The distance of two looks is no absence.
        let absent = (unseen - LOOK_EVERY - LOOK_EVERY).max(Nanos::ZERO);
        self.owed = if full { self.owed + absent } else { absent };
        self.woke = now;
        waited
    }

    /// The reply has been handed over, and that took until now: what came meanwhile has waited for it.
    pub(super) fn returns(&mut self, now: UnixNanos) {
        self.owed = self.owed + (now - self.woke);
        self.asks(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(at: i64) -> UnixNanos {
        UnixNanos(at * 1_000_000)
    }

    /// Looks every two milliseconds from one time until before another.
    fn wait(attention: &mut Attention, from: i64, until: i64) {
        let mut at = from + 2;
        while at < until {
            attention.looks(ms(at));
            at += 2;
        }
    }

    #[test]
    fn a_reader_that_waits_knows_its_replies_to_two_looks() {
        let mut attention = Attention::new(ms(0));
        let mut now = 0;
        for reply in 1..50 {
            let arrives = now + reply;
            wait(&mut attention, now, arrives);
            let waited = attention.takes(ms(arrives), false);
            assert!(waited <= Nanos::from_millis(4), "{reply}: {waited}");
            attention.returns(ms(arrives));
            now = arrives;
        }
    }

    #[test]
    fn a_reader_that_was_stopped_says_so_whether_it_looks_or_takes_first() {
        for looks_first in [true, false] {
            let mut attention = Attention::new(ms(0));
            wait(&mut attention, 0, 100);
            if looks_first {
                attention.looks(ms(3_100));
            }
            let waited = attention.takes(ms(3_100), false);
            assert!(waited >= Nanos::from_secs(3), "{waited}");
            attention.returns(ms(3_100));
            // What came during the stop after the first event is in the second reply.
            let waited = attention.takes(ms(3_101), false);
            assert!(waited >= Nanos::from_millis(2_990), "{waited}");
            attention.returns(ms(3_101));
            wait(&mut attention, 3_101, 3_150);
            assert!(attention.takes(ms(3_150), false) <= Nanos::from_millis(4));
        }
    }

    #[test]
    fn a_backlog_of_full_replies_carries_the_absence_that_made_it() {
        let mut attention = Attention::new(ms(0));
        attention.takes(ms(0), false);
        attention.returns(ms(500));
        for reply in 0..5 {
            assert!(attention.takes(ms(501 + reply), true) >= Nanos::from_millis(500));
            attention.returns(ms(501 + reply));
        }
        assert!(attention.takes(ms(507), false) >= Nanos::from_millis(500), "the last of the backlog");
        attention.returns(ms(507));
        assert!(attention.takes(ms(508), false) <= WAIT_MAX);
    }

    #[test]
    fn many_full_replies_without_an_absence_stay_honest() {
        let mut attention = Attention::new(ms(0));
        for reply in 0..1_000 {
            wait(&mut attention, reply * 20, reply * 20 + 20);
            assert!(attention.takes(ms(reply * 20 + 20), true) <= WAIT_MAX, "{reply}");
            attention.returns(ms(reply * 20 + 20));
        }
    }

    #[test]
    fn the_time_it_takes_to_hand_a_reply_over_is_an_absence() {
        let mut attention = Attention::new(ms(0));
        attention.takes(ms(1), false);
        attention.returns(ms(21));
        assert!(attention.takes(ms(22), false) > WAIT_MAX);
    }
}
