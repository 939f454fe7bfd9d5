//! What the latencies say of the pipeline without its marks: whether arrivals wait for a period, for a batch, or behind
//! a limit.

use streamgauge_shared::report::{Batch, Findings, Period, RateLimit};

use super::arrivals::{Arrivals, Row};
use super::{batch, period, rate_limit};

/// The findings, with what the arrivals of these rows wait for.
pub(in crate::measure) fn found(rows: &[Row], findings: Option<Findings>) -> Option<Findings> {
    let Waits { period, batch, rate_limit } = waits(rows);
    if period.is_none() && batch.is_none() && rate_limit.is_none() {
        return findings;
    }
    Some(Findings { period, batch, rate_limit, ..findings.unwrap_or_default() })
}

/// What arrivals wait for; each absent where they do not.
#[derive(Clone, Debug, Default, PartialEq)]
struct Waits {
    period: Option<Period>,
    batch: Option<Batch>,
    rate_limit: Option<RateLimit>,
}

/// One of two that fit is the better one if what it does not explain is so many times smaller.
const CLEARLY: f64 = 4.0;

/// What the arrivals of these rows wait for. Of a period and a batch at most one: the one that they keep to more
/// closely.
fn waits(rows: &[Row]) -> Waits {
    let Some(arrivals) = Arrivals::of(rows) else { return Waits::default() };
    let rate_limit = rate_limit::rate_limit(&arrivals);
    let (period, batch) = match (period::period(&arrivals), batch::by_time(&arrivals)) {
        // First rows wait alike at even distances as well: there the period says that it cannot be told.
        (Some(period), Some(batch)) if period.period.even_writes.is_none() => {
            if batch.noise_s * CLEARLY < period.noise_s {
                (None, Some(batch.batch))
            } else {
                let or_batch = period.noise_s * CLEARLY >= batch.noise_s;
                (Some(Period { or_batch, ..period.period }), None)
            }
        }
        (Some(period), _) => (Some(period.period), None),
        (None, Some(batch)) => (None, Some(batch.batch)),
        (None, None) => (None, batch::by_number(&arrivals).map(|found| found.batch)),
    };
    Waits { period, batch, rate_limit }
}

#[cfg(test)]
#[path = "waits_tests.rs"]
mod tests;
