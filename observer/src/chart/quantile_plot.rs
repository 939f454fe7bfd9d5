//! Quantiles of two or more sides over each other, and below them their difference: the shift function.
//!
//! The axis of quantiles counts nines: 50 %, 90 %, 99 %, 99.9 % are equally far apart as the shares 1 in 2, 1 in 10,
//! 1 in 100 are, because it is the tail that people ask for.

use super::frame::{Caption, Plot, Tone, WIDTH, figure, no_data};
use super::legend::{Legend, Sign};
use super::markup::{Path, add, index, whole};
use super::scale::{Axis, Scale};
use super::ticks::Tick;
use super::unit::Quantity;

/// Pixels of the upper plot's height.
const HEIGHT: i64 = 200;
/// And of the lower one's.
const SHIFT_HEIGHT: i64 = 120;
/// Nines that no run goes beyond.
const NINES_MAX: f64 = 9.0;

/// Quantiles of several sides.
#[derive(Clone, Debug)]
pub struct QuantilePlot {
    /// What stands above.
    pub caption: Caption,
    /// The sides, in the order of the legend.
    pub sides: Vec<QuantileSide>,
    /// The difference of two sides by quantile, in rising order; empty where there is none to show.
    pub shift: Vec<ShiftPoint>,
    /// Differences up to here, as a ratio above 1, are too small to matter: drawn as a band; absent where there is none.
    pub smallest_effect: Option<f64>,
}

/// One side.
#[derive(Clone, Debug, Default)]
pub struct QuantileSide {
    /// Its name in the legend.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// Its quantiles, in rising order.
    pub points: Vec<QuantilePoint>,
}

/// One quantile of a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuantilePoint {
    /// 0 to 1.
    pub q: f64,
    /// Its value in milliseconds; absent where it is open: the line has a gap.
    pub value_ms: Option<f64>,
    /// The bounds of its confidence interval, where there is one.
    pub interval_ms: Option<(f64, f64)>,
}

/// The difference at one quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShiftPoint {
    /// 0 to 1.
    pub q: f64,
    /// Second side ÷ first side; absent where it cannot be told.
    pub ratio: Option<f64>,
    /// The bounds of its confidence interval, where there is one.
    pub interval: Option<(f64, f64)>,
}

/// The axis of quantiles.
#[derive(Clone, Copy, Debug)]
struct Nines {
    most: f64,
}

impl Nines {
    fn at(self, q: f64) -> f64 {
        let nines = -(1.0 - q.clamp(0.0, 1.0)).log10();
        (nines / self.most).clamp(0.0, 1.0)
    }

    /// The median and each further nine.
    fn ticks(self) -> Vec<Tick> {
        let quantiles: [f64; 9] = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999_999, 0.999_999_9];
        let inside = quantiles.into_iter().filter(|q| -(1.0 - q).log10() <= self.most + 1e-9);
        inside.map(|q| Tick { at: self.at(q), label: label(q) }).collect()
    }
}

/// `p99.9`.
fn label(q: f64) -> String {
    if q == 0.0 {
        return "p0".to_owned();
    }
    // Six digits: `plain` would round the nines away.
    let text = format!("{:.5}", q * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

impl QuantilePlot {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        let points = || self.sides.iter().flat_map(|side| &side.points);
        let values = points().filter_map(|point| point.value_ms);
        let bounds = points().filter_map(|point| point.interval_ms).flat_map(|(low, high)| [low, high]);
        let Some(latency) = Scale::log(values.chain(bounds)) else { return no_data(&self.caption, "") };
        let known = points().filter(|point| point.value_ms.is_some()).map(|point| point.q);
        let highest = known.filter(|q| *q < 1.0).fold(0.9, f64::max);
        let nines = Nines { most: (-(1.0 - highest).log10()).clamp(1.0, NINES_MAX) };

        let mut legend = Legend::default();
        let mut plot = Plot::new(HEIGHT);
        plot.value_axis(&latency, Quantity::Time);
        plot.labels_below(|width| fitting_ticks(nines, width));
        for side in &self.sides {
            let y = |plot: &Plot, value: f64| plot.y(&latency, value);
            let interval = |point: &QuantilePoint| Some((point.q, point.interval_ms?));
            let band = area(nines, side.points.iter().map(interval), |value| y(&plot, value));
            plot.path(&format!("area band {}", side.tone.class()), &band);
            let value = |point: &QuantilePoint| (point.q, point.value_ms);
            let line = line(nines, side.points.iter().map(value), |value| y(&plot, value));
            plot.path(&format!("line {}", side.tone.class()), &line);
            legend.add(Sign::Line, side.tone, &side.name);
        }
        if points().any(|point| point.interval_ms.is_some()) {
            legend.add_class(Sign::Area, "muted", "confidence interval");
        }
        let mut drawn = plot.svg(&self.caption, "");
        if !self.shift.is_empty() {
            drawn.push_str(&self.shift_plot(nines, &mut legend));
        }
        figure(&self.caption, &legend, &drawn)
    }

    fn shift_plot(&self, nines: Nines, legend: &mut Legend) -> String {
        let ratios = self.shift.iter().filter_map(|point| point.ratio);
        let bounds = self.shift.iter().filter_map(|point| point.interval).flat_map(|(low, high)| [low, high]);
        let effect = self.smallest_effect.into_iter().flat_map(|effect| [effect, 1.0 / effect]);
        let all = ratios.chain(bounds).chain(effect).filter(|ratio| ratio.is_finite() && *ratio > 0.0);
        let (low, high) =
            all.fold((0.99_f64, 1.01_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
        let step = super::scale::step((high - low) / 4.0);
        let scale = Scale {
            axis: Axis::Linear,
            low: (1.0 - ((1.0 - low) / step).ceil() * step).max(0.0),
            high: 1.0 + ((high - 1.0) / step).ceil() * step,
        };
        let mut plot = Plot::new(SHIFT_HEIGHT);
        if let Some(effect) = self.smallest_effect.filter(|effect| *effect > 1.0) {
            let (top, bottom) = (whole(plot.y(&scale, effect)), whole(plot.y(&scale, 1.0 / effect)));
            let height = (bottom - top).max(1);
            add(
                &mut plot.behind,
                format_args!("<rect class=\"too-small\" y=\"{top}\" width=\"100%\" height=\"{height}\"/>"),
            );
            legend.add_class(Sign::Area, "too-small", "too small to matter");
        }
        plot.value_axis(&scale, Quantity::Change);
        plot.labels_below(|width| fitting_ticks(nines, width));
        let none = whole(plot.y(&scale, 1.0));
        add(&mut plot.data, format_args!("<path class=\"axis\" d=\"M0 {none}h{WIDTH}\"/>"));
        let interval = |point: &ShiftPoint| Some((point.q, point.interval?));
        let band = area(nines, self.shift.iter().map(interval), |ratio| plot.y(&scale, ratio));
        plot.path("area band muted", &band);
        let line =
            line(nines, self.shift.iter().map(|point| (point.q, point.ratio)), |ratio| plot.y(&scale, ratio));
        plot.path("line accent", &line);
        legend.add_class(Sign::Line, "accent", "difference, in percent of the first");
        let title = format!("{}: difference", self.caption.title);
        let described = self
            .shift
            .iter()
            .filter_map(|point| Some(format!("{} {}", label(point.q), Quantity::Change.words(point.ratio?))));
        let description = described.collect::<Vec<_>>().join(", ");
        let caption = Caption { title, description, ..self.caption.clone() };
        format!("<p class=\"subtitle\">difference by quantile</p>{}", plot.svg(&caption, "-shift"))
    }
}

/// The labels that have room: from the left, each far enough from the one before.
fn fitting_ticks(nines: Nines, width: f64) -> Vec<Tick> {
    let mut kept: Vec<Tick> = Vec::new();
    for tick in nines.ticks() {
        let half = super::markup::text_width(&tick.label) / 2.0;
        let until = kept
            .last()
            .map_or(f64::NEG_INFINITY, |last| last.at * width + super::markup::text_width(&last.label) / 2.0);
        if tick.at * width - half > until + 8.0 {
            kept.push(tick);
        }
    }
    kept
}

fn line(nines: Nines, points: impl Iterator<Item = (f64, Option<f64>)>, y: impl Fn(f64) -> f64) -> String {
    let mut path = Path::default();
    let mut piece = Vec::new();
    let mut write = |piece: &mut Vec<(f64, f64)>| {
        match piece.as_slice() {
            [] => {}
            [(x, y)] => path.dot(*x, *y),
            [(x, y), rest @ ..] => {
                path.move_to(*x, *y);
                rest.iter().for_each(|(x, y)| path.line_to(*x, *y));
            }
        }
        piece.clear();
    };
    for (q, value) in points {
        match value.filter(|value| value.is_finite()) {
            Some(value) => piece.push((nines.at(q) * WIDTH, y(value))),
            None => write(&mut piece),
        }
    }
    write(&mut piece);
    path.d().to_owned()
}

/// The area between two bounds, in pieces where they are not known.
fn area(
    nines: Nines,
    points: impl Iterator<Item = Option<(f64, (f64, f64))>>,
    y: impl Fn(f64) -> f64,
) -> String {
    let mut path = Path::default();
    let mut piece: Vec<(f64, f64, f64)> = Vec::new();
    let mut write = |piece: &mut Vec<(f64, f64, f64)>| {
        if piece.len() > 1 {
            for (number, (x, low, _)) in piece.iter().enumerate() {
                if index(number) == 0.0 { path.move_to(*x, *low) } else { path.line_to(*x, *low) }
            }
            piece.iter().rev().for_each(|(x, _, high)| path.line_to(*x, *high));
            path.close();
        }
        piece.clear();
    };
    for point in points {
        match point.filter(|(_, (low, high))| low.is_finite() && high.is_finite()) {
            Some((q, (low, high))) => piece.push((nines.at(q) * WIDTH, y(low), y(high))),
            None => write(&mut piece),
        }
    }
    write(&mut piece);
    path.d().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(name: &str, tone: Tone, factor: f64) -> QuantileSide {
        let point = |q: f64| {
            let value = factor * 10.0 / (1.0 - q.min(0.9999));
            QuantilePoint { q, value_ms: Some(value), interval_ms: Some((value * 0.9, value * 1.1)) }
        };
        QuantileSide { name: name.into(), tone, points: [0.0, 0.5, 0.9, 0.99, 0.999].map(point).into() }
    }

    #[test]
    fn nines_are_equally_far_apart_and_labels_have_all_of_them() {
        let nines = Nines { most: 4.0 };
        assert!((nines.at(0.99) - 0.5).abs() < 1e-9 && nines.at(1.0) == 1.0);
        let labels: Vec<String> = nines.ticks().into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["p0", "p50", "p90", "p99", "p99.9", "p99.99"]);
        assert_eq!(label(0.999_999_9), "p99.99999");
    }

    #[test]
    fn both_sides_and_their_difference_are_drawn() {
        let shift = |q| ShiftPoint { q, ratio: Some(1.1), interval: Some((1.05, 1.15)) };
        let plot = QuantilePlot {
            caption: Caption { id: "q".into(), ..Caption::default() },
            sides: vec![side("A", Tone::S1, 1.0), side("B", Tone::S2, 1.1)],
            shift: [0.5, 0.9, 0.99].map(shift).into(),
            smallest_effect: Some(1.02),
        };
        let svg = plot.draw();
        assert_eq!(svg.matches("role=\"img\"").count(), 2);
        assert!(svg.contains("line s1") && svg.contains("line s2") && svg.contains(">+10%<"), "{svg}");
        assert!(svg.contains("id=\"q-shift-t\"") && svg.contains("p99 +10%"), "{svg}");
        let open = QuantilePlot { sides: vec![QuantileSide::default()], shift: Vec::new(), ..plot };
        assert!(open.draw().contains("no data"));
    }
}
