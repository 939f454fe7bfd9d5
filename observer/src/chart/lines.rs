//! Lines over time: percentiles, rates, users, rows in flight, memory, a budget that is left.

use super::frame::{Caption, Detail, NARROWEST, Plot, Tone, WIDTH, figure, no_data};
use super::legend::{Legend, Sign};
use super::markup::{Anchor, Label, Path, add, text_width, whole};
use super::scale::{Axis, Scale};
use super::spans::{self, NAMES_HEIGHT, Span};
use super::time_axis::TimeAxis;
use super::unit::Quantity;

/// Pixels of the data's height.
const HEIGHT: i64 = 200;
/// A limit so many times above the data would press them flat on a linear axis: it is only named.
const LIMIT_WITHIN: f64 = 4.0;
/// And on a log axis.
const LOG_LIMIT_WITHIN: f64 = 1_000.0;
/// Pixels between the baselines of the names of two limits.
const NAME_HEIGHT: i64 = 13;

/// Lines over time.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What stands above.
    pub caption: Caption,
    /// The time that the chart spans.
    pub time: TimeAxis,
    /// What the values are.
    pub quantity: Quantity,
    /// How the axis of values is divided. On a log axis a value of 0 or less lies on the lower edge.
    pub values: Axis,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
    /// Marked times, drawn behind the lines.
    pub spans: Vec<Span>,
    /// Horizontal lines.
    pub limits: Vec<Limit>,
    /// How much it may weigh.
    pub detail: Detail,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// Whether it is dashed: what was intended, beside what was.
    pub dashed: bool,
    /// Its points, in the order of time.
    pub points: Vec<Point>,
}

/// One point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The start of what it stands for, seconds.
    pub at_s: f64,
    /// How long that is, seconds; the point is drawn at its middle. Where the next point begins later than this one
    /// ends, the line has a gap.
    pub width_s: f64,
    /// Its value; absent where there is none, which is a gap as well.
    pub value: Option<f64>,
}

/// A horizontal line.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Where it lies.
    pub value: f64,
    /// What it is: `p(95)<500`.
    pub name: String,
    /// Whether it holds: decides the colour.
    pub held: bool,
}

impl Lines {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        let values = || self.series.iter().flat_map(|series| &series.points).filter_map(|point| point.value);
        let seen = values().filter(|value| value.is_finite()).fold(f64::NEG_INFINITY, f64::max);
        if self.time.is_empty() || seen == f64::NEG_INFINITY {
            return no_data(&self.caption, "");
        }
        let Some(scale) = self.scale(seen) else { return no_data(&self.caption, "") };
        let mut legend = Legend::default();
        let mut plot = Plot::new(HEIGHT);
        // The names of stages have the upper rows to themselves, and so has that of the highest limit.
        let has_limit = self.limits.iter().any(|limit| (scale.low..=scale.high).contains(&limit.value));
        let above = if spans::are_named(&self.spans) { NAMES_HEIGHT } else { 0 };
        let above = above + if has_limit { NAME_HEIGHT } else { 0 };
        let scale = raised(scale, above);
        spans::draw(&mut plot, &mut legend, &self.caption.id, &self.time, &self.spans);
        plot.value_axis(&scale, self.quantity);
        plot.time_axis(&self.time);
        for series in &self.series {
            let dash = if series.dashed { " dashed" } else { "" };
            let (line, dots) = self.paths(&plot, &scale, series);
            plot.path(&format!("line {}{dash}", series.tone.class()), line.d());
            plot.path(&format!("dots {}", series.tone.class()), dots.d());
            let sign = if series.dashed { Sign::Dashed } else { Sign::Line };
            let none = series.points.iter().all(|point| point.value.is_none());
            let name = if none { format!("{}: no data", series.name) } else { series.name.clone() };
            legend.add(sign, series.tone, &name);
        }
        self.limits(&mut plot, &mut legend, &scale);
        figure(&self.caption, &legend, &plot.svg(&self.caption, ""))
    }

    /// The axis of values: the data, and the limits that are not far beyond them.
    fn scale(&self, seen: f64) -> Option<Scale> {
        let values = self.series.iter().flat_map(|series| &series.points).filter_map(|point| point.value);
        let within = if self.values == Axis::Log { LOG_LIMIT_WITHIN } else { LIMIT_WITHIN };
        let limits = self.limits.iter().map(|limit| limit.value).filter(|value| *value <= seen * within);
        let all = values.chain(limits);
        match self.values {
            Axis::Linear => Scale::linear(all),
            // Nothing is above zero: a linear axis shows that as well.
            Axis::Log => {
                let all: Vec<f64> = all.collect();
                Scale::log(all.iter().copied()).or_else(|| Scale::linear(all.iter().copied()))
            }
        }
    }

    /// The line, and the dots that stand alone in it.
    fn paths(&self, plot: &Plot, scale: &Scale, series: &Series) -> (Path, Path) {
        let columns = self.detail.columns();
        let (mut path, mut dots) = (Path::default(), Path::default());
        let mut column: Option<Column> = None;
        let mut ends_at = f64::NEG_INFINITY;
        // How many columns the present piece has: a piece of one is a dot.
        let mut piece = 0;
        for point in &series.points {
            let value = point.value.filter(|value| value.is_finite());
            let begins_anew = point.at_s > ends_at + point.width_s.max(1e-9) * 0.5;
            ends_at = point.at_s + point.width_s;
            if value.is_none() || begins_anew {
                end_piece(&mut path, &mut dots, &mut column, &mut piece);
            }
            let Some(value) = value else { continue };
            let middle = point.at_s + point.width_s / 2.0;
            if middle < self.time.from_s || middle > self.time.to_s {
                continue;
            }
            let x = (self.time.at(middle) * columns).round() * WIDTH / columns;
            let y = plot.y(scale, value);
            match &mut column {
                Some(column) if (column.x - x).abs() < 0.5 => column.add(y),
                _ => {
                    if let Some(done) = column.replace(Column::new(x, y)) {
                        done.write(&mut path, piece > 0);
                        piece += 1;
                    }
                }
            }
        }
        end_piece(&mut path, &mut dots, &mut column, &mut piece);
        (path, dots)
    }

    fn limits(&self, plot: &mut Plot, legend: &mut Legend, scale: &Scale) {
        let mut taken: Vec<i64> = Vec::new();
        for limit in &self.limits {
            let tone = if limit.held { Tone::Muted } else { Tone::Bad };
            if !(scale.low..=scale.high).contains(&limit.value) {
                let where_ = if limit.value > scale.high { "above" } else { "below" };
                let said =
                    format!("{} ({}) lies {where_} the chart", limit.name, self.quantity.words(limit.value));
                legend.add(Sign::Dashed, tone, &said);
                continue;
            }
            let y = whole(plot.y(scale, limit.value));
            let (class, width) = (tone.class(), WIDTH);
            add(&mut plot.data, format_args!("<path class=\"limit {class}\" d=\"M0 {y}h{width}\"/>"));
            legend.add(Sign::Dashed, tone, &limit.name);
            // Above its line, or below where there is no room; where two would collide the legend has to do.
            let free = |y: &i64| {
                *y >= 10
                    && *y <= plot.height - 2
                    && taken.iter().all(|other| (other - y).abs() >= NAME_HEIGHT)
            };
            let named = [y - 4, y + 12].into_iter().find(|y| free(y));
            if let Some(y) = named.filter(|_| text_width(&limit.name) < NARROWEST) {
                let text = limit.name.clone();
                let class = if limit.held { "limit-name" } else { "limit-name bad" };
                Label { at: 1.0, dx: -2, y, anchor: Anchor::End, class, text }.write(&mut plot.before);
                taken.push(y);
            }
        }
    }
}

/// Leaves pixels free above the data.
fn raised(scale: Scale, above: i64) -> Scale {
    if above == 0 {
        return scale;
    }
    let share =
        f64::from(i32::try_from(HEIGHT).unwrap_or(1)) / f64::from(i32::try_from(HEIGHT - above).unwrap_or(1));
    Scale { high: scale.value(share), ..scale }
}

/// What falls on one column of dots: its first, lowest, highest and last value are drawn, so that no peak is lost.
#[derive(Clone, Copy, Debug)]
struct Column {
    x: f64,
    first: f64,
    low: f64,
    high: f64,
    last: f64,
}

impl Column {
    fn new(x: f64, y: f64) -> Self {
        Self { x, first: y, low: y, high: y, last: y }
    }

    fn add(&mut self, y: f64) {
        self.low = self.low.min(y);
        self.high = self.high.max(y);
        self.last = y;
    }

    fn write(&self, path: &mut Path, joined: bool) {
        if joined {
            path.line_to(self.x, self.first);
        } else {
            path.move_to(self.x, self.first);
        }
        [self.low, self.high, self.last].into_iter().for_each(|y| path.line_to(self.x, y));
    }
}

fn end_piece(path: &mut Path, dots: &mut Path, column: &mut Option<Column>, piece: &mut usize) {
    if let Some(done) = column.take() {
        let alone = *piece == 0 && whole(done.low) == whole(done.high);
        if alone {
            dots.dot(done.x, done.first);
        } else {
            done.write(path, *piece > 0);
        }
    }
    *piece = 0;
}
