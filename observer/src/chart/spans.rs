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

/// Pixels of the strip at the foot of an interruption: its tint is faint, so that the data stay readable.
const STRIP_HEIGHT: i64 = 4;

/// Draws the spans behind the data.
pub(super) fn draw(plot: &mut Plot, legend: &mut Legend, id: &str, axis: &TimeAxis, spans: &[Span]) {
    let inside = || spans.iter().filter(|span| span.to_s >= axis.from_s && span.from_s <= axis.to_s);
    let mut named_until = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let height = plot.height;
    for (number, span) in inside().filter(|span| span.kind == SpanKind::Stage).enumerate() {
        let (from, to) = (axis.at(span.from_s), axis.at(span.to_s));
        let class = if number % 2 == 0 { "class=\"stage\"" } else { "class=\"stage odd\"" };
        plot.behind.push_str(&band(from, to, 0, height, class, &tooltip(axis, span)));
        name(plot, span, from, to, &mut named_until);
    }
    for kind in [SpanKind::WarmUp, SpanKind::Interruption, SpanKind::NotMeasured] {
        for span in united(inside().filter(|span| span.kind == kind)) {
            let (from, to) = (axis.at(span.from_s), axis.at(span.to_s));
            let (to, tooltip) = (to.max(from + LEAST_WIDTH), tooltip(axis, &span));
            if kind == SpanKind::NotMeasured {
                let paint = format!("fill=\"{}\"", plot.hatch(id));
                plot.before.push_str(&band(from, to, 0, height, &paint, &tooltip));
                legend.add_class(Sign::Hatched, "", kind.legend());
                continue;
            }
            let class = format!("class=\"{}\"", kind.class());
            plot.behind.push_str(&band(from, to, 0, height, &class, &tooltip));
            if kind == SpanKind::Interruption {
                plot.behind.push_str(&band(
                    from,
                    to,
                    height - STRIP_HEIGHT,
                    STRIP_HEIGHT,
                    "class=\"strip\"",
                    &tooltip,
                ));
            }
            legend.add_class(Sign::Area, kind.class(), kind.legend());
        }
    }
}

fn tooltip(axis: &TimeAxis, span: &Span) -> String {
    format!("{}: {} to {}", span.name, axis.words(span.from_s), axis.words(span.to_s))
}

/// Names of a band's tooltip at most.
const NAMES_MAX: usize = 4;

/// Spans that overlap become one with all of their names: tints over each other would hide the data.
fn united<'s>(spans: impl Iterator<Item = &'s Span>) -> Vec<Span> {
    let mut sorted: Vec<&Span> =
        spans.filter(|span| span.from_s.is_finite() && span.to_s.is_finite()).collect();
    sorted.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    let mut united: Vec<(Span, Vec<&str>)> = Vec::new();
    for span in sorted {
        match united.last_mut() {
            Some((last, names)) if span.from_s <= last.to_s => {
                last.to_s = last.to_s.max(span.to_s);
                if !names.contains(&span.name.as_str()) {
                    names.push(&span.name);
                }
            }
            _ => united.push((span.clone(), vec![&span.name])),
        }
    }
    let named = |(span, names): (Span, Vec<&str>)| {
        let more = if names.len() > NAMES_MAX { " and more" } else { "" };
        let name = format!("{}{more}", names[..names.len().min(NAMES_MAX)].join(", "));
        Span { name, ..span }
    };
    united.into_iter().map(named).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_overlap_are_one_band_with_all_names() {
        let span =
            |from_s, to_s, name: &str| Span { from_s, to_s, name: name.into(), kind: SpanKind::Interruption };
        let spans = [span(5.0, 9.0, "b"), span(0.0, 6.0, "a"), span(8.0, 8.5, "a"), span(20.0, 21.0, "c")];
        let united = united(spans.iter());
        assert_eq!(united, [span(0.0, 9.0, "a, b"), span(20.0, 21.0, "c")]);
    }
}
