//! When a row may be written: its delay, which may grow, its jitter, and a stall. Pure: every moment is an argument.

use streamgauge_shared::time::{Nanos, UnixNanos};

use super::decimal::Decimal;

/// Milliseconds in a second: a growth in ms per s is this many times the growth in s per s.
const MILLIS_PER_SECOND: i128 = 1_000;

/// The delay and the stall of a relay. Both count from the first row that it reads.
#[derive(Clone, Debug)]
pub(super) struct Timing {
    delay: Nanos,
    growth: Decimal,
    stall: Option<Stall>,
    jitter: Jitter,
    /// When the first row was read.
    first: Option<UnixNanos>,
}

/// An extra hold of each row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Jitter {
    /// The longest.
    pub(super) most: Nanos,
    /// What it is drawn from, with the row's number.
    pub(super) seed: u64,
}

/// A time in which nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stall {
    /// Its start, after the first row was read.
    pub(super) at: Nanos,
    /// Its length.
    pub(super) length: Nanos,
}

impl Timing {
    /// `growth` is in ms of delay per second since the first row was read.
    pub(super) fn new(delay: Nanos, growth: Decimal, stall: Option<Stall>, jitter: Jitter) -> Self {
        Self { delay, growth, stall, jitter, first: None }
    }

    /// Notes that a row was read at `read`; only the first one counts.
    pub(super) fn row_read(&mut self, read: UnixNanos) {
        self.first.get_or_insert(read);
    }

    /// The moment before which something that was read at `read` must not be written.
    ///
    /// Never decreases with `read`, so rows that are taken in order are also due in order.
    pub(super) fn due(&self, read: UnixNanos) -> UnixNanos {
        let elapsed = self.first.map_or(Nanos::ZERO, |first| read - first);
        read + self.delay + grown(self.growth, elapsed)
    }

    /// How much longer the row with this number is held: evenly spread over 0 to the most, the same for the same
    /// seed and number.
    pub(super) fn jitter(&self, number: u64) -> Nanos {
        let Jitter { most, seed } = self.jitter;
        // The high half of 64 random bits times a range, as in Lemire's method: even to 1 in 2^64 parts.
        let wide = u128::from(mixed(seed, number)) * (u128::from(most.0.max(0).unsigned_abs()) + 1);
        Nanos(i64::try_from(wide >> 64).unwrap_or(i64::MAX))
    }

    /// When the stall ends that `now` lies in.
    pub(super) fn stalled_until(&self, now: UnixNanos) -> Option<UnixNanos> {
        let stall = self.stall?;
        let start = self.first? + stall.at;
        let end = start + stall.length;
        (now >= start && now < end).then_some(end)
    }
}

/// The `number`-th output of SplitMix64 (Steele, Lea, Flood 2014) that was seeded with `seed`.
fn mixed(seed: u64, number: u64) -> u64 {
    let state = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// What a growth of `per_second` ms per s has come to after `elapsed`; rounded up, so never cut short.
fn grown(per_second: Decimal, elapsed: Nanos) -> Nanos {
    let product = i128::from(elapsed.0.max(0)).saturating_mul(i128::from(per_second.numerator()));
    let divisor = i128::from(per_second.denominator()) * MILLIS_PER_SECOND;
    let whole = -(-product).div_euclid(divisor);
    Nanos(i64::try_from(whole).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timing(growth: &str, stall: Option<Stall>) -> Timing {
        Timing::new(Nanos::from_millis(20), growth.parse().unwrap(), stall, Jitter::default())
    }

    fn seconds(seconds: i64) -> UnixNanos {
        UnixNanos(0) + Nanos::from_secs(seconds)
    }

    #[test]
    fn a_delay_grows_from_the_first_row_on() {
        let mut growing = timing("1.5", None);
        assert_eq!(growing.due(seconds(100)), seconds(100) + Nanos::from_millis(20));
        growing.row_read(seconds(100));
        growing.row_read(seconds(105));
        let delay = |at: i64| growing.due(seconds(at)) - seconds(at);
        assert_eq!(delay(100), Nanos::from_millis(20));
        assert_eq!(delay(102), Nanos::from_millis(23));
        assert_eq!(delay(1_100), Nanos::from_millis(1_520));
        assert_eq!(delay(99), Nanos::from_millis(20), "nothing is due sooner than the fixed delay");
        assert_eq!(grown("0.1".parse().unwrap(), Nanos(15_000)), Nanos(2), "1.5 ns, rounded up");
    }

    #[test]
    fn a_stall_holds_everything_from_its_start_to_just_before_its_end() {
        let stall = Stall { at: Nanos::from_secs(10), length: Nanos::from_secs(5) };
        let mut stalling = timing("0", Some(stall));
        assert_eq!(stalling.stalled_until(seconds(12)), None, "no row has been read yet");
        stalling.row_read(seconds(1));
        assert_eq!(stalling.stalled_until(seconds(11) - Nanos(1)), None);
        assert_eq!(stalling.stalled_until(seconds(11)), Some(seconds(16)));
        assert_eq!(stalling.stalled_until(seconds(16) - Nanos(1)), Some(seconds(16)));
        assert_eq!(stalling.stalled_until(seconds(16)), None);
    }

    #[test]
    fn jitter_spreads_evenly_and_is_the_same_for_the_same_seed() {
        let jittering = |seed| {
            let jitter = Jitter { most: Nanos(9), seed };
            Timing::new(Nanos(0), Decimal::default(), None, jitter)
        };
        let mut counts = [0_u32; 10];
        for number in 0..10_000 {
            let jitter = jittering(1).jitter(number);
            assert_eq!(jitter, jittering(1).jitter(number));
            counts[usize::try_from(jitter.0).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert!((0..20).any(|number| jittering(1).jitter(number) != jittering(2).jitter(number)));
        assert_eq!(mixed(1_234_567, 0), 6_457_827_717_110_365_317, "the published first output of this seed");
        assert_eq!(timing("0", None).jitter(5), Nanos::ZERO);
    }

    proptest! {
        #[test]
        fn growth_never_changes_the_order(growth in "[0-9]{1,6}(\\.[0-9]{1,12})?", reads in prop::collection::vec(0..i64::MAX, 2..20)) {
            let mut timing = Timing::new(Nanos(1), growth.parse().unwrap(), None, Jitter::default());
            timing.row_read(UnixNanos(reads[0]));
            let mut sorted = reads;
            sorted.sort_unstable();
            let due: Vec<UnixNanos> = sorted.iter().map(|read| timing.due(UnixNanos(*read))).collect();
            prop_assert!(due.is_sorted());
            prop_assert!(due.iter().zip(&sorted).all(|(due, read)| due.0 > *read || due.0 == i64::MAX));
        }
    }
}
