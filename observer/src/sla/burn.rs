//! Burn rates: how fast the budget is spent, and from which rate on somebody should look.
//!
//! A burn of 1 spends the budget exactly in the window. A threshold is worked out from the window it belongs to: the
//! share of the budget that may be gone after the long window, times the length of the window, divided by the long one.
//! 14.4, 6 and 1 are those of 30 days (2, 5 and 10 % in 1 h, 6 h and 3 d); for 7 days 10, 20 and 40 % in 1 h, 6 h and
//! 1 d make 16.8, 5.6 and 2.8 (Google's SRE workbook, chapter 5).

use streamgauge_shared::time::Nanos;

use super::objective::{PARTS, Target};
use super::window::{DAY, Window};

const HOUR: Nanos = Nanos::from_secs(3_600);
const MINUTE: Nanos = Nanos::from_secs(60);

/// A pair of windows whose burn rates are held against one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BurnRule {
    /// The long window: so much is spent by then.
    pub(super) long: Nanos,
    /// The short one, which ends soon after the cause does.
    pub(super) short: Nanos,
    /// Which share of the budget is spent in the long window at the threshold.
    pub(super) budget_share: f64,
    /// The burn rate from which on it counts.
    pub(super) threshold: f64,
    /// How urgent it is.
    pub(super) urgency: Urgency,
}

/// How urgent a burn rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Wake somebody.
    Page,
    /// Look at it tomorrow.
    Ticket,
}

impl Urgency {
    /// The word, also as Prometheus' label `severity`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// Long window, short window, share of the budget, urgency: for windows from four weeks on.
const LONG: &[(Nanos, Nanos, f64, Urgency)] = &[
    (HOUR, Nanos(5 * MINUTE.0), 0.02, Urgency::Page),
    (Nanos(6 * HOUR.0), Nanos(30 * MINUTE.0), 0.05, Urgency::Page),
    (Nanos(3 * DAY.0), Nanos(6 * HOUR.0), 0.10, Urgency::Ticket),
];
/// For windows from one week on.
const MEDIUM: &[(Nanos, Nanos, f64, Urgency)] = &[
    (HOUR, Nanos(5 * MINUTE.0), 0.10, Urgency::Page),
    (Nanos(6 * HOUR.0), Nanos(30 * MINUTE.0), 0.20, Urgency::Page),
    (DAY, Nanos(2 * HOUR.0), 0.40, Urgency::Ticket),
];
/// For shorter ones.
const SHORT: &[(Nanos, Nanos, f64, Urgency)] = &[
    (HOUR, Nanos(5 * MINUTE.0), 0.25, Urgency::Page),
    (Nanos(6 * HOUR.0), Nanos(30 * MINUTE.0), 0.50, Urgency::Ticket),
];

/// The rules of a window, fastest first.
pub(super) fn rules(window: Window) -> Vec<BurnRule> {
    let length = window.nominal();
    let rows = match length.0 / DAY.0 {
        28.. => LONG,
        7.. => MEDIUM,
        _ => SHORT,
    };
    let rule = |(long, short, share, urgency): &(Nanos, Nanos, f64, Urgency)| {
        let windows = length.as_secs_f64() / long.as_secs_f64();
        // A burn below 1 spends less than the budget: nothing to call anybody for.
        let threshold = (share * windows).max(1.0);
        let budget_share = threshold / windows;
        // Products of decimal fractions: 0.02 × 720 is not 14.4 to the last bit.
        let threshold = (threshold * 1e6).round() / 1e6;
        BurnRule { long: *long, short: *short, budget_share, threshold, urgency: *urgency }
    };
    rows.iter().map(rule).collect()
}

/// The highest burn rate that there can be: every row bad.
pub(super) fn highest(target: Target) -> f64 {
    1.0 / target.budget()
}

/// So many rows at least that a single bad one among them does not reach the threshold by itself: at ten rows an hour and
/// 99.9 % one bad row burns at 100, and is no news.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a threshold is at least 1, so this is at most a billion"
)]
pub(super) fn rows_min(target: Target, threshold: f64) -> u64 {
    let rows = PARTS as f64 / (target.budget_parts() as f64 * threshold);
    rows.floor() as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(window: &str) -> Vec<f64> {
        rules(Window::parse(window).expect("a window")).iter().map(|rule| rule.threshold).collect()
    }

    #[test]
    fn thresholds_belong_to_their_window() {
        assert_eq!(thresholds("30d"), [14.4, 6.0, 1.0]);
        assert_eq!(thresholds("7d"), [16.8, 5.6, 2.8]);
        assert_eq!(thresholds("28d"), [13.44, 5.6, 1.0], "never below 1");
        assert_eq!(thresholds("month"), [14.4, 6.0, 1.0]);
        assert_eq!(thresholds("quarter"), [43.2, 18.0, 3.0]);
        assert_eq!(thresholds("day"), [6.0, 2.0]);
        for window in ["day", "3d", "7d", "14d", "28d", "30d", "year"] {
            let window = Window::parse(window).expect("a window");
            for rule in rules(window) {
                let spent = rule.threshold * rule.long.as_secs_f64() / window.nominal().as_secs_f64();
                assert!((spent - rule.budget_share).abs() < 1e-6, "{window}: {rule:?}");
                assert!(rule.short < rule.long && rule.long < window.nominal());
            }
        }
    }

    #[test]
    fn one_bad_row_is_no_news() {
        for (percent, threshold) in
            [("99.9", 14.4), ("99.9", 1.0), ("99", 14.4), ("99.999", 6.0), ("90", 14.4)]
        {
            let target = Target::parse_percent(percent).expect("a target");
            let rows = rows_min(target, threshold);
            let burn = |rows: u64| 1.0 / (rows as f64 * target.budget());
            assert!(burn(rows) < threshold, "{percent} {threshold}: {rows}");
            assert!(
                rows == 1 || burn(rows - 1) >= threshold * 0.999_999,
                "{percent} {threshold}: {rows} is the least"
            );
        }
        assert_eq!(rows_min(Target::parse_percent("99.9").expect("a target"), 14.4), 70);
    }
}
