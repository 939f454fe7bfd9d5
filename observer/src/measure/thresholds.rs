//! What became of each threshold as of one moment, and whether one of them ends the run.

use streamgauge_shared::exit_code::{ExitCode, Failure};
use streamgauge_shared::report::ThresholdResult;
use streamgauge_shared::test_file::Test;
use streamgauge_shared::threshold::{Aggregate, Judgement, Metric, Threshold, judge};
use streamgauge_shared::time::{Nanos, UnixNanos};

use super::figures::Moment;
use super::watcher::{InWindows, Watcher};

/// What a threshold is shown with, and what follows from it.
struct Judged {
    judgement: Judgement,
    /// Whether it fails whatever is still to come.
    fails: bool,
    passed: bool,
    windows_not_judged: u64,
    /// Since when it fails, if it does and that is known.
    failed_since: Option<UnixNanos>,
}

impl Judged {
    /// While a run goes on, what is still on its way decides nothing: only a certain failure counts. At the
    /// close a threshold has to hold. Without data it never does.
    fn on_the_run(judgement: Judgement, closed: bool) -> Self {
        let holds = if closed { judgement.holds } else { judgement.low.is_some() && !judgement.fails };
        Self { judgement, fails: judgement.fails, passed: holds, windows_not_judged: 0, failed_since: None }
    }
}

/// Each threshold as reports show it, and one that certainly fails and ends the run.
pub(super) fn thresholds(
    test: &Test,
    moment: &Moment<'_>,
    watcher: &Watcher,
) -> (Vec<ThresholdResult>, Option<Failure>) {
    let mut abort = None;
    let result = |(index, threshold): (usize, &Threshold)| {
        let Judged { judgement, fails, passed, windows_not_judged, failed_since } =
            match watcher.in_windows(index, moment.recorder) {
                Some(InWindows { judgement, fails, passes, not_judged, failed_since }) => {
                    Judged { judgement, fails, passed: passes, windows_not_judged: not_judged, failed_since }
                }
                None => {
                    let judged = Judged::on_the_run(judge(threshold, moment), moment.facts.closed);
                    // At the close it may fail only because it ended: that is no crossing in time.
                    let now = (judged.fails && !moment.facts.closed).then_some(moment.facts.now);
                    Judged { failed_since: watcher.failed_at(index).or(now), ..judged }
                }
            };
        let due = moment.recorder.first_sent().is_some() && moment.elapsed >= threshold.delay_abort_eval;
        if threshold.abort_on_fail && fails && due && abort.is_none() {
            abort = Some(Failure {
                exit_code: ExitCode::ThresholdCrossed,
                sentence: format!(
                    "threshold '{}' on metric '{}' was crossed and has abort_on_fail, stopping the test prematurely",
                    threshold.expression.text, threshold.key
                ),
            });
        }
        let is_exact = judgement.low == judgement.high;
        // A windowed threshold is decided window by window.
        let is_open =
            threshold.over.is_none() && judgement.low.is_some() && !judgement.holds && !judgement.fails;
        ThresholdResult {
            metric: threshold.key.clone(),
            expression: threshold.expression.text.clone(),
            bound: Some(threshold.expression.bound),
            passed,
            observed: judgement.low,
            at_least: !is_exact,
            at_most: judgement.high.filter(|_| !is_exact),
            undecided: is_open && (moment.facts.closed || judgement.high.is_some_and(|_| !is_exact)),
            is_time: matches!(threshold.metric, Metric::Latency(_)),
            per_second: matches!(threshold.metric, Metric::Counter(_))
                && threshold.expression.aggregate == Aggregate::Rate,
            samples: judgement.samples,
            windows_not_judged,
            first_failed_s: failed_since
                .zip(moment.recorder.first_sent())
                .filter(|_| !passed)
                .map(|(since, start)| (since - start).max(Nanos::ZERO).as_secs_f64()),
        }
    };
    let results = test.thresholds.iter().enumerate().map(result).collect();
    (results, abort)
}
