//! Arrivals at a time that cannot be believed, where they matter.

use streamgauge_shared::account::{Phase, as_f64};
use streamgauge_shared::report::ValidityState;
use streamgauge_shared::threshold::{Aggregate, Metric, Tags, Threshold};
use streamgauge_shared::timeline::Latency;

use super::{Doubt, Run};
use crate::measure::spans::Spans;

/// The share of a run's rows above which its latencies are those of another run.
const SHARE_VOID: f64 = 0.1;
/// The headline's percentiles that a summary prints.
const HEADLINE: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Some percentile that matters is open because of them, or they are many.
pub(super) struct UnmeasuredEvents {
    rows: u64,
    of: u64,
    /// The percentiles that are open because of them.
    open: Vec<String>,
    resumed: bool,
    when: Spans,
}

impl UnmeasuredEvents {
    fn share(&self) -> f64 {
        as_f64(self.rows) / as_f64(self.of.max(1))
    }
}

impl Doubt for UnmeasuredEvents {
    fn find(run: &Run<'_>) -> impl IntoIterator<Item = Self> {
        let (moment, headline) = (run.moment, Latency::CdcE2eLatency);
        let rows = moment.unmeasured(headline, Tags::default());
        if rows == 0 {
            return None;
        }
        let found = Self {
            rows,
            of: moment.matcher.total(Phase::Run).entries(),
            open: open(run),
            resumed: moment.facts.evidence.stream_resumed > 0,
            when: moment.recorder.unmeasured_when(),
        };
        (found.share() > SHARE_VOID || !found.open.is_empty()).then_some(found)
    }

    fn grade(&self) -> ValidityState {
        if self.share() > SHARE_VOID { ValidityState::Invalid } else { ValidityState::Degraded }
    }

    fn seen(&self) -> String {
        let Self { rows, of, open, .. } = self;
        let share = self.share() * 100.0;
        let void = SHARE_VOID * 100.0;
        let what = if open.is_empty() {
            String::new()
        } else {
            format!("; open because of them: {}", open.join(", "))
        };
        format!(
            "{rows} of {of} rows ({share:.2} %, bound {void:.0} %) arrived at a time that is known only to lie before it was read{what}"
        )
    }

    fn cause(&self) -> &'static str {
        if self.resumed {
            "the change stream was interrupted and caught up"
        } else {
            "the observer itself was stalled before it read the reply"
        }
    }

    fn next(&self) -> &'static str {
        "look for a restart or election of mongod, or for other load on this machine"
    }

    fn spans(&self) -> Spans {
        self.when
    }
}

/// The percentiles of thresholds, and the headline's, that unmeasured rows leave open.
fn open(run: &Run<'_>) -> Vec<String> {
    let headline = HEADLINE
        .into_iter()
        .filter(|q| run.moment.is_opened_by_unmeasured(Latency::CdcE2eLatency, Tags::default(), *q));
    let mut open: Vec<String> =
        headline.map(|q| format!("{} p({})", Latency::CdcE2eLatency, q * 100.0)).collect();
    let of_thresholds = run.test.thresholds.iter().filter(|threshold| {
        percentile(threshold)
            .is_some_and(|(latency, q)| run.moment.is_opened_by_unmeasured(latency, threshold.tags, q))
    });
    open.extend(of_thresholds.map(|threshold| format!("{} {}", threshold.key, threshold.expression.text)));
    open
}

/// What a threshold over the whole run takes of a latency. Those over windows count windows of which too much is
/// unmeasured themselves.
fn percentile(threshold: &Threshold) -> Option<(Latency, f64)> {
    let Metric::Latency(latency) = threshold.metric else { return None };
    let q = match threshold.expression.aggregate {
        Aggregate::Percentile(percentile) => percentile / 100.0,
        Aggregate::Max => 1.0,
        _ => return None,
    };
    threshold.over.is_none().then_some((latency, q))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fixture::Fixture;

    fn reasons(run: Fixture) -> Vec<(String, ValidityState)> {
        let reasons = run.close().report.validity.reasons;
        reasons.into_iter().map(|reason| (reason.code, reason.grade)).collect()
    }

    fn code() -> String {
        "unmeasured_events".to_owned()
    }

    #[test]
    fn a_few_that_leave_every_percentile_determined_are_nobodys_concern() {
        let run = Fixture::new(&[Some(20); 500]);
        assert_eq!(reasons(run.unmeasured(500).unmeasured(501)), []);
    }

    #[test]
    fn a_percentile_that_is_open_because_of_them_degrades_the_run() {
        let snapshot = Fixture::new(&[Some(20); 98]).unmeasured(98).unmeasured(99).close();
        let reasons = &snapshot.report.validity.reasons;
        assert_eq!(
            (reasons[0].code.as_str(), reasons[0].grade),
            ("unmeasured_events", ValidityState::Degraded)
        );
        assert!(reasons[0].seen.contains("cdc_e2e_latency p(99)"), "{reasons:?}");
        assert!(!reasons[0].seen.contains("p(50)"), "{reasons:?}");
    }

    #[test]
    fn more_than_a_tenth_of_the_rows_is_another_run() {
        let few = Fixture::new(&[Some(20); 9]).unmeasured(9);
        assert_eq!(reasons(few), [(code(), ValidityState::Degraded)]);
        let many = Fixture::new(&[Some(20); 8]).unmeasured(8);
        assert_eq!(reasons(many), [(code(), ValidityState::Invalid)]);
    }

    #[test]
    fn they_are_told_with_their_time() {
        let snapshot = Fixture::new(&[Some(20); 8]).unmeasured(8).close();
        let spans = &snapshot.report.validity.reasons[0].spans;
        assert_eq!((spans.len(), spans[0].until_s), (1, 0.05));
    }
}
