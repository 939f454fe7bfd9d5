//! Where an axis is labelled.

use super::scale::{Axis, Scale, step};
use super::unit::Quantity;

/// Ticks of a linear axis beyond which something is wrong with its ends.
const TICKS_MAX: usize = 50;
const MINUTE_MS: f64 = 60_000.0;
/// A minute, ten of them, an hour, ten of them and so on: what has a round label where powers of ten have none.
const LONG_TIMES_MS: [f64; 6] = [MINUTE_MS, 6e5, 3.6e6, 3.6e7, 3.6e8, 3.6e9];

/// One labelled place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// 0 to 1 along the axis.
    pub(super) at: f64,
    pub(super) label: String,
}

/// At most so many ticks of an axis, at round numbers, in order.
pub(super) fn ticks(scale: &Scale, quantity: Quantity, most: usize) -> Vec<Tick> {
    let most = most.clamp(2, TICKS_MAX);
    let log = match scale.axis {
        Axis::Linear => Vec::new(),
        Axis::Log => log_values(scale, quantity, most),
    };
    let (values, natural) =
        if log.len() >= 2 { (log, true) } else { (linear_values(scale, quantity, most), false) };
    let unit = quantity.unit(scale.low.abs().max(scale.high.abs()));
    let label = |value: f64| if natural { log_label(quantity, value) } else { unit.label(value) };
    values.into_iter().map(|value| Tick { at: scale.at(value), label: label(value) }).collect()
}

/// A log axis spans units: each label is in the one that fits it.
fn log_label(quantity: Quantity, value: f64) -> String {
    quantity.unit(value).label(value)
}

fn linear_values(scale: &Scale, quantity: Quantity, most: usize) -> Vec<f64> {
    let unit = quantity.unit(scale.low.abs().max(scale.high.abs())).size;
    let intervals = super::markup::index(most - 1);
    // The change is counted from none at all.
    let origin = if quantity == Quantity::Change { 1.0 } else { 0.0 };
    let at = |distance: f64| -> Vec<f64> {
        let slack = distance * 1e-6;
        let first = ((scale.low - origin - slack) / distance).ceil();
        let values = (0..TICKS_MAX).map(|n| origin + (first + super::markup::index(n)) * distance);
        values.take_while(|value| *value <= scale.high + slack).collect()
    };
    let mut distance = step((scale.high - scale.low) / unit / intervals) * unit;
    let is_counted = matches!(quantity, Quantity::Count | Quantity::Bytes);
    if is_counted {
        distance = distance.max(1.0);
    }
    let values = at(distance);
    // Between two round numbers that are far apart there may be none.
    let is_whole = is_counted && distance <= 1.0;
    if values.len() < 2 && !is_whole { at(step(distance / unit / 2.5) * unit) } else { values }
}

/// Powers of ten, with 2 and 5 times them where there is room, or every second, third … power.
fn log_values(scale: &Scale, quantity: Quantity, most: usize) -> Vec<f64> {
    let first = super::markup::whole(scale.low.log10().floor());
    let last = super::markup::whole(scale.high.log10().ceil());
    let inside = |value: &f64| (scale.low * (1.0 - 1e-9)..=scale.high * (1.0 + 1e-9)).contains(value);
    let power = |exponent: i64| 10_f64.powf(i32::try_from(exponent).map_or(0.0, f64::from));
    let with = |factors: &[f64]| -> Vec<f64> {
        let values = (first..=last).flat_map(|e| factors.iter().map(move |factor| factor * power(e)));
        // From a minute on, time is not counted in tens.
        let decimal = values.filter(|value| quantity != Quantity::Time || *value < MINUTE_MS);
        let longer = LONG_TIMES_MS.iter().filter(|_| quantity == Quantity::Time);
        let longer = longer.flat_map(|time| factors.iter().map(move |factor| factor * time));
        decimal.chain(longer).filter(inside).collect()
    };
    for factors in [&[1.0, 2.0, 5.0][..], &[1.0][..]] {
        let values = with(factors);
        // Where a minute follows fifty seconds, two labels would touch.
        let least = 0.8 / super::markup::index(most);
        let is_apart = values.windows(2).all(|pair| scale.at(pair[1]) - scale.at(pair[0]) >= least);
        if (2..=most).contains(&values.len()) && is_apart {
            return values;
        }
    }
    let decades = with(&[1.0]);
    let every = decades.len().div_ceil(most).max(1);
    decades.into_iter().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: &Scale, quantity: Quantity, most: usize) -> Vec<String> {
        ticks(scale, quantity, most).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_in_one_unit() {
        let linear = Scale::linear([87.0].into_iter()).expect("a value");
        assert_eq!(labels(&linear, Quantity::Time, 6), ["0", "20ms", "40ms", "60ms", "80ms", "100ms"]);
        let log = Scale::log([0.3, 4_000.0].into_iter()).expect("values");
        assert_eq!(labels(&log, Quantity::Time, 6), ["1ms", "10ms", "100ms", "1s"]);
        let narrow = Scale::log([110.0, 190.0].into_iter()).expect("values");
        assert_eq!(labels(&narrow, Quantity::Time, 6), ["100ms", "200ms"]);
        let few = Scale::linear([2.0].into_iter()).expect("a value");
        assert_eq!(labels(&few, Quantity::Count, 9), ["0", "1", "2"]);
    }

    proptest! {
        #[test]
        fn ticks_rise_inside_the_axis_and_are_as_many_as_fit(a in 1e-6_f64..1e9, b in 1e-6_f64..1e9, most in 2_usize..12, log: bool) {
            let values = [a, b].into_iter();
            let scale = if log { Scale::log(values) } else { Scale::linear(values) }.expect("values");
            let ticks = ticks(&scale, Quantity::Time, most);
            prop_assert!(!ticks.is_empty() && ticks.len() <= most + 1, "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at), "{ticks:?}");
            prop_assert!(ticks.iter().all(|tick| (0.0..=1.0).contains(&tick.at)), "{ticks:?}");
        }
    }
}
