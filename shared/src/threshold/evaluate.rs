//! Judges a threshold on figures that may still be incomplete.
//!
//! The value of an aggregate is known to lie between two bounds: a latency that has not arrived is at
//! least its age and at most infinite. A threshold passes only where every value between the bounds
//! satisfies it, and certainly fails only where none does. No data is no pass.

use super::{Aggregate, Counter, Expression, Metric, Operator, Rate, Tags, Threshold};
use crate::account::as_f64;
use crate::histogram::{Quantile, SignedHistogram};
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
    /// How long the measured part of the run has lasted; for counters' rates.
    fn elapsed(&self) -> Nanos;
}

/// What is known of one latency.
#[derive(Clone, Debug, Default)]
pub struct LatencyFigures {
    /// What arrived and was measured.
    pub arrived: SignedHistogram,
    /// The present age of each operation that has not arrived.
    pub unarrived: SignedHistogram,
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
    /// Whether `low` is the value itself.
    pub exact: bool,
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
            let seconds = figures.elapsed().as_secs_f64();
            match expression.aggregate {
                Aggregate::Rate if seconds <= 0.0 => Judgement::NO_DATA,
                Aggregate::Rate => judge_exact(expression, as_f64(count) / seconds, count),
                _ => judge_exact(expression, as_f64(count), count),
            }
        }
    }
}

impl Judgement {
    /// Nothing to judge: does not hold, and may yet.
    pub(super) const NO_DATA: Self = Self { holds: false, fails: false, low: None, exact: false, samples: 0 };
}

fn ratio(passed: u64, total: u64) -> f64 {
    as_f64(passed) / as_f64(total)
}

fn judge_exact(expression: &Expression, value: f64, samples: u64) -> Judgement {
    let holds = expression.operator.compare(value, expression.bound);
    Judgement { holds, fails: !holds, low: Some(value), exact: true, samples }
}

fn judge_latency(expression: &Expression, figures: &LatencyFigures) -> Judgement {
    let samples = figures.arrived.count() + figures.unarrived.count();
    let quantile = match expression.aggregate {
        Aggregate::Percentile(percentile) => {
            figures.arrived.quantile_with(percentile / 100.0, &figures.unarrived)
        }
        Aggregate::Max => largest(figures),
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
            let (holds, fails) = expression.operator.compare_unbounded(low, expression.bound);
            // Only the ages of what is still on its way are known: where nothing ever arrived there is no data.
            let known = figures.arrived.count() > 0;
            Judgement { holds: holds && known, fails, low: Some(low), exact: false, samples }
        }
    }
}

fn largest(figures: &LatencyFigures) -> Quantile {
    match (figures.arrived.max(), figures.unarrived.max()) {
        (None, None) => Quantile::NoData,
        (Some(max), None) => Quantile::Value(max),
        (arrived, Some(age)) => Quantile::AtLeast(arrived.map_or(age, |max| max.max(age))),
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

    /// Whether all values from `low` to infinity satisfy the comparison, and whether none does.
    fn compare_unbounded(self, low: f64, bound: f64) -> (bool, bool) {
        match self {
            Self::Less | Self::LessOrEqual => (false, !self.compare(low, bound)),
            Self::Greater | Self::GreaterOrEqual => (self.compare(low, bound), false),
            Self::Equal => (false, low > bound),
            Self::NotEqual => (low > bound, false),
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
    }

    impl Figures for Fixed {
        fn latency(&self, _: Latency, _: Tags) -> LatencyFigures {
            let mut figures = LatencyFigures::default();
            self.arrived.iter().for_each(|ms| figures.arrived.record(Nanos::from_millis(*ms)));
            self.unarrived.iter().for_each(|ms| figures.unarrived.record(Nanos::from_millis(*ms)));
            figures
        }
        fn rate(&self, _: Rate, _: Tags) -> (u64, u64) {
            self.rate
        }
        fn counter(&self, _: Counter, _: Tags) -> u64 {
            self.counter
        }
        fn elapsed(&self) -> Nanos {
            Nanos::from_secs(2)
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

    const NOTHING: Fixed = Fixed { arrived: vec![], unarrived: vec![], rate: (0, 0), counter: 0 };

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
        let figures = Fixed { arrived: vec![10; 8], unarrived: vec![700], rate: (8, 9), counter: 0 };
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
}
