//! Where a threshold broke, or how far the run got without.

use serde::{Deserialize, Serialize};

use super::words::seconds;

/// Where the thresholds broke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakingPoint {
    /// How much longer than its window a threshold has to stay crossed to count, seconds.
    pub hold_s: f64,
    /// The thresholds that did, first one first; empty: the breaking point was not reached.
    pub broken: Vec<Broken>,
    /// The load there; absent if the breaking point was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadThere>,
    /// The highest load of the whole run.
    pub highest: HighestLoad,
}

/// One threshold that was crossed and stayed crossed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// The key as the test writes it.
    pub metric: String,
    /// The expression as the test writes it.
    pub expression: String,
    /// Since when it was crossed.
    pub at_s: f64,
    /// How long it stayed so.
    pub crossed_for_s: f64,
    /// Users at that time.
    pub users: f64,
}

/// The load when the first threshold broke.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadThere {
    /// When.
    pub at_s: f64,
    /// Users in an iteration.
    pub users: f64,
    /// What the schedule wanted at that time: users or iterations per second; absent without stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<f64>,
    /// The stage's name; absent without stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Rows sent per second, mean from `rates_from_s` to `rates_to_s`.
    pub sent_per_s: f64,
    /// Rows that arrived per second, mean over the same time: what the pipeline really carried.
    pub arrived_per_s: f64,
    /// Rows waiting at that time.
    pub pending: u64,
    /// Start of the time the rates are taken over.
    pub rates_from_s: f64,
    /// Its end.
    pub rates_to_s: f64,
}

/// The highest load of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HighestLoad {
    /// Users in an iteration at the same time, at most.
    pub users: f64,
    /// Rows sent per second, highest mean over `over_s`.
    pub sent_per_s: f64,
    /// Rows that arrived per second, highest mean over `over_s`.
    pub arrived_per_s: f64,
    /// The time the two rates are means over.
    pub over_s: f64,
}

impl BreakingPoint {
    /// The breaking point, or how far the run got without one.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let (Some(load), Some(first)) = (&self.load, self.broken.first()) else {
            let high = &self.highest;
            return vec![format!(
                "breaking point: not reached (no threshold stayed crossed for {} beyond its window); highest load {:.0} users, \
                 {:.1} rows/s sent and {:.1} rows/s arrived over {}",
                seconds(self.hold_s),
                high.users,
                high.sent_per_s,
                high.arrived_per_s,
                seconds(high.over_s)
            )];
        };
        let stage = load.stage.as_ref().map(|name| format!(" in stage {name}")).unwrap_or_default();
        let mut lines = vec![format!(
            "breaking point: {:.0} users at {}{stage}: {} '{}' was crossed and stayed so for {}; {:.1} rows/s \
             arrived of {:.1} rows/s sent, {} rows waiting",
            load.users,
            seconds(load.at_s),
            first.metric,
            first.expression,
            seconds(first.crossed_for_s),
            load.arrived_per_s,
            load.sent_per_s,
            load.pending
        )];
        lines.extend(self.broken.iter().skip(1).map(|broken| {
            format!(
                "  then {} '{}' at {}, {:.0} users",
                broken.metric,
                broken.expression,
                seconds(broken.at_s),
                broken.users
            )
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_held_says_how_far_it_got() {
        let highest = HighestLoad { users: 30.0, sent_per_s: 29.5, arrived_per_s: 29.25, over_s: 10.0 };
        let found = BreakingPoint { hold_s: 10.0, broken: Vec::new(), load: None, highest };
        assert_eq!(
            found.lines(),
            [
                "breaking point: not reached (no threshold stayed crossed for 10s beyond its window); highest load 30 \
              users, 29.5 rows/s sent and 29.2 rows/s arrived over 10s"
            ]
        );
    }
}
