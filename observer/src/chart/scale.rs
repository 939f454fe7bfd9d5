//! From values to places along an axis.

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios.
    Log,
}

/// An axis with its ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) axis: Axis,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Scale {
    /// From zero, or from the lowest value where some lie below, to the highest value; the ends are round numbers
    /// a little outside. Nothing where there is no finite value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = extremes(values)?;
        let (low, high) = (low.min(0.0), high.max(0.0));
        let high = if high > low { high } else { low + 1.0 };
        let step = step((high - low) / 4.0);
        Some(Self { axis: Axis::Linear, low: (low / step).floor() * step, high: (high / step).ceil() * step })
    }

    /// From a power of ten, or twice or five times one, below the lowest value above zero to one above the highest.
    /// Nothing where no value is above zero.
    pub(super) fn log(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = extremes(values.filter(|value| *value > 0.0))?;
        let (low, high) = (below(low), step(high));
        let high = if high > low { high } else { low * 10.0 };
        Some(Self { axis: Axis::Log, low, high })
    }

    /// The place of a value, 0 to 1; what lies outside is at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let place = match self.axis {
            Axis::Linear => (value - self.low) / (self.high - self.low),
            Axis::Log if value <= 0.0 => 0.0,
            Axis::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        if place.is_nan() { 0.0 } else { place.clamp(0.0, 1.0) }
    }

    /// The value at a place.
    pub(super) fn value(&self, place: f64) -> f64 {
        match self.axis {
            Axis::Linear => self.low + place * (self.high - self.low),
            Axis::Log => self.low * (self.high / self.low).powf(place),
        }
    }
}

fn extremes(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |extremes, value| match extremes {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least this.
pub(super) fn step(least: f64) -> f64 {
    if !least.is_finite() || least <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    // A little slack: 0.2 must not be past 2 × 0.1.
    let factor = factors.into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

fn below(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let factor = [5.0, 2.0, 1.0].into_iter().find(|factor| factor * power <= value);
    let low = factor.unwrap_or(1.0) * power;
    if low.is_normal() { low } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_round_and_places_lie_between_them() {
        let linear = Scale::linear([3.0, 87.0].into_iter()).expect("values");
        assert_eq!((linear.low, linear.high), (0.0, 100.0));
        assert_eq!((linear.at(50.0), linear.at(500.0), linear.at(f64::NAN)), (0.5, 1.0, 0.0));
        let log = Scale::log([0.0, 3.0, 470.0].into_iter()).expect("values");
        assert_eq!((log.low, log.high), (2.0, 500.0));
        assert_eq!((log.at(2.0), log.at(0.0), log.at(500.0)), (0.0, 0.0, 1.0));
        assert!(
            Scale::log([0.0, -1.0].into_iter()).is_none() && Scale::linear([f64::NAN].into_iter()).is_none()
        );
        let one = Scale::log([10.0].into_iter()).expect("one value");
        assert!(one.low <= 10.0 && one.high > 10.0, "{one:?}");
    }
}
