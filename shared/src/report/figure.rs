//! The statistics of one latency, with figures that may be absent or only bounded from below.

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::histogram::{Quantile, SignedHistogram};
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
}

/// What a report says of one latency; milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Measured.
    pub count: u64,
    /// Had not arrived; in the percentiles with their age.
    pub censored: u64,
    /// Arrived at a time that cannot be believed; in no figure.
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
    /// The figure as a quantile of spans, to the nearest nanosecond.
    #[must_use]
    pub fn quantile(self) -> Quantile {
        match self {
            Self::Absent => Quantile::NoData,
            Self::Value(millis) => Quantile::Value(Nanos::from_millis_f64(millis)),
            Self::AtLeast(low) => Quantile::AtLeast(Nanos::from_millis_f64(low)),
        }
    }
}

impl Stats {
    /// The statistics of what arrived and of the ages of what did not.
    #[must_use]
    pub fn of(arrived: &SignedHistogram, unarrived: &SignedHistogram, unmeasured: u64) -> Self {
        let quantile = |q| match arrived.quantile_with(q, unarrived) {
            Quantile::NoData => Figure::Absent,
            Quantile::Value(value) => Figure::Value(value.as_millis_f64()),
            Quantile::AtLeast(low) => Figure::AtLeast(low.as_millis_f64()),
        };
        Self {
            count: arrived.count(),
            censored: unarrived.count(),
            unmeasured,
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

    fn figures(&self) -> [(&'static str, &'static str, Figure); 6] {
        [
            ("p50", "p50_at_least", self.p50),
            ("p90", "p90_at_least", self.p90),
            ("p95", "p95_at_least", self.p95),
            ("p99", "p99_at_least", self.p99),
            ("p99_9", "p99_9_at_least", self.p99_9),
            ("max", "max_at_least", self.max),
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
        for (name, at_least, figure) in self.figures() {
            match figure {
                Figure::Absent => {}
                Figure::Value(value) => map.serialize_entry(name, &value)?,
                Figure::AtLeast(low) => {
                    map.serialize_entry(name, &Value::Null)?;
                    map.serialize_entry(at_least, &low)?;
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
        let figure = |name: &str| match (number(name), number(&format!("{name}_at_least"))) {
            (Some(value), _) => Figure::Value(value),
            (None, Some(low)) => Figure::AtLeast(low),
            (None, None) => Figure::Absent,
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
        let json = serde_json::to_value(Stats::of(&arrived, &unarrived, 3)).expect("numbers");
        assert_eq!(
            (&json["count"], &json["censored"], &json["unmeasured"]),
            (&9.into(), &1.into(), &3.into())
        );
        assert_eq!(json["min"], 2.0);
        // At the histogram's resolution: the highest equivalent value.
        assert!(json["p90"].as_f64().is_some_and(|p90| (2.0..2.002).contains(&p90)));
        assert_eq!(json["p99"], Value::Null);
        assert!(json["p99_at_least"].as_f64().is_some_and(|low| (49.9..50.1).contains(&low)));

        let empty = Stats::of(&SignedHistogram::default(), &SignedHistogram::default(), 0);
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
        for stats in [Stats::of(&arrived, &unarrived, 3), Stats::default()] {
            let json = serde_json::to_string(&stats).expect("numbers");
            assert_eq!(serde_json::from_str::<Stats>(&json).expect("read back"), stats);
        }
    }
}
