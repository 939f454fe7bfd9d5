//! Where the buckets of each family end.
//!
//! A family has one series for each bucket and each scenario, entity and operation, so the bounds decide how large a page
//! is: `docs/decisions/0016-buckets.md` has the sum.

use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

/// For the latencies that questions are asked of. 10 µs to 10 min, from 100 µs to 5 s in steps of about 2.
///
/// Bounds are moved to the upper edge of the histogram's bucket that they fall into (at most 0.1 % up).
pub(super) const FINE: &[Nanos] = &[
    Nanos(10_000),
    Nanos(100_000),
    Nanos(250_000),
    Nanos(500_000),
    Nanos(1_000_000),
    Nanos(2_000_000),
    Nanos(3_000_000),
    Nanos(5_000_000),
    Nanos(10_000_000),
    Nanos(20_000_000),
    Nanos(30_000_000),
    Nanos(50_000_000),
    Nanos(100_000_000),
    Nanos(200_000_000),
    Nanos(300_000_000),
    Nanos(500_000_000),
    Nanos(1_000_000_000),
    Nanos(2_000_000_000),
    Nanos(3_000_000_000),
    Nanos(5_000_000_000),
    Nanos(10_000_000_000),
    Nanos(30_000_000_000),
    Nanos(60_000_000_000),
    Nanos(300_000_000_000),
    Nanos(600_000_000_000),
];

/// For what explains them. Over the same range, so that a schedule lag of microseconds and an outage of minutes both
/// show, in steps of about 3 where most of it lies. Every bound is one of [`FINE`] too.
pub(super) const COARSE: &[Nanos] = &[
    Nanos(10_000),
    Nanos(100_000),
    Nanos(1_000_000),
    Nanos(3_000_000),
    Nanos(10_000_000),
    Nanos(30_000_000),
    Nanos(100_000_000),
    Nanos(300_000_000),
    Nanos(1_000_000_000),
    Nanos(5_000_000_000),
    Nanos(30_000_000_000),
    Nanos(600_000_000_000),
];

/// The bounds of a latency's family.
pub(crate) const fn of(latency: Latency) -> &'static [Nanos] {
    match latency {
        Latency::CdcE2eLatency
        | Latency::CdcE2eLatencyIntended
        | Latency::CdcPropagation
        | Latency::PgWriteDuration
        | Latency::MongoVisibility => FINE,
        Latency::ScheduleLag | Latency::ConnectionWait | Latency::IterationDuration => COARSE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_and_the_coarse_ones_are_among_the_fine_ones() {
        assert!(FINE.is_sorted() && COARSE.is_sorted());
        assert!(COARSE.iter().all(|bound| FINE.contains(bound)), "sums over both kinds of family stay exact");
    }
}
