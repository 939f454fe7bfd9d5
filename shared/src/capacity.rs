//! The search for the highest rate that holds: doubling, then bisection, with every turn confirmed.
//!
//! Pure: it proposes the next probe's rate and is told how the probe went. Writer and observer each run it on
//! the same outcomes, so both know the state of the search and neither has to trust the other's arithmetic.
//!
//! A rate holds when the thresholds hold over its judged part and the backlog does not grow. A probe that fails
//! is repeated once: one hiccup does not lower the ceiling. When the bracket between the highest rate that held
//! and the lowest that failed is narrow enough, its lower end is probed once more; if that fails (twice), the
//! search goes on below it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account::as_f64;
use crate::test_file::{CapacitySearch, Rate};
use crate::time::Nanos;

/// Rates are whole thousandths of an iteration per second, so that both programs mean the same rate.
const PER: Nanos = Nanos::from_secs(1_000);
/// The search gives up below this share of its first rate.
const GIVE_UP_BELOW: u64 = 64;

/// How one probe went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Iterations per second that were offered.
    pub rate_per_s: f64,
    /// Operations per second that were sent in the judged part.
    pub sent_per_s: f64,
    /// Operations per second that arrived in it.
    pub arrived_per_s: f64,
    /// How much the number of operations on their way grew, per second, by a straight line through the judged part.
    pub backlog_growth_per_s: f64,
    /// Why the rate does not hold; nothing if it does.
    pub reason: Option<String>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Capacity {
    /// The highest rate that held and was confirmed, iterations per second; absent when none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<f64>,
    /// Operations per second that arrived at that rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_per_s: Option<f64>,
    /// The lowest rate that failed; absent when the highest allowed rate held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails_at_per_s: Option<f64>,
    /// Why that rate failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the search came to its end; false for one that was interrupted.
    pub complete: bool,
    /// Every probe in order.
    pub probes: Vec<Probe>,
}

/// The state of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    start: u64,
    max: u64,
    resolution: f64,
    /// Rates that held and are below every failed one, the highest last.
    held: Vec<u64>,
    failed: Option<u64>,
    next: Option<Next>,
    probes: Vec<Probe>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Next {
    rate: u64,
    /// What the probe is for.
    aim: Aim,
    /// Whether it is the second one, after a failure.
    again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// Something not yet known.
    Explore,
    /// Whether the lower end of the bracket really holds.
    Confirm,
}

impl Search {
    /// A search that has not begun.
    #[must_use]
    pub fn new(spec: &CapacitySearch) -> Self {
        let (start, max) = (thousandths(spec.start), thousandths(spec.max));
        let start = start.min(max);
        Self {
            start,
            max,
            resolution: spec.resolution,
            held: Vec::new(),
            failed: None,
            next: Some(Next { rate: start, aim: Aim::Explore, again: false }),
            probes: Vec::new(),
        }
    }

    /// The next probe's rate; nothing once the search is over.
    #[must_use]
    pub fn next(&self) -> Option<Rate> {
        self.next.map(|next| Rate { iterations: next.rate, per: PER })
    }

    /// How many probes are done; the number of the next one, from 0.
    #[must_use]
    pub fn done(&self) -> usize {
        self.probes.len()
    }

    /// The next probe was carried out.
    pub fn judged(&mut self, probe: Probe) {
        let Some(Next { rate, aim, again }) = self.next else { return };
        let holds = probe.reason.is_none();
        self.probes.push(probe);
        self.next = match (holds, aim) {
            (true, Aim::Confirm) => None,
            (true, Aim::Explore) => {
                self.held.push(rate);
                self.explore()
            }
            (false, _) if !again => Some(Next { rate, aim, again: true }),
            (false, _) => {
                self.failed = Some(rate);
                self.held.retain(|held| *held < rate);
                self.explore()
            }
        };
    }

    fn explore(&self) -> Option<Next> {
        let explore = |rate| Some(Next { rate, aim: Aim::Explore, again: false });
        let confirm = |rate| Some(Next { rate, aim: Aim::Confirm, again: false });
        match (self.held.last().copied(), self.failed) {
            (None, None) => explore(self.start),
            (Some(held), None) if held < self.max => explore((held * 2).min(self.max)),
            (Some(held), None) => confirm(held),
            (None, Some(failed)) if failed / 2 * GIVE_UP_BELOW < self.start || failed < 2 => None,
            (None, Some(failed)) => explore(failed / 2),
            (Some(held), Some(failed)) => {
                let middle = held.midpoint(failed);
                let width = as_f64(failed - held) / as_f64(held);
                if width <= self.resolution || middle == held { confirm(held) } else { explore(middle) }
            }
        }
    }

    /// What is known by now.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        let rate = self.held.last().map(|rate| as_f64(*rate) / 1_000.0);
        let of = |rate: f64, holds: bool| {
            self.probes
                .iter()
                .rev()
                .find(move |probe| probe.reason.is_none() == holds && (probe.rate_per_s - rate).abs() < 1e-9)
        };
        let fails_at = self.failed.map(|rate| as_f64(rate) / 1_000.0);
        Capacity {
            rate_per_s: rate,
            arrived_per_s: rate.and_then(|rate| of(rate, true)).map(|probe| probe.arrived_per_s),
            fails_at_per_s: fails_at,
            reason: fails_at.and_then(|rate| of(rate, false)).and_then(|probe| probe.reason.clone()),
            complete: self.next.is_none(),
            probes: self.probes.clone(),
        }
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.rate_per_s, self.fails_at_per_s) {
            (Some(rate), Some(fails)) => write!(f, "{rate:.2} iterations/s hold, {fails:.2} do not")?,
            (Some(rate), None) => write!(f, "{rate:.2} iterations/s hold: the highest rate allowed")?,
            (None, Some(fails)) => write!(f, "no rate held, down to {fails:.2} iterations/s")?,
            (None, None) => write!(f, "no probe was finished")?,
        }
        if let Some(arrived) = self.arrived_per_s {
            write!(f, " ({arrived:.2} rows/s arrived)")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        if !self.complete {
            write!(f, " (the search was not finished)")?;
        }
        Ok(())
    }
}

/// A rate in thousandths of an iteration per second, at least one.
fn thousandths(rate: Rate) -> u64 {
    let (iterations, per) = (u128::from(rate.iterations), u128::from(rate.per.0.unsigned_abs()));
    u64::try_from(iterations * u128::from(PER.0.unsigned_abs()) / per.max(1)).unwrap_or(u64::MAX / 4).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spec(start: u64, max: u64, resolution: f64) -> CapacitySearch {
        let rate = |iterations| Rate { iterations, per: Nanos::from_secs(1) };
        let span = Nanos::from_secs(1);
        let (start, max) = (rate(start), rate(max));
        CapacitySearch { start, max, resolution, settle: span, probe: span, pre_allocated_vus: 1, max_vus: 1 }
    }

    fn probe(rate: f64, holds: bool) -> Probe {
        let reason = (!holds).then(|| format!("{rate} is too much"));
        Probe { rate_per_s: rate, sent_per_s: rate, arrived_per_s: rate, backlog_growth_per_s: 0.0, reason }
    }

    /// Runs a search against a system that holds what `holds` says of a rate and the number of the probe.
    fn search(spec: &CapacitySearch, mut holds: impl FnMut(f64, usize) -> bool) -> Capacity {
        let mut search = Search::new(spec);
        while let Some(rate) = search.next() {
            let (rate, number) = (rate.per_second(), search.done());
            assert!(number < 200, "the search ends");
            search.judged(probe(rate, holds(rate, number)));
        }
        search.capacity()
    }

    #[test]
    fn the_limit_is_bracketed_and_the_reason_of_the_next_rate_is_kept() {
        let found = search(&spec(5, 1_000, 0.05), |rate, _| rate <= 20.0);
        assert_eq!(found.rate_per_s, Some(20.0));
        let fails = found.fails_at_per_s.expect("a bracket");
        assert!(fails > 20.0 && fails <= 21.0, "{fails}");
        assert_eq!(found.reason, Some(format!("{fails} is too much")));
        let rates: Vec<f64> = found.probes.iter().map(|probe| probe.rate_per_s).collect();
        assert_eq!(rates[..5], [5.0, 10.0, 20.0, 40.0, 40.0], "doubling, and the failure confirmed");
        assert_eq!(rates.last(), Some(&20.0), "the lower end confirmed");
        assert!(found.complete);
    }

    #[test]
    fn one_hiccup_does_not_lower_the_ceiling() {
        let found = search(&spec(5, 1_000, 0.05), |rate, number| number != 1 && rate <= 100.0);
        assert!(found.rate_per_s.is_some_and(|rate| (95.0..=100.0).contains(&rate)), "{found:?}");
    }

    #[test]
    fn a_rate_that_held_by_luck_is_found_out_by_its_confirmation() {
        // 40 holds once and never again.
        let mut lucky = true;
        let found = search(&spec(10, 1_000, 0.1), |rate, _| {
            rate <= 30.0 || ((rate - 40.0).abs() < 1e-9 && std::mem::take(&mut lucky))
        });
        assert!(found.rate_per_s.is_some_and(|rate| (27.0..=30.0).contains(&rate)), "{found:?}");
    }

    #[test]
    fn both_ends_of_the_range_are_ends() {
        let all = search(&spec(10, 160, 0.05), |_, _| true);
        assert_eq!((all.rate_per_s, all.fails_at_per_s), (Some(160.0), None));
        assert_eq!(
            all.to_string(),
            "160.00 iterations/s hold: the highest rate allowed (160.00 rows/s arrived)"
        );
        let none = search(&spec(10, 160, 0.05), |_, _| false);
        assert_eq!(none.rate_per_s, None);
        assert!(none.complete && none.fails_at_per_s.is_some_and(|rate| rate < 1.0), "{none:?}");
        let below = search(&spec(64, 160, 0.05), |rate, _| rate <= 3.0);
        assert!(below.rate_per_s.is_some_and(|rate| (2.8..=3.0).contains(&rate)), "{below:?}");
    }

    #[test]
    fn an_interrupted_search_says_so() {
        let mut search = Search::new(&spec(10, 160, 0.05));
        assert_eq!(search.capacity().to_string(), "no probe was finished (the search was not finished)");
        search.judged(probe(10.0, true));
        assert!(!search.capacity().complete);
        assert_eq!(search.capacity().rate_per_s, Some(10.0));
    }

    proptest! {
        #[test]
        fn any_limit_within_the_range_is_found_within_the_resolution(
            limit in 1.0..5_000.0_f64, start in 1..200_u64, resolution in 0.01..0.5_f64,
        ) {
            let spec = spec(start, 10_000, resolution);
            let found = search(&spec, |rate, _| rate <= limit);
            let rate = found.rate_per_s.filter(|_| limit > as_f64(start) / 16.0);
            if let Some(rate) = rate {
                prop_assert!(rate <= limit && limit <= rate * (1.0 + resolution) + 0.002, "{rate} for {limit}");
            }
            prop_assert!(found.probes.len() <= spec.probes_max() as usize || limit < as_f64(start), "{}", found.probes.len());
        }
    }
}
