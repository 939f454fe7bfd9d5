//! Arrivals that wait for a period: something on the way looks only now and then.

use serde::{Deserialize, Serialize};

use super::words::{millis, share};

/// A default of a pipeline that is so often the cause that it is worth naming: its period, milliseconds, and what
/// it is called.
const DEFAULTS: [(f64, &str); 1] = [(500.0, "Debezium's poll.interval.ms is 500 by default")];
/// How near to a default a period has to be. A poller that sleeps between its rounds takes the time of its work longer.
const DEFAULT_WITHIN: f64 = 0.05;

/// Below this share of rows that came with the next tick, two such waits follow each other.
const ONE_WAIT_MIN: f64 = 0.9;

/// Arrivals come at the ticks of a period, and a row waits for the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// From one tick to the next.
    pub period_ms: f64,
    /// Two standard errors of it.
    pub uncertainty_ms: f64,
    /// Times between arrivals that it was read from.
    pub gaps: u64,
    /// The share of the rows that came with the first tick after they were written.
    pub rows_of_next: f64,
    /// How often evenly spaced writes fit into the period, where they do so a whole number of times: then rows see so
    /// many of its phases and no others, and a batch of so many rows looks the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub even_writes: Option<u64>,
    /// Whether a batch that is closed a period after its first row explains the arrivals as well.
    #[serde(default, skip_serializing_if = "is_false")]
    pub or_batch: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Period {
    /// The period in one sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { period_ms, uncertainty_ms, gaps, rows_of_next, even_writes, or_batch } = self;
        let default = DEFAULTS.iter().find(|(at, _)| (period_ms / at - 1.0).abs() <= DEFAULT_WITHIN);
        let cause = default.map_or(
            "look for an interval of that length in the pipeline, a poll or a flush",
            |(_, named)| named,
        );
        let others = if *rows_of_next < ONE_WAIT_MIN {
            ", the others with the one after: two such waits follow each other"
        } else {
            ""
        };
        let head = format!(
            "period: arrivals come every {} ± {} ({gaps} gaps, {} of the rows came with the next one{others})",
            millis(*period_ms),
            millis(*uncertainty_ms),
            share(*rows_of_next)
        );
        match even_writes {
            None if *or_batch => format!(
                "{head}: something polls, or collects rows for as long, which cannot be told where rows come this \
                 close; {cause}"
            ),
            None => format!("{head}: something polls; {cause}"),
            Some(writes) => format!(
                "{head}: something polls, or waits for {writes} rows or for as long; {cause}; evenly spaced writes \
                 that fit into the period {writes} times cannot tell these apart and see {writes} of its phases: \
                 arrivals = \"poisson\" can"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_cause_is_named_and_what_cannot_be_told_is_said() {
        let period = Period {
            period_ms: 501.5,
            uncertainty_ms: 0.7,
            gaps: 59,
            rows_of_next: 0.995,
            even_writes: None,
            or_batch: false,
        };
        assert_eq!(
            period.line(),
            "period: arrivals come every 501.5ms ± 700µs (59 gaps, 99.50% of the rows came with the next one): \
             something polls; Debezium's poll.interval.ms is 500 by default"
        );
        let other = Period { period_ms: 200.0, ..period.clone() }.line();
        assert!(
            other.ends_with(
                "something polls; look for an interval of that length in the pipeline, a poll or a flush"
            ),
            "{other}"
        );
        let twice = Period { rows_of_next: 0.68, ..period.clone() }.line();
        assert!(
            twice.contains("68.00% of the rows came with the next one, the others with the one after: two"),
            "{twice}"
        );
        let either = Period { or_batch: true, ..period.clone() }.line();
        assert!(either.contains(": something polls, or collects rows for as long"), "{either}");
        let even = Period { even_writes: Some(5), ..period }.line();
        assert!(
            even.contains("cannot tell these apart and see 5 of its phases: arrivals = \"poisson\" can"),
            "{even}"
        );
    }
}
