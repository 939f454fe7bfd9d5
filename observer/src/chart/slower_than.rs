//! The share of rows slower than x: the complement of the distribution, on log axes.
//!
//! It ends at one row of N, which is as far as N rows can see. Rows that have not arrived are slower than anything
//! that was seen: they hold the curve up to its right end.

use super::frame::{Caption, Plot, Tone, WIDTH, figure, no_data};
use super::legend::{Legend, Sign};
use super::markup::{Path, add, number, whole};
use super::scale::{Axis, Scale};
use super::ticks::ticks;
use super::unit::Quantity;

/// Pixels of the data's height.
const HEIGHT: i64 = 220;
/// Below this share no chart goes, however many rows there are.
const LEAST_SHARE: f64 = 1e-7;
/// An objective that lies so many times beyond the data is only named.
const OBJECTIVE_WITHIN: f64 = 10_000.0;
/// Labels along the axis of latency on the widest screen at most.
const TICKS_MAX: usize = 12;

/// The share of rows slower than x, of one or several runs.
#[derive(Clone, Debug)]
pub struct SlowerThan {
    /// What stands above.
    pub caption: Caption,
    /// The curves, in the order of the legend.
    pub curves: Vec<Curve>,
    /// What had to hold.
    pub objectives: Vec<Objective>,
}

/// One distribution.
#[derive(Clone, Debug, Default)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// Values in milliseconds with how many rows had them, in rising order.
    pub values: Vec<(f64, u64)>,
    /// All rows: with those that have no value because they have not arrived.
    pub rows: u64,
}

/// At most `share` of the rows may be slower than `at_ms`.
#[derive(Clone, Debug)]
pub struct Objective {
    /// The bound, milliseconds.
    pub at_ms: f64,
    /// The share that may lie beyond it: 0.01 for `p(99)`.
    pub share: f64,
    /// What it is: `p(99)<5s`.
    pub name: String,
    /// Whether it holds.
    pub held: bool,
}

impl SlowerThan {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        let values = || {
            let values = self.curves.iter().flat_map(|curve| &curve.values);
            values.filter(|(value, count)| *count > 0 && *value > 0.0).map(|(value, _)| *value)
        };
        let slowest = values().fold(0.0, f64::max);
        let near = |objective: &&Objective| objective.at_ms <= slowest * OBJECTIVE_WITHIN;
        // A little beyond it, so that its corner is seen.
        let objectives = self.objectives.iter().filter(near).map(|objective| objective.at_ms * 1.3);
        let rows = self.curves.iter().map(|curve| curve.rows).max().unwrap_or(0);
        let scale = Scale::log(values().chain(objectives)).filter(|_| slowest > 0.0 && rows > 0);
        let Some(latency) = scale else { return no_data(&self.caption, "") };
        let allowed = self.objectives.iter().map(|objective| objective.share).filter(|share| *share > 0.0);
        let least = allowed.fold(1.0 / number(rows), f64::min).max(LEAST_SHARE);
        let decades = least.log10().floor();
        let share = Scale { axis: Axis::Log, low: 10_f64.powf(decades.min(-1.0)), high: 1.0 };

        let mut plot = Plot::new(HEIGHT);
        let mut legend = Legend::default();
        plot.value_axis(&share, Quantity::Share);
        plot.labels_below(|width| {
            let most = usize::try_from(whole(width / 52.0)).unwrap_or(2).clamp(2, TICKS_MAX);
            ticks(&latency, Quantity::Time, most)
        });
        for objective in &self.objectives {
            draw_objective(&mut plot, &mut legend, objective, &latency, &share);
        }
        for curve in &self.curves {
            draw_curve(&mut plot, &mut legend, curve, &latency, &share);
        }
        figure(&self.caption, &legend, &plot.svg(&self.caption, ""))
    }
}

/// The two lines between which and the upper right corner no curve may be.
fn draw_objective(
    plot: &mut Plot,
    legend: &mut Legend,
    objective: &Objective,
    latency: &Scale,
    share: &Scale,
) {
    let tone = if objective.held { Tone::Good } else { Tone::Bad };
    let held = if objective.held { "holds" } else { "does not hold" };
    if objective.at_ms > latency.high {
        let bound = Quantity::Time.words(objective.at_ms);
        legend.add(
            Sign::Dashed,
            tone,
            &format!("{} {held}; {bound} lies right of the chart", objective.name),
        );
        return;
    }
    legend.add(Sign::Dashed, tone, &format!("{} {held}", objective.name));
    let (x, y) = (whole(latency.at(objective.at_ms) * WIDTH), whole(plot.y(share, objective.share)));
    let (class, right) = (tone.class(), whole(WIDTH));
    add(&mut plot.data, format_args!("<path class=\"limit {class}\" d=\"M{x} 0V{y}H{right}\"/>"));
    add(&mut plot.behind, format_args!("<path class=\"forbidden {class}\" d=\"M{x} 0V{y}H{right}V0z\"/>"));
}

fn draw_curve(plot: &mut Plot, legend: &mut Legend, curve: &Curve, latency: &Scale, share: &Scale) {
    let seen: u64 = curve.values.iter().map(|(_, count)| count).sum();
    let rows = curve.rows.max(seen);
    if rows == 0 || seen == 0 {
        legend.add(Sign::Line, curve.tone, &format!("{}: no data", curve.name));
        return;
    }
    let high = plot.high();
    let (x, y) = (|value: f64| latency.at(value) * WIDTH, |of_rows: f64| (1.0 - share.at(of_rows)) * high);
    let mut path = Path::default();
    let mut slower = rows;
    path.move_to(0.0, y(1.0));
    for (value, count) in curve.values.iter().filter(|(_, count)| *count > 0) {
        // All values up to here are at least this slow.
        path.line_to(x(*value), y(number(slower) / number(rows)));
        slower -= count;
        if slower > 0 {
            path.line_to(x(*value), y(number(slower) / number(rows)));
        }
    }
    let missing = rows - seen;
    let d = path.d().to_owned();
    plot.path(&format!("line {}", curve.tone.class()), &d);
    if missing > 0 {
        let last = curve.values.iter().rev().find(|(_, count)| *count > 0).map_or(0.0, |(value, _)| *value);
        let mut path = Path::default();
        path.move_to(x(last), y(number(missing) / number(rows)));
        path.line_to(WIDTH, y(number(missing) / number(rows)));
        let d = path.d().to_owned();
        plot.path(&format!("line {} dashed", curve.tone.class()), &d);
        legend.add(Sign::Line, curve.tone, &format!("{}, {rows} rows", curve.name));
        legend.add(Sign::Dashed, curve.tone, &format!("{missing} without a time"));
    } else {
        legend.add(Sign::Line, curve.tone, &format!("{}, {rows} rows", curve.name));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chart(curves: Vec<Curve>, objectives: Vec<Objective>) -> String {
        let caption = Caption { id: "slower".into(), ..Caption::default() };
        SlowerThan { caption, curves, objectives }.draw()
    }

    fn curve(values: Vec<(f64, u64)>, rows: u64) -> Curve {
        Curve { name: "create".into(), tone: Tone::S1, values, rows }
    }

    #[test]
    fn the_curve_ends_at_one_row_of_all() {
        let svg = chart(vec![curve(vec![(1.0, 90), (10.0, 9), (100.0, 1)], 100)], Vec::new());
        // From all rows at the top to 1 % at the bottom: 100 rows see no further.
        assert!(svg.contains("class=\"line s1\" d=\"M0 0v110h500v110h500\""), "{svg}");
        assert!(svg.contains(">1%<") && !svg.contains(">0.1%<"), "{svg}");
    }

    #[test]
    fn rows_without_a_time_hold_the_curve_up() {
        let svg = chart(vec![curve(vec![(1.0, 9)], 10)], Vec::new());
        assert!(svg.contains("1 without a time") && svg.contains("line s1 dashed"), "{svg}");
    }

    #[test]
    fn an_objective_is_a_corner_and_one_far_away_is_named() {
        let objective = |at_ms| Objective { at_ms, share: 0.01, name: "p(99)<5s".into(), held: true };
        let near = chart(vec![curve(vec![(100.0, 99)], 100)], vec![objective(5_000.0)]);
        assert!(near.contains("limit good") && near.contains("p(99)&lt;5s holds"), "{near}");
        let far = chart(vec![curve(vec![(0.001, 99)], 100)], vec![objective(5_000.0)]);
        assert!(far.contains("5s lies right of the chart") && !far.contains("forbidden"), "{far}");
    }

    #[test]
    fn without_rows_it_says_so() {
        assert!(chart(vec![curve(Vec::new(), 0)], Vec::new()).contains("no data"));
        assert!(chart(Vec::new(), Vec::new()).contains("no data"));
    }

    proptest! {
        #[test]
        fn any_distribution_is_drawn_with_numbers(mut values in prop::collection::vec((1e-5_f64..1e9, 0_u64..1_000_000), 0..60), missing in 0_u64..9) {
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            let rows = values.iter().map(|(_, count)| count).sum::<u64>() + missing;
            let objectives = vec![Objective { at_ms: 5.0, share: 0.0, name: "max".into(), held: false }];
            let svg = chart(vec![curve(values, rows)], objectives);
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", svg);
        }
    }
}
