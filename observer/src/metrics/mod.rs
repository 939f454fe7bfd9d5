//! OpenMetrics of a snapshot: counts and bucket counts, never quantiles of quantiles.
//!
//! Bucket bounds lie on the histogram's own bucket edges, so each count is exact. Every metric is listed in
//! `docs/metrics.md`; a test compares.

mod collector;
#[cfg(test)]
mod tests;

use streamgauge_shared::time::Nanos;

pub use collector::render;

/// Bucket bounds asked for; each is moved to the upper edge of the bucket it falls into (at most 0.1 % up).
/// 10 µs to 10 min, from 100 µs to 5 s in steps of about 2: a schedule lag of microseconds and an outage of minutes
/// both show.
const BOUNDS: [Nanos; 25] = [
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
