//! A measurement floor that is most of the headline.

use streamgauge_shared::histogram::Quantile;
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::threshold::{Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::{Doubt, Run};

/// A median floor up to this is nobody's concern. A healthy replica set shows 2 to 8 ms, also with three
/// nodes; a single node whose writes wait for the periodic journal flush shows 50 ms and more.
const P50_MAX: Nanos = Nanos::from_millis(20);
/// The share of the headline's median above which the floor hides the pipeline: past it more of the figure is
/// MongoDB and the observer than everything before them.
const SHARE_MAX: f64 = 0.5;
/// Below this many writes a median is chance.
const SAMPLES_MIN: u64 = 5;

/// The floor's median beside the headline's.
pub(super) struct FloorTooHigh {
    floor: Nanos,
    headline: Nanos,
}

impl Doubt for FloorTooHigh {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let floor = &run.moment.facts.floor;
        if floor.arrived.count() + floor.unarrived.count() < SAMPLES_MIN {
            return None;
        }
        let headline = run.moment.latency(Latency::CdcE2eLatency, Tags::default());
        // Where either is only known from below there is nothing to compare, and the reason for that is shown.
        let (Quantile::Value(floor), Quantile::Value(headline)) = (
            floor.arrived.quantile_with(0.5, &floor.unarrived),
            headline.arrived.quantile_with(0.5, &headline.unarrived),
        ) else {
            return None;
        };
        let hides = floor > P50_MAX && floor.as_secs_f64() > SHARE_MAX * headline.as_secs_f64();
        hides.then_some(Self { floor, headline })
    }

    fn grade(&self) -> ValidityState {
        ValidityState::Degraded
    }

    fn seen(&self) -> String {
        let Self { floor, headline } = self;
        format!(
            "a document that the observer writes itself takes {floor} to arrive (median), of the headline's {headline}: more is MongoDB and the observer than pipeline (bounds: {P50_MAX}, and {:.0} % of the headline)",
            SHARE_MAX * 100.0
        )
    }

    fn cause(&self) -> &'static str {
        "a single node whose writes wait for the journal's periodic flush (w:1 without j), slow replication to a majority, or a starved observer"
    }

    fn next(&self) -> &'static str {
        "run streamgauge-observer doctor; on a single node use w:majority or journal=true in the sink and in --mongo, and give the observer CPU"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fixture::Fixture;

    #[test]
    fn a_floor_is_too_high_only_where_it_hides_the_pipeline() {
        // Headline, floor, writes, in doubt.
        let cases = [
            (100, 60, 5, true),
            (100, 60, 4, false),
            (100, 49, 50, false),
            (30, 19, 50, false),
            (30, 21, 50, true),
            (900, 60, 50, false),
        ];
        for (headline, floor, writes, doubted) in cases {
            let mut run = Fixture::new(&[Some(headline); 20]);
            (0..writes).for_each(|_| run.facts.floor.arrived.record(Nanos::from_millis(floor)));
            let reasons = run.close().report.validity.reasons;
            let found: Vec<&str> = reasons.iter().map(|reason| reason.code.as_str()).collect();
            let expected: &[&str] = if doubted { &["floor_too_high"] } else { &[] };
            assert_eq!(found, expected, "{headline} {floor} {writes}");
        }
    }
}
