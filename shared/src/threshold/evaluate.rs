//! Judges a threshold on figures that may still be incomplete.
//!
//! The value of an aggregate is known to lie between two bounds: a latency that has not arrived is at
//! least its age and at most infinite. A threshold passes only where every value between the bounds
//! satisfies it, and certainly fails only where none does. No data is no pass.
//!
//! What is still to come bounds a value as well. A counter grows until the load is over: it can pass an upper bound
//! for good, but a lower bound cannot have failed before the end. A counter's rate may go either way until then. A
//! share is judged on its present value, as in k6.

use serde::{Deserialize, Serialize};

use super::{Aggregate, Counter, Expression, Metric, Operator, Rate, Tags, Threshold};
use crate::account::as_f64;
use crate::histogram::{Quantile, SignedHistogram, Unmeasured};
use crate::time::Nanos;
use crate::timeline::Latency;

/// The figures a threshold is judged on, as of one moment.
pub trait Figures {
    /// A latency's values and the ages of what has not arrived, for a part of the run.
    fn latency(&self, latency: Latency, tags: Tags) -> LatencyFigures;
    /// Successes and total of a share.
    fn rate(&self, rate: Rate, tags: Tags) -> (u64, u64);
    /// A counter.
    fn counter(&self, counter: Counter, tags: Tags) -> u64;
    /// A counter's growth per second of the measured load; nothing before that has lasted.
    fn counter_rate(&self, counter: Counter, tags: Tags) -> Option<f64>;
    /// Whether the counters will not grow any more.
    fn is_final(&self) -> bool;
}

/// What is known of one latency.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LatencyFigures {
    /// What arrived and was measured.
    pub arrived: SignedHistogram,
    /// The present age of each operation that has not arrived.
    pub unarrived: SignedHistogram,
    /// The bounds of each that arrived at a time which cannot be believed.
    pub unmeasured: Unmeasured,
}

impl LatencyFigures {
    /// The quantile `q` (0 to 1) of all of them.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Quantile {
        self.arrived.quantile_between(q, &self.unarrived, &self.unmeasured)
    }

    /// Adds those of another part or another run.
    pub fn merge(&mut self, other: &Self) {
        self.arrived.merge(&other.arrived);
        self.unarrived.merge(&other.unarrived);
        self.unmeasured.merge(&other.unmeasured);
    }

    /// How many operations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.arrived.count() + self.unarrived.count() + self.unmeasured.count()
    }
}

/// What became of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Whether it holds whatever is still to come.
    pub holds: bool,
    /// Whether it fails whatever is still to come; false for "no data", which may still get some.
    pub fails: bool,
    /// The lower bound of the value: milliseconds for a latency. Absent where there is no data.
    pub low: Option<f64>,
    /// The upper bound, equal to the lower one where the value is known. Absent where there is none.
    pub high: Option<f64>,
    /// How many operations stand behind it.
    pub samples: u64,
}

/// Judges one threshold. A latency or a share of fewer than `min_samples` operations is no data.
pub fn judge(threshold: &Threshold, figures: &impl Figures) -> Judgement {
    let judgement = judge_any(threshold, figures);
    // A counter's value is no sample: its 0 is data.
    let few = judgement.samples < threshold.min_samples && !matches!(threshold.metric, Metric::Counter(_));
    if few { Judgement { samples: judgement.samples, ..Judgement::NO_DATA } } else { judgement }
}

fn judge_any(threshold: &Threshold, figures: &impl Figures) -> Judgement {
    let expression = &threshold.expression;
    match threshold.metric {
        Metric::Latency(latency) => judge_latency(expression, &figures.latency(latency, threshold.tags)),
        Metric::Rate(rate) => match figures.rate(rate, threshold.tags) {
            (_, 0) => Judgement::NO_DATA,
            (passed, total) => judge_exact(expression, ratio(passed, total), total),
        },
        Metric::Counter(counter) => {
            let count = figures.counter(counter, threshold.tags);
            let (shown, least) = match expression.aggregate {
                Aggregate::Rate => match figures.counter_rate(counter, threshold.tags) {
                    Some(rate) => (rate, 0.0),
                    None => return Judgement::NO_DATA,
                },
                _ => (as_f64(count), as_f64(count)),
            };
            if figures.is_final() {
                return judge_exact(expression, shown, count);
            }
            let (holds, fails) = expression.operator.compare_bounds(least, None, expression.bound);
            Judgement { holds, fails, low: Some(shown), high: Some(shown), samples: count }
        }
    }
}

impl Judgement {
    /// Nothing to judge: does not hold, and may yet.
    pub(super) const NO_DATA: Self = Self { holds: false, fails: false, low: None, high: None, samples: 0 };
}

fn ratio(passed: u64, total: u64) -> f64 {
    as_f64(passed) / as_f64(total)
}

fn judge_exact(expression: &Expression, value: f64, samples: u64) -> Judgement {
    let holds = expression.operator.compare(value, expression.bound);
    Judgement { holds, fails: !holds, low: Some(value), high: Some(value), samples }
}

fn judge_latency(expression: &Expression, figures: &LatencyFigures) -> Judgement {
    let samples = figures.count();
    let quantile = match expression.aggregate {
        Aggregate::Percentile(percentile) => figures.quantile(percentile / 100.0),
        // At the histogram's resolution, but never beyond the exact extremes.
        Aggregate::Max => figures.quantile(1.0),
        Aggregate::Avg | Aggregate::Min | Aggregate::Count | Aggregate::Rate => {
            // Over what arrived: nothing can be said of the mean and minimum of what has not.
            let millis = match expression.aggregate {
                Aggregate::Avg => figures.arrived.mean().map(|mean| mean / 1e6),
                _ => figures.arrived.min().map(Nanos::as_millis_f64),
            };
            return millis.map_or(Judgement::NO_DATA, |value| judge_exact(expression, value, samples));
        }
    };
    match quantile {
        Quantile::NoData => Judgement::NO_DATA,
        Quantile::Value(value) => judge_exact(expression, value.as_millis_f64(), samples),
        Quantile::AtLeast(low) => {
            let low = low.as_millis_f64();
            let (holds, fails) = expression.operator.compare_bounds(low, None, expression.bound);
            // Only the ages of what is still on its way are known: where nothing ever arrived there is no data.
            let known = figures.arrived.count() + figures.unmeasured.count() > 0;
            Judgement { holds: holds && known, fails, low: Some(low), high: None, samples }
        }
        Quantile::Between(low, high) => {
            let (low, high) = (low.as_millis_f64(), high.as_millis_f64());
            let (holds, fails) = expression.operator.compare_bounds(low, Some(high), expression.bound);
            Judgement { holds, fails, low: Some(low), high: Some(high), samples }
        }
    }
}

impl Operator {
    #[expect(clippy::float_cmp, reason = "equality is what the threshold asks for")]
    fn compare(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::LessOrEqual => value <= bound,
            Self::Greater => value > bound,
            Self::GreaterOrEqual => value >= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
        }
    }

    /// Whether all values from `low` to `high`, infinity where that is absent, satisfy the comparison, and whether
    /// none does.
    fn compare_bounds(self, low: f64, high: Option<f64>, bound: f64) -> (bool, bool) {
        let at_most = |satisfied: fn(f64, f64) -> bool| high.is_some_and(|high| satisfied(high, bound));
        let below = |high: f64, bound: f64| high < bound;
        match self {
            Self::Less => (at_most(below), low >= bound),
            Self::LessOrEqual => (at_most(|high, bound| high <= bound), low > bound),
            Self::Greater => (low > bound, at_most(|high, bound| high <= bound)),
            Self::GreaterOrEqual => (low >= bound, at_most(below)),
            Self::Equal => (false, low > bound || at_most(below)),
            Self::NotEqual => (low > bound || at_most(below), false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed {
        arrived: Vec<i64>,
        unarrived: Vec<i64>,
        rate: (u64, u64),
        counter: u64,
        unmeasured: Vec<i64>,
        is_final: bool,
    }

    impl Figures for Fixed {
        fn latency(&self, _: Latency, _: Tags) -> LatencyFigures {
            let mut figures = LatencyFigures::default();
            self.arrived.iter().for_each(|ms| figures.arrived.record(Nanos::from_millis(*ms)));
            self.unarrived.iter().for_each(|ms| figures.unarrived.record(Nanos::from_millis(*ms)));
            let read = |ms: &i64| Some(Nanos::from_millis(*ms));
            self.unmeasured.iter().for_each(|ms| figures.unmeasured.record(Nanos::ZERO, read(ms)));
            figures
        }
        fn rate(&self, _: Rate, _: Tags) -> (u64, u64) {
            self.rate
        }
        fn counter(&self, _: Counter, _: Tags) -> u64 {
            self.counter
        }
        fn counter_rate(&self, _: Counter, _: Tags) -> Option<f64> {
            Some(as_f64(self.counter) / 2.0)
        }
        fn is_final(&self) -> bool {
            self.is_final
        }
    }

    fn threshold(name: &str, text: &str) -> Threshold {
        let metric = Metric::from_name(name).expect("a metric");
        let expression = Expression::parse(text, metric, name).expect("an expression");
        Threshold {
            metric,
            tags: Tags::default(),
            key: name.into(),
            expression,
            abort_on_fail: false,
            delay_abort_eval: Nanos::ZERO,
            over: None,
            min_samples: 0,
            recover_within: Nanos::ZERO,
        }
    }

    fn verdict(name: &str, text: &str, figures: &Fixed) -> (bool, bool) {
        let judgement = judge(&threshold(name, text), figures);
        (judgement.holds, judgement.fails)
    }

    const NOTHING: Fixed = Fixed {
        arrived: vec![],
        unarrived: vec![],
        rate: (0, 0),
        counter: 0,
        unmeasured: vec![],
        is_final: true,
    };

    #[test]
    fn no_data_never_passes_and_a_counter_of_zero_is_data() {
        for text in ["p(95)<500", "p(95)>0", "avg<1", "min>=0", "max<1", "med!=7"] {
            assert_eq!(verdict("cdc_e2e_latency", text, &NOTHING), (false, false), "{text}");
        }
        assert_eq!(verdict("cdc_success_rate", "rate>=0", &NOTHING), (false, false));
        assert_eq!(verdict("iterations", "count==0", &NOTHING), (true, false));
    }

    #[test]
    fn nothing_arrived_never_passes_even_when_ages_would() {
        let only_waiting = Fixed { unarrived: vec![900; 10], ..NOTHING };
        for text in ["p(50)>100", "p(50)<2000", "max>100", "p(50)!=1", "avg>0"] {
            assert!(!verdict("cdc_e2e_latency", text, &only_waiting).0, "{text}");
        }
        assert_eq!(verdict("cdc_e2e_latency", "p(50)<500", &only_waiting), (false, true));
    }

    #[test]
    fn what_has_not_arrived_can_fail_a_threshold_but_never_pass_it() {
        let figures = Fixed { arrived: vec![10; 99], unarrived: vec![700], ..NOTHING };
        assert_eq!(verdict("cdc_e2e_latency", "p(95)<500", &figures), (true, false));
        // p(100) is at least 700 ms: 500 is certainly crossed, 1000 is not decided.
        assert_eq!(verdict("cdc_e2e_latency", "p(100)<500", &figures), (false, true));
        assert_eq!(verdict("cdc_e2e_latency", "p(100)<1000", &figures), (false, false));
        assert_eq!(verdict("cdc_e2e_latency", "max>600", &figures), (true, false));
    }

    #[test]
    fn fewer_samples_than_asked_for_are_no_data() {
        let figures = Fixed { arrived: vec![10; 8], unarrived: vec![700], rate: (8, 9), ..NOTHING };
        for (name, text) in [("cdc_e2e_latency", "p(50)<5"), ("checks", "rate>0.9")] {
            let asks = |min_samples| Threshold { min_samples, ..threshold(name, text) };
            assert!(judge(&asks(9), &figures).fails, "{name}");
            let few = judge(&asks(10), &figures);
            assert_eq!((few.holds, few.fails, few.low, few.samples), (false, false, None, 9), "{name}");
        }
        let counter = Threshold { min_samples: 10, ..threshold("observer_errors", "count==0") };
        assert!(judge(&counter, &figures).holds);
    }

    #[test]
    fn rates_and_counters_are_exact() {
        let figures = Fixed { rate: (99, 100), counter: 20, ..NOTHING };
        assert_eq!(verdict("cdc_success_rate", "rate>0.99", &figures), (false, true));
        assert_eq!(verdict("cdc_success_rate", "rate>=0.99", &figures), (true, false));
        assert_eq!(verdict("iterations", "rate==10", &figures), (true, false));
    }

    #[test]
    fn a_counter_that_still_grows_can_pass_an_upper_bound_and_never_fail_a_lower_one() {
        let running = Fixed { counter: 20, is_final: false, ..NOTHING };
        // Holds for good, fails for good, after 20 of a counter that still grows.
        let cases = [
            ("count>=1000", (false, false)),
            ("count>=20", (true, false)),
            ("count>19", (true, false)),
            ("count<20", (false, true)),
            ("count<=20", (false, false)),
            ("count<1000", (false, false)),
            ("count==19", (false, true)),
            ("count==21", (false, false)),
            ("count!=19", (true, false)),
            ("rate>4.5", (false, false)),
            ("rate<4.5", (false, false)),
        ];
        for (text, expected) in cases {
            assert_eq!(verdict("iterations", text, &running), expected, "{text}");
        }
        assert_eq!(
            judge(&threshold("iterations", "rate>4.5"), &running).low,
            Some(10.0),
            "the present one is shown"
        );
        assert_eq!(verdict("iterations", "count>=1000", &Fixed { counter: 20, ..NOTHING }), (false, true));
    }

    #[test]
    fn what_is_unmeasured_leaves_a_threshold_undecided_only_between_its_bounds() {
        let figures = Fixed { arrived: vec![10; 96], unmeasured: vec![480; 4], ..NOTHING };
        assert_eq!(verdict("cdc_e2e_latency", "p(95)<20", &figures), (true, false));
        let open = judge(&threshold("cdc_e2e_latency", "p(99)<400"), &figures);
        assert_eq!((open.holds, open.fails), (false, false));
        assert!(
            open.low.is_some_and(|low| low < 10.1) && open.high.is_some_and(|high| high > 479.0),
            "{open:?}"
        );
        assert_eq!(verdict("cdc_e2e_latency", "p(99)<500", &figures), (true, false), "U holds");
        assert_eq!(verdict("cdc_e2e_latency", "p(99)<5", &figures), (false, true), "L fails");
        assert_eq!(verdict("cdc_e2e_latency", "p(99)>500", &figures), (false, true));
        assert_eq!(verdict("cdc_e2e_latency", "max>=480", &figures), (false, false));
    }
}
