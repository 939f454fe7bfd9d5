//! What the canary found, as reports and metrics show it.

use streamgauge_shared::histogram::SignedHistogram;
use streamgauge_shared::report::Stats;

use crate::canary::FloorFigures;

/// The statistics; absent where nothing was written.
pub(super) fn stats(floor: &FloorFigures) -> Option<Stats> {
    floor.has_data().then(|| Stats::of(&floor.arrived, &floor.unarrived, &floor.unmeasured))
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

#[cfg(test)]
mod tests {
    use streamgauge_shared::time::Nanos;

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
    fn a_floor_is_in_the_report_beside_the_figures_of_the_run() {
        let snapshot = run(100, 10, 5);
        assert_eq!(codes(&snapshot), [""; 0]);
        assert_eq!(snapshot.report.floor.as_ref().map(|floor| floor.count), Some(5));
        assert_eq!(snapshot.report.no_floor, None);
        assert_eq!((snapshot.report.account.entries, snapshot.report.events.total), (20, 20));
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
