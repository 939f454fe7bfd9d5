//! When the load rose to its peak, when it fell, and when it ended: read from the stages.

use streamgauge_shared::test_file::RampStage;

use super::Course;

/// A load is high above this share of its peak: a third is where `stress` leaves its first level, and far above
/// the level from which `spike` jumps.
const HIGH: f64 = 1.0 / 3.0;

/// The rise and fall of a load, seconds since the measured phase began.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    /// Start of the stage that leads above a third of the peak.
    pub(super) rose_s: f64,
    /// The last moment at the peak.
    pub(super) fell_s: f64,
    /// The end of the load.
    pub(super) ended_s: f64,
}

impl Shape {
    /// `None` without stages, or if the load never rises above a third of its peak from below.
    pub(super) fn of(course: &Course<'_>) -> Option<Self> {
        let stages = course.stages;
        let peak = stages.iter().map(|stage| stage.load_from.max(stage.load_to)).fold(0.0, f64::max);
        let high = peak * HIGH * (1.0 + 1e-9);
        let rise = stages.iter().find(|stage| stage.load_from.max(stage.load_to) > high)?;
        if stages.first()?.load_from > high {
            return None;
        }
        let last_high = stages.iter().rev().find(|stage| stage.load_from.max(stage.load_to) >= peak)?;
        Some(Self {
            rose_s: if rise.from.as_secs_f64() > 0.0 { rise.from.as_secs_f64() } else { reaches(rise, high) },
            fell_s: if last_high.load_to >= peak {
                last_high.to.as_secs_f64()
            } else {
                last_high.from.as_secs_f64()
            },
            ended_s: course.load_end_s()?,
        })
    }
}

/// When a rising stage reaches a load.
fn reaches(stage: &RampStage, load: f64) -> f64 {
    let climb = stage.load_to - stage.load_from;
    if climb <= 0.0 {
        return stage.from.as_secs_f64();
    }
    let share = ((load - stage.load_from) / climb).clamp(0.0, 1.0);
    stage.from.as_secs_f64() + share * (stage.to.as_secs_f64() - stage.from.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{course, spike_stages, stages, stress_stages};
    use super::*;

    fn shape(stages: &[RampStage]) -> Option<Shape> {
        Shape::of(&course(&[], stages))
    }

    #[test]
    fn stress_and_spike_rise_and_fall_where_their_tables_say() {
        let stress = shape(&stress_stages()).unwrap();
        assert_eq!(stress, Shape { rose_s: 240.0, fell_s: 780.0, ended_s: 900.0 });
        let spike = shape(&spike_stages()).unwrap();
        assert_eq!(spike, Shape { rose_s: 60.0, fell_s: 180.0, ended_s: 300.0 });
    }

    #[test]
    fn one_ramp_from_zero_rises_at_a_third() {
        let ramp = shape(&stages(0.0, &[(90.0, 90.0), (30.0, 0.0)])).unwrap();
        assert!((ramp.rose_s - 30.0).abs() < 1e-3, "{ramp:?}");
        assert_eq!((ramp.fell_s, ramp.ended_s), (90.0, 120.0));
    }

    #[test]
    fn a_constant_load_has_no_shape() {
        assert_eq!(shape(&stages(10.0, &[(60.0, 10.0)])), None);
        assert_eq!(shape(&[]), None);
        assert_eq!(shape(&stages(0.0, &[(60.0, 0.0)])), None);
    }
}
