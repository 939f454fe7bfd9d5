//! When the load rose to its peak, when it fell, and when it ended: read from the stages.

use super::{Course, Stage};

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
            rose_s: if rise.from_s > 0.0 { rise.from_s } else { reaches(rise, high) },
            fell_s: if last_high.load_to >= peak { last_high.to_s } else { last_high.from_s },
            ended_s: course.load_end_s.unwrap_or(stages.last()?.to_s),
        })
    }
}

/// When a rising stage reaches a load.
fn reaches(stage: &Stage, load: f64) -> f64 {
    let climb = stage.load_to - stage.load_from;
    if climb <= 0.0 {
        return stage.from_s;
    }
    let share = ((load - stage.load_from) / climb).clamp(0.0, 1.0);
    stage.from_s + share * (stage.to_s - stage.from_s)
}

/// The stage at a time and the load it plans then; after the last stage that one's end.
pub(super) fn stage_at(stages: &[Stage], at_s: f64) -> Option<(&Stage, f64)> {
    let running = stages.iter().find(|stage| stage.from_s <= at_s && at_s < stage.to_s);
    let stage = running.or_else(|| stages.last().filter(|last| last.to_s <= at_s))?;
    let length = stage.to_s - stage.from_s;
    let share = if length > 0.0 { ((at_s - stage.from_s) / length).min(1.0) } else { 1.0 };
    Some((stage, stage.load_from + share * (stage.load_to - stage.load_from)))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{spike_stages, stages, stress_stages};
    use super::*;

    fn shape(stages: &[Stage]) -> Option<Shape> {
        Shape::of(&Course { points: &[], stages, crossings: &[], load_end_s: None })
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

    #[test]
    fn the_planned_load_is_read_between_the_ends_of_a_stage() {
        let stages = stress_stages();
        let (stage, load) = stage_at(&stages, 300.0).unwrap();
        assert_eq!((stage.name.as_str(), load), ("3", 75.0));
        assert_eq!(stage_at(&stages, 2_000.0).unwrap().1, 0.0);
        assert!(stage_at(&[], 1.0).is_none());
    }
}
