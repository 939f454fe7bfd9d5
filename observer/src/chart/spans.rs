//! Marked times of a chart: stages, interruptions, warm-up, time that was not measured.

use super::frame::{FINE_FROM, NARROWEST, Plot, band, fitting};
use super::legend::{Legend, Sign};
use super::markup::{Anchor, Label, text_width};
use super::time_axis::TimeAxis;

/// Pixels above the data that the names of stages take.
pub(super) const NAMES_HEIGHT: i64 = 18;
/// Pixels that an interruption is wide at least: a second of two days is seen as well. In parts of the width.
const LEAST_WIDTH: f64 = 0.003;

/// A marked time.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Its start, seconds.
    pub from_s: f64,
    /// Its end, seconds.
    pub to_s: f64,
    /// What it is, for its tooltip; the name of a stage also stands above the data where there is room.
    pub name: String,
    /// Which kind.
    pub kind: SpanKind,
}

/// What a marked time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A stage of the load: its edges are drawn.
    Stage,
    /// Rows that do not count yet.
    WarmUp,
    /// Something that disturbed the run, or a time in which nothing arrived.
    Interruption,
    /// Nobody measured: hatched.
    NotMeasured,
}

impl SpanKind {
    const fn class(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::WarmUp => "warm-up",
            Self::Interruption => "interruption",
            Self::NotMeasured => "not-measured",
        }
    }

    const fn legend(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::WarmUp => "warm-up, not in the figures",
            Self::Interruption => "interruption",
            Self::NotMeasured => "not measured",
        }
    }
}

/// Whether there are names to write above the data.
pub(super) fn are_named(spans: &[Span]) -> bool {
    spans.iter().any(|span| span.kind == SpanKind::Stage)
}

/// Draws the spans behind the data.
pub(super) fn draw(plot: &mut Plot, legend: &mut Legend, id: &str, axis: &TimeAxis, spans: &[Span]) {
    let inside = spans.iter().filter(|span| span.to_s >= axis.from_s && span.from_s <= axis.to_s);
    let mut named_until = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (number, span) in inside.enumerate() {
        let (from, to) = (axis.at(span.from_s), axis.at(span.to_s));
        let tooltip = format!("{}: {} to {}", span.name, axis.words(span.from_s), axis.words(span.to_s));
        let height = plot.height;
        match span.kind {
            SpanKind::Stage => {
                let class = if number % 2 == 0 { "class=\"stage\"" } else { "class=\"stage odd\"" };
                plot.behind.push_str(&band(from, to, 0, height, class, &tooltip));
                name(plot, span, from, to, &mut named_until);
            }
            SpanKind::NotMeasured => {
                let paint = format!("fill=\"{}\"", plot.hatch(id));
                plot.before.push_str(&band(from, to.max(from + LEAST_WIDTH), 0, height, &paint, &tooltip));
                legend.add_class(Sign::Hatched, "", span.kind.legend());
            }
            kind => {
                let class = format!("class=\"{}\"", kind.class());
                plot.behind.push_str(&band(from, to.max(from + LEAST_WIDTH), 0, height, &class, &tooltip));
                legend.add_class(Sign::Area, kind.class(), kind.legend());
            }
        }
    }
}

/// The name of a stage over its data: where it fits on a phone always, where it fits on a wider screen only there.
fn name(plot: &mut Plot, span: &Span, from: f64, to: f64, named_until: &mut (f64, f64)) {
    let label = |text: String, class| Label { at: from, dx: 4, y: 12, anchor: Anchor::Start, class, text };
    let room = |width: f64| (to - from) * width - 6.0;
    if text_width(&span.name) <= room(NARROWEST) && named_until.0 <= from {
        label(span.name.clone(), "span-name").write(&mut plot.before);
        *named_until = (to, to);
    } else if let Some(text) = fitting(&span.name, room(FINE_FROM)).filter(|_| named_until.1 <= from) {
        label(text, "span-name fine").write(&mut plot.before);
        named_until.1 = to;
    }
}
