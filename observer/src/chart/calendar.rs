//! Days and hours as cells: which ones used up the budget, and which nobody measured.

use super::frame::{Caption, Plot, figure, no_data};
use super::legend::{Legend, Sign};
use super::markup::{Anchor, Label, text_width};
use super::markup::{add, escape, index, percent, whole};

/// Pixels of a row's height.
const ROW: i64 = 16;
/// Pixels between two labels of columns at least, on a phone.
const LABEL_GAP: f64 = 10.0;

/// Rows of cells, each cell an hour of a day, a minute of an hour, a day of a week.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// What stands above.
    pub caption: Caption,
    /// Names of the columns, one for each cell of a row; an empty name has no label.
    pub columns: Vec<String>,
    /// The rows, top down.
    pub rows: Vec<CalendarRow>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct CalendarRow {
    /// At most eight letters: `Nov 30`.
    pub name: String,
    /// Its cells; a row that is shorter than the columns ends early.
    pub cells: Vec<CalendarCell>,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct CalendarCell {
    /// Decides the colour.
    pub state: CellState,
    /// What it says when pointed at: when, and its figures.
    pub tooltip: String,
}

/// What a cell stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellState {
    /// Outside of what the report is about: nothing is drawn.
    Outside,
    /// Nobody measured: hatched, neither good nor bad.
    NotMeasured,
    /// Part of it was measured, and that was good.
    PartlyMeasured,
    /// Measured, nothing bad.
    Good,
    /// Some bad, within what the budget allows for its time.
    Warn,
    /// Bad beyond that.
    Bad,
}

impl CellState {
    const fn look(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Outside => None,
            Self::NotMeasured => Some(("not-measured", "not measured")),
            Self::PartlyMeasured => Some(("partly", "good, measured in part")),
            Self::Good => Some(("good", "good")),
            Self::Warn => Some(("warn", "some bad, within the budget's pace")),
            Self::Bad => Some(("bad", "bad beyond the budget's pace")),
        }
    }
}

impl Calendar {
    /// The chart.
    #[must_use]
    pub fn draw(&self) -> String {
        let columns = self.columns.len();
        let cells = || self.rows.iter().flat_map(|row| &row.cells);
        if columns == 0 || cells().all(|cell| cell.state == CellState::Outside) {
            return no_data(&self.caption, "");
        }
        let mut plot = Plot::new(ROW * i64::try_from(self.rows.len()).unwrap_or(1));
        let mut legend = Legend::default();
        for (number, row) in (0..).zip(&self.rows) {
            let y = number * ROW;
            let text = row.name.clone();
            Label { at: 0.0, dx: -6, y: y + 12, anchor: Anchor::End, class: "", text }
                .write(&mut plot.before);
            for (column, cell) in row.cells.iter().enumerate().take(columns) {
                let Some((class, name)) = cell.state.look() else { continue };
                let paint = if cell.state == CellState::NotMeasured {
                    legend.add_class(Sign::Hatched, class, name);
                    format!("fill=\"{}\"", plot.hatch(&self.caption.id))
                } else {
                    legend.add_class(Sign::Area, class, name);
                    format!("class=\"area {class}\"")
                };
                let (x, width) = (percent(index(column) / index(columns)), percent(0.92 / index(columns)));
                let (height, tooltip) = (ROW - 2, escape(&cell.tooltip));
                add(
                    &mut plot.before,
                    format_args!(
                        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {paint}><title>{tooltip}</title></rect>"
                    ),
                );
            }
        }
        self.column_names(&mut plot);
        figure(&self.caption, &legend, &plot.svg(&self.caption, ""))
    }

    /// Under the columns; every second, third … one where a phone has no room for all of them.
    fn column_names(&self, plot: &mut Plot) {
        let columns = index(self.columns.len());
        let widest = self.columns.iter().map(|name| text_width(name)).fold(0.0, f64::max);
        let every = |width: f64| {
            let least = whole(((widest + LABEL_GAP) * columns / width).ceil()).max(1);
            [1, 2, 3, 4, 6, 12, 24].into_iter().find(|every| *every >= least).unwrap_or(least)
        };
        let (coarse, fine) = (every(super::frame::NARROWEST), every(super::frame::FINE_FROM));
        let named = (0..).zip(&self.columns).filter(|(_, name)| !name.is_empty());
        for (number, name) in named {
            let class = match (number % coarse, number % fine) {
                (0, _) => "",
                (_, 0) => "fine",
                _ => continue,
            };
            let at = (super::markup::number(u64::try_from(number).unwrap_or(0)) + 0.46) / columns;
            let y = plot.height + 14;
            Label { at, dx: 0, y, anchor: Anchor::Middle, class, text: name.clone() }.write(&mut plot.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_nobody_measured_is_hatched_and_time_outside_is_not_drawn() {
        let cell = |state| CalendarCell { state, tooltip: "Nov 30 00:00: 3 bad of 3600".into() };
        let states = [CellState::Outside, CellState::NotMeasured, CellState::Good, CellState::Bad];
        let row = CalendarRow { name: "Nov 30".into(), cells: states.map(cell).into() };
        let caption = Caption { id: "c".into(), ..Caption::default() };
        let columns = (0..24).map(|hour| format!("{hour}")).collect();
        let svg = Calendar { caption: caption.clone(), columns, rows: vec![row] }.draw();
        assert!(svg.contains("fill=\"url(#c-hatch)\"") && svg.contains("area bad"), "{svg}");
        assert_eq!(svg.matches("3 bad of 3600").count(), 3);
        assert!(Calendar { caption, columns: Vec::new(), rows: Vec::new() }.draw().contains("no data"));
    }
}
