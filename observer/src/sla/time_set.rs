//! Sets of points in time: spans that neither touch nor overlap, oldest first. All arithmetic is exact.

use streamgauge_shared::time::{Nanos, UnixNanos};

/// From one point to before another.
pub(super) type Span = (UnixNanos, UnixNanos);

/// One minute: the grain of the account.
pub(super) const MINUTE: Nanos = Nanos::from_secs(60);

/// A set of points in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TimeSet(Vec<Span>);

impl TimeSet {
    /// The points that lie in any of the spans.
    pub(super) fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut spans: Vec<Span> = spans.into_iter().filter(|(from, until)| from < until).collect();
        spans.sort_unstable();
        let mut merged: Vec<Span> = Vec::new();
        for (from, until) in spans {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => merged.push((from, until)),
            }
        }
        Self(merged)
    }

    /// The points that are in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(&other.0).copied())
    }

    /// The points that are here and not in the other.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for (from, until) in &self.0 {
            let mut at = *from;
            for (away, back) in other.0.iter().filter(|(away, back)| back > from && away < until) {
                if *away > at {
                    left.push((at, *away));
                }
                at = at.max(*back);
            }
            if at < *until {
                left.push((at, *until));
            }
        }
        Self(left)
    }

    /// The points from one to before another.
    pub(super) fn within(&self, from: UnixNanos, until: UnixNanos) -> Self {
        let first = self.0.partition_point(|span| span.1 <= from);
        let overlapping = self.0[first..].iter().take_while(|span| span.0 < until);
        Self(overlapping.map(|(start, end)| ((*start).max(from), (*end).min(until))).collect())
    }

    /// How long it is.
    pub(super) fn length(&self) -> Nanos {
        self.0.iter().fold(Nanos::ZERO, |sum, (from, until)| sum + (*until - *from))
    }

    /// Whether any of its points lies between the two.
    pub(super) fn touches(&self, from: UnixNanos, until: UnixNanos) -> bool {
        let first = self.0.partition_point(|span| span.1 <= from);
        from < until && self.0.get(first).is_some_and(|span| span.0 < until)
    }

    /// Its spans, oldest first.
    pub(super) fn spans(&self) -> &[Span] {
        &self.0
    }
}

/// The minute that holds a point, counted from 1970.
pub(super) fn minute_of(at: UnixNanos) -> i64 {
    at.0.div_euclid(MINUTE.0)
}

/// When a minute begins.
pub(super) fn minute_start(minute: i64) -> UnixNanos {
    UnixNanos(minute.saturating_mul(MINUTE.0))
}

/// The whole minutes that a span touches; one without a length touches one.
pub(super) fn whole_minutes((from, until): Span) -> Span {
    let last = UnixNanos((until.0 - 1).max(from.0));
    (minute_start(minute_of(from)), minute_start(minute_of(last) + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(spans: &[(i64, i64)]) -> TimeSet {
        TimeSet::of(spans.iter().map(|(from, until)| (UnixNanos(*from), UnixNanos(*until))))
    }

    fn points(spans: &[(i64, i64)]) -> Vec<bool> {
        (0..200).map(|at| spans.iter().any(|(from, until)| (*from..*until).contains(&at))).collect()
    }

    fn points_of(set: &TimeSet) -> Vec<bool> {
        let spans: Vec<(i64, i64)> = set.spans().iter().map(|(from, until)| (from.0, until.0)).collect();
        points(&spans)
    }

    fn spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec(
            (0..200_i64, 0..40_i64).prop_map(|(from, length)| (from, (from + length).min(200))),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn sets_are_the_points_that_are_in_them(one in spans(), other in spans(), from in 0..200_i64, length in 0..100_i64) {
            let (a, b) = (points(&one), points(&other));
            let (one, other) = (set(&one), set(&other));
            prop_assert_eq!(points_of(&one), a.clone());
            prop_assert!(one.spans().windows(2).all(|pair| pair[0].1 < pair[1].0));
            let both: Vec<bool> = a.iter().zip(&b).map(|(a, b)| *a || *b).collect();
            prop_assert_eq!(points_of(&one.union(&other)), both);
            let left: Vec<bool> = a.iter().zip(&b).map(|(a, b)| *a && !*b).collect();
            prop_assert_eq!(points_of(&one.without(&other)), left);
            let until = (from + length).min(200);
            let cut: Vec<bool> = a.iter().zip(0..).map(|(a, at)| *a && (from..until).contains(&at)).collect();
            let within = one.within(UnixNanos(from), UnixNanos(until));
            prop_assert_eq!(within.length(), Nanos(cut.iter().filter(|inside| **inside).count() as i64));
            prop_assert_eq!(one.touches(UnixNanos(from), UnixNanos(until)), cut.contains(&true));
            prop_assert_eq!(points_of(&within), cut);
        }
    }

    #[test]
    fn a_moment_takes_its_minute() {
        let at = |seconds: i64| UnixNanos::from_millis(seconds * 1_000);
        assert_eq!(whole_minutes((at(61), at(61))), (at(60), at(120)));
        assert_eq!(whole_minutes((at(60), at(120))), (at(60), at(120)));
        assert_eq!(whole_minutes((at(59), at(121))), (at(0), at(180)));
        assert_eq!(minute_of(UnixNanos(-1)), -1);
    }
}
