//! One four-timestamp exchange: what it says about the offset of two clocks, and how far it can be wrong.

use crate::time::{Nanos, UnixNanos};

/// A question and its answer, each time read next to the socket by the clock of the side that reads it.
///
/// The offset is theirs minus ours. Both ways take some time and never less than none, so
/// `answered − returned ≤ offset ≤ heard − asked`, whatever the two ways have to do with each other. The
/// middle of that interval is RFC 5905's offset, half its width RFC 5905's delay / 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// T1: our clock, before the question is written.
    pub asked: UnixNanos,
    /// T2: their clock, when they have read it.
    pub heard: UnixNanos,
    /// T3: their clock, before the answer is written.
    pub answered: UnixNanos,
    /// T4: our clock, when we have read it.
    pub returned: UnixNanos,
}

impl Exchange {
    /// `((T2 − T1) + (T3 − T4)) / 2`: what their clock is ahead of ours, if both ways take the same time.
    #[must_use]
    pub fn offset(&self) -> Nanos {
        let sum = i128::from((self.heard - self.asked).0) + i128::from((self.answered - self.returned).0);
        Nanos(i64::try_from(sum / 2).expect("the mean of two i64 is one"))
    }

    /// `(T4 − T1) − (T3 − T2)`: the time spent on the way, both ways together.
    #[must_use]
    pub fn delay(&self) -> Nanos {
        (self.returned - self.asked) - (self.answered - self.heard)
    }

    /// The smallest and the largest offset that these times allow; absent where no offset does, because a
    /// clock was set back between two of them.
    #[must_use]
    pub fn interval(&self) -> Option<(Nanos, Nanos)> {
        let (low, high) = (self.answered - self.returned, self.heard - self.asked);
        (low <= high && self.asked <= self.returned && self.heard <= self.answered).then_some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_formulas_of_rfc_5905() {
        // Theirs is 100 ahead; 10 there, 5 to answer, 20 back.
        let exchange = Exchange {
            asked: UnixNanos(1_000),
            heard: UnixNanos(1_110),
            answered: UnixNanos(1_115),
            returned: UnixNanos(1_035),
        };
        assert_eq!((exchange.offset(), exchange.delay()), (Nanos(95), Nanos(30)));
        assert_eq!(exchange.interval(), Some((Nanos(80), Nanos(110))));
    }

    #[test]
    fn times_that_no_offset_explains_say_nothing() {
        let back = Exchange {
            asked: UnixNanos(1_000),
            heard: UnixNanos(1_000),
            answered: UnixNanos(1_050),
            returned: UnixNanos(1_010),
        };
        assert_eq!(back.interval(), None, "an answer that took longer than the exchange");
    }

    proptest! {
        #[test]
        fn the_true_offset_is_within_half_the_delay(
            offset in -10_i64.pow(15)..10_i64.pow(15), asked in 0..10_i64.pow(18),
            there in 0..10_i64.pow(9), held in 0..10_i64.pow(9), back in 0..10_i64.pow(9),
        ) {
            let heard = asked + there + offset;
            let exchange = Exchange {
                asked: UnixNanos(asked),
                heard: UnixNanos(heard),
                answered: UnixNanos(heard + held),
                returned: UnixNanos(asked + there + held + back),
            };
            let (low, high) = exchange.interval().expect("times of a real exchange");
            prop_assert!((low..=high).contains(&Nanos(offset)));
            prop_assert_eq!(exchange.delay(), Nanos(there + back));
            prop_assert_eq!(high - low, exchange.delay());
            prop_assert!((exchange.offset().0 - offset).abs() <= (there + back) / 2 + 1);
        }
    }
}
