//! Charts as SVG, drawn on the server: pure functions from plain data to markup that needs no script.
//!
//! Each chart is a value with public fields and a `draw`, which returns an HTML `<figure>`: caption, legend and one
//! `<svg>`. Positions along the width are percentages and only paths are stretched, so that labels keep their size
//! from a phone's width to a wide screen; labels that do not fit on a phone have the class `fine`, which the style
//! sheet hides there. Colours are classes (`s1` … `s6`, `good`, `warn`, `bad`, `muted`) that `html/style.css` sets:
//! there is no `style` attribute, which a strict content security policy would refuse.
//!
//! Times on an axis of time are seconds since the chart's zero; latencies are milliseconds, as in `report.json`. A
//! value that is not known is absent: lines have a gap there and are never joined over it. What has no data says so.
//! To add a chart: one file here with its line below, and its place in `docs/report.md`.

mod breakdown;
mod calendar;
mod frame;
mod heat_map;
#[cfg(test)]
pub(crate) mod layout;
mod legend;
mod lines;
mod markup;
mod quantile_plot;
mod scale;
mod slower_than;
mod spans;
mod threshold_bars;
mod ticks;
mod time_axis;
mod unit;

pub use breakdown::{Breakdown, BreakdownPart, BreakdownRow};
pub use calendar::{Calendar, CalendarCell, CalendarRow, CellState};
pub use frame::{Caption, Detail, Tone};
pub use heat_map::{HeatColumn, HeatMap};
pub use lines::{Limit, Lines, Point, Series};
pub use markup::escape;
pub use quantile_plot::{QuantilePlot, QuantilePoint, QuantileSide, ShiftPoint};
pub use scale::Axis;
pub use slower_than::{Curve, Objective, SlowerThan};
pub use spans::{Span, SpanKind};
pub use threshold_bars::{ThresholdBar, ThresholdBars};
pub use time_axis::TimeAxis;
pub use unit::Quantity;
