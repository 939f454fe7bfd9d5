//! The findings as sentences, for the summary and for people who read no JSON.

use super::{
    Band, BreakingPoint, CatchUp, Checkpoint, Findings, Fit, Part, Recovery, RecoveryState, Stability, Stall,
    Trend, TrendUnit,
};
use crate::capacity::Capacity;
use crate::time::Nanos;

const BYTES_PER_MIB: f64 = 1_048_576.0;

impl Findings {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What was found, in plain language, one sentence or table line each. Empty if nothing was asked for.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        lines.extend(self.breaking_point.iter().flat_map(BreakingPoint::lines));
        lines.extend(self.recovery.iter().map(Recovery::line));
        lines.extend(self.catch_up.iter().flat_map(CatchUp::lines));
        if let Some(stalls) = &self.stalls {
            if stalls.is_empty() {
                lines.push("stalls: none".to_owned());
            }
            lines.extend(stalls.iter().map(Stall::line));
        }
        lines.extend(self.stability.iter().flat_map(Stability::lines));
        lines.extend(self.checkpoints.iter().map(Checkpoint::line));
        lines.extend(self.capacity.iter().flat_map(capacity));
        lines
    }
}

/// The result of a search, and each of its probes.
fn capacity(capacity: &Capacity) -> Vec<String> {
    let mut lines = vec![format!("capacity: {capacity}")];
    lines.extend((1..).zip(&capacity.probes).map(|(number, probe): (u32, _)| {
        let fate = probe.reason.as_ref().map_or("holds".to_owned(), |reason| format!("fails: {reason}"));
        format!(
            "  probe {number:>2}: {:>8.2} iterations/s, {:.1} rows/s sent, {:.1} arrived: {fate}",
            probe.rate_per_s, probe.sent_per_s, probe.arrived_per_s
        )
    }));
    lines
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

impl Recovery {
    /// How the latency came back.
    #[must_use]
    pub fn line(&self) -> String {
        let fell = seconds(self.load_fell_s);
        let band = self.band.as_ref().map(Band::words).unwrap_or_default();
        let worst = self.worst_p95_ms.map(|worst| format!(", worst {}", millis(worst))).unwrap_or_default();
        match (self.state, self.after_s) {
            (RecoveryState::Recovered, Some(after)) => format!(
                "recovery: {} after the load fell at {fell} (p95 {band}{worst}; seen to stay there for {})",
                seconds(after),
                seconds(self.stayed_s.unwrap_or_default())
            ),
            (RecoveryState::NeverLeft, _) => {
                format!("recovery: none needed, the p95 never left its band ({band}{worst})")
            }
            (RecoveryState::NotEnoughData, _) => {
                format!("recovery: not enough data around the load's rise and its fall at {fell}")
            }
            _ => format!("recovery: not recovered after the load fell at {fell} (p95 not {band}{worst})"),
        }
    }
}

impl Band {
    fn words(&self) -> String {
        format!("back to at most {}, median before {}", millis(self.upper_ms), millis(self.median_p95_ms))
    }
}

impl Stall {
    /// The stall in one sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let head = format!(
            "stall: at {} nothing arrived for {}, {} rows waiting",
            seconds(self.at_s),
            seconds(self.length_s),
            self.rows_waiting
        );
        if !self.ended {
            return format!("{head}; it had not ended when the run did");
        }
        let after =
            |time: Option<f64>| time.map_or("not".to_owned(), |time| format!("{} later", seconds(time)));
        let recovered = match self.band {
            Some(_) => after(self.recovered_after_s),
            None => "unknown, too few points before it".to_owned(),
        };
        format!("{head}; caught up: {}; p95 back: {recovered}", after(self.caught_up_after_s))
    }
}

impl CatchUp {
    /// The rows of the three parts, and when the last of the spike was there.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let head = match self.caught_up_after_s {
            Some(after) => {
                format!("catch-up: {} after the load fell at {}", seconds(after), seconds(self.fell_s))
            }
            None => format!(
                "catch-up: not caught up, {} rows sent before the load fell at {} still wait",
                self.before.pending + self.during.pending,
                seconds(self.fell_s)
            ),
        };
        vec![
            head,
            format!("  rows sent before the spike: {}", self.before.words()),
            format!("  rows sent during the spike: {}", self.during.words()),
            format!("  rows sent after the spike:  {}", self.after.words()),
            format!(
                "  in the {} after the load's end {} rows arrived, {} were waiting then",
                seconds(self.window_s),
                self.arrived_in_window,
                self.pending_after_window
            ),
        ]
    }
}

impl Part {
    fn words(&self) -> String {
        let mut words = format!("{}, {} arrived", self.sent, self.arrived);
        if let Some(last) = self.last_arrival_s {
            words.push_str(&format!(" (the last at {})", seconds(last)));
        }
        if self.pending > 0 {
            words.push_str(&format!(", {} waiting", self.pending));
        }
        if self.missing() > 0 {
            words.push_str(&format!(", {} lost, rejected or unknown", self.missing()));
        }
        words
    }
}

impl Stability {
    /// The verdict, and each series with its figures.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("stability: {}", self.verdict.words())];
        lines.extend(self.trends.iter().map(Trend::line));
        lines
    }
}

impl Trend {
    fn line(&self) -> String {
        let head = format!("  {}: {}", self.series, self.verdict.words());
        match (&self.fit, &self.missing) {
            (Some(fit), _) => format!("{head}; {}", fit.words(self.unit)),
            (None, Some(missing)) => format!("{head}: {missing}"),
            (None, None) => head,
        }
    }
}

impl Fit {
    fn words(&self, unit: TrendUnit) -> String {
        let value = |value: f64| match unit {
            TrendUnit::Ms => millis(value),
            TrendUnit::Bytes => mebibytes(value),
        };
        let per_hour = |slope: f64| format!("{}/h", value(slope * 3_600.0));
        let interval = match (self.slope_low_per_s, self.slope_high_per_s) {
            (Some(low), Some(high)) => format!("{} to {}", per_hour(low), per_hour(high)),
            _ => "open interval".to_owned(),
        };
        let change = self.relative_change.map(|change| format!(" ({:+.1} %)", change * 100.0));
        format!(
            "{} → {}{} over {}, slope {} ({interval})",
            value(self.start),
            value(self.end),
            change.unwrap_or_default(),
            seconds(self.to_s - self.from_s),
            per_hour(self.slope_per_s)
        )
    }
}

impl Checkpoint {
    /// One line of the course of a soak.
    #[must_use]
    pub fn line(&self) -> String {
        let ms = |value: Option<f64>| value.map_or("-".to_owned(), millis);
        #[expect(clippy::cast_precision_loss, reason = "memory is below 2^53 bytes")]
        let memory = |bytes: Option<u64>| bytes.map_or("-".to_owned(), |bytes| mebibytes(bytes as f64));
        format!(
            "checkpoint {}: {} sent, {} arrived, {} waiting, {} errors, p50 {}, p95 {}, p99 {}, iteration {}, \
             memory writer {}, observer {}",
            seconds(self.at_s),
            self.sent,
            self.arrived,
            self.pending,
            self.errors,
            ms(self.p50_ms),
            ms(self.p95_ms),
            ms(self.p99_ms),
            ms(self.iteration_ms),
            memory(self.writer_rss_bytes),
            memory(self.observer_rss_bytes)
        )
    }
}

fn seconds(seconds: f64) -> String {
    millis(seconds * 1_000.0)
}

fn millis(millis: f64) -> String {
    Nanos::from_millis_f64(millis).to_string()
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / BYTES_PER_MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_said_in_words() {
        let recovery = |state| Recovery {
            state,
            load_fell_s: 180.0,
            after_s: None,
            stayed_s: None,
            worst_p95_ms: Some(900.0),
            band: Some(Band { from_s: 0.0, to_s: 60.0, points: 60, median_p95_ms: 30.0, upper_ms: 45.0 }),
        };
        assert_eq!(
            recovery(RecoveryState::NotRecovered).line(),
            "recovery: not recovered after the load fell at 3m00s (p95 not back to at most 45ms, median before \
             30ms, worst 900ms)"
        );
        let stall = Stall {
            at_s: 100.0,
            length_s: 20.5,
            ended: true,
            rows_waiting: 50,
            caught_up_after_s: Some(0.5),
            recovered_after_s: None,
            band: None,
        };
        assert_eq!(
            stall.line(),
            "stall: at 1m40s nothing arrived for 20.5s, 50 rows waiting; caught up: 500ms later; p95 back: \
             unknown, too few points before it"
        );
        assert!(Stall { ended: false, ..stall }.line().ends_with("it had not ended when the run did"));
        let part = Part { sent: 10, arrived: 6, pending: 3, last_arrival_s: Some(12.0) };
        assert_eq!(part.words(), "10, 6 arrived (the last at 12s), 3 waiting, 1 lost, rejected or unknown");
    }
}
