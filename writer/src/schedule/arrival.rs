//! A constant arrival rate: the n-th tick stands at `n · per / iterations`, rounded down to a nanosecond.
//!
//! The division is done anew for each tick, in 128 bits, so there is no drift and no rate that does not fit:
//! 3,000 a second is 333,333 ns, then 666,666 ns, then 1,000,000 ns exactly, where a truncated period would
//! have lost a nanosecond.

use streamgauge_shared::test_file::Rate;
use streamgauge_shared::time::Nanos;

/// The offset of the n-th tick of a rate, the first being number 0.
#[must_use]
pub fn nth(rate: Rate, n: u64) -> Nanos {
    let per = u128::from(rate.per.0.unsigned_abs());
    // Below 2^64 · 2^63: fits.
    let offset = u128::from(n) * per / u128::from(rate.iterations);
    Nanos(i64::try_from(offset).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_that_do_not_divide_a_second_come_out_even_at_each_second() {
        for iterations in [3, 7, 11, 3_000, 9_999, 70_001] {
            let rate = Rate { iterations, per: Nanos::from_secs(1) };
            for second in [1, 60, 86_400] {
                assert_eq!(
                    nth(rate, iterations * second),
                    Nanos::from_secs(i64::try_from(second).expect("small"))
                );
            }
        }
        let rate = Rate { iterations: 3_000, per: Nanos::from_secs(1) };
        assert_eq!([1, 2, 3].map(|n| nth(rate, n).0), [333_333, 666_666, 1_000_000]);
    }

    proptest! {
        #[test]
        fn no_tick_drifts_from_its_exact_place(iterations in 1..5_000_000_u64, per_ms in 1..1_000_000_i64, n in 0..10_000_000_000_u64) {
            let rate = Rate { iterations, per: Nanos::from_millis(per_ms) };
            let exact = u128::from(n) * u128::try_from(rate.per.0).expect("positive");
            let floor = nth(rate, n).0;
            prop_assume!(floor < i64::MAX);
            let scaled = u128::try_from(floor).expect("not negative") * u128::from(iterations);
            prop_assert!(scaled <= exact && exact - scaled < u128::from(iterations), "less than 1 ns early, never late");
            prop_assert!(nth(rate, n + 1).0 >= floor);
        }
    }
}
