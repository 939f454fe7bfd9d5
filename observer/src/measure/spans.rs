//! Spans of a run, merged and bounded in number: when something held.

use streamgauge_shared::finding::TimeSpan;
use streamgauge_shared::time::{Nanos, UnixNanos};

/// Spans that are kept apart. Past it the two that lie closest become one, with what is between them.
pub(super) const SPANS_MAX: usize = 16;
/// Spans that lie closer than this are one.
const APART_MIN: Nanos = Nanos::from_secs(1);

/// When something held, oldest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    kept: [(UnixNanos, UnixNanos); SPANS_MAX],
    count: usize,
}

impl Spans {
    /// It held from one time to the other.
    pub fn add(&mut self, from: UnixNanos, until: UnixNanos) {
        let until = until.max(from);
        // As a rule time goes on: what comes next continues the last one.
        if let Some(last) = self.kept[..self.count].last_mut()
            && from >= last.0
            && from - last.1 <= APART_MIN
        {
            last.1 = last.1.max(until);
            return;
        }
        let mut all = self.kept[..self.count].to_vec();
        all.push((from, until));
        all.sort_unstable();
        let mut merged: Vec<(UnixNanos, UnixNanos)> = Vec::new();
        for (from, until) in all {
            match merged.last_mut() {
                Some(last) if from - last.1 <= APART_MIN => last.1 = last.1.max(until),
                _ => merged.push((from, until)),
            }
        }
        if merged.len() > SPANS_MAX {
            let apart = |index: &usize| merged[index + 1].0 - merged[*index].1;
            let closest = (0..merged.len() - 1).min_by_key(apart).expect("there are more than one");
            let (_, until) = merged.remove(closest + 1);
            merged[closest].1 = until;
        }
        self.count = merged.len();
        self.kept[..self.count].copy_from_slice(&merged);
    }

    /// It held at one moment.
    pub fn add_moment(&mut self, at: UnixNanos) {
        self.add(at, at);
    }

    /// It held also at these times.
    pub fn add_all(&mut self, others: &Self) {
        others.iter().for_each(|(from, until)| self.add(from, until));
    }

    /// From when to when, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (UnixNanos, UnixNanos)> {
        self.kept[..self.count].iter().copied()
    }

    /// As reports say it: seconds since the start of the run.
    pub(super) fn since(&self, start: UnixNanos) -> Vec<TimeSpan> {
        let seconds = |at: UnixNanos| (at - start).as_secs_f64();
        self.iter().map(|(from, until)| TimeSpan { from_s: seconds(from), until_s: seconds(until) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(spans: &[(i64, i64)]) -> Vec<(f64, f64)> {
        let mut all = Spans::default();
        let at = UnixNanos::from_millis;
        spans.iter().for_each(|(from, until)| all.add(at(*from), at(*until)));
        all.since(at(0)).iter().map(|span| (span.from_s, span.until_s)).collect()
    }

    #[test]
    fn what_lies_close_is_one_span_in_whatever_order_it_came() {
        assert_eq!(of(&[]), []);
        assert_eq!(of(&[(1_000, 1_500), (2_400, 2_400), (9_000, 9_500)]), [(1.0, 2.4), (9.0, 9.5)]);
        assert_eq!(of(&[(9_000, 9_500), (1_000, 1_500), (2_400, 8_100)]), [(1.0, 9.5)]);
        assert_eq!(of(&[(5_000, 5_100), (1_000, 9_000)]), [(1.0, 9.0)]);
    }

    #[test]
    fn past_the_bound_the_closest_two_become_one() {
        let mut spans: Vec<(i64, i64)> = (0..16).map(|index| (index * 10_000, index * 10_000)).collect();
        spans.push((52_000, 53_000));
        let merged = of(&spans);
        assert_eq!(merged.len(), SPANS_MAX);
        assert_eq!((merged[5], merged[6]), ((50.0, 53.0), (60.0, 60.0)));
    }
}
