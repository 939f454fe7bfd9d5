//! Histograms as lines of an HDR interval log, text format 1.3, V2 payloads compressed with zlib: what
//! HdrHistogram's `HistogramLogProcessor` and the `hdrhistogram` crate read.
//!
//! Values are nanoseconds. `Interval_Max` is in milliseconds, as HdrHistogram's own writer has it.

use std::io::Write;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

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

/// One line of a log that was read.
#[derive(Clone, Debug)]
pub struct Line {
    /// The tag, without [`NEGATIVE_SUFFIX`].
    pub tag: String,
    /// When its interval began.
    pub start: UnixNanos,
    /// How long the interval is.
    pub length: Nanos,
    /// Its values at the histogram's resolution: minimum, maximum and mean are those of the buckets.
    pub histogram: SignedHistogram,
}

/// Reads a log line by line: a log of days does not fit into memory as histograms.
pub struct Reader {
    base: UnixNanos,
    deserializer: Deserializer,
}

impl Default for Reader {
    fn default() -> Self {
        Self { base: UnixNanos(0), deserializer: Deserializer::new() }
    }
}

impl Reader {
    /// Reads the next line, given without its end: an interval whose tag, without [`NEGATIVE_SUFFIX`], is wanted; nothing
    /// where it is another one or belongs to the header.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn next(&mut self, text: &str, wanted: impl Fn(&str) -> bool) -> Result<Option<Line>, String> {
        let tag = text.strip_prefix("Tag=").and_then(|rest| rest.split_once(',')).map(|(tag, _)| tag);
        if tag.is_some_and(|tag| !wanted(tag.strip_suffix(NEGATIVE_SUFFIX).unwrap_or(tag))) {
            return Ok(None);
        }
        let text = format!("{text}\n");
        match IntervalLogIterator::new(text.as_bytes()).next() {
            Some(Ok(LogEntry::BaseTime(since_epoch))) => self.base = UnixNanos(nanos(since_epoch).0),
            Some(Ok(LogEntry::Interval(interval))) => {
                return line(&interval, self.base, &mut self.deserializer).map(Some);
            }
            Some(Ok(LogEntry::StartTime(_))) | None => {}
            Some(Err(error)) => return Err(format!("{error:?}")),
        }
        Ok(None)
    }
}

/// The lines of a log in their order. The last line is left out if it is torn, as a process that was killed leaves it.
///
/// # Errors
/// A sentence that says which line cannot be read.
pub fn read(log: &str) -> Result<Vec<Line>, String> {
    let whole = log.rfind('\n').map_or("", |end| &log[..=end]);
    let mut reader = Reader::default();
    let read = |(number, text): (usize, &str)| {
        let line = reader.next(text, |_| true);
        line.map_err(|why| format!("line {} cannot be read: {why}", number + 1)).transpose()
    };
    whole.lines().enumerate().filter_map(read).collect()
}

fn line(
    interval: &IntervalLogHistogram<'_>,
    base: UnixNanos,
    deserializer: &mut Deserializer,
) -> Result<Line, String> {
    let payload = STANDARD.decode(interval.encoded_histogram()).map_err(|error| error.to_string())?;
    let side: Histogram<u64> =
        deserializer.deserialize(&mut payload.as_slice()).map_err(|error| error.to_string())?;
    let tag = interval.tag().map_or("", |tag| tag.as_str());
    let (tag, negative) = match tag.strip_suffix(NEGATIVE_SUFFIX) {
        Some(tag) => (tag, true),
        None => (tag, false),
    };
    Ok(Line {
        tag: tag.to_owned(),
        start: base + nanos(interval.start_timestamp()),
        length: nanos(interval.duration()),
        histogram: SignedHistogram::of_buckets(&side, negative),
    })
}

fn nanos(span: Duration) -> Nanos {
    Nanos(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}

/// A span of time that is not negative.
fn span(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
            // And as we read it ourselves, torn at its end.
            log.extend_from_slice(b"Tag=cdc_e2e_latency.create,1.0");
            let text = String::from_utf8(log).expect("text");
            let mut again = SignedHistogram::default();
            for line in super::read(&text).expect("whole lines") {
                prop_assert_eq!(line.tag, "cdc_e2e_latency.create");
                prop_assert_eq!(line.length, Nanos::from_secs(1));
                again.merge(&line.histogram);
            }
            prop_assert_eq!((again.count(), again.negatives()), (whole.count(), whole.negatives()));
            for q in [0.0, 0.5, 0.9, 1.0] {
                let [ours, true_one] = [&again, &whole].map(|histogram| histogram.quantile(q).map_or(0, |value| value.0));
                prop_assert!((ours - true_one).abs() <= true_one.abs() / 999 + 1, "{ours} for {true_one}");
            }
        }
    }

    #[test]
    fn a_line_that_is_no_line_is_told_with_its_number() {
        let log = format!("{}Tag=a.b,1.5,1.0,25.0,HISTnothing\n", header(UnixNanos(0)));
        let told = super::read(&log).expect_err("no payload");
        assert!(told.starts_with(&format!("line {} cannot be read", log.lines().count())), "{told}");
        assert!(super::read("").expect("nothing").is_empty());
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
