//! Rows that are written together: at the ticks of a poll, or when a batch closes. Pure: every moment is an argument.

use streamgauge_shared::time::{Nanos, UnixNanos};

/// When rows that are due may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gather {
    /// Each when it is due.
    #[default]
    Each,
    /// What is due by then at whole multiples of this since 1970.
    Poll(Nanos),
    /// All that is due so long after the first of them; with the moment at which the last batch closes or closed.
    Batch(Nanos, Option<UnixNanos>),
}

impl Gather {
    /// Whether the next row, which is due at `due`, may be written at `now`. It is asked in the order of the rows.
    pub(super) fn admits(&mut self, due: UnixNanos, now: UnixNanos) -> bool {
        let leave = self.leave(due);
        if let Self::Batch(_, closes) = self {
            *closes = Some(leave);
        }
        leave <= now
    }

    /// The moment from which on the next row, which is due at `due`, may be written.
    pub(super) fn leave(&self, due: UnixNanos) -> UnixNanos {
        match *self {
            Self::Each => due,
            Self::Poll(every) => due + Nanos((-due.0).rem_euclid(every.0.max(1))),
            Self::Batch(_, Some(closes)) if due <= closes => closes,
            Self::Batch(length, _) => due + length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> UnixNanos {
        UnixNanos::from_millis(millis)
    }

    #[test]
    fn a_poll_writes_at_its_multiples_what_is_due_by_then() {
        let mut poll = Gather::Poll(Nanos::from_millis(500));
        assert_eq!([1, 499, 500, 501].map(|due| poll.leave(at(due))), [500, 500, 500, 1_000].map(at));
        assert!(!poll.admits(at(7), at(499)) && poll.admits(at(7), at(500)));
        assert!(poll.admits(at(500), at(500)) && !poll.admits(at(501), at(999)));
        assert_eq!(Gather::Each.leave(at(7)), at(7));
    }

    #[test]
    fn a_batch_closes_so_long_after_its_first_row_and_the_next_row_opens_another() {
        let mut batch = Gather::Batch(Nanos::from_millis(100), None);
        assert_eq!(batch.leave(at(7)), at(107));
        assert!(!batch.admits(at(7), at(106)));
        assert!(batch.admits(at(7), at(107)) && batch.admits(at(107), at(107)), "all that is due by then");
        assert_eq!(batch.leave(at(108)), at(208));
        assert!(!batch.admits(at(108), at(207)) && batch.admits(at(108), at(300)));
        assert!(
            batch.admits(at(150), at(300)) && !batch.admits(at(209), at(300)),
            "written late, it still closed then"
        );
    }
}
