//! How long events may have waited for the reader itself, before their reply was stamped. Pure: the reader tells it
//! when it asked, when it looked, and when a reply was in its hands.
//!
//! An event can wait for us in two places. On the server, if it comes between a reply and the next question: it is
//! then in the next reply. And in the socket, if its reply is here and the thread does not run: starved, stopped
//! with a signal, or its machine suspended. The second cannot be read from the replies alone, so the thread wakes
//! up every [`LOOK_EVERY`] while it waits: a reply is younger than the last look that did not find it.
//!
//! What is known is a bound on the wait, not the wait. The time of a reply whose events may have waited longer than
//! [`WAIT_MAX`] is not to be believed.
//!
//! While the stream was closed everything waited. What was written until it was opened anew comes first, in replies
//! that are full, and what is written meanwhile comes behind it: it has waited too. So the suspicion lasts until a reply
//! was not full: then the server had no more.

use streamgauge_shared::time::{Nanos, UnixNanos};

/// How often the reader looks while it waits for a reply. Costs half a percent of a core; more often would cost more
/// and know little better, because one look in doubt is always allowed for.
pub(super) const LOOK_EVERY: Nanos = Nanos::from_millis(2);
/// How long events may have waited for the reader and their time is still believed: five looks. An idle machine
/// shows 2 to 4 ms, of which all but some microseconds are the distance of two looks. What is below is in the
/// latencies, which are then too large by less than this and never too small.
pub(crate) const WAIT_MAX: Nanos = Nanos::from_millis(10);

/// Whether the server may have had more events than a reply holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fullness {
    /// The reply is as large as replies become: there may be more.
    Full,
    /// It has all there was.
    NotFull,
    /// It only says that the stream is open, and nothing of what there is.
    Unknown,
}

/// How long the events of a reply may have waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waited {
    /// For the reader while it was away: an upper bound.
    pub(super) for_reader: Nanos,
    /// Behind what had come while the stream was closed.
    pub(super) behind_others: bool,
}

impl Waited {
    /// Whether that is so little that the time of the reply is to be believed.
    pub(super) fn is_timely(self) -> bool {
        self.for_reader <= WAIT_MAX && !self.behind_others
    }
}

/// What the reader knows about its own absences, and about the stream's.
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
    /// The stream was opened anew, and no reply since has shown that the server has no more.
    behind: bool,
}

impl Attention {
    /// The stream has just been opened: its first reply is asked for, and nothing has waited.
    pub(super) fn new(now: UnixNanos) -> Self {
        Self { asked: now, looked: now, woke: now, owed: Nanos::ZERO, behind: false }
    }

    /// The next reply is asked for.
    pub(super) fn asks(&mut self, now: UnixNanos) {
        (self.asked, self.looked, self.woke) = (now, now, now);
    }

    /// The reader woke up while it waits, and no reply is here.
    pub(super) fn looks(&mut self, now: UnixNanos) {
        (self.looked, self.woke) = (self.woke, now);
    }

    /// The stream was closed since the last reply and has just been opened anew. Whatever came since may have waited.
    pub(super) fn reopens(&mut self, now: UnixNanos) {
        self.behind = true;
        self.asks(now);
    }

    /// A reply is in hand. Returns how long its events may have waited. Where the server may have had more than the
    /// reply holds, what follows has waited likewise.
    pub(super) fn takes(&mut self, now: UnixNanos, fullness: Fullness) -> Waited {
        let unseen = now - self.looked;
        let waited = Waited { for_reader: self.owed + unseen, behind_others: self.behind };
        self.behind &= fullness != Fullness::NotFull;
        // Until the next question, events wait on the server: since this reply was sent, at most `unseen` ago.
        // The distance of two looks is no absence.
        let absent = (unseen - LOOK_EVERY - LOOK_EVERY).max(Nanos::ZERO);
        self.owed = if fullness == Fullness::NotFull { absent } else { self.owed + absent };
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
    use super::Fullness::{Full, NotFull, Unknown};
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
            let waited = attention.takes(ms(arrives), NotFull).for_reader;
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
            let waited = attention.takes(ms(3_100), NotFull).for_reader;
            assert!(waited >= Nanos::from_secs(3), "{waited}");
            attention.returns(ms(3_100));
            // What came during the stop after the first event is in the second reply.
            let waited = attention.takes(ms(3_101), NotFull).for_reader;
            assert!(waited >= Nanos::from_millis(2_990), "{waited}");
            attention.returns(ms(3_101));
            wait(&mut attention, 3_101, 3_150);
            assert!(attention.takes(ms(3_150), NotFull).for_reader <= Nanos::from_millis(4));
        }
    }

    #[test]
    fn a_backlog_of_full_replies_carries_the_absence_that_made_it() {
        let mut attention = Attention::new(ms(0));
        attention.takes(ms(0), NotFull);
        attention.returns(ms(500));
        for reply in 0..5 {
            assert!(attention.takes(ms(501 + reply), Full).for_reader >= Nanos::from_millis(500));
            attention.returns(ms(501 + reply));
        }
        assert!(
            attention.takes(ms(507), NotFull).for_reader >= Nanos::from_millis(500),
            "the last of the backlog"
        );
        attention.returns(ms(507));
        assert!(attention.takes(ms(508), NotFull).for_reader <= WAIT_MAX);
    }

    #[test]
    fn many_full_replies_without_an_absence_stay_timely() {
        let mut attention = Attention::new(ms(0));
        for reply in 0..1_000 {
            wait(&mut attention, reply * 20, reply * 20 + 20);
            assert!(attention.takes(ms(reply * 20 + 20), Full).for_reader <= WAIT_MAX, "{reply}");
            attention.returns(ms(reply * 20 + 20));
        }
    }

    #[test]
    fn the_time_it_takes_to_hand_a_reply_over_is_an_absence() {
        let mut attention = Attention::new(ms(0));
        attention.takes(ms(1), NotFull);
        attention.returns(ms(21));
        assert!(attention.takes(ms(22), NotFull).for_reader > WAIT_MAX);
    }

    /// A stream that was closed for three seconds.
    fn reopened() -> Attention {
        let mut attention = Attention::new(ms(0));
        wait(&mut attention, 0, 100);
        attention.takes(ms(100), NotFull);
        attention.returns(ms(100));
        attention.reopens(ms(3_100));
        attention
    }

    #[test]
    fn what_is_written_while_the_backlog_is_read_waits_behind_it() {
        let mut attention = reopened();
        for reply in 0..5 {
            let waited = attention.takes(ms(3_101 + reply), Full);
            assert!(!waited.is_timely() && waited.for_reader <= WAIT_MAX, "{reply}: {waited:?}");
            attention.returns(ms(3_101 + reply));
        }
        assert!(!attention.takes(ms(3_107), NotFull).is_timely(), "the last of the backlog");
        attention.returns(ms(3_107));
        wait(&mut attention, 3_107, 3_200);
        assert!(attention.takes(ms(3_200), NotFull).is_timely(), "the server had no more");
    }

    #[test]
    fn an_answer_that_only_opens_the_stream_says_nothing_of_the_backlog() {
        let mut attention = reopened();
        attention.takes(ms(3_101), Unknown);
        attention.returns(ms(3_101));
        assert!(!attention.takes(ms(3_102), Full).is_timely());
        attention.returns(ms(3_102));
        assert!(!attention.takes(ms(3_103), NotFull).is_timely());
        attention.returns(ms(3_103));
        assert!(attention.takes(ms(3_104), NotFull).is_timely());
    }

    #[test]
    fn a_stream_that_was_opened_for_the_first_time_has_nothing_waiting() {
        let mut attention = Attention::new(ms(0));
        assert!(attention.takes(ms(1), Unknown).is_timely());
        attention.returns(ms(1));
        assert!(attention.takes(ms(2), NotFull).is_timely());
    }
}
