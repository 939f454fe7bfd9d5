//! Follows one threshold that is judged on a window, second by second.
//!
//! It may be crossed for a while: only a crossing that outlasts `recover_within` fails it, and then for good.

use super::{Judgement, Operator, Threshold};
use crate::time::{Nanos, UnixNanos};

/// What is known of a windowed threshold so far.
///
/// A second whose window has no data (fewer samples than the threshold asks for) is not judged and changes
/// nothing: a crossing goes on through it, but lasts only as long as it is seen.
#[derive(Clone, Debug)]
pub struct Watch {
    operator: Operator,
    recover_within: Nanos,
    /// When the crossing that goes on began.
    crossed_since: Option<UnixNanos>,
    /// When the crossing began that failed it.
    failed_since: Option<UnixNanos>,
    last: Option<Judgement>,
    worst: Option<Judgement>,
}

impl Watch {
    /// Nothing judged yet.
    #[must_use]
    pub fn new(threshold: &Threshold) -> Self {
        Self {
            operator: threshold.expression.operator,
            recover_within: threshold.recover_within,
            crossed_since: None,
            failed_since: None,
            last: None,
            worst: None,
        }
    }

    /// The judgement on the window that ends at `now`. Returns whether the threshold is crossed in it, or
    /// nothing where it has no data.
    pub fn see(&mut self, now: UnixNanos, judgement: Judgement) -> Option<bool> {
        judgement.low?;
        self.last = Some(judgement);
        if !judgement.fails {
            self.crossed_since = None;
            return Some(false);
        }
        if self.worst.is_none_or(|worst| self.is_worse(judgement, worst)) {
            self.worst = Some(judgement);
        }
        let since = *self.crossed_since.get_or_insert(now);
        // Any crossing lasts longer than nothing.
        if self.recover_within.0 <= 0 || now - since > self.recover_within {
            self.failed_since.get_or_insert(since);
        }
        Some(true)
    }

    /// A window of which nothing is known yet: it may turn out well, so a crossing ends at it.
    pub fn interrupt(&mut self) {
        self.crossed_since = None;
    }

    /// Whether it was crossed for longer than it may be: nothing that comes can change it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed_since.is_some()
    }

    /// When the crossing began that failed it: the end of the first window in which it was crossed then.
    #[must_use]
    pub fn failed_since(&self) -> Option<UnixNanos> {
        self.failed_since
    }

    /// Whether it passes if nothing more comes: judged at least once, and never crossed for too long.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.last.is_some() && !self.has_failed()
    }

    /// The judgement to show: the worst window of one that failed, otherwise the last one with data.
    #[must_use]
    pub fn shown(&self) -> Judgement {
        let worst = self.worst.filter(|_| self.has_failed());
        worst.or(self.last).unwrap_or(Judgement::NO_DATA)
    }

    /// Further from the bound, on the side where the threshold fails.
    fn is_worse(&self, one: Judgement, other: Judgement) -> bool {
        match self.operator {
            Operator::Less | Operator::LessOrEqual => one.low > other.low,
            Operator::Greater | Operator::GreaterOrEqual => one.low < other.low,
            // There is no further and nearer: the first stays.
            Operator::Equal | Operator::NotEqual => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::threshold::{Expression, Metric, Tags};

    fn watch(recover_within_s: i64) -> Watch {
        let metric = Metric::from_name("cdc_e2e_latency").expect("a metric");
        Watch::new(&Threshold {
            metric,
            tags: Tags::default(),
            key: "cdc_e2e_latency".into(),
            expression: Expression::parse("p(95)<100", metric, "cdc_e2e_latency").expect("an expression"),
            abort_on_fail: false,
            delay_abort_eval: Nanos::ZERO,
            over: Some(Nanos::from_secs(10)),
            min_samples: 0,
            recover_within: Nanos::from_secs(recover_within_s),
        })
    }

    /// A window of so many milliseconds, or one without data.
    fn window(millis: Option<f64>) -> Judgement {
        let fails = millis.is_some_and(|value| value >= 100.0);
        let holds = millis.is_some() && !fails;
        Judgement { holds, fails, low: millis, high: millis, samples: 5 }
    }

    fn follow(watch: &mut Watch, values: &[Option<f64>]) {
        for (second, value) in (0..).zip(values) {
            watch.see(UnixNanos::from_millis(second * 1_000), window(*value));
        }
    }

    #[test]
    fn a_crossing_fails_it_only_once_it_has_lasted_too_long() {
        let (good, bad) = (Some(10.0), Some(200.0));
        let cases: [(i64, &[Option<f64>], bool); 7] = [
            (0, &[good, good], true),
            (0, &[good, bad, good], false),
            (2, &[bad, bad, bad, good], true),
            (2, &[bad, bad, bad, bad, good], false),
            (2, &[bad, bad, good, bad, bad, good], true),
            // Crossed at the end, but not for too long.
            (2, &[good, bad, bad], true),
            (2, &[], false),
        ];
        for (recover_within, values, passes) in cases {
            let mut watch = watch(recover_within);
            follow(&mut watch, values);
            assert_eq!(watch.passes(), passes, "{recover_within} s, {values:?}");
            assert_eq!(watch.has_failed(), !passes && !values.is_empty(), "{values:?}");
        }
    }

    #[test]
    fn a_window_without_data_decides_nothing() {
        let mut silent = watch(1);
        follow(&mut silent, &[None, None]);
        assert!(!silent.passes() && !silent.has_failed());
        assert_eq!(silent.shown(), Judgement::NO_DATA);
        // The crossing is seen at 0 s and at 3 s: it has gone on for longer than 1 s.
        let mut crossed = watch(1);
        follow(&mut crossed, &[Some(200.0), None, None]);
        assert!(!crossed.has_failed());
        crossed.see(UnixNanos::from_millis(3_000), window(Some(150.0)));
        assert!(crossed.has_failed());
        assert_eq!(crossed.shown().low, Some(200.0), "the worst window");
        assert_eq!(crossed.failed_since(), Some(UnixNanos::from_millis(0)), "where the crossing began");
    }

    proptest! {
        #[test]
        fn once_failed_it_stays_failed_and_a_longer_patience_never_fails_more(values in prop::collection::vec(prop::option::of(0.0..200.0_f64), 0..60), patience in 0..5_i64) {
            let (mut strict, mut patient) = (watch(patience), watch(patience + 1));
            let mut failed = false;
            for (second, value) in (0..).zip(&values) {
                let at = UnixNanos::from_millis(second * 1_000);
                prop_assert_eq!(strict.see(at, window(*value)), value.map(|value| value >= 100.0));
                patient.see(at, window(*value));
                prop_assert!(strict.has_failed() || !failed);
                prop_assert!(strict.has_failed() || !patient.has_failed());
                failed = strict.has_failed();
            }
            prop_assert_eq!(strict.passes(), values.iter().any(Option::is_some) && !failed);
        }
    }
}
