//! A distribution over time: columns of time, rows of latency on a log axis, and how many values fall into each cell.
//!
//! Counts are added up and never averaged, and a cell with a single value is as large as any other and of a colour
//! that is seen.

use super::frame::{Caption, Detail, Plot, WIDTH, figure, no_data};
use super::legend::{Legend, Sign};
use super::markup::{add, escape, number, whole};
use super::scale::Scale;
use super::spans::{self, NAMES_HEIGHT, Span};
use super::time_axis::TimeAxis;
use super::unit::Quantity;

/// Pixels of the data's height.
const HEIGHT: i64 = 208;
/// Rows at most: then each is four pixels high at least.
const ROWS_MAX: u16 = 48;
/// Rows of an event of the live page at most.
const PAGE_ROWS_MAX: u16 = 26;
/// Columns at most: then each is wider than a pixel on a phone.
const COLUMNS_MAX: usize = 120;
/// Columns of an event of the live page at most.
const PAGE_COLUMNS_MAX: usize = 48;
/// Colours, from a single value to the fullest cell.
const LEVELS: u8 = 6;

/// A distribution over time.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// What stands above.
    pub caption: Caption,
    /// The time that the chart spans.
    pub time: TimeAxis,
    /// What was counted in each step of time, oldest first; times without a column were not seen.
    pub columns: Vec<HeatColumn>,
    /// Marked times, drawn behind the cells.
    pub spans: Vec<Span>,
    /// How much it may weigh.
    pub detail: Detail,
}

/// What was counted in one step of time.
#[derive(Clone, Debug, Default)]
pub struct HeatColumn {
    /// Its start, seconds.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
    /// Values in milliseconds, with how often each was seen. A value of 0 or less is in the lowest row.
    pub values: Vec<(f64, u64)>,
}

/// One column as it is drawn: counts by row, lowest first.
#[derive(Clone, Debug)]
struct Counted {
    from_s: f64,
    to_s: f64,
    rows: Vec<u64>,
}

impl HeatMap {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        let values = || self.columns.iter().flat_map(|column| &column.values).filter(|(_, count)| *count > 0);
        let total: u64 = values().map(|(_, count)| count).sum();
        let Some(scale) = Scale::log(values().map(|(value, _)| *value)).filter(|_| !self.time.is_empty())
        else {
            let why = if total > 0 { "no value is above zero" } else { "" };
            return no_data(&self.caption, why);
        };
        let named = spans::are_named(&self.spans);
        let above = if named { NAMES_HEIGHT } else { 0 };
        let mut plot = Plot::new(HEIGHT + above);
        let mut legend = Legend::default();
        spans::draw(&mut plot, &mut legend, &self.caption.id, &self.time, &self.spans);
        let rows = rows(&scale, if self.detail == Detail::Page { PAGE_ROWS_MAX } else { ROWS_MAX });
        let columns = self.counted(&scale, rows);
        let most = columns.iter().flat_map(|column| &column.rows).copied().max().unwrap_or(0);
        // The rows are the data's; what is above them belongs to the names.
        let axis =
            Scale { high: scale.value(number(height(HEIGHT + above)) / number(height(HEIGHT))), ..scale };
        plot.value_axis(&axis, Quantity::Time);
        plot.time_axis(&self.time);
        self.cells(&mut plot, &columns, &scale, rows, most);
        if self.detail == Detail::Page {
            self.tooltips(&mut plot, &columns, &scale, rows);
        }
        legend.add_class(Sign::Area, "h1", "1 row");
        if most > 1 {
            legend.add_class(Sign::Area, "h6", &format!("{most} rows, the fullest cell"));
        }
        figure(&self.caption, &legend, &plot.svg(&self.caption, ""))
    }

    /// The columns by rows of the scale; neighbours are added up where there are too many.
    fn counted(&self, scale: &Scale, rows: u16) -> Vec<Counted> {
        let most = if self.detail == Detail::Page { PAGE_COLUMNS_MAX } else { COLUMNS_MAX };
        let together = self.columns.len().div_ceil(most).max(1);
        let chunk = |columns: &[HeatColumn]| {
            let mut counts = vec![0; usize::from(rows)];
            for (value, count) in columns.iter().flat_map(|column| &column.values) {
                counts[row(scale, rows, *value)] += count;
            }
            let from_s = columns.first().map_or(0.0, |column| column.from_s);
            let to_s = columns.last().map_or(0.0, |column| column.to_s);
            Counted { from_s, to_s, rows: counts }
        };
        self.columns.chunks(together).map(chunk).collect()
    }

    /// Each cell is a stroke as thick as its row: few bytes, and stretched in its length alone.
    fn cells(&self, plot: &mut Plot, columns: &[Counted], scale: &Scale, rows: u16, most: u64) {
        let bottom = plot.height;
        let edge = |row: u16| whole(number(height(HEIGHT)) * f64::from(row) / f64::from(rows));
        for level in 1..=LEVELS {
            let mut cells = String::new();
            for row in 0..rows {
                let (low, high) = (edge(row), edge(row + 1));
                let (twice_y, thick) = (2 * bottom - low - high, high - low);
                let halves = if twice_y % 2 == 0 { "" } else { ".5" };
                let y = format!("{}{halves}", twice_y.div_euclid(2));
                let of_level = |column: &&Counted| match column.rows[usize::from(row)] {
                    0 => false,
                    count => self::level(count, most) == level,
                };
                let of_level = columns.iter().filter(of_level);
                if self.detail == Detail::Page {
                    let d = self.runs(of_level, &y);
                    if !d.is_empty() {
                        add(&mut cells, format_args!("<path stroke-width=\"{thick}\" d=\"{d}\"/>"));
                    }
                    continue;
                }
                for column in of_level {
                    let (x, width) = self.place(column);
                    let said = escape(&self.cell_words(column, scale, rows, row));
                    add(
                        &mut cells,
                        format_args!(
                            "<path stroke-width=\"{thick}\" d=\"M{x} {y}h{width}\"><title>{said}</title></path>"
                        ),
                    );
                }
            }
            if !cells.is_empty() {
                add(&mut plot.data, format_args!("<g class=\"cell h{level}\">{cells}</g>"));
            }
        }
    }

    /// The cells of one row and colour; neighbours are one stroke.
    fn runs<'c>(&self, columns: impl Iterator<Item = &'c Counted>, y: &str) -> String {
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for column in columns {
            let (x, width) = self.place(column);
            match runs.last_mut() {
                Some((from, long)) if *from + *long + 1 >= x => *long = x + width - *from,
                _ => runs.push((x, width)),
            }
        }
        let mut d = String::new();
        let mut at = None;
        for (x, width) in runs {
            match at {
                None => add(&mut d, format_args!("M{x} {y}h{width}")),
                Some(at) => add(&mut d, format_args!("m{} 0h{width}", x - at)),
            }
            at = Some(x + width);
        }
        d
    }

    /// Left edge and width in parts of the width: at least one.
    fn place(&self, column: &Counted) -> (i64, i64) {
        let x = |seconds: f64| whole(self.time.at(seconds) * WIDTH);
        let (from, to) = (x(column.from_s), x(column.to_s));
        // The thin gap between columns is what shows that they are columns; it goes where they are thin themselves.
        let gap = i64::from(to - from > 6);
        (from.min(999), (to - from - gap).max(1))
    }

    fn cell_words(&self, column: &Counted, scale: &Scale, rows: u16, row: u16) -> String {
        let count = column.rows[usize::from(row)];
        let (low, high) = (bound(scale, rows, row), bound(scale, rows, row + 1));
        let words = |value| Quantity::Time.words(value);
        let when = self.time.words(column.from_s);
        let low = if row == 0 { String::new() } else { format!("{} to ", words(low)) };
        let up_to = if row == 0 { "up to " } else { "" };
        format!("{when}: {count} × {up_to}{low}{}", words(high))
    }

    /// One tooltip for each column of an event: how many, from where to where.
    fn tooltips(&self, plot: &mut Plot, columns: &[Counted], scale: &Scale, rows: u16) {
        let mut tips = String::new();
        for column in columns {
            let total: u64 = column.rows.iter().sum();
            let first = column.rows.iter().position(|count| *count > 0);
            let last = column.rows.iter().rposition(|count| *count > 0);
            let Some((first, last)) = first.zip(last) else { continue };
            let bound =
                |row: usize| Quantity::Time.words(bound(scale, rows, u16::try_from(row).unwrap_or(rows)));
            let when = self.time.words(column.from_s);
            let said = escape(&format!("{when}: {total} between {} and {}", bound(first), bound(last + 1)));
            let ((x, width), high) = (self.place(column), plot.height);
            add(
                &mut tips,
                format_args!("<path d=\"M{x} 0h{width}v{high}h-{width}z\"><title>{said}</title></path>"),
            );
        }
        add(&mut plot.data, format_args!("<g class=\"tip\">{tips}</g>"));
    }
}

fn height(pixels: i64) -> u64 {
    u64::try_from(pixels).unwrap_or(1)
}

/// As many rows as a decade divides into evenly and as fit.
fn rows(scale: &Scale, most: u16) -> u16 {
    let decades = (scale.high / scale.low).log10();
    let fits = |per_decade: &u16| decades * f64::from(*per_decade) <= f64::from(most);
    let per_decade = [40, 30, 20, 15, 10, 8, 6, 5, 4, 3, 2].into_iter().find(fits).unwrap_or(1);
    let rows = whole((decades * f64::from(per_decade)).ceil()).clamp(1, i64::from(most));
    u16::try_from(rows).unwrap_or(most)
}

fn row(scale: &Scale, rows: u16, value: f64) -> usize {
    let row = whole((scale.at(value) * f64::from(rows)).floor());
    usize::try_from(row).unwrap_or(0).min(usize::from(rows) - 1)
}

fn bound(scale: &Scale, rows: u16, row: u16) -> f64 {
    scale.value(f64::from(row) / f64::from(rows))
}

/// The colour of a count: on a log scale, as counts span decades; 1 has the first, the most has the last.
fn level(count: u64, most: u64) -> u8 {
    if most <= 1 {
        return LEVELS;
    }
    let share = number(count).ln() / number(most).ln();
    let level = 1 + whole(share * f64::from(LEVELS - 1));
    u8::try_from(level).unwrap_or(1).clamp(1, LEVELS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scale::Axis;
    use super::*;

    fn map(columns: Vec<HeatColumn>, detail: Detail) -> HeatMap {
        let to_s = columns.last().map_or(0.0, |column| column.to_s);
        HeatMap {
            caption: Caption { id: "heat".into(), ..Caption::default() },
            time: TimeAxis { from_s: 0.0, to_s, utc: None },
            columns,
            spans: Vec::new(),
            detail,
        }
    }

    fn column(number: u32, values: Vec<(f64, u64)>) -> HeatColumn {
        HeatColumn { from_s: f64::from(number), to_s: f64::from(number + 1), values }
    }

    /// The sum of the counts in the tooltips.
    fn told(svg: &str) -> u64 {
        let titles = svg.split("<title>").skip(1).filter_map(|rest| rest.split("</title>").next());
        let count = |title: &str| {
            let words = title.split_once(": ").map(|(_, rest)| rest)?;
            words.split(' ').next()?.parse::<u64>().ok()
        };
        titles.filter_map(count).sum()
    }

    #[test]
    fn a_single_value_is_seen_beside_a_million() {
        let svg = map(vec![column(0, vec![(2.0, 1_000_000), (900.0, 1)])], Detail::Report).draw();
        assert!(svg.contains("class=\"cell h1\"") && svg.contains("class=\"cell h6\""), "{svg}");
        assert!(svg.contains(": 1 × "), "{svg}");
    }

    #[test]
    fn a_day_of_seconds_is_added_up_to_few_columns_and_stays_small() {
        let columns: Vec<HeatColumn> = (0..86_400)
            .map(|second| {
                let spread = |n: u32| (f64::from(1 + (second * 7 + n * 13) % 90), 3);
                column(second, (0..6).map(spread).collect())
            })
            .collect();
        let event = map(columns.clone(), Detail::Page).draw();
        assert!(event.len() < 12_000, "{} bytes", event.len());
        assert_eq!(told(&event), 86_400 * 18);
        let report = map(columns, Detail::Report).draw();
        assert!(report.len() < 450_000, "{} bytes", report.len());
        assert_eq!(told(&report), 86_400 * 18);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_value_is_in_one_cell(columns in prop::collection::vec(prop::collection::vec((-1.0_f64..1e7, 1_u64..1_000), 0..20), 1..200)) {
            let total: u64 = columns.iter().flatten().map(|(_, count)| count).sum();
            let columns: Vec<HeatColumn> = (0..).zip(columns).map(|(n, values)| column(n, values)).collect();
            let positive = columns.iter().flat_map(|column| &column.values).any(|(value, _)| *value > 0.0);
            for detail in [Detail::Page, Detail::Report] {
                let svg = map(columns.clone(), detail).draw();
                prop_assert_eq!(told(&svg), if positive { total } else { 0 });
                prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", svg);
            }
        }

        #[test]
        fn a_fuller_cell_never_has_a_fainter_colour(a in 1_u64..1_000_000, b in 1_u64..1_000_000, more in 0_u64..1_000_000) {
            let most = a.max(b) + more;
            prop_assert!((level(a, most) <= level(b, most)) || a > b);
            prop_assert_eq!(level(most, most), LEVELS);
        }
    }

    #[test]
    fn the_scale_of_the_rows_is_logarithmic() {
        let scale = Scale { axis: Axis::Log, low: 1.0, high: 1_000.0 };
        assert_eq!((rows(&scale, 48), row(&scale, 45, 1_000.0), row(&scale, 45, 0.0)), (45, 44, 0));
    }
}
