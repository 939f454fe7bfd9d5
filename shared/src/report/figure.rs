//! The statistics of one latency, with figures that may be absent or only bounded from below.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::histogram::{Quantile, SignedHistogram, Unmeasured};
use crate::time::Nanos;

/// One percentile, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Figure {
    /// There is no data: the field is left out.
    #[default]
    Absent,
    /// The value.
    Value(f64),
    /// `null`, with the bound beside it in `<name>_at_least`.
    AtLeast(f64),
    /// `null`, with both bounds beside it in `<name>_at_least` and `<name>_at_most`.
    Between(f64, f64),
}

/// What a report says of one latency; milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Measured.
    pub count: u64,
    /// Had not arrived; in the percentiles with their age.
    pub censored: u64,
    /// Arrived at a time that cannot be believed; in the percentiles between their bounds.
    pub unmeasured: u64,
    /// Of what arrived.
    pub min: Option<f64>,
    /// Of what arrived.
    pub mean: Option<f64>,
    /// Of what arrived.
    pub stddev: Option<f64>,
    /// Over all operations.
    pub p50: Figure,
    /// Over all operations.
    pub p90: Figure,
    /// Over all operations.
    pub p95: Figure,
    /// Over all operations.
    pub p99: Figure,
    /// Over all operations.
    pub p99_9: Figure,
    /// Over all operations.
    pub max: Figure,
}

impl Figure {
    /// The figure of a quantile.
    #[must_use]
    pub fn of(quantile: Quantile) -> Self {
        match quantile {
            Quantile::NoData => Self::Absent,
            Quantile::Value(value) => Self::Value(value.as_millis_f64()),
            Quantile::AtLeast(low) => Self::AtLeast(low.as_millis_f64()),
            Quantile::Between(low, high) => Self::Between(low.as_millis_f64(), high.as_millis_f64()),
        }
    }

    /// The figure as a quantile of spans, to the nearest nanosecond.
    #[must_use]
    pub fn quantile(self) -> Quantile {
        match self {
            Self::Absent => Quantile::NoData,
            Self::Value(millis) => Quantile::Value(Nanos::from_millis_f64(millis)),
            Self::AtLeast(low) => Quantile::AtLeast(Nanos::from_millis_f64(low)),
            Self::Between(low, high) => {
                Quantile::Between(Nanos::from_millis_f64(low), Nanos::from_millis_f64(high))
            }
        }
    }
}

impl Stats {
    /// The statistics of what arrived, of the ages of what did not, and of what arrived unmeasured.
    #[must_use]
    pub fn of(arrived: &SignedHistogram, unarrived: &SignedHistogram, unmeasured: &Unmeasured) -> Self {
        let quantile = |q| Figure::of(arrived.quantile_between(q, unarrived, unmeasured));
        Self {
            count: arrived.count(),
            censored: unarrived.count(),
            unmeasured: unmeasured.count(),
            min: arrived.min().map(Nanos::as_millis_f64),
            mean: arrived.mean().map(|ns| ns / 1e6),
            stddev: arrived.stddev().map(|ns| ns / 1e6),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p99_9: quantile(0.999),
            max: quantile(1.0),
        }
    }

    /// Each percentile with its name, and those of its bounds.
    fn figures(&self) -> [([&'static str; 3], Figure); 6] {
        [
            (["p50", "p50_at_least", "p50_at_most"], self.p50),
            (["p90", "p90_at_least", "p90_at_most"], self.p90),
            (["p95", "p95_at_least", "p95_at_most"], self.p95),
            (["p99", "p99_at_least", "p99_at_most"], self.p99),
            (["p99_9", "p99_9_at_least", "p99_9_at_most"], self.p99_9),
            (["max", "max_at_least", "max_at_most"], self.max),
        ]
    }
}

impl Serialize for Stats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("count", &self.count)?;
        map.serialize_entry("censored", &self.censored)?;
        map.serialize_entry("unmeasured", &self.unmeasured)?;
        for (name, value) in [("min", self.min), ("mean", self.mean), ("stddev", self.stddev)] {
            if let Some(value) = value {
                map.serialize_entry(name, &value)?;
            }
        }
        for ([name, at_least, at_most], figure) in self.figures() {
            match figure {
                Figure::Absent => {}
                Figure::Value(value) => map.serialize_entry(name, &value)?,
                Figure::AtLeast(low) => {
                    map.serialize_entry(name, &Value::Null)?;
                    map.serialize_entry(at_least, &low)?;
                }
                Figure::Between(low, high) => {
                    map.serialize_entry(name, &Value::Null)?;
                    map.serialize_entry(at_least, &low)?;
                    map.serialize_entry(at_most, &high)?;
                }
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Stats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let count = |name: &'static str| {
            map.get(name).and_then(Value::as_u64).ok_or_else(|| D::Error::missing_field(name))
        };
        let number = |name: &str| map.get(name).and_then(Value::as_f64);
        let bounds = |name: &str| [number(&format!("{name}_at_least")), number(&format!("{name}_at_most"))];
        let figure = |name: &str| match (number(name), bounds(name)) {
            (Some(value), _) => Figure::Value(value),
            (None, [Some(low), Some(high)]) => Figure::Between(low, high),
            (None, [Some(low), None]) => Figure::AtLeast(low),
            (None, [None, _]) => Figure::Absent,
        };
        Ok(Self {
            count: count("count")?,
            censored: count("censored")?,
            unmeasured: count("unmeasured")?,
            min: number("min"),
            mean: number("mean"),
            stddev: number("stddev"),
            p50: figure("p50"),
            p90: figure("p90"),
            p95: figure("p95"),
            p99: figure("p99"),
            p99_9: figure("p99_9"),
            max: figure("max"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_figure_is_absent_and_a_bounded_one_is_null_beside_its_bound() {
        let (mut arrived, mut unarrived) = (SignedHistogram::default(), SignedHistogram::default());
        (0..9).for_each(|_| arrived.record(Nanos::from_millis(2)));
        unarrived.record(Nanos::from_millis(50));
        let json =
            serde_json::to_value(Stats::of(&arrived, &unarrived, &Unmeasured::default())).expect("numbers");
        assert_eq!(
            (&json["count"], &json["censored"], &json["unmeasured"]),
            (&9.into(), &1.into(), &0.into())
        );
        assert_eq!(json["min"], 2.0);
        // At the histogram's resolution: the highest equivalent value.
        assert!(json["p90"].as_f64().is_some_and(|p90| (2.0..2.002).contains(&p90)));
        assert_eq!(json["p99"], Value::Null);
        assert!(json["p99_at_least"].as_f64().is_some_and(|low| (49.9..50.1).contains(&low)));

        let empty =
            Stats::of(&SignedHistogram::default(), &SignedHistogram::default(), &Unmeasured::default());
        assert_eq!(
            serde_json::to_string(&empty).expect("numbers"),
            r#"{"count":0,"censored":0,"unmeasured":0}"#
        );
    }

    #[test]
    fn statistics_survive_json() {
        let (mut arrived, mut unarrived) = (SignedHistogram::default(), SignedHistogram::default());
        (1..100).for_each(|ms| arrived.record(Nanos(ms * 1_234_567)));
        unarrived.record(Nanos::from_millis(50));
        let none = Unmeasured::default();
        let mut unmeasured = Unmeasured::default();
        (0..3).for_each(|_| unmeasured.record(Nanos::ZERO, Some(Nanos::from_millis(480))));
        let open = Stats::of(&arrived, &SignedHistogram::default(), &unmeasured);
        assert!(matches!(open.p99, Figure::Between(low, high) if low < 123.0 && high > 479.0), "{open:?}");
        let json = serde_json::to_value(&open).expect("numbers");
        assert!(json["p99"].is_null() && json["p99_at_least"].is_number() && json["p99_at_most"].is_number());
        for stats in [Stats::of(&arrived, &unarrived, &none), open, Stats::default()] {
            let json = serde_json::to_string(&stats).expect("numbers");
            assert_eq!(serde_json::from_str::<Stats>(&json).expect("read back"), stats);
        }
    }
}
