//! Numbers and text as SVG writes them: whole numbers in paths, tenths in percentages, and no NaN anywhere.

use std::fmt::Write as _;

/// Text for the content of an element or the value of an attribute.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The nearest whole number; 0 for what is no number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates and makes 0 of NaN, which is what is meant"
)]
pub(super) fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "a chart has about a thousand dots in each direction")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}

/// An index or a length as a number to compute with.
pub(super) fn index(index: usize) -> f64 {
    number(index as u64)
}

/// A share of the width: `37.5%`.
pub(super) fn percent(fraction: f64) -> String {
    let tenths = whole(fraction.clamp(0.0, 1.0) * 1_000.0);
    if tenths % 10 == 0 { format!("{}%", tenths / 10) } else { format!("{}.{}%", tenths / 10, tenths % 10) }
}

/// Where a text stands against its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text at a share of the width, moved by `dx` pixels, with its baseline `y` pixels below the top.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Label {
    pub(super) at: f64,
    pub(super) dx: i64,
    pub(super) y: i64,
    pub(super) anchor: Anchor,
    /// Space-separated; may be empty.
    pub(super) class: &'static str,
    pub(super) text: String,
}

impl Label {
    pub(super) fn write(&self, svg: &mut String) {
        let class = if self.class.is_empty() { String::new() } else { format!(" class=\"{}\"", self.class) };
        let anchor = match self.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let dx = if self.dx == 0 { String::new() } else { format!(" dx=\"{}\"", self.dx) };
        let (at, y, text) = (percent(self.at), self.y, escape(&self.text));
        add(svg, format_args!("<text x=\"{at}\" y=\"{y}\"{dx}{anchor}{class}>{text}</text>"));
    }
}

/// Pixels that one letter takes at the size of the charts' text (11 px): the width of a digit in wide fonts.
const LETTER_WIDTH: f64 = 6.6;

/// Pixels that a text takes, rather too many than too few.
pub(super) fn text_width(text: &str) -> f64 {
    index(text.chars().count()) * LETTER_WIDTH
}

/// Adds formatted text; writing to a string cannot fail.
pub(super) fn add(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}

/// A path of whole numbers, each step relative to the one before, which is shorter.
#[derive(Debug, Default)]
pub(super) struct Path {
    d: String,
    at: Option<(i64, i64)>,
}

impl Path {
    /// Begins a new piece.
    pub(super) fn move_to(&mut self, x: f64, y: f64) {
        let (x, y) = (whole(x), whole(y));
        add(&mut self.d, format_args!("M{x} {y}"));
        self.at = Some((x, y));
    }

    /// Draws on from where the path is, or begins it.
    pub(super) fn line_to(&mut self, x: f64, y: f64) {
        let Some((from_x, from_y)) = self.at else { return self.move_to(x, y) };
        let (x, y) = (whole(x), whole(y));
        let (dx, dy) = (x - from_x, y - from_y);
        match (dx, dy) {
            (0, 0) => {}
            (dx, 0) => add(&mut self.d, format_args!("h{dx}")),
            (0, dy) => add(&mut self.d, format_args!("v{dy}")),
            (dx, dy) if dy < 0 => add(&mut self.d, format_args!("l{dx}{dy}")),
            (dx, dy) => add(&mut self.d, format_args!("l{dx} {dy}")),
        }
        self.at = Some((x, y));
    }

    /// A piece without length: a dot, as wide as the stroke with its round ends.
    pub(super) fn dot(&mut self, x: f64, y: f64) {
        self.move_to(x, y);
        self.d.push_str("h0");
    }

    pub(super) fn close(&mut self) {
        self.d.push('z');
    }

    pub(super) fn d(&self) -> &str {
        &self.d
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_drawn_at_zero_and_text_is_escaped() {
        assert_eq!((whole(f64::NAN), whole(2.5), whole(-0.4)), (0, 3, 0));
        assert_eq!(
            (percent(f64::NAN), percent(2.0), percent(0.375)),
            ("0%".into(), "100%".into(), "37.5%".into())
        );
        assert_eq!(escape("a<b & \"c\" 'd'"), "a&lt;b &amp; &quot;c&quot; &#39;d&#39;");
    }

    #[test]
    fn a_path_is_relative_and_leaves_out_what_does_not_move() {
        let mut path = Path::default();
        path.line_to(1.0, 2.0);
        path.line_to(4.0, 2.0);
        path.line_to(4.2, 2.3);
        path.line_to(5.0, 0.0);
        path.line_to(6.0, 3.0);
        path.dot(0.0, 9.0);
        assert_eq!(path.d(), "M1 2h3l1-2l1 3M0 9h0");
    }
}
