//! From the intervals of `latency.hlog` to the slots of equal length that blocks are made of.

use streamgauge_shared::account::Operation;
use streamgauge_shared::time::{Nanos, UnixNanos};
use streamgauge_shared::timeline::Latency;

use super::course::Slot;
use crate::kept::KeptInterval;

/// Slots of one run at most: what 2,000 resamples can draw from in a few seconds. A longer run has longer slots, which
/// costs no more than the choice of a block shorter than one of them.
const SLOTS_MAX: i64 = 2_048;
/// The share of the time that may lie in intervals longer than a slot: an observer that was late for a moment does not
/// make the slots of a whole run longer, a log that has lines of 10 or 60 s does.
const LONGER_MAX: f64 = 0.05;

/// One run's course of one latency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots {
    /// The length of each, seconds.
    pub length_s: f64,
    /// In the order of time; those in which nothing arrived are empty, before the first arrival and after the last there
    /// are none.
    pub slots: Vec<Slot>,
}

/// The slots of a latency, of one operation or of all.
#[must_use]
pub fn slots(intervals: &[KeptInterval], latency: Latency, operation: Option<Operation>) -> Slots {
    let of_it: Vec<&KeptInterval> = intervals
        .iter()
        .filter(|interval| interval.latency == latency)
        .filter(|interval| operation.is_none_or(|operation| interval.operation == operation))
        .filter(|interval| interval.histogram.count() > 0)
        .collect();
    let Some(start) = of_it.iter().map(|interval| interval.start).min() else { return Slots::default() };
    let end = of_it.iter().map(|interval| interval.start + interval.length).max().unwrap_or(start);
    let length = slot_length(&of_it, end - start);
    let mut slots: Vec<Slot> = Vec::new();
    for interval in of_it {
        let at = place(interval, start, length);
        if slots.len() <= at {
            slots.resize(at + 1, Slot::new());
        }
        slots[at].extend(interval.histogram.buckets().map(|(value, count)| (value.0, count)));
    }
    Slots { length_s: length.as_secs_f64(), slots: slots.into_iter().map(merged).collect() }
}

/// The slot that holds an interval's middle: lines begin a few milliseconds early or late.
fn place(interval: &KeptInterval, start: UnixNanos, length: Nanos) -> usize {
    let middle = (interval.start - start).0 + interval.length.0 / 2;
    usize::try_from(middle / length.0).unwrap_or(0)
}

/// Whole seconds, so long that nearly all of the time lies in intervals that are not longer.
#[expect(clippy::cast_precision_loss, reason = "lengths of time, compared roughly")]
fn slot_length(intervals: &[&KeptInterval], whole: Nanos) -> Nanos {
    let mut lengths: Vec<i64> = intervals.iter().map(|interval| interval.length.0).collect();
    lengths.sort_unstable();
    let total: i64 = lengths.iter().sum();
    let mut longer = total;
    let enough = lengths.iter().copied().find(|length| {
        longer -= length;
        longer as f64 <= total as f64 * LONGER_MAX
    });
    let second = Nanos::from_secs(1).0;
    let longest = (enough.unwrap_or(second) + second / 2) / second;
    let thinned = up(whole.0, SLOTS_MAX * second);
    // A multiple of the lines' length, so that no line lies in two slots.
    let length = longest.max(1);
    Nanos(length * up(thinned, length).max(1) * second)
}

/// A quotient of positive numbers, rounded up.
fn up(number: i64, divisor: i64) -> i64 {
    (number + divisor - 1) / divisor
}

/// Equal values of several operations are one entry.
fn merged(mut slot: Slot) -> Slot {
    slot.sort_unstable();
    slot.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 += later.1;
        }
        same
    });
    slot
}

#[cfg(test)]
mod tests {
    use streamgauge_shared::histogram::{CompactHistogram, SignedHistogram};

    use super::*;

    fn interval(start_ms: i64, length_ms: i64, operation: Operation, values: &[i64]) -> KeptInterval {
        let mut histogram = SignedHistogram::default();
        values.iter().for_each(|value| histogram.record(Nanos::from_millis(*value)));
        KeptInterval {
            start: UnixNanos::from_millis(start_ms),
            length: Nanos::from_millis(length_ms),
            latency: Latency::CdcE2eLatency,
            operation,
            histogram: CompactHistogram::from(&histogram),
        }
    }

    fn counts(slots: &Slots) -> Vec<u64> {
        slots.slots.iter().map(|slot| slot.iter().map(|(_, count)| count).sum()).collect()
    }

    #[test]
    fn operations_of_a_second_are_one_slot_and_a_silent_second_is_an_empty_one() {
        let intervals = [
            interval(10_000, 1_001, Operation::Create, &[30, 30]),
            interval(10_000, 1_001, Operation::Update, &[30]),
            interval(12_004, 998, Operation::Create, &[40]),
        ];
        let all = slots(&intervals, Latency::CdcE2eLatency, None);
        assert_eq!((all.length_s, counts(&all)), (1.0, vec![3, 0, 1]));
        assert_eq!(all.slots[0].len(), 1, "one value: {:?}", all.slots[0]);
        let created = slots(&intervals, Latency::CdcE2eLatency, Some(Operation::Create));
        assert_eq!(counts(&created), [2, 0, 1]);
        assert_eq!(slots(&intervals, Latency::ScheduleLag, None), Slots::default());
    }

    #[test]
    fn late_lines_of_ten_seconds_make_all_slots_as_long_and_one_late_line_does_not() {
        let second = |n: i64| interval(n * 1_000, 1_000, Operation::Create, &[30]);
        let mut intervals: Vec<KeptInterval> = (0..20).map(second).collect();
        intervals.extend((2..6).map(|n| interval(n * 10_000, 10_000, Operation::Create, &[30; 10])));
        let slots_of = |intervals: &[KeptInterval]| slots(intervals, Latency::CdcE2eLatency, None);
        assert_eq!((slots_of(&intervals).length_s, counts(&slots_of(&intervals))), (10.0, vec![10; 6]));
        let mut intervals: Vec<KeptInterval> = (0..100).map(second).collect();
        intervals.push(interval(100_000, 3_000, Operation::Create, &[30; 3]));
        assert_eq!(slots_of(&intervals).length_s, 1.0);
        // Two hours have slots of four seconds: at most 2,048 of them.
        let intervals: Vec<KeptInterval> = (0..7_200).map(second).collect();
        assert_eq!((slots_of(&intervals).length_s, slots_of(&intervals).slots.len()), (4.0, 1_800));
    }
}
