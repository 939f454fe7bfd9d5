//! What the canary found, as reports show it, and whether it is so much that the headline says little of the
//! pipeline.

use streamgauge_shared::histogram::{Quantile, SignedHistogram};
use streamgauge_shared::report::{Stats, ValidityState};
use streamgauge_shared::threshold::{Figures, Tags};
use streamgauge_shared::time::Nanos;
use streamgauge_shared::timeline::Latency;

use super::figures::Moment;
use super::validity::Add;
use crate::canary::FloorFigures;

/// A median floor up to this is nobody's concern. A healthy replica set shows 2 to 8 ms, also with three
/// nodes; a single node whose writes wait for the periodic journal flush shows 50 ms and more.
const FLOOR_P50_MAX: Nanos = Nanos::from_millis(20);
/// The share of the headline's median above which the floor hides the pipeline: past it more of the figure is
/// MongoDB and the observer than everything before them.
const FLOOR_SHARE_MAX: f64 = 0.5;
/// Below this many writes a median is chance.
const SAMPLES_MIN: u64 = 5;

/// The statistics; absent where nothing was written.
pub(super) fn stats(floor: &FloorFigures) -> Option<Stats> {
    floor.has_data().then(|| Stats::of(&floor.arrived, &floor.unarrived, floor.unmeasured))
}

/// Why there is no floor, or none any more.
pub(super) fn absence(floor: &FloorFigures) -> Option<String> {
    let too_short = || "the run ended before the first write".to_owned();
    floor.stopped.clone().or_else(|| (!floor.has_data()).then(too_short))
}

/// For the metrics.
pub(super) fn histogram(floor: &FloorFigures) -> Option<SignedHistogram> {
    floor.has_data().then(|| floor.arrived.clone())
}

/// Adds a reason where the floor is most of the headline.
pub(super) fn doubt(moment: &Moment<'_>, add: &mut impl Add) {
    let floor = &moment.facts.floor;
    if floor.arrived.count() + floor.unarrived.count() < SAMPLES_MIN {
        return;
    }
    let headline = moment.latency(Latency::CdcE2eLatency, Tags::default());
    // Where either is only known from below there is nothing to compare, and the reason for that is shown.
    let (Quantile::Value(floor), Quantile::Value(headline)) = (
        floor.arrived.quantile_with(0.5, &floor.unarrived),
        headline.arrived.quantile_with(0.5, &headline.unarrived),
    ) else {
        return;
    };
    if floor > FLOOR_P50_MAX && floor.as_secs_f64() > FLOOR_SHARE_MAX * headline.as_secs_f64() {
        add(
            ValidityState::Degraded,
            "floor_too_high",
            format!(
                "a document that the observer writes itself takes {floor} to arrive (median), of the headline's {headline}: more is MongoDB and the observer than pipeline (bounds: {FLOOR_P50_MAX}, and half of the headline)"
            ),
            "a single node whose writes wait for the journal's periodic flush (w:1 without j), slow replication to a majority, or a starved observer",
            "run streamgauge-observer doctor; on a single node use w:majority or journal=true in the sink and in --mongo, and give the observer CPU",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Snapshot;
    use crate::measure::fixture::Fixture;

    fn run(observed_ms: i64, floor_ms: i64, writes: u64) -> Snapshot {
        let mut run = Fixture::new(&[Some(observed_ms); 20]);
        (0..writes).for_each(|_| run.facts.floor.arrived.record(Nanos::from_millis(floor_ms)));
        run.close()
    }

    fn codes(snapshot: &Snapshot) -> Vec<&str> {
        snapshot.report.validity.reasons.iter().map(|reason| reason.code.as_str()).collect()
    }

    #[test]
    fn a_floor_is_in_the_report_and_too_high_only_where_it_hides_the_pipeline() {
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
            let snapshot = run(headline, floor, writes);
            let expected: &[&str] = if doubted { &["floor_too_high"] } else { &[] };
            assert_eq!(codes(&snapshot), expected, "{headline} {floor} {writes}");
            assert_eq!(snapshot.report.floor.as_ref().map(|floor| floor.count), Some(writes));
            assert_eq!(snapshot.report.no_floor, None);
            // It is beside the run's figures and not among them.
            assert_eq!((snapshot.report.account.entries, snapshot.report.events.total), (20, 20));
        }
    }

    #[test]
    fn no_floor_is_no_doubt_and_has_its_reason() {
        let mut run = Fixture::new(&[Some(50); 20]);
        run.facts.floor.stopped = Some("--no-canary".into());
        let snapshot = run.close();
        assert_eq!(codes(&snapshot), [""; 0]);
        assert_eq!(
            (&snapshot.report.floor, snapshot.report.no_floor.as_deref()),
            (&None, Some("--no-canary"))
        );
        assert!(snapshot.floor.is_none());
        let text = streamgauge_shared::report::render(&snapshot.report, false);
        assert!(text.contains("measurement floor not measured: --no-canary"), "{text}");
    }

    #[test]
    fn a_floor_of_which_half_never_arrived_is_bounded_and_says_nothing_of_the_headline() {
        let mut run = Fixture::new(&[Some(50); 20]);
        (0..6).for_each(|_| run.facts.floor.unarrived.record(Nanos::from_secs(60)));
        let snapshot = run.close();
        assert_eq!(codes(&snapshot), [""; 0]);
        let json = serde_json::to_value(&snapshot.report).expect("a report");
        assert_eq!(json["floor"]["censored"], 6);
        assert!(json["floor"]["p50"].is_null() && json["floor"]["p50_at_least"].is_number());
    }
}
