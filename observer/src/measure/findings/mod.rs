//! What the course of a run says beyond its percentiles: where it broke, how it recovered, whether it was stable.
//!
//! One file answers one question: `breaking_point`, `recovery`, `stalls`, `catch_up`, `checkpoints`, `stability`;
//! `shape` reads the load's stages, `trend` is the statistics behind stability. `waits` reads single rows instead, at the end
//! of every run: `period`, `batch`, `rate_limit`, from `arrivals`. Pure: all of it reads a series
//! of points and says the same each time. Method and constants are explained in `docs/measurement.md`.

mod arrivals;
mod batch;
mod breaking_point;
mod catch_up;
mod checkpoints;
mod config;
#[cfg(test)]
mod fixture;
mod period;
mod rate_limit;
mod recovery;
mod shape;
mod stability;
mod stalls;
#[cfg(test)]
mod tests;
mod trend;
mod waits;

pub(in crate::measure) use arrivals::Row;
pub use config::{Config, TrendRule};
pub(in crate::measure) use waits::found as found_in_waits;

use streamgauge_shared::report::{Findings, Second};
use streamgauge_shared::test_file::RampStage;
use streamgauge_shared::time::Nanos;

use self::shape::Shape;

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
    /// Without gaps, oldest first, up to now. Each has its gauges; `errors` are those since the start.
    pub points: &'a [Second],
    /// Without gaps, oldest first, since the start of the measured phase; empty for executors without stages.
    pub stages: &'a [RampStage],
    /// The names of all stages, by [`RampStage::name`].
    pub stage_names: &'a [String],
    /// One entry for each threshold that may break.
    pub crossings: &'a [Crossings],
    /// When the load ended or will end; `None`: with the last stage, or with the last point.
    pub load_end_s: Option<f64>,
    /// Whether the account is closed: then nothing waits, and what has not arrived is lost, rejected or unknown.
    pub closed: bool,
}

impl Course<'_> {
    /// The stage that runs at a time, if one does.
    fn stage_at(&self, at_s: f64) -> Option<&RampStage> {
        RampStage::at(self.stages, nanos(at_s))
    }

    /// When the load ended or will end, as far as it is known.
    fn load_end_s(&self) -> Option<f64> {
        self.load_end_s.or_else(|| self.stages.last().map(|stage| stage.to.as_secs_f64()))
    }
}

fn nanos(seconds: f64) -> Nanos {
    Nanos::from_millis_f64(seconds * 1_000.0)
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
        catch_up: shape.filter(|_| asked.catch_up).map(|shape| catch_up::catch_up(course, shape, config)),
        stability: asked.stability.then(|| stability::stability(course, config)),
        checkpoints: if asked.checkpoints {
            checkpoints::checkpoints(course.points, config)
        } else {
            Vec::new()
        },
        stalls: asked.stalls.then_some(stalls),
        ..Findings::default()
    }
}

/// The middle one; the mean of the middle two for an even number. `None` for no values. Sorts them.
fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}
