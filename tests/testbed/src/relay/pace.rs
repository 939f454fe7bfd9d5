//! The service rate limit: a pipeline with a known capacity, in rows a second, evenly spaced.

use std::fmt;
use std::str::FromStr;

use streamgauge_shared::time::{Nanos, UnixNanos};

use super::decimal::{Decimal, DecimalError};

/// How late a slot may be used and the next one still be counted from it.
///
/// A write takes its time, and the slots that pass meanwhile are used right after it, or the capacity would
/// be less than the limit. Whoever is later than this stood still, and that time is lost, not saved up.
const CATCH_UP: Nanos = Nanos::from_millis(250);

/// Rows a second: more than 0, with a fraction if need be; exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(Decimal);

/// Why a number is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not a number.
    #[error(transparent)]
    Number(#[from] DecimalError),
    /// Nothing would ever be written.
    #[error("'0' is not a rate limit: write more than 0 rows a second, or leave it out for no limit")]
    Zero,
}

/// Gives each row its slot: the k-th row none before the slot of the row before it + 1/rate.
///
/// A row that comes later than that has its slot when it is due, so time without rows gives no credit and there
/// is never a burst. Slots are exact: nothing is rounded from one to the next.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    /// 1/rate in units of 1/`parts` ns.
    period: i128,
    parts: i128,
    /// The first moment for the next row, in the same units; none before the first row.
    next: Option<i128>,
}

impl Rate {
    fn checked(number: Decimal) -> Result<Self, RateError> {
        if number.numerator() == 0 { Err(RateError::Zero) } else { Ok(Self(number)) }
    }
}

impl FromStr for Rate {
    type Err = RateError;
    fn from_str(text: &str) -> Result<Self, RateError> {
        Self::checked(text.parse()?)
    }
}

impl TryFrom<f64> for Rate {
    type Error = RateError;
    fn try_from(number: f64) -> Result<Self, RateError> {
        Self::checked(Decimal::try_from(number)?)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Pacer {
    pub(super) fn new(rate: Rate) -> Self {
        let (numerator, denominator) = (i128::from(rate.0.numerator()), i128::from(rate.0.denominator()));
        // At most 10^27; a moment of this century in units of 1/2^64 ns is below 2^127.
        Self { period: 1_000_000_000 * denominator, parts: numerator, next: None }
    }

    /// The slot of the next row, which is due at `due`: it must not be written before. Rounded up to a nanosecond.
    pub(super) fn slot(&self, due: UnixNanos) -> UnixNanos {
        let whole = -(-self.exact_slot(due)).div_euclid(self.parts);
        UnixNanos(i64::try_from(whole).unwrap_or(i64::MAX))
    }

    /// Uses the slot of the next row, which is due at `due`, if `now` is not before it; says whether it did.
    pub(super) fn take(&mut self, due: UnixNanos, now: UnixNanos) -> bool {
        let slot = self.slot(due);
        if now < slot {
            return false;
        }
        let used = if now - slot > CATCH_UP { self.exact(now) } else { self.exact_slot(due) };
        self.next = Some(used.saturating_add(self.period));
        true
    }

    fn exact_slot(&self, due: UnixNanos) -> i128 {
        let due = self.exact(due);
        self.next.map_or(due, |next| next.max(due))
    }

    fn exact(&self, moment: UnixNanos) -> i128 {
        i128::from(moment.0).saturating_mul(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn pacer(rate: &str) -> Pacer {
        Pacer::new(rate.parse().unwrap())
    }

    /// The slots of rows that are due at these moments and are taken the moment they may be.
    fn slots(rate: &str, due: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut pacer = pacer(rate);
        let mut take = |due| {
            let slot = pacer.slot(due);
            assert!(!pacer.take(due, slot - Nanos(1)), "a nanosecond early");
            assert!(pacer.take(due, slot));
            slot.0
        };
        due.into_iter().map(|due| take(UnixNanos(due))).collect()
    }

    #[test]
    fn rows_that_wait_leave_evenly_and_without_drift() {
        assert_eq!(slots("20", [7; 4]), [7, 50_000_007, 100_000_007, 150_000_007]);
        assert_eq!(slots("0.5", [0; 3]), [0, 2 * SECOND, 4 * SECOND]);
        // A third of a second has no whole number of nanoseconds; the thousandth row is still exact.
        let thirds = slots("3", [0; 3_001]);
        assert_eq!(thirds[..4], [0, 333_333_334, 666_666_667, SECOND]);
        assert_eq!(thirds[3_000], 1_000 * SECOND);
        assert_eq!(slots("0.3", [0; 4])[3], 10 * SECOND);
    }

    #[test]
    fn time_without_rows_gives_no_credit() {
        let due = [0, 10 * SECOND, 10 * SECOND, 10 * SECOND];
        assert_eq!(slots("10", due), [0, 10 * SECOND, 10 * SECOND + 100_000_000, 10 * SECOND + 200_000_000]);
    }

    #[test]
    fn a_short_lateness_is_caught_up_and_a_standstill_is_not() {
        let mut pacer = pacer("10");
        assert!(pacer.take(UnixNanos(0), UnixNanos(0)));
        let late = UnixNanos(100_000_000) + CATCH_UP;
        assert!(pacer.take(UnixNanos(0), late));
        assert_eq!(pacer.slot(UnixNanos(0)), UnixNanos(200_000_000));
        let stood = UnixNanos(200_000_001) + CATCH_UP;
        assert!(pacer.take(UnixNanos(0), stood));
        assert_eq!(pacer.slot(UnixNanos(0)), stood + Nanos::from_millis(100));
    }

    #[test]
    fn a_rate_of_nothing_is_refused() {
        let error = "0.00".parse::<Rate>().unwrap_err().to_string();
        assert_eq!(
            error,
            "'0' is not a rate limit: write more than 0 rows a second, or leave it out for no limit"
        );
        assert!(matches!(Rate::try_from(-1.0), Err(RateError::Number(_))));
        assert_eq!(Rate::try_from(2.5).unwrap().to_string(), "2.5");
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_rate(rate in 1_u32..5_000, gaps in prop::collection::vec(0_i64..50_000_000, 1..200)) {
            let due: Vec<i64> = gaps.iter().scan(0, |sum, gap| { *sum += gap; Some(*sum) }).collect();
            let slots = slots(&rate.to_string(), due.iter().copied());
            for (first, start) in slots.iter().enumerate() {
                for (rows, end) in slots[first..].iter().enumerate() {
                    // Rounding up may shorten a distance by less than a nanosecond.
                    let least = i64::try_from(rows).unwrap() * SECOND / i64::from(rate);
                    prop_assert!(end - start >= least - 1, "{} rows in {} ns", rows, end - start);
                }
            }
            prop_assert!(slots.iter().zip(&due).all(|(slot, due)| slot >= due));
        }
    }
}
