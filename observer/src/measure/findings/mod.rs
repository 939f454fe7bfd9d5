//! What the course of a run says beyond its percentiles: where it broke, how it recovered, whether it was stable.
//!
//! One file answers one question: `breaking_point`, `recovery`, `stalls`, `catch_up`, `checkpoints`, `stability`;
//! `shape` reads the load's stages, `trend` is the statistics behind stability. Pure: all of it reads a series
//! of points and says the same each time. Method and constants are explained in `docs/measurement.md`.

mod breaking_point;
mod catch_up;
mod checkpoints;
mod config;
#[cfg(test)]
mod fixture;
mod recovery;
mod shape;
mod stability;
mod stalls;
#[cfg(test)]
mod tests;
mod trend;

pub use config::{Config, TrendRule};

use streamgauge_shared::report::Findings;

use self::shape::Shape;

/// One step of time of the measured phase: a second, or an interval of a thinned series.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Its start, seconds since the measured phase began.
    pub at_s: f64,
    /// Its length, seconds, above 0.
    pub width_s: f64,
    /// Rows sent in it.
    pub sent: u64,
    /// Rows that arrived in it.
    pub arrived: u64,
    /// Rows sent and not arrived at its end.
    pub pending: u64,
    /// Errors in it.
    pub errors: u64,
    /// Users in an iteration at its end.
    pub users: f64,
    /// Median of the headline over the rows that arrived in it; `None` where none did.
    pub e2e_p50_ms: Option<f64>,
    /// 95th percentile of the same.
    pub e2e_p95_ms: Option<f64>,
    /// 99th percentile of the same; only checkpoints show it.
    pub e2e_p99_ms: Option<f64>,
    /// Mean time of the iterations that ended in it.
    pub iteration_ms: Option<f64>,
    /// Resident memory of the writer at its end.
    pub writer_rss_bytes: Option<u64>,
    /// Resident memory of the observer at its end.
    pub observer_rss_bytes: Option<u64>,
    /// What has become by now of the rows sent in it.
    pub cohort: Cohort,
}

/// What has become of the rows that were sent in one point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cohort {
    /// Rows of it that have arrived.
    pub arrived: u64,
    /// Rows of it that still wait.
    pub pending: u64,
    /// When the last of them arrived, seconds since the measured phase began.
    pub last_arrival_s: Option<f64>,
}

impl Point {
    fn end_s(&self) -> f64 {
        self.at_s + self.width_s
    }

    fn middle_s(&self) -> f64 {
        self.at_s + self.width_s / 2.0
    }
}

/// One stage of a ramping executor, as the schedule runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// How reports name it.
    pub name: String,
    /// Its start, seconds since the measured phase began.
    pub from_s: f64,
    /// Its end; equal to the start for a jump.
    pub to_s: f64,
    /// Users or iterations per second at its start.
    pub load_from: f64,
    /// And at its end.
    pub load_to: f64,
}

/// How one threshold fared, second by second.
#[derive(Clone, Debug, PartialEq)]
pub struct Crossings {
    /// The key as the test writes it.
    pub metric: String,
    /// The expression as the test writes it.
    pub expression: String,
    /// For each second of the measured phase, whether the threshold was crossed over the window that ends with
    /// it; `None`: no data in the window.
    pub seconds: Vec<Option<bool>>,
    /// The length of that window, seconds: for so long a single row can cross the threshold.
    pub window_s: f64,
}

/// The course of a run: everything that the findings are read from.
#[derive(Clone, Copy, Debug)]
pub struct Course<'a> {
    /// Without gaps, oldest first, up to now.
    pub points: &'a [Point],
    /// Without gaps, oldest first; empty for executors without stages.
    pub stages: &'a [Stage],
    /// One entry for each threshold that may break.
    pub crossings: &'a [Crossings],
    /// When the load ended or will end; `None`: with the last stage, or with the last point.
    pub load_end_s: Option<f64>,
}

/// Which findings the scenario asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// At which load a threshold broke.
    pub breaking_point: bool,
    /// How long the latency took to come back after the load fell.
    pub recovery: bool,
    /// What became of the rows of a spike.
    pub catch_up: bool,
    /// Times in which rows waited and none arrived.
    pub stalls: bool,
    /// Whether latency, iteration time and memory kept their level.
    pub stability: bool,
    /// A line for each stretch of the run.
    pub checkpoints: bool,
}

/// Everything that was asked for, as far as the course of the run can say it by now.
///
/// Recovery and catch-up need stages whose load rises and falls; without them they are absent.
#[must_use]
pub fn findings(course: &Course<'_>, asked: Asked, config: &Config) -> Findings {
    let shape = Shape::of(course);
    let stalls = if asked.stalls || asked.recovery { stalls::stalls(course, config) } else { Vec::new() };
    Findings {
        breaking_point: asked.breaking_point.then(|| breaking_point::breaking_point(course, config)),
        recovery: shape
            .filter(|_| asked.recovery)
            .map(|shape| recovery::recovery(course.points, shape, &stalls, config)),
        catch_up: shape
            .filter(|_| asked.catch_up)
            .map(|shape| catch_up::catch_up(course.points, shape, config)),
        stability: asked.stability.then(|| stability::stability(course, config)),
        checkpoints: if asked.checkpoints {
            checkpoints::checkpoints(course.points, config)
        } else {
            Vec::new()
        },
        stalls: asked.stalls.then_some(stalls),
        capacity: None,
    }
}

/// The middle one; the mean of the middle two for an even number. `None` for no values. Sorts them.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}
