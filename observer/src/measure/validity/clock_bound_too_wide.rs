//! Clocks that are known too badly for the latencies at hand.

use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::threshold::{Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::{Doubt, Run};

/// The bound as a share of the headline's median above which the figures are weaker than they look.
const SHARE_MAX: f64 = 0.1;
/// The share above which the median could as well be nothing.
const SHARE_VOID: f64 = 1.0;

/// The error bound beside the headline's median.
pub(super) struct ClockBoundTooWide {
    bound: Nanos,
    median: Nanos,
}

impl ClockBoundTooWide {
    fn share(&self) -> f64 {
        self.bound.as_secs_f64() / self.median.max(Nanos(1)).as_secs_f64()
    }
}

impl Doubt for ClockBoundTooWide {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let facts = run.moment.facts;
        let bound = facts.clocks.bound(facts.clock_domain)?;
        let headline = run.moment.latency(Latency::CdcE2eLatency, Tags::default());
        let Quantile::Value(median) = headline.arrived.quantile_with(0.5, &headline.unarrived) else {
            return None;
        };
        let found = Self { bound, median };
        (bound > Nanos::ZERO && found.share() > SHARE_MAX).then_some(found)
    }

    fn grade(&self) -> ValidityState {
        if self.share() > SHARE_VOID { ValidityState::Invalid } else { ValidityState::Degraded }
    }

    fn seen(&self) -> String {
        let Self { bound, median } = self;
        format!(
            "the clocks are known to ± {bound}, {:.0} % of the median {median} of cdc_e2e_latency (bounds: {:.0} % DEGRADED, {:.0} % INVALID)",
            self.share() * 100.0,
            SHARE_MAX * 100.0,
            SHARE_VOID * 100.0
        )
    }

    fn cause(&self) -> &'static str {
        "the way between writer and observer takes long, or not always the same time: the bound is half of its least round trip and what the clocks drift"
    }

    fn next(&self) -> &'static str {
        "bring writer and observer closer together; on one machine the bound is zero"
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock_contradiction::tests::of_a_clock;
    use super::*;
    use streamgauge_shared::clock::{ClockDomain, PeerClockState};

    #[test]
    fn a_bound_is_judged_by_the_median() {
        let code = || "clock_bound_too_wide".to_owned();
        let cases = [
            (Nanos::from_millis(1), vec![]),
            (Nanos::from_millis(3), vec![(code(), ValidityState::Degraded)]),
            (Nanos::from_millis(21), vec![(code(), ValidityState::Invalid)]),
        ];
        for (at, expected) in cases {
            let state = PeerClockState {
                domain: Some(ClockDomain::Network),
                bound: Some(at),
                ..PeerClockState::default()
            };
            let (reasons, report) = of_a_clock(&[Some(20); 5], state);
            assert_eq!((reasons, report.error_bound_ms), (expected, Some(at.as_millis_f64())));
        }
    }
}
