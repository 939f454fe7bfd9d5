//! Histograms as lines of an HDR interval log, text format 1.3, V2 payloads compressed with zlib: what
//! HdrHistogram's `HistogramLogProcessor` and the `hdrhistogram` crate read.
//!
//! Values are nanoseconds. `Interval_Max` is in milliseconds, as HdrHistogram's own writer has it.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::SignedHistogram;
use crate::time::{Nanos, UnixNanos};

/// Ends the tag of the magnitudes of values below zero: the format has no negatives.
pub const NEGATIVE_SUFFIX: &str = ".early";
/// Nanoseconds in a unit of `Interval_Max`.
const NANOS_IN_MAX: u32 = 1_000_000;

/// What a log begins with. The times of its intervals count from `base`.
#[must_use]
pub fn header(base: UnixNanos) -> String {
    let epoch = UNIX_EPOCH + span(Nanos(base.0));
    let mut header = Vec::new();
    let ratio = format!(
        "values are nanoseconds, Interval_Max is in milliseconds: max value unit ratio {NANOS_IN_MAX}"
    );
    let early = format!("a tag that ends in '{NEGATIVE_SUFFIX}' holds the magnitudes of values below zero");
    let begun = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&ratio)
        .add_comment(&early)
        .with_start_time(epoch)
        .with_base_time(epoch)
        .with_max_value_divisor(NANOS_IN_MAX.into())
        .begin_log_with(&mut header, &mut V2DeflateSerializer::new())
        .map(drop);
    begun.expect("memory can be written");
    String::from_utf8(header).expect("made of text")
}

/// Adds the lines of one histogram to `log`: one for its values from zero on, one for those below, neither
/// if there are none.
///
/// # Panics
/// When `tag` holds a comma, a space or a line end: tags are names of ours.
pub fn append(log: &mut Vec<u8>, tag: &str, histogram: &SignedHistogram, start: Nanos, length: Nanos) {
    if !histogram.positive.is_empty() {
        append_side(log, tag, &histogram.positive, start, length);
    }
    if let Some(negative) = &histogram.negative {
        append_side(log, &format!("{tag}{NEGATIVE_SUFFIX}"), negative, start, length);
    }
}

fn append_side(log: &mut Vec<u8>, tag: &str, side: &Histogram<u64>, start: Nanos, length: Nanos) {
    let mut lines = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .with_max_value_divisor(NANOS_IN_MAX.into())
        .begin_log_with(&mut lines, &mut serializer)
        .expect("memory can be written")
        .write_histogram(side, span(start), span(length), Some(Tag::new(tag).expect("a name of ours")))
        .expect("a histogram within 48 h can be encoded");
    // The writer begins with its divisor each time; the header has it.
    let interval = lines.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#"));
    for line in interval.filter(|line| !line.is_empty()) {
        log.write_all(line).expect("memory can be written");
        log.push(b'\n');
    }
}

/// A span of time that is not negative.
fn span(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use proptest::prelude::*;

    use super::*;

    /// The sum of the intervals by tag, as the crate reads them.
    fn read(log: &[u8]) -> BTreeMap<String, Histogram<u64>> {
        let mut sums: BTreeMap<String, Histogram<u64>> = BTreeMap::new();
        for entry in IntervalLogIterator::new(log) {
            let LogEntry::Interval(interval) = entry.expect("a legal log") else { continue };
            let payload = STANDARD.decode(interval.encoded_histogram()).expect("base 64");
            let histogram: Histogram<u64> =
                Deserializer::new().deserialize(&mut payload.as_slice()).expect("a legal payload");
            let max = histogram.max() as f64 / 1e6;
            assert!((interval.max() - max).abs() <= 0.0006, "{} for {max}", interval.max());
            let tag = interval.tag().expect("each line has a tag").as_str().to_owned();
            sums.entry(tag).or_insert_with(super::super::empty).add(&histogram).expect("grows");
        }
        sums
    }

    proptest! {
        #[test]
        fn the_sum_of_the_intervals_is_the_whole(seconds in prop::collection::vec(prop::collection::vec(-2_000_000_i64..9_000_000_000, 0..50), 1..8)) {
            let mut log = header(UnixNanos(1_700_000_000_000_000_000)).into_bytes();
            let mut whole = SignedHistogram::default();
            for (second, values) in (0..).zip(&seconds) {
                let mut interval = SignedHistogram::default();
                values.iter().for_each(|value| interval.record(Nanos(*value)));
                whole.merge(&interval);
                append(&mut log, "cdc_e2e_latency.create", &interval, Nanos::from_secs(second), Nanos::from_secs(1));
            }
            let sums = read(&log);
            let count = |tag: &str| sums.get(tag).map_or(0, Histogram::len);
            prop_assert_eq!(count("cdc_e2e_latency.create.early"), whole.negatives());
            prop_assert_eq!(count("cdc_e2e_latency.create"), whole.count() - whole.negatives());
            for q in [0.5, 0.99, 1.0] {
                let Some(histogram) = sums.get("cdc_e2e_latency.create") else { continue };
                prop_assert_eq!(histogram.value_at_quantile(q), whole.positive.value_at_quantile(q));
            }
        }
    }

    #[test]
    fn the_header_says_when_and_in_which_unit() {
        let mut log = header(UnixNanos(1_700_000_000_250_000_000)).into_bytes();
        let mut histogram = SignedHistogram::default();
        histogram.record(Nanos::from_millis(25));
        histogram.record(Nanos::from_millis(-3));
        append(&mut log, "a.b", &histogram, Nanos::from_millis(1_500), Nanos::from_millis(1_000));
        let text = String::from_utf8(log).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "#[Histogram log format version 1.3]");
        assert!(
            text.contains("unit ratio 1000000\n") && text.contains("#[BaseTime: 1700000000.250 "),
            "{text}"
        );
        assert!(lines[lines.len() - 2].starts_with("Tag=a.b,1.500,1.000,25.0"), "{text}");
        assert!(lines[lines.len() - 1].starts_with("Tag=a.b.early,1.500,1.000,3.0"), "{text}");
    }

    /// Values between 1 and 100 ms, each decade as likely: wider than a second of a healthy pipeline.
    #[test]
    fn a_line_is_as_small_as_the_documentation_says() {
        for (values, limit) in [(10, 300), (100, 800), (1_000, 2_500), (10_000, 4_000)] {
            let mut histogram = SignedHistogram::default();
            for n in 0..values {
                // The golden ratio walks evenly through the exponents, in no order.
                let exponent = (f64::from(n) * 0.618_033_988_749_895).fract() * 2.0;
                histogram.record(Nanos::from_millis_f64(10_f64.powf(exponent)));
            }
            let mut log = Vec::new();
            append(
                &mut log,
                "cdc_e2e_latency.create",
                &histogram,
                Nanos::from_secs(100_000),
                Nanos::from_secs(1),
            );
            assert!(
                log.len() <= limit,
                "{} bytes for {values} values, at most {limit} are allowed",
                log.len()
            );
        }
    }
}
