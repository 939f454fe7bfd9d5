//! A histogram as a file keeps it: its buckets in HdrHistogram's V2 format, compressed and in base 64, and its exact
//! figures beside them. Reading gives back the same histogram.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2DeflateSerializer};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use super::{Exact, SignedHistogram};
use crate::time::Nanos;

/// The form in JSON. Sums are texts: they do not fit into a JSON number, or not to the last bit.
#[derive(Serialize, Deserialize)]
struct Stored {
    count: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_ns: Option<i64>,
    #[serde(default)]
    over_range: u64,
    sum_ns: String,
    negative_sum_ns: String,
    sum_of_squares: String,
    positive: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    negative: Option<String>,
}

impl Serialize for SignedHistogram {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exact = &self.exact;
        Stored {
            count: exact.count,
            min_ns: self.min().map(|min| min.0),
            max_ns: self.max().map(|max| max.0),
            over_range: exact.over_range,
            sum_ns: exact.sum.to_string(),
            negative_sum_ns: exact.negative_sum.to_string(),
            sum_of_squares: exact.sum_of_squares.to_string(),
            positive: encoded(&self.positive),
            negative: self.negative.as_ref().map(encoded),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SignedHistogram {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let sum =
            |text: &str| text.parse::<i128>().map_err(|error| D::Error::custom(format!("{text}: {error}")));
        let mut histogram = Self::default();
        histogram
            .positive
            .add(&decoded(&stored.positive).map_err(D::Error::custom)?)
            .map_err(D::Error::custom)?;
        if let Some(negative) = &stored.negative {
            let side = decoded(negative).map_err(D::Error::custom)?;
            histogram.negative.get_or_insert_with(super::empty).add(&side).map_err(D::Error::custom)?;
        }
        let counted = histogram.positive.len() + histogram.negatives();
        if counted != stored.count {
            return Err(D::Error::custom(format!(
                "its buckets hold {counted} values, and its count is {}",
                stored.count
            )));
        }
        histogram.exact = Exact {
            count: stored.count,
            over_range: stored.over_range,
            min: stored.min_ns.map_or(Exact::default().min, Nanos),
            max: stored.max_ns.map_or(Exact::default().max, Nanos),
            sum: sum(&stored.sum_ns)?,
            negative_sum: sum(&stored.negative_sum_ns)?,
            sum_of_squares: stored
                .sum_of_squares
                .parse()
                .map_err(|error| D::Error::custom(format!("{}: {error}", stored.sum_of_squares)))?,
        };
        Ok(histogram)
    }
}

fn encoded(side: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new().serialize(side, &mut bytes).expect("a histogram within 48 h can be encoded");
    STANDARD.encode(bytes)
}

fn decoded(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(values in prop::collection::vec(-50_000_000_000_i64..50_000_000_000, 0..200), q in 0.0..=1.0_f64) {
            let mut histogram = SignedHistogram::default();
            values.iter().for_each(|value| histogram.record(Nanos(*value)));
            let json = serde_json::to_string(&histogram).expect("numbers and texts");
            let back: SignedHistogram = serde_json::from_str(&json).expect("read back");
            prop_assert_eq!((back.count(), back.negatives(), back.min(), back.max(), back.sums_s()), (histogram.count(), histogram.negatives(), histogram.min(), histogram.max(), histogram.sums_s()));
            prop_assert_eq!((back.quantile(q), back.mean(), back.stddev()), (histogram.quantile(q), histogram.mean(), histogram.stddev()));
        }
    }

    #[test]
    fn a_histogram_whose_count_is_not_that_of_its_buckets_is_refused() {
        let mut histogram = SignedHistogram::default();
        histogram.record(Nanos(7));
        let json = serde_json::to_string(&histogram).expect("text").replace("\"count\":1", "\"count\":2");
        let refused = serde_json::from_str::<SignedHistogram>(&json).expect_err("one value");
        assert!(refused.to_string().contains("hold 1 values, and its count is 2"), "{refused}");
    }
}
